//! Instructions as values.

use crate::lines::Document;

/// One instruction with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Where it begins, from 1 on.
    pub line: usize,
    /// What it says.
    pub kind: Kind,
}

/// A program with arguments, or a line for the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`.
    Exec(Vec<String>),
    /// Anything else.
    Shell(String),
}

/// `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Image, stage or `scratch`; with variables.
    pub image: String,
    /// Name of the stage, in lower case.
    pub name: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
}

/// `COPY` and `ADD`. Words still have their variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Archives are extracted.
    pub extract: bool,
    /// `--from`: stage, number of a stage, or image.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`, in octal.
    pub chmod: Option<String>,
    /// What is copied.
    pub sources: Vec<String>,
    /// Files given in the Dockerfile itself: name, content, and whether variables are replaced in it.
    pub files: Vec<(String, String, bool)>,
    /// Where to.
    pub target: String,
}

/// What an instruction says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `FROM`.
    From(From),
    /// `ARG`: names with their defaults.
    Arg(Vec<(String, Option<String>)>),
    /// `RUN`.
    Run(Command),
    /// `COPY` and `ADD`.
    Copy(Copy),
    /// `ENV`.
    Env(Vec<(String, String)>),
    /// `LABEL`.
    Label(Vec<(String, String)>),
    /// `WORKDIR`.
    WorkingDirectory(String),
    /// `USER`.
    User(String),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `CMD`.
    Cmd(Command),
    /// `EXPOSE`.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `HEALTHCHECK`: images here have none; probes of pods do that.
    HealthCheck,
}

impl Command {
    /// A here-document as a script.
    pub(crate) fn script(line: &str, document: &Document) -> Self {
        let head = line.split_whitespace().next().unwrap_or_default();
        // `RUN <<EOF` is a script of its own; `RUN program <<EOF` gets it as input.
        if head.starts_with("<<") {
            Self::Shell(document.text.trim_end().to_owned())
        } else {
            Self::Shell(format!("{line}\n{}{}", document.text, document.name))
        }
    }
}
