//! `metadata.managedFields`: who owns which fields, read and written.

use serde_json::{Map, Value};

use super::Writer;
use super::set::PathSet;
use crate::meta;

/// Update entries kept for one object; of more, the oldest are put together.
const MAX_UPDATERS: usize = 10;
/// Name of the manager that the oldest update entries are put under.
const ANCIENT: &str = "ancient-changes";

/// One owner of fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) applies: bool,
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    /// The fields it owns, in the form in which they are recorded: most writes touch few of them.
    pub(super) fields: Map<String, Value>,
}

impl Manager {
    pub(super) fn new(writer: Writer<'_>, applies: bool, api_version: &str) -> Self {
        Self {
            name: writer.manager.to_owned(),
            applies,
            api_version: api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: None,
            fields: Map::new(),
        }
    }

    /// The fields it owns as a set.
    pub(super) fn set(&self) -> PathSet {
        PathSet::from_fields(&self.fields).unwrap_or_default()
    }

    /// Adds fields to those that it owns.
    pub(super) fn own(&mut self, more: PathSet) {
        let mut set = self.set();
        set.union(more);
        self.fields = set.into_fields();
    }

    /// Takes fields from it.
    pub(super) fn lose(&mut self, fields: &PathSet) {
        fields.subtract_from(&mut self.fields);
    }

    /// Whether both are entries of the same writer. An applier is the same in every API version.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.name == other.name
            && self.applies == other.applies
            && self.subresource == other.subresource
            && (self.applies || self.api_version == other.api_version)
    }

    /// As conflict messages name it.
    pub(super) fn printed(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if !self.applies {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }

    /// Reads an entry; with `check`, its fields are brought into canonical form, and malformed ones refused.
    fn read(entry: Value, check: bool) -> Option<Self> {
        let Value::Object(mut entry) = entry else { return None };
        let fields = match entry.remove("fieldsV1") {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let mut text = |name: &str| match entry.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let applies = match text("operation").as_str() {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        let api_version = text("apiVersion");
        if api_version.is_empty() || text("fieldsType") != "FieldsV1" {
            return None;
        }
        Some(Self {
            name: text("manager"),
            applies,
            api_version,
            subresource: text("subresource"),
            time: Some(text("time")).filter(|time| !time.is_empty()),
            fields: if check { PathSet::from_fields(&fields)?.into_fields() } else { fields },
        })
    }

    fn write(self) -> Value {
        let mut entry = Map::new();
        let mut put = |name: &str, text: String| entry.insert(name.to_owned(), Value::String(text));
        put("manager", self.name);
        put("operation", if self.applies { "Apply" } else { "Update" }.to_owned());
        put("apiVersion", self.api_version);
        put("fieldsType", "FieldsV1".to_owned());
        if let Some(time) = self.time {
            put("time", time);
        }
        if !self.subresource.is_empty() {
            put("subresource", self.subresource);
        }
        entry.insert("fieldsV1".to_owned(), Value::Object(self.fields));
        Value::Object(entry)
    }
}

fn entries(object: &Value) -> &[Value] {
    let list =
        object.get("metadata").and_then(|metadata| metadata.get("managedFields")).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The managers that a live object records; `None` if any entry is malformed.
pub(super) fn read(object: &Value) -> Option<Vec<Manager>> {
    entries(object).iter().map(|entry| Manager::read(entry.clone(), false)).collect()
}

/// Takes the record out of `new` and returns the managers to start from for an update of `old` to it: a writer may
/// set them, reset them with one empty entry, or leave them alone; through a subresource it may not touch them.
pub(super) fn for_update(old: Option<&Value>, new: &mut Value, subresource: &str) -> Vec<Manager> {
    let given = match new.get_mut("metadata").and_then(Value::as_object_mut) {
        Some(metadata) => metadata.remove("managedFields"),
        None => None,
    };
    let Some(Value::Array(given)) = given else { return old.and_then(read).unwrap_or_default() };
    let unchanged = old.is_some_and(|old| entries(old) == given);
    if !unchanged && !subresource.is_empty() {
        return old.and_then(read).unwrap_or_default();
    }
    if let [Value::Object(only)] = given.as_slice()
        && only.values().all(|value| value.is_null() || value == "")
    {
        return Vec::new();
    }
    match given.into_iter().map(|entry| Manager::read(entry, !unchanged)).collect::<Option<Vec<_>>>() {
        Some(managers) if !managers.is_empty() => managers,
        _ => old.and_then(read).unwrap_or_default(),
    }
}

/// Puts the oldest update entries of each API version together until there are few enough.
pub(super) fn cap(managers: &mut Vec<Manager>) {
    let mut updaters = managers.iter().filter(|manager| !manager.applies).count();
    if updaters <= MAX_UPDATERS {
        return;
    }
    managers.sort_by(|left, right| (&left.time, &left.name).cmp(&(&right.time, &right.name)));
    let mut at = 0;
    while updaters > MAX_UPDATERS && at < managers.len() {
        let next = managers[at].clone();
        let first = managers[..at].iter().position(|one| !one.applies && one.api_version == next.api_version);
        match first {
            Some(first) if !next.applies => {
                let bucket = &mut managers[first];
                bucket.name = ANCIENT.to_owned();
                bucket.subresource.clear();
                bucket.own(next.set());
                bucket.time = next.time;
                managers.remove(at);
                updaters -= 1;
            }
            _ => at += 1,
        }
    }
}

/// Records managers in an object, in the order of the API server; none removes the field.
pub(super) fn write(object: &mut Value, mut managers: Vec<Manager>) {
    managers.retain(|manager| !manager.fields.is_empty());
    managers.sort_by(|left, right| {
        fn key(one: &Manager) -> (bool, &Option<String>, &str, &str, &str) {
            (!one.applies, &one.time, &one.name, &one.api_version, &one.subresource)
        }
        key(left).cmp(&key(right))
    });
    let metadata = meta::metadata_mut(object);
    if managers.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), managers.into_iter().map(Manager::write).collect());
    }
}

/// Removes the record.
pub(super) fn strip(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Whether two objects are the same but for the times of their managers.
pub(super) fn same_but_times(left: &Value, right: &Value) -> bool {
    let (Value::Object(left_map), Value::Object(right_map)) = (left, right) else { return left == right };
    let same_maps = |left: &Map<String, Value>, right: &Map<String, Value>, except: &str| {
        let count = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key(except));
        count(left) == count(right)
            && left.iter().all(|(key, value)| key == except || right.get(key) == Some(value))
    };
    if !same_maps(left_map, right_map, "metadata") {
        return false;
    }
    match (left_map.get("metadata"), right_map.get("metadata")) {
        (Some(Value::Object(left_meta)), Some(Value::Object(right_meta))) => {
            same_maps(left_meta, right_meta, "managedFields") && same_entries(entries(left), entries(right))
        }
        (left, right) => left == right,
    }
}

/// Whether two records have the same entries in any order, times aside.
fn same_entries(left: &[Value], right: &[Value]) -> bool {
    let same = |left: &Value, right: &Value| {
        ["manager", "operation", "apiVersion", "subresource", "fieldsV1"]
            .iter()
            .all(|name| left.get(*name) == right.get(*name))
    };
    left.len() == right.len() && left.iter().all(|entry| right.iter().any(|other| same(entry, other)))
}
