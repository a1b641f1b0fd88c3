//! Short names for templates: equal templates, equal names.

use serde::Serialize;

/// Letters without vowels and look-alikes, as upstream uses for generated names.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of `value` and of `collisions`, which grows when a name is taken, as 10 letters or fewer.
pub(crate) fn short(value: &impl Serialize, collisions: Option<i32>) -> String {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.extend(collisions.unwrap_or(0).to_le_bytes());
    // FNV-1a: stable across versions of this program, which the standard hasher does not promise.
    let hash =
        text.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn collisions_change_the_name() {
        assert_eq!(short(&"a", None), short(&"a", None));
        assert_ne!(short(&"a", None), short(&"a", Some(1)));
        assert_ne!(short(&"a", None), short(&"b", None));
        assert!(short(&"a", None).len() <= 10);
    }
}
