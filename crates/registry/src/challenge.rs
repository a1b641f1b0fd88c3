//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1): which ways to authenticate a registry offers. Pure.

use std::collections::BTreeMap;

/// One way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `bearer`, `basic` and so on, in lower case.
    pub scheme: String,
    /// Its parameters; names in lower case.
    pub parameters: BTreeMap<String, String>,
}

/// Reads a header's value: several challenges may be in one. What makes no sense ends the list.
pub fn challenges(header: &str) -> Vec<Challenge> {
    let mut list: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let spaced = after.trim_start();
        match (spaced.strip_prefix('='), list.last_mut()) {
            (Some(value), Some(challenge)) if !value.starts_with('=') => {
                let Some((value, after)) = value_of(value.trim_start()) else { break };
                challenge.parameters.insert(word.to_ascii_lowercase(), value);
                rest = after;
            }
            (Some(_), _) => break,
            (None, _) => {
                list.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: BTreeMap::new() });
                rest = spaced;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    list
}

fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A token or quoted string, and what follows.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = token(text);
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        challenges(header).into_iter().map(|c| (c.scheme, c.parameters.into_iter().collect())).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn challenges_are_read() {
        assert_eq!(
            read(
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b:pull,push""#
            ),
            [(
                "bearer".to_owned(),
                pairs(&[
                    ("realm", "https://auth.docker.io/token"),
                    ("scope", "a:b:pull,push"),
                    ("service", "registry.docker.io")
                ])
            )]
        );
        assert_eq!(
            read(r#"Basic realm="a \"b\"", Bearer Realm = x , service=y"#),
            [
                ("basic".to_owned(), pairs(&[("realm", "a \"b\"")])),
                ("bearer".to_owned(), pairs(&[("realm", "x"), ("service", "y")])),
            ]
        );
        assert_eq!(
            read("Negotiate, Basic"),
            [("negotiate".to_owned(), vec![]), ("basic".to_owned(), vec![])]
        );
    }

    #[test]
    fn nonsense_ends_the_list() {
        assert_eq!(read(""), []);
        assert_eq!(read("=x"), []);
        assert_eq!(read("a=b"), []);
        assert_eq!(read(r#"Basic realm="open"#), [("basic".to_owned(), vec![])]);
        assert_eq!(read("Basic \u{e4}"), [("basic".to_owned(), vec![])]);
    }
}
