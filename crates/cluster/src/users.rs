//! Users of a cluster besides its administrator: a client certificate of limited life, and rights by role bindings.
//!
//! The certificate is asked for, approved and signed through the CertificateSigningRequest API, like any other; the
//! private key is made here and goes nowhere but into the caller's hands. A certificate cannot be taken back before
//! it ends: what is taken back are the rights.

use std::collections::BTreeMap;
use std::time::Duration;

use controllers::certificates::{RequestError, client_request};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt};

/// Label of the bindings made here.
const LABEL: &str = "launchway.dev/user-binding";
/// API group of roles, bindings and users.
const RBAC: &str = "rbac.authorization.k8s.io";
/// How long a request may take to be signed.
const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest life of a certificate.
pub const SHORTEST: Duration = Duration::from_secs(600);

/// Why a user could not be added, shown or removed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The name cannot be one.
    #[error(
        "{0:?} cannot be the name of a user: it must not be empty, begin with \"system:\" or contain / or %"
    )]
    Name(String),
    /// Groups that give more than roles do.
    #[error("the group {0:?} is the cluster's own and is not given to users")]
    Group(String),
    /// The namespace is not there.
    #[error("there is no namespace {0:?}; make it with `kubectl create namespace {0}`")]
    Namespace(String),
    /// The role is not there.
    #[error(
        "there is no role {role:?}{place}; `kubectl get clusterroles` lists the roles, among them view, edit and admin"
    )]
    Role {
        /// Its name.
        role: String,
        /// Where it was looked for besides the cluster's own.
        place: String,
    },
    /// The request could not be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Nobody signed the request.
    #[error(
        "the certificate request {0} was not signed within 30 seconds; `kubectl describe csr {0}` says more"
    )]
    Unsigned(String),
    /// The signer refused.
    #[error("the certificate was refused: {0}")]
    Refused(String),
    /// The API refused.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// A user that is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Name, as roles and logs know it.
    pub name: String,
    /// Groups beside `system:authenticated`.
    pub groups: Vec<String>,
    /// Where `roles` count.
    pub namespace: Option<String>,
    /// Roles in `namespace`: a Role of that namespace, else a ClusterRole.
    pub roles: Vec<String>,
    /// ClusterRoles that count everywhere.
    pub cluster_roles: Vec<String>,
    /// How long the certificate lives; the signer's limit counts too.
    pub lifetime: Duration,
}

/// What the user logs in with.
pub struct Credentials {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
}

/// One right of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The user.
    pub user: String,
    /// Where it counts; none: everywhere.
    pub namespace: Option<String>,
    /// The role.
    pub role: String,
}

/// Gives a user rights and a certificate. Adding one again renews the certificate and adds what is new.
///
/// # Errors
/// Names that cannot be, namespaces and roles that are not there, and what the API refuses; rights that were bound
/// before an error stay.
pub async fn add(client: &Client, wanted: &Wanted) -> Result<Credentials, UserError> {
    let name = &wanted.name;
    if name.is_empty() || name.starts_with("system:") || name.contains(['/', '%']) {
        return Err(UserError::Name(name.clone()));
    }
    if let Some(group) = wanted.groups.iter().find(|group| group.starts_with("system:")) {
        return Err(UserError::Group(group.clone()));
    }
    let mut references = Vec::new();
    if let Some(namespace) = &wanted.namespace {
        if Api::<Namespace>::all(client.clone()).get_opt(namespace).await?.is_none() {
            return Err(UserError::Namespace(namespace.clone()));
        }
        for role in &wanted.roles {
            references.push((Some(namespace.as_str()), reference(client, Some(namespace), role).await?));
        }
    }
    for role in &wanted.cluster_roles {
        references.push((None, reference(client, None, role).await?));
    }
    for (namespace, reference) in references {
        bind(client, name, namespace, reference).await?;
    }
    certificate(client, wanted).await
}

/// What a role's name stands for.
async fn reference(client: &Client, namespace: Option<&str>, role: &str) -> Result<RoleRef, UserError> {
    let of = |kind: &str| RoleRef { api_group: Some(RBAC.into()), kind: kind.into(), name: role.into() };
    if let Some(namespace) = namespace
        && Api::<Role>::namespaced(client.clone(), namespace).get_opt(role).await?.is_some()
    {
        return Ok(of("Role"));
    }
    if Api::<ClusterRole>::all(client.clone()).get_opt(role).await?.is_some() {
        return Ok(of("ClusterRole"));
    }
    let place = namespace.map(|namespace| format!(" in namespace {namespace:?}")).unwrap_or_default();
    Err(UserError::Role { role: role.into(), place })
}

async fn bind(
    client: &Client,
    user: &str,
    namespace: Option<&str>,
    role_ref: RoleRef,
) -> Result<(), UserError> {
    let metadata = ObjectMeta {
        name: Some(format!("launchway:user:{user}:{}:{}", role_ref.kind.to_lowercase(), role_ref.name)),
        namespace: namespace.map(str::to_owned),
        labels: Some(BTreeMap::from([(LABEL.to_owned(), "true".to_owned())])),
        ..ObjectMeta::default()
    };
    let subject =
        Subject { api_group: Some(RBAC.into()), kind: "User".into(), name: user.into(), namespace: None };
    let subjects = Some(vec![subject]);
    let params = PostParams::default();
    let made = match namespace {
        Some(namespace) => {
            let binding = RoleBinding { metadata, role_ref, subjects };
            Api::namespaced(client.clone(), namespace).create(&params, &binding).await.map(drop)
        }
        None => {
            let binding = ClusterRoleBinding { metadata, role_ref, subjects };
            Api::all(client.clone()).create(&params, &binding).await.map(drop)
        }
    };
    match made {
        // Its name says whom it gives what.
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        other => Ok(other?),
    }
}

async fn certificate(client: &Client, wanted: &Wanted) -> Result<Credentials, UserError> {
    let made = client_request(&wanted.name, &wanted.groups)?;
    let api: Api<CertificateSigningRequest> = Api::all(client.clone());
    let request = CertificateSigningRequest {
        metadata: ObjectMeta { generate_name: Some("launchway-user-".into()), ..ObjectMeta::default() },
        spec: CertificateSigningRequestSpec {
            request: ByteString(made.request_pem.into_bytes()),
            signer_name: "kubernetes.io/kube-apiserver-client".into(),
            usages: Some(vec!["client auth".into(), "digital signature".into()]),
            expiration_seconds: Some(i32::try_from(wanted.lifetime.as_secs()).unwrap_or(i32::MAX)),
            ..CertificateSigningRequestSpec::default()
        },
        ..CertificateSigningRequest::default()
    };
    let mut asked = api.create(&PostParams::default(), &request).await?;
    let name = asked.name_any();
    asked.status.get_or_insert_default().conditions = Some(vec![CertificateSigningRequestCondition {
        type_: "Approved".into(),
        status: "True".into(),
        reason: Some("LaunchwayUserAdd".into()),
        message: Some(format!("Approved by `launchway cluster user add {}`.", wanted.name)),
        ..CertificateSigningRequestCondition::default()
    }]);
    api.replace_subresource("approval", &name, &PostParams::default(), &asked).await?;
    let waiting = await_condition(api.clone(), &name, is_settled);
    let settled = match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(Ok(settled)) => settled,
        _ => return Err(UserError::Unsigned(name)),
    };
    let status = settled.and_then(|settled| settled.status).unwrap_or_default();
    if let Some(failed) = status.conditions.iter().flatten().find(|one| one.type_ == "Failed") {
        return Err(UserError::Refused(failed.message.clone().unwrap_or_default()));
    }
    let pem = status.certificate.map(|bytes| bytes.0).unwrap_or_default();
    let certificate_pem = String::from_utf8(pem).map_err(|_| UserError::Unsigned(name.clone()))?;
    // It has done its work, and names a user for everybody who may look.
    api.delete(&name, &DeleteParams::default()).await?;
    Ok(Credentials { certificate_pem, key_pem: made.key_pem })
}

/// Whether the request has its certificate, or will never have one.
fn is_settled(request: Option<&CertificateSigningRequest>) -> bool {
    let status = request.and_then(|request| request.status.as_ref());
    status.is_some_and(|status| {
        status.certificate.as_ref().is_some_and(|one| !one.0.is_empty())
            || status.conditions.iter().flatten().any(|one| one.type_ == "Failed")
    })
}

/// The rights that were given to users here.
///
/// # Errors
/// What the API refuses.
pub async fn list(client: &Client) -> Result<Vec<Right>, UserError> {
    let mut rights = Vec::new();
    for (namespace, _, role, users) in bindings(client).await? {
        let role = role.name;
        rights.extend(users.into_iter().map(|user| Right {
            user,
            namespace: namespace.clone(),
            role: role.clone(),
        }));
    }
    rights.sort();
    Ok(rights)
}

/// Takes back all rights that the user was given here: how many there were.
///
/// # Errors
/// What the API refuses.
pub async fn remove(client: &Client, user: &str) -> Result<usize, UserError> {
    let mut removed = 0;
    for (namespace, name, _, users) in bindings(client).await? {
        if !users.iter().any(|one| one == user) {
            continue;
        }
        let params = DeleteParams::default();
        match &namespace {
            Some(namespace) => {
                let api: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
                api.delete(&name, &params).await.map(drop)?;
            }
            None => {
                let api: Api<ClusterRoleBinding> = Api::all(client.clone());
                api.delete(&name, &params).await.map(drop)?;
            }
        }
        removed += 1;
    }
    Ok(removed)
}

/// Namespace, name, role and users of each binding made here.
type Binding = (Option<String>, String, RoleRef, Vec<String>);

async fn bindings(client: &Client) -> Result<Vec<Binding>, UserError> {
    let params = ListParams::default().labels(LABEL);
    let users = |subjects: Option<Vec<Subject>>| -> Vec<String> {
        subjects.into_iter().flatten().filter(|one| one.kind == "User").map(|one| one.name).collect()
    };
    let mut found = Vec::new();
    for one in Api::<RoleBinding>::all(client.clone()).list(&params).await?.items {
        found.push((one.namespace(), one.name_any(), one.role_ref, users(one.subjects)));
    }
    for one in Api::<ClusterRoleBinding>::all(client.clone()).list(&params).await?.items {
        found.push((None, one.name_any(), one.role_ref, users(one.subjects)));
    }
    Ok(found)
}
