//! `metadata.managedFields`: who owns which fields, read and written.

use serde_json::{Map, Value, json};

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
    pub(super) set: PathSet,
}

impl Manager {
    pub(super) fn new(writer: Writer<'_>, applies: bool, api_version: &str) -> Self {
        Self {
            name: writer.manager.to_owned(),
            applies,
            api_version: api_version.to_owned(),
            subresource: writer.subresource.to_owned(),
            time: None,
            set: PathSet::default(),
        }
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

    fn read(entry: &Value) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let applies = match text("operation") {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
            return None;
        }
        Some(Self {
            name: text("manager").to_owned(),
            applies,
            api_version: text("apiVersion").to_owned(),
            subresource: text("subresource").to_owned(),
            time: Some(text("time").to_owned()).filter(|time| !time.is_empty()),
            set: PathSet::from_fields(entry.get("fieldsV1").unwrap_or(&json!({})))?,
        })
    }

    fn write(&self) -> Value {
        let mut entry = json!({
            "manager": self.name,
            "operation": if self.applies { "Apply" } else { "Update" },
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.to_fields(),
        });
        if let Some(map) = entry.as_object_mut() {
            if let Some(time) = &self.time {
                map.insert("time".to_owned(), Value::String(time.clone()));
            }
            if !self.subresource.is_empty() {
                map.insert("subresource".to_owned(), Value::String(self.subresource.clone()));
            }
        }
        entry
    }
}

fn entries(object: &Value) -> &[Value] {
    let list =
        object.get("metadata").and_then(|metadata| metadata.get("managedFields")).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// The managers that an object records; `None` if any entry is malformed.
pub(super) fn read(object: &Value) -> Option<Vec<Manager>> {
    entries(object).iter().map(Manager::read).collect()
}

/// The managers to start from for an update of `old` to `new`: a writer may set them, reset them with one empty
/// entry, or leave them alone; through a subresource it may not touch them.
pub(super) fn for_update(old: Option<&Value>, new: &Value, subresource: &str) -> Vec<Manager> {
    let kept = || old.and_then(read).unwrap_or_default();
    if !subresource.is_empty() {
        return kept();
    }
    if let [Value::Object(only)] = entries(new)
        && only.values().all(|value| value.is_null() || value == "")
    {
        return Vec::new();
    }
    match read(new) {
        Some(managers) if !managers.is_empty() => managers,
        _ => kept(),
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
                bucket.set.union(&next.set);
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
    managers.retain(|manager| !manager.set.is_empty());
    managers.sort_by(|left, right| {
        let key = |one: &Manager| {
            (
                !one.applies,
                one.time.clone(),
                one.name.clone(),
                one.api_version.clone(),
                one.subresource.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    let metadata = meta::metadata_mut(object);
    if managers.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), managers.iter().map(Manager::write).collect());
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
    let without_times = |object: &Value| -> Vec<Map<String, Value>> {
        let maps = entries(object).iter().filter_map(Value::as_object);
        let mut lists: Vec<Map<String, Value>> = maps.cloned().collect();
        lists.iter_mut().for_each(|entry| {
            entry.remove("time");
        });
        lists.sort_by_cached_key(|entry| Value::Object(entry.clone()).to_string());
        lists
    };
    let rest = |object: &Value| {
        let mut object = object.clone();
        strip(&mut object);
        object
    };
    without_times(left) == without_times(right) && rest(left) == rest(right)
}
