//! Errors, each with file and line.

use std::fmt;

/// A line of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// Its line, from 1 on; 0 when no line is to blame.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// Why no image was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that makes no sense, or that needs what is not supported.
    #[error("{place}: {why}")]
    Line {
        /// Where.
        place: Place,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The content store refused.
    #[error("{place}: {source}")]
    Store {
        /// At which instruction.
        place: Place,
        /// What the store says.
        source: image::Error,
    },
    /// A step's program failed.
    #[error("{place}: `{command}` ended with exit code {code}")]
    Exit {
        /// Where.
        place: Place,
        /// What was run.
        command: String,
        /// Its exit code.
        code: i32,
    },
    /// The container of a step could not be run.
    #[error("{place}: cannot run a container: {why}; building with RUN needs root")]
    Container {
        /// Where.
        place: Place,
        /// What the runtime says.
        why: String,
    },
    /// A file cannot be read.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn line(place: &Place, why: impl Into<String>) -> Self {
        Self::Line { place: place.clone(), why: why.into() }
    }

    pub(crate) fn store(place: &Place) -> impl FnOnce(image::Error) -> Self {
        let place = place.clone();
        move |source| Self::Store { place, source }
    }
}
