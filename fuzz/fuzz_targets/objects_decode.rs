//! Objects from clients in each wire format: no panic, and what was read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use objects::{codec, registry};

fuzz_target!(|data: &[u8]| {
    let [kind, format, bytes @ ..] = data else { return };
    let kinds = registry::all();
    let schema = kinds[usize::from(*kind) % kinds.len()].schema;
    let media_types = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
    let media_type = media_types[usize::from(*format) % media_types.len()];
    let codec = codec::for_media_type(media_type).expect("a known media type");
    if let Ok(first) = codec.decode(schema, bytes)
        && let Ok(written) = codec.encode(schema, &first.value)
    {
        let second = codec.decode(schema, &written).expect("what was written can be read");
        assert!(second.problems.is_empty(), "{:?}", second.problems);
    }
    if media_type == "application/yaml" {
        let _ = codec::documents(bytes);
    }
});
