//! Defaults that the schema declares, such as a container port's `protocol: TCP`.
//!
//! Those that depend on other fields, or that the types of Kubernetes set in code, belong to the API server.

use serde_json::Value;

use crate::codec::typed;
use crate::schema::{Shape, TypeRef};

/// Fills in every absent field that has a declared default, at any depth of what is there. Defaults that are zero
/// values are left alone: decoding has put them where they belong.
pub fn apply(schema: TypeRef, value: &mut Value) {
    let Value::Object(map) = value else { return };
    for field in schema.get().fields {
        match map.get_mut(field.name) {
            Some(value) => descend(field.shape, value),
            None => {
                let default = field.default.and_then(|text| serde_json::from_str::<Value>(text).ok());
                if let Some(default) = default.filter(|default| !typed::is_zero(default)) {
                    map.insert(field.name.to_owned(), default);
                }
            }
        }
    }
}

fn descend(shape: Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Struct(of), value @ Value::Object(_)) => apply(of, value),
        (Shape::List(list), Value::Array(items)) => {
            items.iter_mut().for_each(|item| descend(list.item, item))
        }
        (Shape::Map(map), Value::Object(entries)) => {
            entries.values_mut().for_each(|value| descend(map.value, value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::apply;
    use crate::registry;

    #[test]
    fn absent_fields_get_their_declared_default_and_no_other_does() {
        let service = registry::by_kind("", "v1", "Service").unwrap();
        let mut object = json!({"spec": {"ports": [{"port": 1}, {"port": 2, "protocol": "UDP"}]}});
        apply(service.schema, &mut object);
        assert_eq!(
            object,
            json!({"spec": {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 2, "protocol": "UDP"}]}})
        );
    }
}
