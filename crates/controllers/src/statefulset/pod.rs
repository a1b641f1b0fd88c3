//! The pods of a StatefulSet: each has an ordinal, and with it a name, a host name and claims of its own. Pure.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume},
};

use crate::shared::{history::REVISION_HASH, name, namespace, owners, pods};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The ordinal in the pod's name; none if the name is not of this set.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let rest = name(pod).strip_prefix(name(set))?.strip_prefix('-')?;
    let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
    rest.parse().ok().filter(|_| digits)
}

/// The name of the revision that the pod was made from.
pub(super) fn revision(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(REVISION_HASH)).map(String::as_str).unwrap_or_default()
}

/// A new pod with that ordinal.
pub(super) fn new(set: &StatefulSet, template: &PodTemplateSpec, revision: &str, ordinal: i32) -> Pod {
    let pod_name = format!("{}-{ordinal}", name(set));
    let mut pod = pods::from_template(template, namespace(set), name(set), owners::controller_reference(set));
    pod.metadata.generate_name = None;
    pod.metadata.name = Some(pod_name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(REVISION_HASH.into(), revision.into());
    labels.insert(POD_NAME.into(), pod_name.clone());
    labels.insert(POD_INDEX.into(), ordinal.to_string());
    if let Some(spec) = &mut pod.spec {
        spec.hostname = Some(pod_name.clone());
        spec.subdomain = set.spec.service_name.clone();
        for claim in claims(set, ordinal) {
            let template = claim.metadata.name.as_deref().unwrap_or_default();
            let volume = template.strip_suffix(&format!("-{pod_name}")).unwrap_or(template).to_owned();
            let volumes = spec.volumes.get_or_insert_default();
            volumes.retain(|known| known.name != volume);
            let source = PersistentVolumeClaimVolumeSource { claim_name: template.into(), read_only: None };
            volumes.push(Volume { name: volume, persistent_volume_claim: Some(source), ..Volume::default() });
        }
    }
    pod
}

/// The claims of the pod with that ordinal.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let spec = &set.spec;
    let selected = spec.selector.match_labels.clone().unwrap_or_default();
    let templates = spec.volume_claim_templates.iter().flatten();
    templates
        .map(|template| {
            let mut claim = template.clone();
            claim.metadata.name = Some(format!("{}-{}-{ordinal}", name(template), name(set)));
            claim.metadata.namespace = set.metadata.namespace.clone();
            claim.metadata.labels.get_or_insert_default().extend(selected.clone());
            claim.status = None;
            claim
        })
        .collect()
}

/// Whether a claim of that name may be of one of the set's pods.
pub(super) fn may_own(set: &StatefulSet, claim: &str) -> bool {
    let templates = set.spec.volume_claim_templates.iter().flatten();
    templates.filter_map(|template| claim.strip_prefix(name(template))).any(|rest| {
        let ordinal = rest.strip_prefix('-').and_then(|rest| rest.strip_prefix(name(set))?.strip_prefix('-'));
        ordinal.is_some_and(|ordinal| ordinal.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_has_its_identity_from_its_ordinal() {
        let set: StatefulSet =
            serde_json::from_value(json!({"metadata": {"name": "db", "namespace": "n"}, "spec": {
            "serviceName": "dbs", "selector": {"matchLabels": {"app": "db"}}, "template": {},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}))
            .unwrap();
        let template = serde_json::from_value(
            json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}}),
        )
        .unwrap();
        let pod = new(&set, &template, "db-x", 2);
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(
            (name(&pod), spec.hostname.as_deref(), spec.subdomain.as_deref()),
            ("db-2", Some("db-2"), Some("dbs"))
        );
        let volume = &spec.volumes.as_ref().unwrap()[0];
        let claim = &volume.persistent_volume_claim.as_ref().unwrap().claim_name;
        assert_eq!((volume.name.as_str(), claim.as_str()), ("data", "data-db-2"));
        assert_eq!((ordinal(&set, &pod), revision(&pod)), (Some(2), "db-x"));
        let mut other = pod.clone();
        for (name, expected) in [("db-x", None), ("db-+1", None), ("db-10", Some(10)), ("dbx-1", None)] {
            other.metadata.name = Some(name.into());
            assert_eq!(ordinal(&set, &other), expected, "{name}");
        }
    }
}
