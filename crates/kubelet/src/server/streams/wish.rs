//! What a request for a remote command asks for, and how its outcome is told in each protocol. Pure.

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};
use streams::websocket;

use crate::server::decode;

/// Parameters of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) command: Vec<String>,
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

impl Wish {
    pub(super) fn parse(query: &str) -> Wish {
        let mut wish = Wish::default();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            let set = value == "1" || value == "true";
            match name {
                "command" => wish.command.push(value),
                "input" | "stdin" => wish.stdin = set,
                "output" | "stdout" => wish.stdout = set,
                "error" | "stderr" => wish.stderr = set,
                "tty" => wish.tty = set,
                _ => {}
            }
        }
        // A terminal has one stream for both.
        wish.stderr &= !wish.tty;
        wish
    }
}

/// How results are told, and what else differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// As v4, and the client can end its input.
    V5,
    /// Results as a Status.
    V4,
    /// Sizes of terminals; failures as bare text, success not at all.
    V3,
    /// No sizes.
    V2,
    /// The same to a server.
    V1,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::V5 => "v5.channel.k8s.io",
            Protocol::V4 => "v4.channel.k8s.io",
            Protocol::V3 => "v3.channel.k8s.io",
            Protocol::V2 => "v2.channel.k8s.io",
            Protocol::V1 => "channel.k8s.io",
        }
    }

    /// The best WebSocket protocol that both sides know.
    pub(super) fn of_websocket(headers: &HeaderMap) -> Option<Protocol> {
        let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|v| v.to_str().ok());
        let offered = websocket::offered(lines);
        [Protocol::V5, Protocol::V4, Protocol::V1].into_iter().find(|p| offered.contains(&p.name()))
    }

    /// The SPDY protocol that the client likes best of those served; the first one for clients so old that they name
    /// none.
    pub(super) fn of_spdy(offered: &[&str]) -> Option<Protocol> {
        let known = [Protocol::V4, Protocol::V3, Protocol::V2, Protocol::V1];
        match offered {
            [] => Some(Protocol::V1),
            offered => offered.iter().find_map(|name| known.into_iter().find(|p| p.name() == *name)),
        }
    }

    pub(super) fn has_sizes(self) -> bool {
        !matches!(self, Protocol::V1 | Protocol::V2)
    }

    /// The result as the protocol has it.
    pub(super) fn tell(self, result: &Result<i32, String>) -> Option<String> {
        let status = match result {
            Ok(0) => json!({"metadata": {}, "status": "Success"}),
            Ok(code) => json!({"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
                "message": format!("command terminated with non-zero exit code: exit status {code}"),
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}}),
            Err(message) => {
                json!({"metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {message}"),
                "details": {"causes": [{"message": message}]}})
            }
        };
        match (self, result) {
            (Protocol::V5 | Protocol::V4, _) => Some(status.to_string()),
            (_, Ok(0)) => None,
            _ => status["message"].as_str().map(str::to_owned),
        }
    }
}

/// Rows and columns of `{"Width":80,"Height":25}`.
pub(super) fn size(bytes: &[u8]) -> Option<(u16, u16)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let number = |name: &str| u16::try_from(value.get(name)?.as_u64()?).ok();
    Some((number("Height")?, number("Width")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_common_protocol() {
        let choose = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, text.parse().unwrap());
            Protocol::of_websocket(&headers)
        };
        assert_eq!(choose("v4.channel.k8s.io, v5.channel.k8s.io"), Some(Protocol::V5));
        assert_eq!(choose("channel.k8s.io"), Some(Protocol::V1));
        assert_eq!(choose("SPDY/3.1+portforward.k8s.io"), None);
        assert_eq!(Protocol::of_spdy(&["v5.channel.k8s.io", "v4.channel.k8s.io"]), Some(Protocol::V4));
        assert_eq!(Protocol::of_spdy(&["v2.channel.k8s.io", "v4.channel.k8s.io"]), Some(Protocol::V2));
        assert_eq!(Protocol::of_spdy(&[]), Some(Protocol::V1));
        assert_eq!(Protocol::of_spdy(&["v9.channel.k8s.io"]), None);
    }

    #[test]
    fn parameters() {
        let wish = Wish::parse("command=sh&command=-c&command=echo+a%26b&input=1&output=1&tty=0");
        assert_eq!(wish.command, ["sh", "-c", "echo a&b"]);
        assert!(wish.stdin && wish.stdout && !wish.stderr && !wish.tty);
        assert!(!Wish::parse("error=1&tty=1").stderr);
    }

    #[test]
    fn results() {
        assert_eq!(Protocol::V1.tell(&Ok(0)), None);
        let failed: Value = serde_json::from_str(&Protocol::V5.tell(&Ok(7)).unwrap()).unwrap();
        assert_eq!(failed["details"]["causes"][0]["message"], "7");
        assert_eq!(failed["reason"], "NonZeroExitCode");
        assert_eq!(size(b"{\"Width\":99,\"Height\":33}"), Some((33, 99)));
        assert_eq!(size(b"nonsense"), None);
    }
}
