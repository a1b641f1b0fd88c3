//! `--name=value` in front of an instruction's arguments. Pure.

/// Flags and the rest of the text.
pub(crate) fn split(text: &str) -> (Vec<(String, Option<String>)>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while let Some(flag) = rest.strip_prefix("--") {
        let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
        let (word, after) = flag.split_at(end);
        if word.is_empty() {
            rest = after.trim_start();
            break;
        }
        flags.push(match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        });
        rest = after.trim_start();
    }
    (flags, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_end_at_the_first_other_word() {
        let (flags, rest) = split("--from=a --link b --c d");
        assert_eq!(flags, [("from".to_owned(), Some("a".to_owned())), ("link".to_owned(), None)]);
        assert_eq!(rest, "b --c d");
        assert_eq!(split("-- --x").1, "--x");
        assert_eq!(split("").1, "");
    }
}
