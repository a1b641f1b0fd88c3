//! Whatever bytes come in, no decoder and no patch panics, and what is accepted can be written and read again.
//!
//! A small generator with fixed seeds stands in for a fuzzer: inputs are valid objects with random damage.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use common::cases;
use objects::codec::{Codec, Json, Protobuf, Yaml, documents};
use objects::patch::apply::{Writer, apply, track_update};
use objects::patch::{json, merge, strategic};
use objects::quantity::Quantity;
use objects::registry;
use objects::schema::{Content, Shape};
use objects::selector::{FieldSelector, LabelSelector};
use serde_json::Value;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Flips, drops, doubles and swaps a few pieces.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(12)).min(bytes.len());
            match self.below(5) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 => bytes.truncate(at),
                _ => {
                    let words: [&[u8]; 9] = [
                        b"null",
                        b"{}",
                        b"[]",
                        b"-1",
                        b"\"\"",
                        b"1e999",
                        b"\xff",
                        b"99999999999999999999",
                        b": ",
                    ];
                    bytes.splice(at..at, words[self.below(words.len())].iter().copied());
                }
            }
        }
        bytes
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn damaged_objects_never_panic_and_accepted_ones_are_stable() {
    let mut random = Random(1);
    let mut accepted = 0;
    for case in cases("objects.jsonl") {
        let text = |name: &str| case[name].as_str().unwrap();
        let schema = registry::type_of(text("group"), text("version"), text("kind")).unwrap();
        let plain = case["json"].to_string().into_bytes();
        let yaml = Yaml.encode(schema, &case["json"]).unwrap();
        let binary = base64(text("protobuf"));
        for _ in 0..15 {
            let inputs: [(&dyn Codec, &[u8]); 3] = [(&Json, &plain), (&Yaml, &yaml), (&Protobuf, &binary)];
            for (codec, bytes) in inputs {
                let bytes = random.damage(bytes);
                let Ok(decoded) = codec.decode(schema, &bytes) else { continue };
                accepted += 1;
                let again = Json.decode(schema, &Json.encode(schema, &decoded.value).unwrap()).unwrap();
                assert_eq!(again.value, decoded.value, "{schema:?} {:?}", String::from_utf8_lossy(&bytes));
                let binary = Protobuf.encode(schema, &decoded.value).unwrap();
                Protobuf.decode(schema, &binary).unwrap();
            }
            let _ = documents(&random.damage(&yaml));
        }
    }
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn damaged_patches_never_panic() {
    let mut random = Random(2);
    for case in cases("strategic.jsonl") {
        let original = &case["original"];
        let (group, version) = registry::split_api_version(original["apiVersion"].as_str().unwrap());
        let schema = registry::type_of(group, version, original["kind"].as_str().unwrap()).unwrap();
        let original = Json.decode(schema, original.to_string().as_bytes()).unwrap().value;
        let patch = case["patch"].to_string();
        for _ in 0..30 {
            let bytes = random.damage(patch.as_bytes());
            let _ = json(&original, &bytes);
            let Ok(patch) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let merged = merge(&original, &patch);
            let _ = strategic(schema, &original, &patch);
            let writer = Writer { manager: "m", subresource: "", now: "2024-01-01T00:00:00Z" };
            let _ = apply(schema, Some(&original), &patch, writer, random.below(2) == 0);
            let mut merged = merged;
            track_update(schema, Some(&original), &mut merged, writer);
        }
    }
    let pod = cases("strategic.jsonl")[0]["original"].clone();
    let operations = br#"[{"op":"add","path":"/metadata/labels/x","value":"y"},{"op":"test","path":"/kind","value":"Pod"},
        {"op":"move","from":"/spec/volumes","path":"/spec/v"},{"op":"copy","from":"/metadata","path":"/metadata/m"}]"#;
    for _ in 0..1000 {
        let _ = json(&pod, &random.damage(operations));
        let text = String::from_utf8_lossy(&random.damage(b"a in (b, c), !d, e>5, f!=g, 1.5Gi")).into_owned();
        let _ = (LabelSelector::parse(&text), FieldSelector::parse(&text), text.parse::<Quantity>());
    }
}

#[test]
fn json_patches_cannot_make_deep_or_huge_objects() {
    let copies: Vec<String> =
        (0..60).map(|at| format!(r#"{{"op":"copy","from":"","path":"/copy{at}"}}"#)).collect();
    let error =
        json(&serde_json::json!({"a": "b"}), format!("[{}]", copies.join(",")).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("may copy"), "{error}");
    let deep = format!(r#"[{{"op":"add","path":"{}","value":1}}]"#, "/a".repeat(300));
    let error = json(&serde_json::json!({}), deep.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("256 steps"), "{error}");
}

/// A length-delimited protobuf field.
fn delimited(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 12);
    for mut value in [u64::from(number << 3 | 2), bytes.len() as u64] {
        while value >= 0x80 {
            out.push((value as u8) | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    out.extend_from_slice(bytes);
    out
}

#[test]
fn deep_nesting_is_refused_or_fits_the_stack() {
    let schema = registry::type_of("apiextensions.k8s.io", "v1", "CustomResourceDefinition").unwrap();
    let nested = |depth: usize| {
        let open = r#"{"not":"#.repeat(depth);
        let schema = format!("{open}{{\"type\":\"object\"}}{}", "}".repeat(depth));
        format!(
            r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{schema}}}}}]}}}}"#
        )
    };
    let writer = Writer { manager: "m", subresource: "", now: "2024-01-01T00:00:00Z" };
    let object = Json.decode(schema, nested(115).as_bytes()).unwrap().value;
    let binary = Protobuf.encode(schema, &object).unwrap();
    assert_eq!(Protobuf.decode(schema, &binary).unwrap().value, object);
    let shallow = Json.decode(schema, nested(55).as_bytes()).unwrap().value;
    assert_eq!(Yaml.decode(schema, nested(55).as_bytes()).unwrap().value, shallow);
    let applied = apply(schema, None, &object, writer, false).unwrap();
    apply(schema, Some(&applied), &object, writer, false).unwrap();
    strategic(schema, &object, &object).unwrap();
    let mut tracked = merge(&object, &object);
    track_update(schema, None, &mut tracked, writer);

    assert!(Json.decode(schema, nested(130).as_bytes()).is_err());
    for depth in [70, 5000] {
        assert!(Yaml.decode(schema, nested(depth).as_bytes()).is_err());
        assert!(documents(nested(depth).as_bytes()).is_err());
    }
    let schema = schema.descend(&["spec", "versions", "schema", "openAPIV3Schema"]).unwrap();
    let Shape::Struct(of) = schema.shape else { panic!("a structure") };
    let not = of.get().wire.iter().find(|wire| {
        matches!(wire.content, Content::Field(index) if of.get().fields[usize::from(index)].name == "not")
    });
    let number = not.unwrap().number;
    let message = (0..5000).fold(Vec::new(), |inner, _| delimited(number, &inner));
    let envelope = [b"k8s\0".to_vec(), delimited(2, &message)].concat();
    let error = Protobuf.decode(of, &envelope).unwrap_err();
    assert!(error.to_string().contains("nested too deeply"), "{error}");
}
