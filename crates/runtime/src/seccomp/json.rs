//! Reads a profile in the OCI runtime specification's form (`linux.seccomp`), which is also that of the
//! profiles that Kubernetes calls `Localhost`. The wider form with `includes` and `excludes` is understood
//! for capabilities and architectures.

use serde::Deserialize;

use super::{Action, Condition, Operator, Profile, Rule};
use crate::capability;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// Not JSON of the expected form.
    #[error("seccomp profile: {0}")]
    Json(#[from] serde_json::Error),
    /// An action that does not exist or that needs a supervising process.
    #[error(
        "seccomp profile: action {0} is not supported; use SCMP_ACT_ALLOW, _ERRNO, _LOG, _TRAP, _KILL_PROCESS"
    )]
    Action(String),
    /// A comparison that does not exist.
    #[error("seccomp profile: comparison {0} of {1} does not exist")]
    Comparison(String, String),
    /// A call has six arguments.
    #[error("seccomp profile: {0} has no argument {1}")]
    Argument(String, u8),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    names: Vec<String>,
    action: String,
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Option<Vec<Argument>>,
    #[serde(default)]
    includes: Filter,
    #[serde(default)]
    excludes: Filter,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Filter {
    caps: Vec<String>,
    arches: Vec<String>,
}

/// Reads `text` for a process that holds the capabilities `granted`.
pub(super) fn parse(text: &str, granted: u64) -> Result<Profile, ProfileError> {
    let document: Document = serde_json::from_str(text)?;
    let default = action(&document.default_action, document.default_errno_ret)?;
    let mut rules = Vec::new();
    for entry in document.syscalls {
        if !applies(&entry, granted) {
            continue;
        }
        let action = action(&entry.action, entry.errno_ret)?;
        for name in &entry.names {
            let conditions = entry.args.iter().flatten().map(|argument| condition(name, argument));
            let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
            // A name that this architecture does not know cannot be called either.
            rules.extend(Rule::conditional(name, action, conditions));
        }
    }
    Ok(Profile { default, rules })
}

fn applies(entry: &Entry, granted: u64) -> bool {
    let here = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let holds = |name: &String| capability::holds(granted, name);
    let (includes, excludes) = (&entry.includes, &entry.excludes);
    includes.caps.iter().all(holds)
        && !excludes.caps.iter().any(holds)
        && (includes.arches.is_empty() || includes.arches.iter().any(|a| a == here))
        && !excludes.arches.iter().any(|a| a == here)
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, ProfileError> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(libc::EPERM as u16)),
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        other => return Err(ProfileError::Action(other.into())),
    })
}

fn condition(name: &str, argument: &Argument) -> Result<Condition, ProfileError> {
    if argument.index > 5 {
        return Err(ProfileError::Argument(name.into(), argument.index));
    }
    let (operator, value) = match argument.op.as_str() {
        "SCMP_CMP_EQ" => (Operator::Equal, argument.value),
        "SCMP_CMP_NE" => (Operator::NotEqual, argument.value),
        "SCMP_CMP_LT" => (Operator::Less, argument.value),
        "SCMP_CMP_LE" => (Operator::LessOrEqual, argument.value),
        "SCMP_CMP_GT" => (Operator::Greater, argument.value),
        "SCMP_CMP_GE" => (Operator::GreaterOrEqual, argument.value),
        // Here the first value is the mask and the second what must be left.
        "SCMP_CMP_MASKED_EQ" => (Operator::MaskedEqual(argument.value), argument.value_two),
        other => return Err(ProfileError::Comparison(other.into(), name.into())),
    };
    Ok(Condition { argument: argument.index, operator, value })
}
