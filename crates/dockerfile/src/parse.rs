//! From lines to instructions. Pure; what is not supported is refused here, before anything is run.

use crate::error::{Error, Place};
use crate::expand::words;
use crate::flags;
use crate::instruction::{Command, Copy, From, Instruction, Kind};
use crate::lines::{Line, lines};

/// A Dockerfile that makes sense.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// Its name, for messages.
    pub file: String,
    /// The character that takes other characters' meaning away.
    pub escape: char,
    /// In order; `ARG`s may come before the first `FROM`, nothing else.
    pub instructions: Vec<Instruction>,
}

impl Dockerfile {
    pub(crate) fn place(&self, line: usize) -> Place {
        Place { file: self.file.clone(), line }
    }
}

/// Reads a Dockerfile; `file` names it in errors.
///
/// # Errors
/// The first line that makes no sense or asks for what is not supported.
pub fn parse(file: &str, text: &str) -> Result<Dockerfile, Error> {
    let at = |line| Place { file: file.to_owned(), line };
    let (escape, lines) = lines(text).map_err(|(line, why)| Error::line(&at(line), why))?;
    let mut instructions = Vec::new();
    let mut begun = false;
    for line in &lines {
        let kind = kind(line, escape).map_err(|why| Error::line(&at(line.number), why))?;
        begun |= matches!(kind, Kind::From(_));
        if !begun && !matches!(kind, Kind::Arg(_)) {
            return Err(Error::line(&at(line.number), format!("{} before the first FROM", line.name)));
        }
        instructions.push(Instruction { line: line.number, kind });
    }
    if !begun {
        return Err(Error::line(&at(0), "it has no FROM; begin with `FROM scratch` or an image"));
    }
    Ok(Dockerfile { file: file.to_owned(), escape, instructions })
}

fn kind(line: &Line, escape: char) -> Result<Kind, String> {
    let name = line.name.as_str();
    let (flags, rest) = flags::split(&line.rest);
    let allowed: &[&str] = match name {
        "FROM" => &["platform"],
        "RUN" => &["network"],
        "COPY" => &["from", "chown", "chmod", "link"],
        "ADD" => &["chown", "chmod", "link"],
        // Its flags are ignored with the rest of it.
        "HEALTHCHECK" => return Ok(Kind::HealthCheck),
        _ => &[],
    };
    if let Some((flag, _)) = flags.iter().find(|(flag, _)| !allowed.contains(&flag.as_str())) {
        return Err(format!("{name} --{flag} is not supported"));
    }
    let flag =
        |wanted: &str| flags.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.clone());
    let one = || match words(rest, escape).as_slice() {
        [word] => Ok(word.clone()),
        _ => Err(format!("{name} takes one argument")),
    };
    let some =
        |list: Vec<String>| if list.is_empty() { Err(format!("{name} needs an argument")) } else { Ok(list) };
    let list = || json(rest).map_or_else(|| some(words(rest, escape)), some);
    Ok(match name {
        "FROM" => Kind::From(from(rest, flag("platform"))?),
        "ARG" => Kind::Arg(
            some(words(rest, escape))?
                .into_iter()
                .map(|word| match word.split_once('=') {
                    Some((name, value)) => valid_name(name).map(|name| (name, Some(value.to_owned()))),
                    None => valid_name(&word).map(|name| (name, None)),
                })
                .collect::<Result<_, _>>()?,
        ),
        "RUN" => {
            if let Some(network) = flag("network").filter(|network| network != "none" && network != "default")
            {
                return Err(format!("RUN --network={network}: steps have no network here"));
            }
            match line.documents.as_slice() {
                [] => Kind::Run(command(name, rest)?),
                [document] => Kind::Run(Command::script(rest, document)),
                _ => return Err("RUN takes one here-document".to_owned()),
            }
        }
        "COPY" | "ADD" => Kind::Copy(copy(line, rest, escape, &flag)?),
        "ENV" => Kind::Env(pairs(name, rest, escape)?),
        "LABEL" => Kind::Label(pairs(name, rest, escape)?),
        "WORKDIR" if rest.is_empty() => return Err("WORKDIR needs a path".to_owned()),
        "WORKDIR" => Kind::WorkingDirectory(rest.to_owned()),
        "USER" => Kind::User(one()?),
        "ENTRYPOINT" => Kind::Entrypoint(optional(rest)),
        "CMD" => Kind::Cmd(optional(rest)),
        "EXPOSE" => Kind::Expose(some(words(rest, escape))?),
        "VOLUME" => Kind::Volume(list()?),
        "STOPSIGNAL" => Kind::StopSignal(one()?),
        "SHELL" => Kind::Shell(
            json(rest)
                .filter(|list| !list.is_empty())
                .ok_or("SHELL takes a JSON array: [\"/bin/sh\", \"-c\"]")?,
        ),
        "MAINTAINER" => Kind::Label(vec![("maintainer".to_owned(), rest.to_owned())]),
        "ONBUILD" => return Err("ONBUILD is not supported".to_owned()),
        other => return Err(format!("unknown instruction {other}")),
    })
}

fn from(rest: &str, platform: Option<String>) -> Result<From, String> {
    match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [image] => Ok(From { image: (*image).to_owned(), name: None, platform }),
        [image, word, name] if word.eq_ignore_ascii_case("as") => {
            let name = name.to_ascii_lowercase();
            let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(rest) {
                return Err(format!(
                    "`{name}` is no name of a stage: a letter, then letters, digits, `-`, `_`, `.`"
                ));
            }
            Ok(From { image: (*image).to_owned(), name: Some(name), platform })
        }
        _ => Err("FROM is written `FROM image` or `FROM image AS name`".to_owned()),
    }
}

fn copy(
    line: &Line,
    rest: &str,
    escape: char,
    flag: &dyn Fn(&str) -> Option<String>,
) -> Result<Copy, String> {
    let name = &line.name;
    let mut all = json(rest).unwrap_or_else(|| words(rest, escape));
    let mut files = Vec::new();
    if !line.documents.is_empty() {
        all.retain(|word| !word.starts_with("<<"));
        let documents = line.documents.iter();
        files.extend(
            documents.map(|document| (document.name.clone(), document.text.clone(), document.expand)),
        );
    }
    let target = all.pop();
    let Some(target) = target.filter(|_| !all.is_empty() || !files.is_empty()) else {
        return Err(format!("{name} needs at least one source and a destination"));
    };
    let remote = |source: &&String| {
        ["http://", "https://", "git://", "git@"].iter().any(|scheme| source.starts_with(scheme))
    };
    if let Some(source) = all.iter().find(remote) {
        return Err(format!("{name} {source}: a build has no network; fetch it first and add the file"));
    }
    Ok(Copy {
        extract: name == "ADD",
        from: flag("from"),
        chown: flag("chown"),
        chmod: flag("chmod"),
        sources: all,
        files,
        target,
    })
}

/// `a=b c="d e"`, or the old form `a b c` for one pair.
fn pairs(name: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>, String> {
    let list = words(rest, escape);
    let Some(first) = list.first() else { return Err(format!("{name} needs an argument")) };
    if !first.contains('=') {
        let value = rest[first.len()..].trim();
        if value.is_empty() {
            return Err(format!("{name} is written `{name} name=value`"));
        }
        return Ok(vec![(first.clone(), value.to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{name}: `{word}` is not name=value; quote values with spaces")),
    };
    list.into_iter().map(pair).collect()
}

fn valid_name(name: &str) -> Result<String, String> {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if valid { Ok(name.to_owned()) } else { Err(format!("`{name}` is no name of a variable")) }
}

fn command(name: &str, rest: &str) -> Result<Command, String> {
    match optional(rest) {
        Command::Shell(text) if text.is_empty() => Err(format!("{name} needs an argument")),
        command => Ok(command),
    }
}

/// What is no JSON array of texts is a line for the shell.
fn optional(rest: &str) -> Command {
    json(rest).map_or_else(|| Command::Shell(rest.to_owned()), Command::Exec)
}

fn json(rest: &str) -> Option<Vec<String>> {
    rest.starts_with('[').then(|| serde_json::from_str(rest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        parse("Dockerfile", text).unwrap().instructions.into_iter().map(|i| i.kind).collect()
    }

    fn error(text: &str) -> String {
        parse("Dockerfile", text).unwrap_err().to_string()
    }

    #[test]
    fn instructions_are_read() {
        let text = r#"
ARG V=1
FROM --platform=linux/amd64 base:$V AS Build
RUN ["a", "b c"]
RUN a "b c"
COPY --from=x --chown=1:2 a b /c/
ADD ["with space", "/d"]
ENV A=1 B="2 3"
ENV C d e
CMD
ENTRYPOINT [ "x" ]
VOLUME ["/a", "/b"]
EXPOSE 80 53/udp
"#;
        let found = kinds(text);
        assert_eq!(found[0], Kind::Arg(vec![("V".into(), Some("1".into()))]));
        let from = From {
            image: "base:$V".into(),
            name: Some("build".into()),
            platform: Some("linux/amd64".into()),
        };
        assert_eq!(found[1], Kind::From(from));
        assert_eq!(found[2], Kind::Run(Command::Exec(vec!["a".into(), "b c".into()])));
        assert_eq!(found[3], Kind::Run(Command::Shell("a \"b c\"".into())));
        let copy = Copy {
            from: Some("x".into()),
            chown: Some("1:2".into()),
            sources: vec!["a".into(), "b".into()],
            target: "/c/".into(),
            ..Copy::default()
        };
        assert_eq!(found[4], Kind::Copy(copy));
        assert!(matches!(&found[5], Kind::Copy(add) if add.extract && add.sources == ["with space"]));
        assert_eq!(found[6], Kind::Env(vec![("A".into(), "1".into()), ("B".into(), "\"2 3\"".into())]));
        assert_eq!(found[7], Kind::Env(vec![("C".into(), "d e".into())]));
        assert_eq!(found[8], Kind::Cmd(Command::Shell(String::new())));
        assert_eq!(found[9], Kind::Entrypoint(Command::Exec(vec!["x".into()])));
        assert_eq!(found[10], Kind::Volume(vec!["/a".into(), "/b".into()]));
        assert_eq!(found[11], Kind::Expose(vec!["80".into(), "53/udp".into()]));
    }

    #[test]
    fn errors_name_file_and_line() {
        for (text, line, part) in [
            ("", "Dockerfile: ", "no FROM"),
            ("RUN x", "Dockerfile:1: ", "before the first FROM"),
            ("FROM a\n\nFROB x", "Dockerfile:3: ", "unknown instruction FROB"),
            ("FROM a b", "Dockerfile:1: ", "AS name"),
            ("FROM a AS 1", "Dockerfile:1: ", "no name of a stage"),
            ("FROM a\nCOPY x", "Dockerfile:2: ", "destination"),
            ("FROM a\nADD https://x/y /y", "Dockerfile:2: ", "no network"),
            ("FROM a\nRUN --mount=type=cache,target=/x y", "Dockerfile:2: ", "--mount is not supported"),
            ("FROM a\nENV A", "Dockerfile:2: ", "name=value"),
            ("FROM a\nSHELL sh", "Dockerfile:2: ", "JSON"),
            ("FROM a\nONBUILD RUN x", "Dockerfile:2: ", "ONBUILD"),
            ("FROM a\nRUN", "Dockerfile:2: ", "argument"),
        ] {
            let error = error(text);
            assert!(error.starts_with(line) && error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn scripts_come_from_here_documents() {
        let found = kinds("FROM a\nRUN <<EOF\na\nb\nEOF\nCOPY <<x /x\nhello\nx\n");
        assert_eq!(found[1], Kind::Run(Command::Shell("a\nb".into())));
        assert!(
            matches!(&found[2], Kind::Copy(copy) if copy.files == [("x".into(), "hello\n".into(), true)])
        );
    }
}
