//! Sets of field paths and their JSON form, `FieldsV1`.
//!
//! A path's element is kept in the text that `FieldsV1` uses: `f:name` for a field, `k:{"name":"a"}` for a list
//! element by its keys, `v:"x"` for an element of a set, `i:0` for one by its place. Invariant: no node is kept that
//! is neither a member nor has members below.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use crate::schema::{Shape, TypeRef};

/// Fields of `metadata` that no manager owns.
const SERVER_METADATA: [&str; 9] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:clusterName",
    "f:generation",
    "f:managedFields",
    "f:resourceVersion",
];

/// A set of field paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PathSet(BTreeMap<String, Node>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    member: bool,
    children: PathSet,
}

/// One step of a path while walking: cheap until it is kept.
#[derive(Debug, Clone)]
pub(super) enum Step<'a> {
    Field(&'a str),
    /// A list element in the text of `FieldsV1`.
    Item(String),
}

impl Step<'_> {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Item(text) => text.clone(),
        }
    }
}

impl PathSet {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, path: &[Step<'_>]) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.0.entry(first.text()).or_default();
        if rest.is_empty() {
            node.member = true;
        } else {
            node.children.insert(rest);
        }
    }

    /// Whether the path of this one element is a member.
    pub(super) fn has(&self, element: &str) -> bool {
        self.0.get(element).is_some_and(|node| node.member)
    }

    /// The paths below an element, if there are any.
    pub(super) fn below(&self, element: &str) -> Option<&PathSet> {
        self.0.get(element).map(|node| &node.children).filter(|children| !children.is_empty())
    }

    pub(super) fn union(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for (element, theirs) in other.0 {
            let node = self.0.entry(element).or_default();
            node.member |= theirs.member;
            node.children.union(theirs.children);
        }
    }

    /// Takes the members of `self` out of a set in JSON form; says whether anything is left.
    pub(super) fn subtract_from(&self, fields: &mut Map<String, Value>) -> bool {
        for (element, node) in &self.0 {
            let Some(Value::Object(theirs)) = fields.get_mut(element) else { continue };
            let mut member = theirs.is_empty() || theirs.remove(".").is_some();
            member &= !node.member;
            if !node.children.is_empty() {
                node.children.subtract_from(theirs);
            }
            if theirs.is_empty() && !member {
                fields.remove(element);
            } else if member && !theirs.is_empty() {
                theirs.insert(".".to_owned(), Value::Object(Map::new()));
            }
        }
        !fields.is_empty()
    }

    /// Adds an element with its subtree.
    pub(super) fn attach(&mut self, path: &[Step<'_>], subtree: Self) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.0.entry(first.text()).or_default();
        if rest.is_empty() {
            node.member = true;
            node.children.union(subtree);
        } else {
            node.children.attach(rest, subtree);
        }
    }

    #[must_use]
    pub(super) fn difference(&self, other: &Self) -> Self {
        self.combine(|element, node| match other.0.get(element) {
            None => node.clone(),
            Some(theirs) => Node {
                member: node.member && !theirs.member,
                children: node.children.difference(&theirs.children),
            },
        })
    }

    #[must_use]
    pub(super) fn intersection(&self, other: &Self) -> Self {
        self.combine(|element, node| match other.0.get(element) {
            None => Node::default(),
            Some(theirs) => Node {
                member: node.member && theirs.member,
                children: node.children.intersection(&theirs.children),
            },
        })
    }

    fn combine(&self, node: impl Fn(&String, &Node) -> Node) -> Self {
        let nodes = self.0.iter().map(|(element, one)| (element.clone(), node(element, one)));
        Self(nodes.filter(|(_, node)| node.member || !node.children.is_empty()).collect())
    }

    /// Removes top-level fields with all that is below them.
    pub(super) fn remove_fields(&mut self, names: &[&str]) {
        self.0.retain(|element, _| !element.strip_prefix("f:").is_some_and(|field| names.contains(&field)));
    }

    /// Adds the fields of structures on the way to members, which sets leave out otherwise.
    #[must_use]
    pub(super) fn with_named_fields(&self, shape: Shape) -> Self {
        let nodes = self.0.iter().map(|(element, node)| {
            let field = element.strip_prefix("f:");
            let (named, inner) = match (shape, field) {
                (Shape::Struct(of), Some(name)) => {
                    (of.field(name).is_some(), of.field(name).map(|field| field.shape))
                }
                (Shape::Map(map), Some(_)) => (false, Some(map.value)),
                (Shape::List(list), None) => (false, Some(list.item)),
                _ => (false, None),
            };
            let children = node.children.with_named_fields(inner.unwrap_or(Shape::Any));
            let member = node.member || named && !children.is_empty();
            (element.clone(), Node { member, children })
        });
        Self(nodes.collect())
    }

    /// Removes what no manager owns: type, names and the fields that the server keeps.
    pub(super) fn remove_server_fields(&mut self) {
        self.remove_members(&["f:apiVersion", "f:kind"]);
        if let Some(metadata) = self.0.get_mut("f:metadata") {
            metadata.children.remove_members(&SERVER_METADATA);
        }
        self.remove_members(&["f:metadata"]);
    }

    fn remove_members(&mut self, elements: &[&str]) {
        for element in elements {
            if let Some(node) = self.0.get_mut(*element) {
                node.member = false;
                if node.children.is_empty() {
                    self.0.remove(*element);
                }
            }
        }
    }

    /// The paths in the order and form of conflict messages: `.spec.containers[name="a"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        let named = |element: &str| format!("{prefix}{}", printed(element));
        paths.extend(self.0.iter().filter(|(_, node)| node.member).map(|(element, _)| named(element)));
        for (element, node) in &self.0 {
            node.children.collect(&named(element), paths);
        }
    }

    /// The JSON form.
    pub(super) fn into_fields(self) -> Map<String, Value> {
        let entries = self.0.into_iter().map(|(element, node)| {
            let inner = !node.children.is_empty();
            let mut fields = node.children.into_fields();
            if node.member && inner {
                fields.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (element, Value::Object(fields))
        });
        entries.collect()
    }

    /// Reads the JSON form; `None` if it is malformed.
    pub(super) fn from_fields(fields: &Map<String, Value>) -> Option<Self> {
        let mut set = Self::default();
        for (element, below) in fields {
            if element == "." {
                continue;
            }
            let below = below.as_object()?;
            let children = Self::from_fields(below)?;
            let member = children.is_empty() || below.get(".").is_some();
            set.0.insert(normal(element)?, Node { member, children });
        }
        Some(set)
    }
}

/// The text of an element with its JSON in canonical form.
fn normal(element: &str) -> Option<String> {
    match element.split_once(':')? {
        ("f" | "i", _) => Some(element.to_owned()),
        (kind @ ("k" | "v"), json) => {
            let value: Value = serde_json::from_str(json).ok()?;
            Some(format!("{kind}:{value}"))
        }
        _ => None,
    }
}

/// `.name`, `[name="a"]`, `[="x"]` or `[0]`.
pub(super) fn printed(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", json)) => {
            let keys: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
            let mut text = String::from("[");
            for (at, (key, value)) in keys.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(text, "{comma}{key}={value}");
            }
            text + "]"
        }
        Some(("v", json)) => format!("[={json}]"),
        Some((_, place)) => format!("[{place}]"),
        None => element.to_owned(),
    }
}

/// The element of a list that is a map by keys: the values of its keys, defaults included; `None` if it has none.
pub(super) fn key_of(item: &Value, shape: Shape, keys: &[&str]) -> Option<String> {
    let map = item.as_object()?;
    let mut found = Map::new();
    for key in keys {
        let default = || {
            let Shape::Struct(of) = shape else { return None };
            serde_json::from_str(of.field(key)?.default?).ok()
        };
        if let Some(value) = map.get(*key).cloned().or_else(default) {
            found.insert((*key).to_owned(), value);
        }
    }
    (!found.is_empty()).then(|| format!("k:{}", Value::Object(found)))
}

/// The fields that a write through `subresource` does not own: the others' half of the object.
pub(super) fn foreign_fields(schema: TypeRef, subresource: &str) -> &'static [&'static str] {
    let split = schema.field("status").is_some();
    match subresource {
        "" if split => &["status"],
        "status" => &["spec"],
        _ => &[],
    }
}
