//! What went wrong, told so that its reader knows what was asked, of whom, with which credentials, and what to do.

use std::fmt;

/// One request that did not end well.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `GET https://…`.
    pub request: String,
    /// What happened.
    pub trouble: Trouble,
    /// Whose credentials were sent, in words; `None` = none.
    pub credentials: Option<String>,
}

/// What happened to a request.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// The registry answered with this status, and perhaps said why.
    Status(u16, String),
    /// There was no answer: name not found, connection refused or cut, certificate not trusted, time over.
    NoAnswer(String),
    /// The answer is not as the specification has it.
    Answer(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match &self.trouble {
            Trouble::Status(status, text) => {
                let reason = http::StatusCode::from_u16(*status).ok().and_then(|s| s.canonical_reason());
                write!(f, "{status} {}", reason.unwrap_or("unknown status"))?;
                if !text.is_empty() {
                    write!(f, ": {text}")?;
                }
            }
            Trouble::NoAnswer(text) | Trouble::Answer(text) => f.write_str(text)?,
        }
        match &self.credentials {
            Some(source) => write!(f, " (with credentials of {source})"),
            None => write!(f, " (without credentials)"),
        }
    }
}

impl Failure {
    /// The registry wants other credentials.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.trouble, Trouble::Status(401 | 403, _))
    }

    /// May be over in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self.trouble {
            Trouble::Status(status, _) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Trouble::NoAnswer(_) => true,
            Trouble::Answer(_) => false,
        }
    }

    fn advice(&self) -> &'static str {
        match (&self.trouble, &self.credentials) {
            (Trouble::Status(401 | 403, _), None) => {
                "the image is not public or does not exist: give credentials (imagePullSecrets, or a service account's)"
            }
            (Trouble::Status(401 | 403, _), Some(_)) => {
                "check that these credentials are right and may use this image"
            }
            (Trouble::Status(404, _), _) => "check the image's name and tag",
            (Trouble::Status(429, _), _) => {
                "the registry's limit is reached: wait, give credentials, or name a mirror"
            }
            (Trouble::Status(500.., _), _) => "the registry is in trouble: look at its log",
            (Trouble::NoAnswer(text), _)
                if text.contains("corrupt message") || text.contains("InvalidContentType") =>
            {
                "it seems to speak plain HTTP: set plain_http in images.toml"
            }
            (Trouble::NoAnswer(text), _) if text.contains("certificate") => {
                "name the authority of its certificate as `ca` in images.toml"
            }
            (Trouble::NoAnswer(_), _) => "check the registry's name and that this machine reaches it",
            (Trouble::Status(..) | Trouble::Answer(_), _) => "check that this is an image registry",
        }
    }
}

/// Why an image was not pulled or pushed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Registry and mirrors were asked in vain; each attempt is told.
    #[error("{}", attempts(.action, .reference, .failures))]
    Asked {
        /// `pull` or `push`.
        action: &'static str,
        /// The image.
        reference: String,
        /// Every request that was tried, in order.
        failures: Vec<Failure>,
    },
    /// The image is no use here.
    #[error("cannot pull \"{reference}\": {why}")]
    Unusable {
        /// The image.
        reference: String,
        /// Why.
        why: String,
    },
    /// The content store refused, or content was not what its digest promised.
    #[error("cannot {action} \"{reference}\": {source}")]
    Store {
        /// `pull` or `push`.
        action: &'static str,
        /// The image.
        reference: String,
        /// What the store says.
        source: image::Error,
    },
    /// Not an image reference with a name.
    #[error("{0}")]
    Reference(String),
    /// The way to the registry cannot be set up.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// The registry knows the image not.
    pub fn is_not_found(&self) -> bool {
        let missing = |failure: &Failure| matches!(failure.trouble, Trouble::Status(404, _));
        matches!(self, Error::Asked { failures, .. } if failures.last().is_some_and(missing))
    }
}

fn attempts(action: &str, reference: &str, failures: &[Failure]) -> String {
    let told: Vec<String> = failures.iter().map(Failure::to_string).collect();
    let advice = failures.last().map_or("", Failure::advice);
    format!("cannot {action} \"{reference}\": {}; {advice}", told.join("; then "))
}
