//! Label and field selectors from query strings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::selector::{FieldSelector, LabelSelector};

fuzz_target!(|text: &str| {
    let object = serde_json::json!({"metadata": {"name": "a", "labels": {"a": "b", "app.example/x": ""}}});
    if let Ok(selector) = LabelSelector::parse(text) {
        selector.matches(&object);
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        selector.matches(&object);
    }
});
