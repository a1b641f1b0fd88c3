//! What cells are made of: look-ups that forgive anything missing, ages, and joined lists.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Stands for something that is not there.
pub(super) const NONE: &str = "<none>";

/// Stands for a value that nobody set.
pub(super) const UNSET: &str = "<unset>";

/// The value at a JSON pointer.
pub(super) fn at<'a>(object: &'a Value, pointer: &str) -> &'a Value {
    object.pointer(pointer).unwrap_or(&Value::Null)
}

/// The text at a JSON pointer, empty when it is not there.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    at(object, pointer).as_str().unwrap_or_default()
}

/// The text at a JSON pointer, or a stand-in.
pub(super) fn text_or(object: &Value, pointer: &str, missing: &str) -> Value {
    let found = text(object, pointer);
    json!(if found.is_empty() { missing } else { found })
}

/// The number at a JSON pointer, zero when it is not there.
pub(super) fn int(object: &Value, pointer: &str) -> i64 {
    at(object, pointer).as_i64().unwrap_or_default()
}

/// The list at a JSON pointer.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    at(object, pointer).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A Boolean as Go prints it for people; a stand-in when nobody set it.
pub(super) fn boolean(value: &Value) -> Value {
    json!(match value.as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => UNSET,
    })
}

/// Texts with a separator between them, or a stand-in for none.
pub(super) fn joined<T: AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
    separator: &str,
    missing: &str,
) -> Value {
    let texts: Vec<T> = texts.into_iter().collect();
    if texts.is_empty() {
        return json!(missing);
    }
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    json!(texts.join(separator))
}

/// The first three texts, and how many more there are.
pub(super) fn first_three(texts: Vec<String>, missing: &str) -> Value {
    if texts.is_empty() {
        return json!(missing);
    }
    let shown = texts.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(",");
    if texts.len() > 3 { json!(format!("{shown} + {} more...", texts.len() - 3)) } else { json!(shown) }
}

/// A map of labels as `a=b,c=d`.
pub(super) fn labels(map: &Value) -> Value {
    let pairs = map.as_object().into_iter().flatten();
    joined(pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())), ",", NONE)
}

/// A label selector with `matchLabels` and `matchExpressions` as `a=b,c in (d,e)`.
pub(super) fn selector(selector: &Value) -> Value {
    if selector.is_null() {
        return json!(NONE);
    }
    let pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let mut terms: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    for term in items(selector, "/matchExpressions") {
        let key = text(term, "/key");
        let values = items(term, "/values").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        terms.push(match text(term, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    joined(terms, ",", NONE)
}

/// Names or images of a pod template's containers.
pub(super) fn containers(spec: &Value, field: &str) -> Value {
    let found = items(spec, "/containers").iter().filter_map(|container| container[field].as_str());
    joined(found, ",", "")
}

/// How long ago a time was.
pub(super) fn since(timestamp: &str) -> Value {
    match timestamp.parse::<Timestamp>() {
        Ok(at) => json!(duration(Timestamp::now().as_second() - at.as_second())),
        Err(_) => json!("<unknown>"),
    }
}

/// Seconds between two times, if both are known.
pub(super) fn between(from: &str, to: &str) -> Option<i64> {
    let (from, to): (Timestamp, Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    Some(to.as_second() - from.as_second())
}

/// Seconds in the short form of upstream: the longer, the coarser.
pub(super) fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let pair = |big: i64, unit: char, small: i64, sub: char| {
        if small == 0 { format!("{big}{unit}") } else { format!("{big}{unit}{small}{sub}") }
    };
    match () {
        () if seconds < -1 => "<invalid>".into(),
        () if seconds < 0 => "0s".into(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => pair(minutes, 'm', seconds % 60, 's'),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => pair(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if hours < 24 * 8 => pair(hours / 24, 'd', hours % 24, 'h'),
        () if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        () if hours < 24 * 365 * 8 => pair(hours / 24 / 365, 'y', hours / 24 % 365, 'd'),
        () => format!("{}y", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_get_coarser() {
        for (seconds, shown) in [
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (47 * 3600, "47h"),
            (50 * 3600, "2d2h"),
            (400 * 86400, "400d"),
            (800 * 86400, "2y70d"),
        ] {
            assert_eq!(duration(seconds), shown);
        }
    }

    #[test]
    fn selectors_print_as_clients_write_them() {
        let selector = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "DoesNotExist"}]});
        assert_eq!(super::selector(&selector), "a=b,c in (d,e),!f");
        assert_eq!(labels(&Value::Null), NONE);
    }
}
