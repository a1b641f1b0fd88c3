//! Bootstrap tokens: short-lived secrets by which a machine that is to become a node asks for its certificate.
//!
//! A token `ID.SECRET` is believed while the Secret `bootstrap-token-ID` in `kube-system` says so; deleting it takes
//! effect at once. Whoever shows it is `system:bootstrap:ID` in the group `system:bootstrappers`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use objects::meta;
use serde_json::Value;
use store::Store;

use super::UserInfo;
use super::token::TokenError;
use crate::strategy::fields::text;

/// Type of the Secrets that hold tokens.
const TYPE: &str = "bootstrap.kubernetes.io/token";
/// Group of everybody with such a token, and start of all further groups that one may give.
const GROUP: &str = "system:bootstrappers";

/// The two parts of a token that has the form of a bootstrap token.
pub(super) fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let of = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    (of(id, 6) && of(secret, 16)).then_some((id, secret))
}

/// The user that the token stands for, if there is one at `now`.
pub(super) fn user(store: &Store, id: &str, secret: &str, now: Timestamp) -> Result<UserInfo, TokenError> {
    let key = format!("/registry/core/secrets/kube-system/bootstrap-token-{id}");
    let entry = store.get(&key).ok_or(TokenError::Foreign)?;
    let object: Value = serde_json::from_slice(&entry.value).map_err(|_| TokenError::Foreign)?;
    of_secret(&object, id, secret, now)
}

fn of_secret(object: &Value, id: &str, secret: &str, now: Timestamp) -> Result<UserInfo, TokenError> {
    if meta::deletion_timestamp(object).is_some() || text(object, "type") != TYPE {
        return Err(TokenError::Foreign);
    }
    let data = |key: &str| -> String {
        let bytes = object.get("data").and_then(|data| STANDARD.decode(text(data, key)).ok());
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    };
    // Compared by digest, so that the time tells nothing about where the texts differ.
    let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    if digest(&data("token-secret")).as_ref() != digest(secret).as_ref() || data("token-id") != id {
        return Err(TokenError::Foreign);
    }
    let end = data("expiration");
    // What is no time has ended.
    if !end.is_empty() && !end.parse::<Timestamp>().is_ok_and(|end| end > now) {
        return Err(TokenError::Expired);
    }
    if data("usage-bootstrap-authentication") != "true" {
        return Err(TokenError::Revoked("the bootstrap token is not for authentication".into()));
    }
    let mut user = UserInfo::named(format!("system:bootstrap:{id}"));
    let mut groups = vec![GROUP.to_owned()];
    for group in data("auth-extra-groups").split(',').filter(|group| !group.is_empty()) {
        if !is_group(group) {
            return Err(TokenError::Revoked(format!("the bootstrap token gives no valid group: {group:?}")));
        }
        groups.push(group.to_owned());
    }
    groups[1..].sort_unstable();
    groups.dedup();
    user.groups.splice(0..0, groups);
    Ok(user)
}

/// Whether a token may give that group.
fn is_group(group: &str) -> bool {
    let Some(rest) = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':')) else { return false };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    rest.len() <= 256
        && rest.bytes().all(|byte| plain(byte) || byte == b':' || byte == b'-')
        && rest.bytes().last().is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(change: impl FnOnce(&mut Value)) -> Result<UserInfo, TokenError> {
        let mut data = json!({
            "token-id": "abcdef", "token-secret": "0123456789abcdef", "expiration": "2026-01-02T00:00:00Z",
            "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:nodes",
        });
        change(&mut data);
        let encoded: serde_json::Map<String, Value> = data
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), STANDARD.encode(value.as_str().unwrap()).into()))
            .collect();
        let object = json!({"metadata": {"name": "bootstrap-token-abcdef"}, "type": TYPE, "data": encoded});
        of_secret(&object, "abcdef", "0123456789abcdef", "2026-01-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_token_is_believed_while_its_secret_says_so() {
        let user = token(|_| ()).unwrap();
        assert_eq!(user.name, "system:bootstrap:abcdef");
        assert_eq!(
            user.groups,
            ["system:bootstrappers", "system:bootstrappers:nodes", "system:authenticated"]
        );
        assert!(token(|data| data["expiration"] = "".into()).is_ok());
        assert_eq!(
            token(|data| data["expiration"] = "2026-01-01T00:00:00Z".into()),
            Err(TokenError::Expired)
        );
        assert_eq!(token(|data| data["expiration"] = "soon".into()), Err(TokenError::Expired));
        assert_eq!(token(|data| data["token-secret"] = "0123456789abcdeg".into()), Err(TokenError::Foreign));
        assert_eq!(token(|data| data["token-id"] = "abcdeg".into()), Err(TokenError::Foreign));
        assert!(token(|data| data["usage-bootstrap-authentication"] = "1".into()).is_err());
        assert!(token(|data| data["auth-extra-groups"] = "system:masters".into()).is_err());
    }

    #[test]
    fn only_that_form_is_one() {
        assert_eq!(parts("abcdef.0123456789abcdef"), Some(("abcdef", "0123456789abcdef")));
        for other in ["abcdef", "abcdeF.0123456789abcdef", "abcdef.0123456789abcde", "a.b.c", ""] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
