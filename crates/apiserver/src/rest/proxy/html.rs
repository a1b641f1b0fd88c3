//! Links in HTML pages, by the attributes that hold them (HTML, and HTML 4's retired ones). Everything else of a page
//! stays byte for byte. Pure.

/// Elements and their attributes that are links.
const LINKS: [(&str, &[&str]); 27] = [
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["src", "usemap", "formaction"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("track", &["src"]),
    ("video", &["poster", "src"]),
    ("use", &["href"]),
];

/// Elements whose content is text.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// The page with every link replaced by what `link` makes of it.
pub(super) fn rewrite(page: &[u8], link: impl Fn(&str) -> String) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() + 256);
    let mut rest = page;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with(b"<!--") {
            find(rest, b"-->").map_or(rest.len(), |end| end + 3)
        } else if rest.get(1).is_some_and(u8::is_ascii_alphabetic) {
            let length = tag(rest, &mut out, &link);
            rest = &rest[length..];
            continue;
        } else {
            1
        };
        out.extend_from_slice(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
    out
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

/// Copies a start tag (and the text of an element that holds nothing else); how long it is.
fn tag(bytes: &[u8], out: &mut Vec<u8>, link: &impl Fn(&str) -> String) -> usize {
    let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let mut at = bytes.iter().position(ends_name).unwrap_or(bytes.len());
    let name = String::from_utf8_lossy(&bytes[1..at]).to_ascii_lowercase();
    out.extend_from_slice(&bytes[..at]);
    let links = LINKS.iter().find(|(element, _)| *element == name).map_or(&[][..], |(_, links)| links);
    while at < bytes.len() && bytes[at] != b'>' {
        if bytes[at].is_ascii_whitespace() || bytes[at] == b'/' {
            out.push(bytes[at]);
            at += 1;
        } else {
            at += attribute(&bytes[at..], out, links, link);
        }
    }
    if at < bytes.len() {
        out.push(b'>');
        at += 1;
    }
    if RAW.contains(&name.as_str()) {
        let end = find(&bytes[at..], format!("</{name}").as_bytes()).unwrap_or(bytes.len() - at);
        out.extend_from_slice(&bytes[at..at + end]);
        at += end;
    }
    at
}

/// Copies one attribute; how long it is, at least one byte.
fn attribute(bytes: &[u8], out: &mut Vec<u8>, links: &[&str], link: &impl Fn(&str) -> String) -> usize {
    let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'/' | b'>');
    // A name may begin with what ends it elsewhere.
    let name_end = 1 + bytes[1..].iter().position(ends_name).unwrap_or(bytes.len() - 1);
    let spaces = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let equals = name_end + spaces(name_end);
    if bytes.get(equals) != Some(&b'=') {
        out.extend_from_slice(&bytes[..name_end]);
        return name_end;
    }
    let start = equals + 1 + spaces(equals + 1);
    let (from, to, end) = match bytes.get(start) {
        Some(quote @ (b'"' | b'\'')) => {
            let from = start + 1;
            let to = bytes[from..].iter().position(|byte| byte == quote).map_or(bytes.len(), |at| from + at);
            (from, to, (to + 1).min(bytes.len()))
        }
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
            let to = bytes[start..].iter().position(ends).map_or(bytes.len(), |at| start + at);
            (start, to, to)
        }
    };
    let name = String::from_utf8_lossy(&bytes[..name_end]).to_ascii_lowercase();
    out.extend_from_slice(&bytes[..from]);
    match std::str::from_utf8(&bytes[from..to]) {
        Ok(value) if links.contains(&name.as_str()) => out.extend_from_slice(link(value).as_bytes()),
        _ => out.extend_from_slice(&bytes[from..to]),
    }
    out.extend_from_slice(&bytes[to..end]);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(page: &str) -> String {
        String::from_utf8(rewrite(page.as_bytes(), |link| format!("[{link}]"))).unwrap()
    }

    #[test]
    fn links_are_rewritten_and_nothing_else() {
        for (page, expected) in [
            ("<a href=\"/x\">/y</a>", "<a href=\"[/x]\">/y</a>"),
            ("<A CLASS=b HREF = '/x' data>", "<A CLASS=b HREF = '[/x]' data>"),
            ("<img src=/x/y.png/>", "<img src=[/x/y.png/]>"),
            ("<p href=\"/x\"><br/>", "<p href=\"/x\"><br/>"),
            ("<!-- <a href=\"/x\"> --><a href=\"/x\">", "<!-- <a href=\"/x\"> --><a href=\"[/x]\">"),
            (
                "<script src=\"/x\">'<a href=\"/x\">'</script>",
                "<script src=\"[/x]\">'<a href=\"/x\">'</script>",
            ),
            ("<!doctype html>1 < 2 </a><", "<!doctype html>1 < 2 </a><"),
            ("<a href=\"/x", "<a href=\"[/x]"),
            ("<a =\"/x\">", "<a =\"/x\">"),
            ("<a", "<a"),
        ] {
            assert_eq!(rewritten(page), expected, "{page}");
        }
    }
}
