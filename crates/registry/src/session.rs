//! Requests about one repository at one registry, with whatever authorization it asks for.
//!
//! A request goes out with the authorization that worked last; a refusal (401) names how to get a better one, once per
//! request. Redirections are followed without it when they lead elsewhere, and credentials are never sent in the clear
//! by a registry's word.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde::Deserialize;

use crate::challenge::{Challenge, challenges};
use crate::credentials::Credential;
use crate::endpoint::Endpoint;
use crate::error::{Failure, Trouble};
use crate::transport::{ANSWER, Body, Transport, empty, full, read};

/// As many redirections as a browser follows at least.
const REDIRECTIONS: usize = 5;
/// Answers other than content are small.
const SMALL: usize = 1 << 20;

/// One repository at one registry, asked as one user.
pub(crate) struct Session {
    transport: Transport,
    pub(crate) endpoint: Endpoint,
    pub(crate) repository: String,
    /// `pull` or `pull,push`.
    actions: &'static str,
    credential: Option<Credential>,
    authorization: Mutex<Option<HeaderValue>>,
}

/// A request that can be sent again.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Makes its content, for each attempt anew.
    pub(crate) body: &'a (dyn Fn() -> std::io::Result<Body> + Send + Sync),
    pub(crate) limit: Duration,
}

/// A request without content.
pub(crate) fn ask(method: Method, uri: Uri) -> Ask<'static> {
    Ask { method, uri, headers: HeaderMap::new(), body: &|| Ok(empty()), limit: ANSWER }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Complaints {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Session {
    pub(crate) fn new(
        transport: Transport,
        endpoint: Endpoint,
        repository: &str,
        actions: &'static str,
        credential: Option<Credential>,
    ) -> Self {
        let repository = repository.to_owned();
        Self { transport, endpoint, repository, actions, credential, authorization: Mutex::default() }
    }

    /// The credential, if the registry asked for one.
    pub(crate) fn used(&self) -> Option<Credential> {
        let asked = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.credential.clone().filter(|_| asked)
    }

    /// `…/v2/<repository>/<rest>`.
    pub(crate) fn uri(&self, rest: &str) -> Result<Uri, Failure> {
        let text = format!("{}/v2/{}/{rest}", self.endpoint.base, self.repository);
        text.parse().map_err(|_| {
            self.failure(&Method::GET, &text, Trouble::Answer("this is not an address".to_owned()))
        })
    }

    pub(crate) fn failure(&self, method: &Method, uri: &str, trouble: Trouble) -> Failure {
        // What signs a redirected request stays out of messages.
        let uri = uri.split('?').next().unwrap_or(uri);
        let credentials = self.credential.as_ref().map(|credential| match credential.username.as_str() {
            "" => credential.source.clone(),
            user => format!("{} (user {user})", credential.source),
        });
        Failure { request: format!("{method} {uri}"), trouble, credentials }
    }

    /// Sends a request until the registry is content with who asks. Any answer but 401 is returned.
    pub(crate) async fn send(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, Failure> {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = self.follow(ask, known.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let offered: Vec<Challenge> = response
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        let refused = self.refused(ask, response).await;
        match self.authorize(&offered).await? {
            // The same again would be refused again.
            Some(fresh) if known.as_ref() != Some(&fresh) => {
                let response = self.follow(ask, Some(&fresh)).await?;
                if response.status() == StatusCode::UNAUTHORIZED {
                    return Err(self.refused(ask, response).await);
                }
                *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
                Ok(response)
            }
            _ => Err(refused),
        }
    }

    /// As [`Session::send`], for requests whose answer must have one of these states.
    pub(crate) async fn expect(
        &self,
        ask: &Ask<'_>,
        expected: &[StatusCode],
    ) -> Result<Response<Incoming>, Failure> {
        let response = self.send(ask).await?;
        if expected.contains(&response.status()) {
            Ok(response)
        } else {
            Err(self.refused(ask, response).await)
        }
    }

    /// What a registry says of a request that it does not answer as hoped.
    async fn refused(&self, ask: &Ask<'_>, response: Response<Incoming>) -> Failure {
        let status = response.status().as_u16();
        let bytes = read(response, SMALL).await.unwrap_or_default();
        let told = serde_json::from_slice::<Complaints>(&bytes).map(|complaints| {
            let words = complaints.errors.into_iter().map(|complaint| {
                let both = [complaint.code, complaint.message];
                both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
            });
            words.collect::<Vec<_>>().join(", ")
        });
        self.failure(&ask.method, &ask.uri.to_string(), Trouble::Status(status, told.unwrap_or_default()))
    }

    async fn follow(
        &self,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut uri = ask.uri.clone();
        for _ in 0..=REDIRECTIONS {
            let wrong = |trouble| self.failure(&ask.method, &uri.to_string(), trouble);
            let body = (ask.body)().map_err(|error| wrong(Trouble::NoAnswer(error.to_string())))?;
            let mut request = Request::new(body);
            *request.method_mut() = ask.method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = ask.headers.clone();
            if let Some(value) = authorization
                && uri.authority() == ask.uri.authority()
                && uri.scheme() == ask.uri.scheme()
            {
                request.headers_mut().insert(AUTHORIZATION, value.clone());
            }
            let sent = self.transport.send(request, ask.limit).await;
            let response = sent.map_err(|text| wrong(Trouble::NoAnswer(text)))?;
            let leads = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            match leads {
                Some(target) if response.status().is_redirection() => {
                    let target = join(&uri, target)
                        .ok_or_else(|| wrong(Trouble::Answer("it redirects to no address".to_owned())))?;
                    uri = target;
                }
                _ => return Ok(response),
            }
        }
        let text = "it redirects again and again".to_owned();
        Err(self.failure(&ask.method, &ask.uri.to_string(), Trouble::Answer(text)))
    }

    /// The header that satisfies one of the challenges; `None` when nothing that we have would.
    async fn authorize(&self, offered: &[Challenge]) -> Result<Option<HeaderValue>, Failure> {
        let secret = |text: String| {
            let mut value = HeaderValue::from_str(&text).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        if let Some(token) = self.credential.as_ref().and_then(|own| own.registry_token.as_ref()) {
            return Ok(secret(format!("Bearer {token}")));
        }
        if let Some(challenge) = offered.iter().find(|challenge| challenge.scheme == "bearer") {
            let token = self.token(challenge).await?;
            return Ok(secret(format!("Bearer {token}")));
        }
        let basic = offered.iter().any(|challenge| challenge.scheme == "basic");
        Ok(self.basic().filter(|_| basic).and_then(secret))
    }

    fn basic(&self) -> Option<String> {
        let own = self.credential.as_ref().filter(|own| !own.username.is_empty())?;
        Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", own.username, own.password))))
    }

    /// Asks the token server that the registry names.
    async fn token(&self, challenge: &Challenge) -> Result<String, Failure> {
        let realm = challenge.parameters.get("realm").map_or("", String::as_str);
        let wrong = |text: &str| self.failure(&Method::GET, realm, Trouble::Answer(text.to_owned()));
        let plain = realm.starts_with("http://");
        if !plain && !realm.starts_with("https://") {
            return Err(wrong("the registry names no address of its token server"));
        }
        if plain && !self.endpoint.is_plain() && self.credential.is_some() {
            return Err(wrong("the registry names a token server without TLS; no password is sent there"));
        }
        let scope = challenge.parameters.get("scope").cloned();
        let scope = scope.unwrap_or_else(|| format!("repository:{}:{}", self.repository, self.actions));
        let refresh = self.credential.as_ref().and_then(|own| own.identity_token.as_ref());
        let mut fields = vec![("scope", scope.as_str())];
        fields.extend(challenge.parameters.get("service").map(|service| ("service", service.as_str())));
        if let Some(refresh) = refresh {
            let grant = [("grant_type", "refresh_token"), ("client_id", "launchway")];
            fields.extend(grant.into_iter().chain([("refresh_token", refresh.as_str())]));
        } else if let Some(own) = &self.credential {
            fields.push(("account", &own.username));
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let separator = if realm.contains('?') { '&' } else { '?' };
        let address = if refresh.is_some() { realm.to_owned() } else { format!("{realm}{separator}{query}") };
        let uri: Uri =
            address.parse().map_err(|_| wrong("the registry names no address of its token server"))?;
        let content = Bytes::from(query);
        let body = || Ok(full(content.clone()));
        let mut ask = ask(Method::GET, uri);
        if refresh.is_some() {
            ask.method = Method::POST;
            ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            ask.body = &body;
        }
        let authorization = self.basic().and_then(|text| HeaderValue::from_str(&text).ok());
        let response = self.follow(&ask, authorization.as_ref().filter(|_| refresh.is_none())).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refused(&ask, response).await);
        }
        let bytes = read(response, SMALL).await.map_err(|text| wrong(&text))?;
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        token.ok_or_else(|| wrong("the token server's answer has no token"))
    }
}

/// An address as another one's answer gives it.
pub(crate) fn join(base: &Uri, target: &str) -> Option<Uri> {
    let absolute = if target.starts_with("http://") || target.starts_with("https://") {
        target.to_owned()
    } else if let Some(rest) = target.strip_prefix("//") {
        format!("{}://{rest}", base.scheme_str()?)
    } else if target.starts_with('/') {
        format!("{}://{}{target}", base.scheme_str()?, base.authority()?)
    } else {
        let (folder, _) = base.path().rsplit_once('/')?;
        format!("{}://{}{folder}/{target}", base.scheme_str()?, base.authority()?)
    };
    absolute.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined() {
        let base: Uri = "https://r.io:5000/v2/a/blobs/uploads/".parse().unwrap();
        for (target, result) in [
            ("https://cdn.io/x?y=1", "https://cdn.io/x?y=1"),
            ("//cdn.io/x", "https://cdn.io/x"),
            ("/v2/a/u/1?_state=z", "https://r.io:5000/v2/a/u/1?_state=z"),
            ("1", "https://r.io:5000/v2/a/blobs/uploads/1"),
        ] {
            assert_eq!(join(&base, target).unwrap().to_string(), result);
        }
    }
}
