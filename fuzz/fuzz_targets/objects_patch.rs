//! JSON, merge and strategic patches on arbitrary objects; the two documents are separated by a NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::{patch, registry};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let [kind, documents @ ..] = data else { return };
    let mut documents = documents.splitn(2, |byte| *byte == 0);
    let (Some(current), Some(change)) = (documents.next(), documents.next()) else { return };
    let Ok(current) = serde_json::from_slice::<Value>(current) else { return };
    let _ = patch::json(&current, change);
    let Ok(change) = serde_json::from_slice::<Value>(change) else { return };
    let merged = patch::merge(&current, &change);
    assert_eq!(patch::merge(&merged, &change), merged, "a merge patch twice is the patch once");
    let kinds = registry::all();
    let schema = kinds[usize::from(*kind) % kinds.len()].schema;
    let _ = patch::strategic(schema, &current, &change);
});
