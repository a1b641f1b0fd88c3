//! No one grants what he does not have: writes of roles and bindings ask for every rule that they give away.
//!
//! The verbs `escalate` (on roles) and `bind` (on the role that a binding names) lift this for those who hold them.

use objects::registry;
use serde_json::Value;

use crate::auth::rules::{Rule, uncovered};
use crate::auth::{self, Attributes, Decision};
use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{items, text};

/// Checks a new or changed Role, ClusterRole, RoleBinding or ClusterRoleBinding.
pub(super) fn admit(ctx: &Ctx<'_>, object: &Value, old: Option<&Value>) -> Result<(), Status> {
    if ctx.user.is_in(auth::MASTERS) {
        return Ok(());
    }
    match ctx.kind.plural {
        "roles" | "clusterroles" => role(ctx, object, old),
        "rolebindings" | "clusterrolebindings" => binding(ctx, object, old),
        _ => Ok(()),
    }
}

fn may(ctx: &Ctx<'_>, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let group = ctx.kind.group;
    let asked = Attributes { verb, group, resource, namespace, name, ..Attributes::default() };
    auth::authorize(&ctx.server.auth, ctx.user, &asked) == Decision::Allow
}

fn role(ctx: &Ctx<'_>, object: &Value, old: Option<&Value>) -> Result<(), Status> {
    if old.is_some_and(|old| {
        old.get("rules") == object.get("rules") && old.get("aggregationRule") == object.get("aggregationRule")
    }) {
        return Ok(());
    }
    if may(ctx, "escalate", ctx.kind.plural, ctx.namespace.unwrap_or_default(), ctx.name) {
        return Ok(());
    }
    if object.get("aggregationRule").is_some_and(Value::is_object) {
        // What an aggregated role will hold tomorrow is unknown, so that only who has everything may make one.
        let everything = |list: &str| vec![list.to_owned()];
        let all = Rule {
            verbs: everything("*"),
            groups: everything("*"),
            resources: everything("*"),
            ..Rule::default()
        };
        let urls = Rule { verbs: everything("*"), urls: everything("*"), ..Rule::default() };
        return covered(ctx, &[all, urls]);
    }
    let rules: Vec<Rule> = items(object, "rules").iter().map(Rule::parse).collect();
    covered(ctx, &rules)
}

fn binding(ctx: &Ctx<'_>, object: &Value, old: Option<&Value>) -> Result<(), Status> {
    let same = |key: &str| old.is_some_and(|old| old.get(key) == object.get(key));
    if same("roleRef") && same("subjects") {
        return Ok(());
    }
    let reference = object.get("roleRef").unwrap_or(&Value::Null);
    let (kind, name) = (text(reference, "kind"), text(reference, "name"));
    let (plural, place) =
        if kind == "Role" { ("roles", ctx.namespace.unwrap_or_default()) } else { ("clusterroles", "") };
    if may(ctx, "bind", plural, ctx.namespace.unwrap_or_default(), name) {
        return Ok(());
    }
    match ctx.server.auth.rules_of_role(place, name) {
        Some(rules) => covered(ctx, &rules),
        None => {
            let of = registry::by_resource(ctx.kind.group, "v1", plural).unwrap_or(ctx.kind);
            Err(Status::not_found(of, name))
        }
    }
}

fn covered(ctx: &Ctx<'_>, wanted: &[Rule]) -> Result<(), Status> {
    let own = ctx.server.auth.rules_of(ctx.user, ctx.namespace.unwrap_or_default());
    let missing = uncovered(&own, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(Rule::to_string).collect();
    let detail = format!(
        "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{}",
        ctx.user.name,
        ctx.user.groups,
        list.join("\n")
    );
    Err(Status::forbidden(ctx.kind, ctx.name, &detail))
}
