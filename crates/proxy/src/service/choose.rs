//! Which of a Service port's endpoints this node sends clients to. Pure; as kube-proxy does it (KEP-1669 for
//! endpoints that terminate, KEP-2433 and KEP-3015 for hints).

use std::net::SocketAddr;

use crate::slices::Endpoint;

/// What of this node matters for the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Here<'a> {
    pub(super) node: &'a str,
    /// The node's zone; empty if it has none.
    pub(super) zone: &'a str,
}

/// A candidate for a Service port.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    pub(super) to: SocketAddr,
    pub(super) endpoint: Endpoint<'a>,
}

impl Candidate<'_> {
    fn is_here(&self, here: &Here<'_>) -> bool {
        self.endpoint.node == Some(here.node)
    }

    /// Terminating, but still serving: the last resort.
    fn is_leaving(&self) -> bool {
        self.endpoint.serving && self.endpoint.terminating
    }
}

/// How near an endpoint has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nearness {
    Anywhere,
    Zone,
    Node,
}

/// Endpoints for clients that may be sent anywhere: the ready ones that hints prefer here; if there is none that
/// is ready, those that terminate but still serve.
pub(super) fn anywhere(candidates: &[Candidate<'_>], here: &Here<'_>) -> Vec<SocketAddr> {
    let nearness = nearness(candidates, here);
    let near = |endpoint: &Endpoint<'_>| match nearness {
        Nearness::Anywhere => true,
        Nearness::Zone => endpoint.zones.contains(&here.zone),
        Nearness::Node => endpoint.nodes.contains(&here.node),
    };
    let ready = pick(candidates, |one| one.endpoint.ready && near(&one.endpoint));
    if ready.is_empty() { pick(candidates, Candidate::is_leaving) } else { ready }
}

/// Endpoints on this node: the ready ones, or those that terminate but still serve.
pub(super) fn local(candidates: &[Candidate<'_>], here: &Here<'_>) -> Vec<SocketAddr> {
    let ready = pick(candidates, |one| one.is_here(here) && one.endpoint.ready);
    if ready.is_empty() { pick(candidates, |one| one.is_here(here) && one.is_leaving()) } else { ready }
}

/// How many endpoints on this node are ready.
pub(super) fn count_local(candidates: &[Candidate<'_>], here: &Here<'_>) -> usize {
    pick(candidates, |one| one.is_here(here) && one.endpoint.ready).len()
}

/// Hints count if every ready endpoint has one and some of them lead here.
fn nearness(candidates: &[Candidate<'_>], here: &Here<'_>) -> Nearness {
    let ready = || candidates.iter().map(|one| &one.endpoint).filter(|endpoint| endpoint.ready);
    let all_for_nodes = ready().all(|endpoint| !endpoint.nodes.is_empty());
    if all_for_nodes && ready().any(|endpoint| endpoint.nodes.contains(&here.node)) {
        return Nearness::Node;
    }
    let all_for_zones = ready().all(|endpoint| !endpoint.zones.is_empty());
    if all_for_zones && ready().any(|endpoint| endpoint.zones.contains(&here.zone)) {
        return Nearness::Zone;
    }
    Nearness::Anywhere
}

fn pick<'a>(candidates: &[Candidate<'a>], wanted: impl Fn(&Candidate<'a>) -> bool) -> Vec<SocketAddr> {
    let mut picked: Vec<_> = candidates.iter().filter(|one| wanted(one)).map(|one| one.to).collect();
    picked.sort();
    picked.dedup();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here<'static> = Here { node: "here", zone: "a" };

    /// An endpoint by its last number: on a node, with a zone's hint and a node's hint.
    fn candidate(last: u8, node: &'static str, zone: &'static str, hint: &'static str) -> Candidate<'static> {
        let hints = |text: &'static str| if text.is_empty() { vec![] } else { vec![text] };
        let address = [10, 42, 0, last].into();
        let endpoint = Endpoint {
            address,
            node: Some(node),
            ready: true,
            serving: true,
            terminating: false,
            zones: hints(zone),
            nodes: hints(hint),
        };
        Candidate { to: SocketAddr::new(address, 80), endpoint }
    }

    fn leaving(one: Candidate<'static>) -> Candidate<'static> {
        let endpoint = Endpoint { ready: false, terminating: true, ..one.endpoint };
        Candidate { endpoint, ..one }
    }

    fn last(addresses: Vec<SocketAddr>) -> Vec<u8> {
        let octet = |one: &SocketAddr| one.ip().to_string().rsplit('.').next().unwrap().parse().unwrap();
        addresses.iter().map(octet).collect()
    }

    #[test]
    fn hints_count_when_all_have_them_and_some_lead_here() {
        for (candidates, expected) in [
            (vec![candidate(1, "here", "", ""), candidate(2, "there", "", "")], vec![1, 2]),
            (vec![candidate(1, "here", "a", ""), candidate(2, "there", "b", "")], vec![1]),
            (vec![candidate(1, "here", "a", ""), candidate(2, "there", "", "")], vec![1, 2]),
            (vec![candidate(1, "x", "b", ""), candidate(2, "there", "c", "")], vec![1, 2]),
            (vec![candidate(1, "here", "a", "here"), candidate(2, "there", "a", "there")], vec![1]),
            // No endpoint for this node: its zone's are next.
            (vec![candidate(1, "x", "a", "x"), candidate(2, "there", "b", "there")], vec![1]),
            // Hints of endpoints that are not ready do not count.
            (vec![candidate(1, "here", "a", ""), leaving(candidate(2, "there", "", ""))], vec![1]),
        ] {
            assert_eq!(last(anywhere(&candidates, &HERE)), expected, "{candidates:?}");
        }
    }

    #[test]
    fn those_that_leave_serve_when_nobody_else_does() {
        let going = leaving(candidate(1, "here", "", ""));
        let there = candidate(2, "there", "", "");
        assert_eq!(last(anywhere(&[going.clone(), there.clone()], &HERE)), [2]);
        assert_eq!(last(local(&[going.clone(), there.clone()], &HERE)), [1], "the only one on this node");
        assert_eq!(last(anywhere(std::slice::from_ref(&going), &HERE)), [1]);
        assert_eq!(count_local(&[going, there], &HERE), 0, "the load balancer sends no more");
    }
}
