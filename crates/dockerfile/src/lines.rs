//! From text to logical lines: directives, comments, continuations, here-documents. Pure.

/// An instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it begins, from 1 on.
    pub(crate) number: usize,
    /// Its first word, in upper case.
    pub(crate) name: String,
    /// The rest, with continuations joined.
    pub(crate) rest: String,
    /// Here-documents that follow, in order.
    pub(crate) documents: Vec<Document>,
}

/// The content of `<<NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) name: String,
    /// Variables in it are replaced: the name was not quoted.
    pub(crate) expand: bool,
    pub(crate) text: String,
}

/// The escape character and the lines. An error has the line's number.
pub(crate) fn lines(text: &str) -> Result<(char, Vec<Line>), (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape(text)?;
    let mut list = Vec::new();
    let mut rest = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    while let Some((number, first)) = rest.next() {
        let begin = first.trim_start();
        if begin.is_empty() || begin.starts_with('#') {
            continue;
        }
        let mut logical = String::new();
        let mut physical = Some(begin);
        while let Some(line) = physical {
            match continued(line, escape) {
                Some(part) => {
                    logical.push_str(part);
                    // Comments and empty lines in between are left out.
                    physical = rest
                        .by_ref()
                        .map(|(_, line)| line)
                        .find(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
                }
                None => {
                    logical.push_str(line);
                    physical = None;
                }
            }
        }
        let logical = logical.trim();
        let (name, arguments) = logical.split_once(char::is_whitespace).unwrap_or((logical, ""));
        let name = name.to_ascii_uppercase();
        let mut documents = Vec::new();
        if matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
            for (word, expand, indented) in heads(arguments) {
                let text = document(&word, indented, &mut rest).ok_or_else(|| {
                    (number, format!("here-document <<{word} has no end: a line that is {word} alone"))
                })?;
                documents.push(Document { name: word, expand, text });
            }
        }
        list.push(Line { number, name, rest: arguments.trim().to_owned(), documents });
    }
    Ok((escape, list))
}

/// `# escape=` among the comments at the top.
fn escape(text: &str) -> Result<char, (usize, String)> {
    for (at, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix('#') else { break };
        let Some((key, value)) = comment.split_once('=') else { break };
        match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("escape", "\\") => return Ok('\\'),
            ("escape", "`") => return Ok('`'),
            ("escape", other) => {
                return Err((
                    at + 1,
                    format!("escape={other}: the escape character is `\\` or a back-quote"),
                ));
            }
            ("syntax" | "check", _) => {}
            _ => break,
        }
    }
    Ok('\\')
}

/// The line without its end, if it goes on in the next one.
fn continued(line: &str, escape: char) -> Option<&str> {
    line.trim_end().strip_suffix(escape)
}

/// Names of here-documents: `<<EOF`, `<<-EOF`, `<<"EOF"`; with whether variables count and tabs are stripped.
fn heads(text: &str) -> Vec<(String, bool, bool)> {
    let mut list = Vec::new();
    for word in text.split_whitespace() {
        let Some(rest) = word.strip_prefix("<<") else { continue };
        let (rest, indented) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
        let quoted = ['"', '\''].into_iter().find_map(|q| rest.strip_prefix(q)?.strip_suffix(q));
        let name = quoted.unwrap_or(rest);
        let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
        if valid {
            list.push((name.to_owned(), quoted.is_none(), indented));
        }
    }
    list
}

fn document<'a>(
    name: &str,
    indented: bool,
    rest: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Option<String> {
    let mut text = String::new();
    loop {
        let (_, line) = rest.next()?;
        let line = if indented { line.trim_start_matches('\t') } else { line };
        if line == name {
            return Some(text);
        }
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String, String)> {
        lines(text).unwrap().1.into_iter().map(|l| (l.number, l.name, l.rest)).collect()
    }

    fn line(number: usize, name: &str, rest: &str) -> (usize, String, String) {
        (number, name.to_owned(), rest.to_owned())
    }

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        let text = "# a comment\n\nfrom scratch\nRUN a && \\\n  # inside\n\n  b \\\n  c\n  CMD [\"x\"]\n";
        assert_eq!(
            read(text),
            [line(3, "FROM", "scratch"), line(4, "RUN", "a &&   b   c"), line(9, "CMD", "[\"x\"]")]
        );
    }

    #[test]
    fn the_escape_character_can_be_chosen() {
        assert_eq!(read("# escape=`\nRUN a `\n b\\\nCMD c"), [line(2, "RUN", "a  b\\"), line(4, "CMD", "c")]);
        assert_eq!(lines("#escape=x\n").unwrap_err().0, 1);
        // Behind an instruction it is a comment.
        assert_eq!(lines("FROM a\n# escape=`\n").unwrap().0, '\\');
    }

    #[test]
    fn here_documents_are_taken_out() {
        let (_, list) = lines("COPY <<a <<-\"b\" /x/\n1\na\n\t2 $v\n\tb\nRUN <<EOF\nls\nEOF\n").unwrap();
        assert_eq!(list[0].documents[0], Document { name: "a".into(), expand: true, text: "1\n".into() });
        assert_eq!(list[0].documents[1], Document { name: "b".into(), expand: false, text: "2 $v\n".into() });
        assert_eq!(list[1].documents[0].text, "ls\n");
        assert_eq!(lines("FROM a\nRUN <<EOF\nx\n").unwrap_err().0, 2);
    }
}
