//! `csrapproving`: requests of kubelets are approved when the requester may have what it asks for, which a
//! SubjectAccessReview says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::PostParams;
use tokio::task::JoinSet;

use super::{KUBELET_CLIENT, KUBELET_SERVING, Request, has, is_issued, usages, with_condition};
use crate::shared::{Context, feed::feed, name};

/// What the names of nodes' users begin with.
const NODE_USER: &str = "system:node:";

/// Approves requests of kubelets.
pub(crate) async fn run(context: Context) {
    let requests = context.informers.of::<CertificateSigningRequest>();
    let nodes = context.informers.of::<Node>();
    tokio::join!(requests.synced(), nodes.synced());
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    feed(&mut feeds, &requests, &queue, |change| [name(&**change.object()).to_owned()]);
    let all = requests.clone();
    // A serving certificate may be asked for before the node has said which addresses it has.
    feed(&mut feeds, &nodes, &queue, move |change| {
        let addresses = |node: &Node| node.status.as_ref().and_then(|status| status.addresses.clone());
        let node = change.object();
        if change.previous().is_some_and(|old| addresses(old) == addresses(node)) {
            return Vec::new();
        }
        let user = format!("{NODE_USER}{}", name(&**node));
        let of_node = |one: &Arc<CertificateSigningRequest>| one.spec.username.as_deref() == Some(&user);
        all.list().iter().filter(|one| of_node(one)).map(|one| name(&**one).to_owned()).collect()
    });
    let approver = Arc::new(Approver {
        api: Api::all(context.client.clone()),
        reviews: Api::all(context.client.clone()),
        requests,
        nodes,
    });
    let reconcile = move |key: String| {
        let approver = approver.clone();
        async move { approver.reconcile(&key).await }
    };
    queue.run("certificatesigningrequest-approving-controller", 2, reconcile).await;
}

struct Approver {
    api: Api<CertificateSigningRequest>,
    reviews: Api<SubjectAccessReview>,
    requests: Informer<CertificateSigningRequest>,
    nodes: Informer<Node>,
}

impl Approver {
    async fn reconcile(&self, key: &str) -> Result<Option<Duration>, kube::Error> {
        let Some(request) = self.requests.get(None, key) else { return Ok(None) };
        if is_issued(&request) || has(&request, "Approved") || has(&request, "Denied") {
            return Ok(None);
        }
        let parsed = match Request::parse(&request.spec.request.0) {
            Ok(parsed) => parsed,
            Err(error) => {
                tracing::warn!(request = key, %error, "left to an administrator");
                return Ok(None);
            }
        };
        let own = request.spec.username.as_deref() == Some(parsed.common_name.as_str());
        let text = match request.spec.signer_name.as_str() {
            KUBELET_CLIENT if parsed.check_kubelet_client(&usages(&request)).is_ok() => {
                if own && self.may(&request, "selfnodeclient").await? {
                    "Auto approving self kubelet client certificate after SubjectAccessReview."
                } else if self.may(&request, "nodeclient").await? {
                    "Auto approving kubelet client certificate after SubjectAccessReview."
                } else {
                    tracing::info!(
                        request = key,
                        "a kubelet's request by somebody who may not have it approved"
                    );
                    return Ok(None);
                }
            }
            KUBELET_SERVING if own && self.names_its_node(&request, &parsed) => {
                "Auto approving kubelet serving certificate: all names and addresses are the node's."
            }
            _ => return Ok(None),
        };
        let approved = with_condition(&request, "Approved", "AutoApproved", text);
        match self.api.replace_subresource("approval", key, &PostParams::default(), &approved).await {
            Err(error) if failure(&error) != Failure::NotFound => Err(error),
            _ => Ok(None),
        }
    }

    /// Whether the requester may create that subresource of requests.
    async fn may(&self, request: &CertificateSigningRequest, subresource: &str) -> Result<bool, kube::Error> {
        let spec = &request.spec;
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: spec.username.clone(),
                uid: spec.uid.clone(),
                groups: spec.groups.clone(),
                extra: spec.extra.clone().map(|extra| extra.into_iter().collect::<BTreeMap<_, _>>()),
                resource_attributes: Some(ResourceAttributes {
                    group: Some("certificates.k8s.io".into()),
                    resource: Some("certificatesigningrequests".into()),
                    verb: Some("create".into()),
                    subresource: Some(subresource.into()),
                    version: Some("*".into()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let answer = self.reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Whether this is a proper request for a serving certificate that names the requester's own Node alone.
    fn names_its_node(&self, request: &CertificateSigningRequest, parsed: &Request) -> bool {
        let node = parsed.common_name.strip_prefix(NODE_USER).and_then(|node| self.nodes.get(None, node));
        parsed.check_kubelet_serving(&usages(request)).is_ok()
            && node.is_some_and(|node| names(&node, parsed))
    }
}

/// Whether all names and addresses asked for are the node's.
fn names(node: &Node, request: &Request) -> bool {
    let listed = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
    let known: Vec<&str> = listed.map(|one| one.address.as_str()).chain([name(node)]).collect();
    let address = |bytes: &Vec<u8>| {
        let four = <[u8; 4]>::try_from(bytes.as_slice()).map(std::net::IpAddr::from);
        let six = <[u8; 16]>::try_from(bytes.as_slice()).map(std::net::IpAddr::from);
        let wanted = four.or(six).ok();
        wanted.is_some_and(|wanted| known.iter().any(|one| one.parse() == Ok(wanted)))
    };
    request.dns_names.iter().all(|one| known.contains(&one.as_str())) && request.addresses.iter().all(address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_serving_certificate_names_its_own_node_alone() {
        let node: Node = serde_json::from_value(json!({"metadata": {"name": "a"}, "status": {"addresses": [
            {"type": "InternalIP", "address": "10.0.0.1"}, {"type": "InternalIP", "address": "fd00::1"},
            {"type": "Hostname", "address": "a.example"}]}}))
        .unwrap();
        let request = |dns: &[&str], addresses: &[Vec<u8>]| Request {
            dns_names: dns.iter().map(|one| (*one).to_owned()).collect(),
            addresses: addresses.to_vec(),
            ..Request::default()
        };
        let six = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec();
        assert!(names(&node, &request(&["a", "a.example"], &[vec![10, 0, 0, 1], six])));
        assert!(!names(&node, &request(&["b"], &[])));
        assert!(!names(&node, &request(&["a"], &[vec![10, 0, 0, 2]])));
        assert!(!names(&node, &request(&["kubernetes"], &[])));
    }
}
