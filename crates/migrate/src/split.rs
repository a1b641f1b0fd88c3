//! Cuts a script into statements, pure: each with the line it starts on, so that an error can be placed.
//!
//! Knows strings, quoted names, comments, PostgreSQL's dollar quotes and the `BEGIN … END` bodies of SQLite's
//! triggers. Text that is only comments and blanks is no statement.

/// What differs between dialects.
#[derive(Debug, Clone, Copy)]
pub struct Syntax {
    /// `$tag$ … $tag$` quotes text (PostgreSQL).
    pub dollar_quotes: bool,
    /// `/* /* */ */` nests (PostgreSQL).
    pub nested_comments: bool,
    /// `CREATE TRIGGER` has a `BEGIN … END` body with semicolons inside (SQLite).
    pub trigger_bodies: bool,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text without the semicolon, starting at its first word.
    pub text: String,
    /// Line of its first word, from 1.
    pub line: usize,
}

/// Cuts `script` at the semicolons between statements.
pub fn split(script: &str, syntax: Syntax) -> Vec<Statement> {
    let mut scanner = Scanner { text: script, at: 0, syntax };
    let mut statements = Vec::new();
    let mut start = None;
    let mut end = 0;
    let mut words: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = scanner.next() {
        match token.kind {
            TokenKind::Comment | TokenKind::Blank => continue,
            TokenKind::Semicolon if depth == 0 => {
                if let Some(start) = start.take() {
                    statements.push(statement(script, start, end));
                }
                words.clear();
                continue;
            }
            TokenKind::Word => {
                let word = script[token.start..scanner.at].to_ascii_uppercase();
                if syntax.trigger_bodies && is_trigger(&words) {
                    match word.as_str() {
                        "BEGIN" | "CASE" => depth += 1,
                        "END" => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                if words.len() < 4 {
                    words.push(word);
                }
            }
            TokenKind::Semicolon | TokenKind::Other => {}
        }
        start.get_or_insert(token.start);
        end = scanner.at;
    }
    if let Some(start) = start {
        statements.push(statement(script, start, end));
    }
    statements
}

fn statement(script: &str, start: usize, end: usize) -> Statement {
    Statement { text: script[start..end].to_owned(), line: 1 + script[..start].matches('\n').count() }
}

/// `CREATE TRIGGER`, with `TEMP` or `TEMPORARY` between them.
fn is_trigger(words: &[String]) -> bool {
    words.first().is_some_and(|w| w == "CREATE") && words.iter().any(|w| w == "TRIGGER")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    Blank,
    Comment,
    Semicolon,
    Word,
    Other,
}

struct Token {
    kind: TokenKind,
    start: usize,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    syntax: Syntax,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        let rest = &self.text[start..];
        let first = rest.chars().next()?;
        let (kind, length) = if first.is_whitespace() {
            (TokenKind::Blank, run(rest, char::is_whitespace))
        } else if rest.starts_with("--") {
            (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (TokenKind::Comment, self.block_comment(rest))
        } else if first == ';' {
            (TokenKind::Semicolon, 1)
        } else if first == '\'' || first == '"' || first == '`' {
            (TokenKind::Other, quoted(rest, first))
        } else if let Some(length) = self.dollar_quote(rest) {
            (TokenKind::Other, length)
        } else if first.is_alphabetic() || first == '_' {
            // `$` belongs to words so that `a$b$` is not taken for a quote.
            (TokenKind::Word, run(rest, |c| c.is_alphanumeric() || c == '_' || c == '$'))
        } else {
            (TokenKind::Other, first.len_utf8())
        };
        self.at = start + length;
        Some(Token { kind, start })
    }

    fn block_comment(&self, rest: &str) -> usize {
        let mut depth = 0_usize;
        let mut at = 0;
        while at < rest.len() {
            let here = &rest.as_bytes()[at..];
            if here.starts_with(b"/*") && (depth == 0 || self.syntax.nested_comments) {
                depth += 1;
                at += 2;
            } else if here.starts_with(b"*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            } else {
                at += 1;
            }
        }
        rest.len()
    }

    /// Length of `$tag$ … $tag$` at the start of `rest`; a tag is empty or a name, so `$1` is none.
    fn dollar_quote(&self, rest: &str) -> Option<usize> {
        if !self.syntax.dollar_quotes || !rest.starts_with('$') {
            return None;
        }
        let tag = &rest[1..1 + rest[1..].find('$')?];
        let is_name = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !tag.starts_with(|c: char| c.is_ascii_digit());
        if !is_name {
            return None;
        }
        let quote = format!("${tag}$");
        let body = &rest[quote.len()..];
        Some(body.find(&quote).map_or(rest.len(), |end| quote.len() + end + quote.len()))
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Length of a quoted text; a doubled quote stands for itself, which two quoted texts in a row give, too.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: Syntax = Syntax { dollar_quotes: true, nested_comments: true, trigger_bodies: false };
    const SQLITE: Syntax = Syntax { dollar_quotes: false, nested_comments: false, trigger_bodies: true };

    fn texts(script: &str, syntax: Syntax) -> Vec<(usize, String)> {
        split(script, syntax).into_iter().map(|s| (s.line, s.text)).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_cut() {
        let script = "-- a;\nSELECT ';', \";\" /* ; */ ;\n\n  SELECT 'it''s;'; -- end;\n";
        let expected = [(2, "SELECT ';', \";\"".to_owned()), (4, "SELECT 'it''s;'".to_owned())];
        assert_eq!(texts(script, SQLITE), expected);
    }

    #[test]
    fn dollar_quotes_hold_function_bodies() {
        let script = "CREATE FUNCTION f() AS $x$ BEGIN; $$ ; END $x$;\nSELECT $1;";
        assert_eq!(texts(script, POSTGRES).len(), 2);
    }

    #[test]
    fn comments_nest_only_where_the_dialect_says_so() {
        assert_eq!(texts("/* /* ; */ ; */ SELECT 1", POSTGRES), [(1, "SELECT 1".to_owned())]);
        assert_eq!(texts("/* /* ; */ SELECT 1; SELECT 2", SQLITE).len(), 2);
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let script = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN\n UPDATE b SET c = CASE WHEN 1 THEN 2 END;\n DELETE FROM d;\nEND;\nSELECT 1;";
        let found = texts(script, SQLITE);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1], (5, "SELECT 1".to_owned()));
    }

    #[test]
    fn a_transaction_is_not_a_body() {
        assert_eq!(texts("BEGIN; SELECT 1; END;", SQLITE).len(), 3);
    }

    /// Any text is cut without a panic, and nothing but separators gets lost.
    #[test]
    fn no_text_panics() {
        let alphabet = [
            ";", "'", "\"", "$", "$a$", "/*", "*/", "--", "\n", "CREATE", "TRIGGER", "BEGIN", "END", " ",
            "é", "1",
        ];
        let mut seed = 7_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            for syntax in [POSTGRES, SQLITE] {
                assert!(split(&text, syntax).iter().all(|s| text.contains(&s.text)));
            }
        }
    }
}
