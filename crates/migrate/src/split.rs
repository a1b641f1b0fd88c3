//! Cuts a script into statements, pure: each with the line it starts on, so that an error can be placed.
//!
//! Knows strings, quoted names, comments, PostgreSQL's dollar quotes, escape strings and `BEGIN ATOMIC` bodies,
//! and the `BEGIN … END` bodies of SQLite's triggers. Text that is only comments and blanks is no statement.

/// Whose rules for quotes, comments and bodies hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `$tag$ … $tag$`, `E'\''`, nested comments, functions with `BEGIN ATOMIC … END`.
    Postgres,
    /// `[name]` and `` `name` ``, triggers with `BEGIN … END`.
    Sqlite,
}

/// How many words of a statement are kept: enough to see what kind it is.
const WORDS: usize = 12;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text without the semicolon, starting at its first word.
    pub text: String,
    /// Line of its first word, from 1.
    pub line: usize,
    /// Its first words outside of quotes and comments, in upper case.
    pub words: Vec<String>,
}

/// Cuts `script` at the semicolons between statements.
pub fn split(script: &str, syntax: Syntax) -> Vec<Statement> {
    let mut scanner = Scanner { text: script, at: 0, syntax };
    let mut statements = Vec::new();
    let mut start = None;
    let mut end = 0;
    let mut words: Vec<String> = Vec::new();
    let mut last_word = String::new();
    let mut depth = 0_usize;
    let mut line = Lines { text: script, at: 0, line: 1 };
    let mut close = |start: usize, end: usize, words: &mut Vec<String>| {
        let text = script[start..end].to_owned();
        statements.push(Statement { text, line: line.of(start), words: std::mem::take(words) });
    };
    while let Some(token) = scanner.next() {
        match token.kind {
            TokenKind::Comment | TokenKind::Blank => continue,
            TokenKind::Semicolon if depth == 0 => {
                if let Some(start) = start.take() {
                    close(start, end, &mut words);
                }
                last_word.clear();
                continue;
            }
            TokenKind::Word => {
                let word = script[token.start..scanner.at].to_ascii_uppercase();
                if has_body(syntax, &words) {
                    match word.as_str() {
                        "BEGIN" if syntax == Syntax::Sqlite => depth += 1,
                        "ATOMIC" if last_word == "BEGIN" => depth += 1,
                        "CASE" if depth > 0 => depth += 1,
                        "END" => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                if words.len() < WORDS {
                    words.push(word.clone());
                }
                last_word = word;
            }
            TokenKind::Semicolon | TokenKind::Other => {}
        }
        start.get_or_insert(token.start);
        end = scanner.at;
    }
    if let Some(start) = start {
        close(start, end, &mut words);
    }
    statements
}

/// Whether a statement that begins with `words` may hold a body with semicolons.
fn has_body(syntax: Syntax, words: &[String]) -> bool {
    let names = |kinds: &[&str]| words.iter().take(4).any(|word| kinds.contains(&word.as_str()));
    words.first().is_some_and(|word| word == "CREATE")
        && match syntax {
            Syntax::Postgres => names(&["FUNCTION", "PROCEDURE"]),
            Syntax::Sqlite => names(&["TRIGGER"]),
        }
}

/// Counts lines forwards once, however many statements there are.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> usize {
        self.line += self.text[self.at..at].matches('\n').count();
        self.at = at;
        self.line
    }
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
        } else if first == '\'' || first == '"' || (first == '`' && self.syntax == Syntax::Sqlite) {
            (TokenKind::Other, quoted(rest, first))
        } else if first == '[' && self.syntax == Syntax::Sqlite {
            (TokenKind::Other, quoted(rest, ']'))
        } else if self.syntax == Syntax::Postgres && (rest.starts_with("E'") || rest.starts_with("e'")) {
            (TokenKind::Other, escape_string(rest))
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
            if here.starts_with(b"/*") && (depth == 0 || self.syntax == Syntax::Postgres) {
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
        if self.syntax != Syntax::Postgres || !rest.starts_with('$') {
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

/// Length of `E'…'`, where a backslash takes away the meaning of the character after it.
fn escape_string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(2) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: Syntax = Syntax::Postgres;
    const SQLITE: Syntax = Syntax::Sqlite;

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
    fn a_function_body_in_plain_sql_is_one_statement() {
        let script = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END;\n SELECT 2;\nEND;\nSELECT 1;";
        let found = texts(script, POSTGRES);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[1], (5, "SELECT 1".to_owned()));
    }

    #[test]
    fn each_dialect_quotes_in_its_own_way() {
        assert_eq!(texts(r"SELECT E'it\'s; '; SELECT e'\\'; SELECT 1", POSTGRES).len(), 3);
        assert_eq!(texts(r"SELECT 'C:\'; SELECT 1", POSTGRES).len(), 2);
        assert_eq!(texts("SELECT [a;b], `c;d`; SELECT 1", SQLITE).len(), 2);
        assert_eq!(texts("SELECT a[1]; SELECT 1", POSTGRES).len(), 2);
    }

    #[test]
    fn words_leave_out_comments_and_quotes() {
        let found = split("CREATE /* x */ INDEX \"concurrently\" ON t (a)", POSTGRES);
        assert_eq!(found[0].words, ["CREATE", "INDEX", "ON", "T", "A"]);
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
            "é", "1", "E'", "\\", "[", "`", "FUNCTION", "ATOMIC",
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
