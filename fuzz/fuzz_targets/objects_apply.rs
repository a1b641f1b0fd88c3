//! Server-side apply and ownership of arbitrary objects; the two documents are separated by a NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::patch::apply::{Writer, apply, track_update};
use objects::registry;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let [kind, documents @ ..] = data else { return };
    let mut documents = documents.splitn(2, |byte| *byte == 0);
    let (Some(live), Some(applied)) = (documents.next(), documents.next()) else { return };
    let (Ok(mut live), Ok(applied)) =
        (serde_json::from_slice(live), serde_json::from_slice::<Value>(applied))
    else {
        return;
    };
    let kinds = registry::all();
    let schema = kinds[usize::from(*kind) % kinds.len()].schema;
    // The server conforms objects before it applies them.
    let conform = |value: Value| objects::validate::conform(schema, value).ok().map(|decoded| decoded.value);
    let Some(applied) = conform(applied) else { return };
    let writer = |manager| Writer { manager, subresource: "", now: "2026-01-01T00:00:00Z" };
    if let Some(mut object) = conform(std::mem::take(&mut live)) {
        track_update(schema, None, &mut object, writer("update"));
        let _ = apply(schema, Some(&object), &applied, writer("a"), false);
        if let Ok(forced) = apply(schema, Some(&object), &applied, writer("a"), true) {
            let again = apply(schema, Some(&forced), &applied, writer("a"), false);
            assert!(again.is_ok(), "an applier has no conflict with itself: {again:?}");
        }
    }
});
