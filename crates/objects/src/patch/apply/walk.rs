//! Walks over values along their schema: merging, comparing, pruning, and the set of a value's fields.
//!
//! Live objects come in canonical form (see [`crate::codec`]); where Go prints null for an absent field, the walks
//! take the field as there, since the sets of real clusters do.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{PathSet, Step, key_of};
use crate::schema::{Field, List, ListKind, Shape};

/// How a value of a shape merges.
#[derive(Clone, Copy)]
enum Merge {
    /// As one value.
    Whole,
    /// By fields or keys.
    Fields,
    /// By elements.
    Items(&'static List),
}

/// A shape, and whether its field makes it atomic.
#[derive(Clone, Copy)]
pub(super) struct Type {
    shape: Shape,
    atomic: bool,
}

impl Type {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, atomic: false }
    }

    fn of_field(field: &Field) -> Self {
        Self { shape: field.shape, atomic: field.atomic }
    }

    /// The type below a key, and whether the key is a declared field.
    fn member(self, name: &str) -> (Self, Option<&'static Field>) {
        match self.shape {
            Shape::Struct(of) => match of.field(name) {
                Some(field) => (Self::of_field(field), Some(field)),
                None => (Self::new(Shape::Any), None),
            },
            Shape::Map(map) => (Self::new(map.value), None),
            _ => (Self::new(Shape::Any), None),
        }
    }

    /// The fields of a structure.
    fn fields(self) -> &'static [Field] {
        match self.shape {
            Shape::Struct(of) => of.get().fields,
            _ => &[],
        }
    }

    fn merge(self, value: &Value) -> Merge {
        match self.shape {
            _ if self.atomic => Merge::Whole,
            Shape::Struct(of) if !of.get().atomic => Merge::Fields,
            Shape::Map(map) if !map.atomic => Merge::Fields,
            Shape::List(list) if list.kind != ListKind::Atomic => Merge::Items(list),
            Shape::Any | Shape::FieldsV1 | Shape::Choice(..) if value.is_object() => Merge::Fields,
            _ => Merge::Whole,
        }
    }
}

/// The text of a list's element; elements that cannot be told apart share one text.
pub(super) fn element(list: &List, item: &Value) -> String {
    match list.kind {
        ListKind::Map(keys) => key_of(item, list.item, keys).unwrap_or_else(|| "k:{}".to_owned()),
        ListKind::Set | ListKind::Atomic => format!("v:{item}"),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn as_map(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn as_items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// How two values merge; values of different kinds replace each other.
fn merge_of(of: Type, left: Option<&Value>, right: Option<&Value>) -> Merge {
    let null = Value::Null;
    match (left.filter(|value| !value.is_null()), right.filter(|value| !value.is_null())) {
        _ if is_empty(left) && is_empty(right) => Merge::Whole,
        (Some(left), Some(right)) if std::mem::discriminant(left) != std::mem::discriminant(right) => {
            Merge::Whole
        }
        (left, right) => of.merge(left.or(right).unwrap_or(&null)),
    }
}

/// `right` merged over `left`.
pub(super) fn merge(of: Type, left: Option<&Value>, right: Option<&Value>) -> Option<Value> {
    match merge_of(of, left, right) {
        Merge::Whole => right.or(left).cloned(),
        Merge::Fields => {
            let (left, right) = (as_map(left), as_map(right));
            let mut out = Map::new();
            for (key, value) in left.into_iter().flatten() {
                let over = right.and_then(|right| right.get(key));
                out.extend(merge(of.member(key).0, Some(value), over).map(|value| (key.clone(), value)));
            }
            for (key, value) in right.into_iter().flatten() {
                if !out.contains_key(key) {
                    out.extend(merge(of.member(key).0, None, Some(value)).map(|value| (key.clone(), value)));
                }
            }
            (!out.is_empty()).then_some(Value::Object(out))
        }
        Merge::Items(list) => {
            let items = merge_items(list, as_items(left), as_items(right));
            (!items.is_empty()).then_some(Value::Array(items))
        }
    }
}

/// Merges lists by element. Elements of both sides keep the order of `right`; those of `left` alone stay at their
/// place among their neighbours, those of `right` alone before the next shared one.
fn merge_items(list: &'static List, left: &[Value], right: &[Value]) -> Vec<Value> {
    let item = Type::new(list.item);
    let named = |items: &[Value]| items.iter().map(|one| element(list, one)).collect::<Vec<_>>();
    let (left_names, right_names) = (named(left), named(right));
    // Of duplicates, which only live objects have, neither side's can be told: they do not merge.
    let unique = |names: &[String], at: usize| names.iter().filter(|name| **name == names[at]).count() == 1;
    let in_left: BTreeMap<&str, usize> =
        left_names.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    let in_right: BTreeMap<&str, usize> =
        right_names.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    let mut shared = right_names.iter().filter(|name| in_left.contains_key(name.as_str())).peekable();
    let mut done = vec![false; right.len()];
    let mut out = Vec::with_capacity(left.len().max(right.len()));
    let merged = |at: usize| {
        let partner = in_left.get(right_names[at].as_str()).filter(|at| unique(&left_names, **at));
        merge(item, partner.map(|at| &left[*at]), Some(&right[at]))
    };
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if l < left.len() && r < right.len() {
            let name = &left_names[l];
            if *name == right_names[r] {
                out.extend(merged(r));
                done[r] = true;
                (l, r) = (l + 1, r + 1);
                shared.next();
                continue;
            }
            if in_right.contains_key(name.as_str()) && shared.peek().is_some_and(|next| *next != name) {
                // It comes when the right side's order has it.
                l += 1;
                continue;
            }
        }
        if l < left.len() {
            match in_right.get(left_names[l].as_str()) {
                None => {
                    out.extend(merge(item, Some(&left[l]), None));
                    l += 1;
                    continue;
                }
                Some(at) if done[*at] => l += 1,
                Some(_) => {}
            }
        }
        if r < right.len() {
            out.extend(merged(r));
            done[r] = true;
            if shared.peek().is_some_and(|next| **next == right_names[r]) {
                shared.next();
            }
            r += 1;
        }
    }
    out
}

/// What differs between two values.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: PathSet,
    pub(super) modified: PathSet,
    pub(super) removed: PathSet,
}

impl Comparison {
    /// Compares two objects.
    pub(super) fn of(of: Type, left: &Value, right: &Value) -> Self {
        let mut comparison = Self::default();
        comparison.walk(of, Some(left), Some(right), &mut Vec::new());
        comparison
    }

    /// A whole subtree that is on one side only.
    fn note_all(&mut self, of: Type, left: Option<&Value>, right: Option<&Value>, path: &[Step<'_>]) {
        match (left, right) {
            (None, Some(value)) => self.added.attach(path, subtree(of, value)),
            (Some(value), None) => self.removed.attach(path, subtree(of, value)),
            _ => {}
        }
    }

    fn note(&mut self, left: Option<&Value>, right: Option<&Value>, path: &[Step<'_>]) {
        match (left, right) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            (Some(left), Some(right)) if left != right => self.modified.insert(path),
            _ => {}
        }
    }

    fn walk<'a>(
        &mut self,
        of: Type,
        left: Option<&'a Value>,
        right: Option<&'a Value>,
        path: &mut Vec<Step<'a>>,
    ) {
        if left == right {
            return;
        }
        if left.is_none() || right.is_none() {
            return self.note_all(of, left, right, path);
        }
        match merge_of(of, left, right) {
            Merge::Whole => self.note(left, right, path),
            Merge::Fields => {
                let (left, right) = (as_map(left), as_map(right));
                for (key, value) in left.into_iter().flatten() {
                    let (inner, field) = of.member(key);
                    let other =
                        right.and_then(|right| right.get(key)).or(implied_null(right.is_some(), field));
                    path.push(Step::Field(key));
                    self.walk(inner, Some(value), other, path);
                    path.pop();
                }
                for (key, value) in right.into_iter().flatten() {
                    if left.is_some_and(|left| left.contains_key(key)) {
                        continue;
                    }
                    let (inner, field) = of.member(key);
                    path.push(Step::Field(key));
                    self.walk(inner, implied_null(left.is_some(), field), Some(value), path);
                    path.pop();
                }
                if let (Some(there), None) | (None, Some(there)) = (left, right) {
                    for field in absent_nulls(of, there) {
                        path.push(Step::Field(field.name));
                        let implied = |side: Option<_>| implied_null(side.is_some(), Some(field));
                        self.walk(Type::of_field(field), implied(left), implied(right), path);
                        path.pop();
                    }
                }
            }
            Merge::Items(list) => self.items(list, as_items(left), as_items(right), path),
        }
    }

    fn items<'a>(
        &mut self,
        list: &'static List,
        left: &'a [Value],
        right: &'a [Value],
        path: &mut Vec<Step<'a>>,
    ) {
        let mut names: BTreeMap<String, (Vec<&'a Value>, Vec<&'a Value>)> = BTreeMap::new();
        for item in left {
            names.entry(element(list, item)).or_default().0.push(item);
        }
        for item in right {
            names.entry(element(list, item)).or_default().1.push(item);
        }
        for (name, (left, right)) in names {
            path.push(Step::Item(name));
            match (left.as_slice(), right.as_slice()) {
                ([] | [_], [] | [_]) => {
                    self.walk(Type::new(list.item), left.first().copied(), right.first().copied(), path);
                }
                ([_, _, ..], [_, _, ..]) => {
                    if left != right {
                        self.modified.insert(path);
                    }
                }
                ([_, _, ..], rest) => {
                    if let [one] = rest {
                        self.walk(Type::new(list.item), None, Some(one), path);
                    }
                    self.removed.insert(path);
                }
                (rest, _) => {
                    if let [one] = rest {
                        self.walk(Type::new(list.item), Some(one), None, path);
                    }
                    self.added.insert(path);
                }
            }
            path.pop();
        }
    }
}

/// The fields of a structure that Go prints as null though they are absent.
fn absent_nulls(of: Type, map: &Map<String, Value>) -> impl Iterator<Item = &'static Field> {
    of.fields().iter().filter(|field| !field.omit_empty && !map.contains_key(field.name))
}

/// Everything below a value that is on one side only.
fn subtree(of: Type, value: &Value) -> PathSet {
    let mut set = PathSet::default();
    match (of.merge(value), value) {
        (Merge::Fields, Value::Object(map)) if !map.is_empty() => {
            for (key, value) in map {
                set.attach(&[Step::Field(key)], subtree(of.member(key).0, value));
            }
            for field in absent_nulls(of, map) {
                set.insert(&[Step::Field(field.name)]);
            }
        }
        (Merge::Items(list), Value::Array(items)) => {
            let names: Vec<String> = items.iter().map(|item| element(list, item)).collect();
            for (at, (name, item)) in names.iter().zip(items).enumerate() {
                let alone = !names[..at].contains(name) && !names[at + 1..].contains(name);
                let below = if alone { subtree(Type::new(list.item), item) } else { PathSet::default() };
                set.attach(&[Step::Item(name.clone())], below);
            }
        }
        _ => {}
    }
    set
}

/// Go prints null for absent fields without `omitempty`, where there is a structure to print.
fn implied_null(structure: bool, field: Option<&Field>) -> Option<&'static Value> {
    static NULL: Value = Value::Null;
    (structure && field.is_some_and(|field| !field.omit_empty)).then_some(&NULL)
}

/// Whether two values are equal, an absent field that prints as null being the same as null.
pub(super) fn same(of: Type, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left.keys().chain(right.keys().filter(|key| !left.contains_key(*key)));
            keys.into_iter().all(|key| {
                let (inner, field) = of.member(key);
                let side = |map: &'_ Map<String, Value>| {
                    map.get(key).cloned().or(implied_null(true, field).cloned())
                };
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => same(inner, left, right),
                    _ => side(left) == side(right),
                }
            })
        }
        (Value::Array(left), Value::Array(right)) => {
            let item = match of.shape {
                Shape::List(list) => Type::new(list.item),
                _ => Type::new(Shape::Any),
            };
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(item, left, right))
        }
        _ => left == right,
    }
}

/// The set of an object's fields: leaves, and elements of lists and maps.
pub(super) fn fields(of: Type, value: &Value) -> PathSet {
    let mut set = PathSet::default();
    collect(of, value, &mut Vec::new(), &mut set);
    set
}

fn collect<'a>(of: Type, value: &'a Value, path: &mut Vec<Step<'a>>, set: &mut PathSet) {
    match (of.merge(value), value) {
        (Merge::Whole, _) => set.insert(path),
        (Merge::Fields, Value::Object(map)) => {
            for (key, value) in map {
                let (inner, field) = of.member(key);
                path.push(Step::Field(key));
                collect(inner, value, path, set);
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if empty || field.is_none() {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Merge::Items(list), Value::Array(items)) => {
            let names: Vec<String> = items.iter().map(|item| element(list, item)).collect();
            for (name, item) in names.iter().zip(items) {
                path.push(Step::Item(name.clone()));
                if names.iter().filter(|other| *other == name).count() == 1 {
                    collect(Type::new(list.item), item, path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The value without the items of a set; null where nothing is left.
pub(super) fn remove(of: Type, value: &Value, set: &PathSet) -> Value {
    match (of.merge(value), value) {
        (Merge::Fields, Value::Object(map)) => {
            let mut kept = Map::new();
            for (key, value) in map {
                let name = format!("f:{key}");
                if set.has(&name) {
                    continue;
                }
                let value = match set.below(&name) {
                    Some(below) => remove(of.member(key).0, value, below),
                    None => value.clone(),
                };
                kept.insert(key.clone(), value);
            }
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (Merge::Items(list), Value::Array(items)) => {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                let name = element(list, item);
                if set.has(&name) {
                    continue;
                }
                kept.push(match set.below(&name) {
                    Some(below) => remove(Type::new(list.item), item, below),
                    None => item.clone(),
                });
            }
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        (Merge::Whole, Value::Object(_) | Value::Array(_)) => Value::Null,
        _ => value.clone(),
    }
}
