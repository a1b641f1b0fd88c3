//! Variables and quotes in an instruction's words: `$A`, `${A}`, `${A:-b}`, `${A:+b}`, `${A:?text}`. Pure.

/// Splits at white space outside quotes; quotes and escapes stay in the words.
pub(crate) fn words(text: &str, escape: char) -> Vec<String> {
    let mut list = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c.is_whitespace() && quote.is_none() {
            list.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(String::new);
        word.push(c);
        match quote {
            _ if c == escape && quote != Some('\'') => word.extend(characters.next()),
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
    }
    list.extend(word);
    list
}

/// Replaces variables and takes quotes away. `value` answers for a name; an unset variable is empty.
///
/// # Errors
/// A text that says what is wrong: a quote or brace without its end, an unknown form, or the text of `${A:?text}`.
pub fn expand(word: &str, escape: char, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let characters: Vec<char> = word.chars().collect();
    let mut expander = Expander { characters: &characters, at: 0, escape, value, depth: 0 };
    expander.until(None, true)
}

/// As [`expand`], for text in which quotes are ordinary characters.
pub(crate) fn expand_text(
    text: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let characters: Vec<char> = text.chars().collect();
    let mut expander = Expander { characters: &characters, at: 0, escape, value, depth: 0 };
    expander.until(None, false)
}

/// Forms within forms.
const DEPTH: usize = 32;

struct Expander<'a> {
    characters: &'a [char],
    at: usize,
    escape: char,
    value: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl Expander<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Everything up to `end`, which is consumed, or to the end of the text.
    fn until(&mut self, end: Option<char>, quotes: bool) -> Result<String, String> {
        let mut out = String::new();
        while let Some(c) = self.next() {
            match c {
                c if Some(c) == end => return Ok(out),
                '\'' if quotes => loop {
                    match self.next() {
                        Some('\'') => break,
                        Some(c) => out.push(c),
                        None => return Err("a single quote has no end".to_owned()),
                    }
                },
                '"' if quotes => self.double(&mut out)?,
                '$' => out.push_str(&self.variable(quotes)?),
                c if c == self.escape => match self.next() {
                    Some(next) if quotes || next == '$' => out.push(next),
                    Some(next) => out.extend([c, next]),
                    None => out.push(c),
                },
                c => out.push(c),
            }
        }
        match end {
            Some(end) => Err(format!("`{end}` is missing")),
            None => Ok(out),
        }
    }

    fn double(&mut self, out: &mut String) -> Result<(), String> {
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('$') => out.push_str(&self.variable(true)?),
                Some(c) if c == self.escape => match self.next() {
                    Some(next) if matches!(next, '"' | '$') || next == self.escape => out.push(next),
                    Some(next) => out.extend([c, next]),
                    None => return Err("a quote has no end".to_owned()),
                },
                Some(c) => out.push(c),
                None => return Err("a quote has no end".to_owned()),
            }
        }
    }

    /// What follows a dollar sign.
    fn variable(&mut self, quotes: bool) -> Result<String, String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(if name.is_empty() {
                "$".to_owned()
            } else {
                (self.value)(&name).unwrap_or_default()
            });
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return Err("`${` is not followed by a name".to_owned());
        }
        let known = (self.value)(&name);
        let mut form = self.next().ok_or_else(|| format!("`}}` is missing behind `${{{name}`"))?;
        if form == '}' {
            return Ok(known.unwrap_or_default());
        }
        // With a colon, an empty value is as good as none.
        let known = if form == ':' {
            form = self.next().ok_or_else(|| format!("`}}` is missing behind `${{{name}`"))?;
            known.filter(|value| !value.is_empty())
        } else {
            known
        };
        if !matches!(form, '-' | '+' | '?') {
            return Err(format!(
                "`${{{name}` is followed by `{form}`, which is none of `}}`, `:-`, `:+` and `:?`"
            ));
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("variables within variables within variables".to_owned());
        }
        let word = self.until(Some('}'), quotes)?;
        self.depth -= 1;
        match (form, known) {
            ('-', known) => Ok(known.unwrap_or(word)),
            ('+', known) => Ok(known.map(|_| word).unwrap_or_default()),
            (_, Some(known)) => Ok(known),
            (_, None) if word.is_empty() => Err(format!("variable {name} is not set")),
            (_, None) => Err(format!("variable {name}: {word}")),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            let fits = c.is_ascii_alphabetic() || c == '_' || (c.is_ascii_digit() && !name.is_empty());
            if !fits {
                break;
            }
            name.push(c);
            self.at += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "A" => Some("a b".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_and_quotes() {
        for (word, result) in [
            ("x$A", "xa b"),
            ("${A}x", "a bx"),
            ("$Ax", ""),
            ("$", "$"),
            ("\\$A", "$A"),
            ("'$A'", "$A"),
            ("\"$A\\\"\"", "a b\""),
            ("a\\ b", "a b"),
            ("${B:-c}", "c"),
            ("${EMPTY:-c}", "c"),
            ("${EMPTY-c}", ""),
            ("${A:+c}", "c"),
            ("${B:+c}", ""),
            ("${B:-${A}}", "a b"),
            ("${B:-\"}\"}", "}"),
            ("${A:?no}", "a b"),
            ("\"C:\\dir\"", "C:\\dir"),
        ] {
            assert_eq!(expand(word, '\\', &value).as_deref(), Ok(result), "{word}");
        }
    }

    #[test]
    fn what_has_no_end_is_told() {
        for word in ["'a", "\"a", "${A", "${A:-b", "${", "${A%b}", "${B:?is missing}", "${B:?}"] {
            assert!(expand(word, '\\', &value).is_err(), "{word}");
        }
        assert_eq!(expand("${B:?is missing}", '\\', &value).unwrap_err(), "variable B: is missing");
    }

    #[test]
    fn text_keeps_its_quotes() {
        assert_eq!(expand_text("'$A' \"x\" \\$A \\n", '\\', &value).unwrap(), "'a b' \"x\" $A \\n");
    }

    #[test]
    fn words_are_split_outside_quotes() {
        assert_eq!(words("a \"b c\" d\\ e 'f g'h", '\\'), ["a", "\"b c\"", "d\\ e", "'f g'h"]);
        assert!(words("   ", '\\').is_empty());
    }
}
