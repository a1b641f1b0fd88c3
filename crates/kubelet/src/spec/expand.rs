//! `$(VAR)` in commands, arguments, environment values and `subPathExpr`. Pure.
//!
//! A reference to an unknown variable stays as it is written; `$$` is a dollar sign.

/// Replaces each `$(NAME)` by what `lookup` knows; returns the names it did not know beside the text.
pub(crate) fn expand_noting<'a>(
    text: &str,
    lookup: impl Fn(&str) -> Option<&'a str>,
) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|t| t.split_once(')')) {
            match lookup(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str(&rest[at..at + name.len() + 3]);
                    unknown.push(name.to_owned());
                }
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    (out, unknown)
}

/// As [`expand_noting`], for those who do not care what was unknown.
pub(crate) fn expand<'a>(text: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> String {
    expand_noting(text, lookup).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_upstream_table() {
        let lookup = |name: &str| match name {
            "VAR_A" => Some("A"),
            "VAR_B" => Some("B"),
            "VAR_REF" => Some("$(VAR_A)"),
            "VAR_EMPTY" => Some(""),
            _ => None,
        };
        for (input, expected) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_B)___", "___B___"),
            ("___$(VAR_B)", "___B"),
            ("$(VAR_A)_$(VAR_B)", "A_B"),
            ("$(VAR_REF)", "$(VAR_A)"),
            ("%%$(VAR_REF)--", "%%$(VAR_A)--"),
            ("foo$(VAR_EMPTY)bar", "foobar"),
            ("foo\\$(VAR_A)bar", "foo\\Abar"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("$(VAR_A", "$(VAR_A"),
            ("$VAR_A)", "$VAR_A)"),
            ("$(VAR_DNE)", "$(VAR_DNE)"),
            ("$(VAR_A) $(NOPE)", "A $(NOPE)"),
            ("$", "$"),
            ("a$", "a$"),
            ("$?_boo_$!", "$?_boo_$!"),
            ("$()", "$()"),
            ("plain", "plain"),
            ("ä$(VAR_A)ö", "äAö"),
        ] {
            assert_eq!(expand(input, lookup), expected, "{input}");
        }
    }

    #[test]
    fn names_what_it_did_not_know() {
        let (text, unknown) = expand_noting("$(A)/$(B)", |n| (n == "A").then_some("x"));
        assert_eq!(text, "x/$(B)");
        assert_eq!(unknown, ["B"]);
    }
}
