//! Every built-in kind as data: names, scope, verbs, subresources and the schema of its objects.
//!
//! The table is generated (`cargo xtask regenerate`) and holds every group-version that a v1.37 API
//! server serves by default. Kinds that are only ever posted, such as `SubjectAccessReview`, are in it
//! with the one verb `create`. Types that are no resource (`Status`, `DeleteOptions`, lists) are found
//! with [`type_of`].

use crate::generated;
use crate::schema::TypeRef;

/// A resource type that the API server serves.
#[derive(Debug)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version within the group, such as `v1`.
    pub version: &'static str,
    /// Kind in upper camel case, such as `Pod`.
    pub kind: &'static str,
    /// Kind of the collection, such as `PodList`; empty where there is none.
    pub list_kind: &'static str,
    /// Resource name in URLs, such as `pods`.
    pub plural: &'static str,
    /// Lower-case singular that clients accept on the command line.
    pub singular: &'static str,
    /// Abbreviations such as `po`.
    pub short_names: &'static [&'static str],
    /// Named sets that the resource is in, such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Schema of one object.
    pub schema: TypeRef,
    /// What may be done with the resource, in the words of discovery.
    pub verbs: &'static [&'static str],
    /// Paths below an object, such as `status`.
    pub subresources: &'static [Subresource],
    /// Whether discovery names this version first for its group.
    pub preferred: bool,
    /// Whether objects are stored in this version (one version for each resource).
    pub storage: bool,
}

/// A path below an object of a [`Kind`].
#[derive(Debug)]
pub struct Subresource {
    /// Last part of the path, such as `status`.
    pub name: &'static str,
    /// Group of the body's kind.
    pub group: &'static str,
    /// Version of the body's kind.
    pub version: &'static str,
    /// Kind of the body, such as `Scale`.
    pub kind: &'static str,
    /// What may be done, in the words of discovery.
    pub verbs: &'static [&'static str],
    /// Schema of the body; `None` where the path does not speak in objects (`log`, `proxy`).
    pub schema: Option<TypeRef>,
}

impl Kind {
    /// `group/version`, or the version alone for the core group: the `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        api_version(self.group, self.version)
    }

    /// Whether discovery lists `verb` for the resource.
    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.contains(&verb)
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.subresources.iter().find(|one| one.name == name)
    }
}

/// The `apiVersion` field for a group and version.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Group and version of an `apiVersion` field.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// All kinds, ordered by group, version and plural.
pub fn all() -> &'static [Kind] {
    generated::KINDS
}

/// The kind served at `/apis/<group>/<version>/<plural>`.
pub fn by_resource(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    let kinds = all();
    let at =
        kinds.binary_search_by(|kind| (kind.group, kind.version, kind.plural).cmp(&(group, version, plural)));
    at.ok().map(|at| &kinds[at])
}

/// The kind with that name in a group and version.
pub fn by_kind(group: &str, version: &str, kind: &str) -> Option<&'static Kind> {
    all().iter().find(|one| one.kind == kind && one.group == group && one.version == version)
}

/// The schema of any top-level type, resource or not: `("", "v1", "PodList")`, `("meta.k8s.io", "v1", "Table")`,
/// `("policy", "v1", "Eviction")`. The types of `meta/v1` that go with every group (`Status`, `DeleteOptions`,
/// `WatchEvent`, …) are found under any group.
pub fn type_of(group: &str, version: &str, kind: &str) -> Option<TypeRef> {
    generated::TOP_LEVEL
        .iter()
        .find(|one| one.2 == kind && one.0 == group && one.1 == version)
        .or_else(|| generated::TOP_LEVEL.iter().find(|one| one.2 == kind && one.0 == "meta.k8s.io"))
        .map(|one| one.3)
}
