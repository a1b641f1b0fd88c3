//! RBAC rules as values: what a rule allows, and whether a set of rules covers another.
//!
//! Pure. Knows nothing of bindings or of the store.

use serde_json::{Value, json};

use super::Attributes;
use crate::strategy::fields::items;

/// One PolicyRule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Verbs, or `*`.
    pub(crate) verbs: Vec<String>,
    /// API groups, or `*`.
    pub(crate) groups: Vec<String>,
    /// Resources such as `pods` and `pods/log`, or `*`, or `*/scale`.
    pub(crate) resources: Vec<String>,
    /// Names of objects; none means all.
    pub(crate) names: Vec<String>,
    /// URL paths, with `*` at the end as a wildcard.
    pub(crate) urls: Vec<String>,
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    items(value, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn matches(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

// === impl Rule ===

impl Rule {
    /// Reads a rule of a Role or ClusterRole.
    pub(crate) fn parse(value: &Value) -> Self {
        Self {
            verbs: texts(value, "verbs"),
            groups: texts(value, "apiGroups"),
            resources: texts(value, "resources"),
            names: texts(value, "resourceNames"),
            urls: texts(value, "nonResourceURLs"),
        }
    }

    /// The rule as it stands in a Role, without empty lists.
    pub(crate) fn to_value(&self) -> Value {
        let mut value = json!({"verbs": self.verbs});
        for (key, list) in [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.urls),
        ] {
            if !list.is_empty() {
                value[key] = json!(list);
            }
        }
        value
    }

    /// Whether the rule allows what is asked for.
    pub(crate) fn allows(&self, asked: &Attributes<'_>) -> bool {
        if !matches(&self.verbs, asked.verb) {
            return false;
        }
        if asked.resource.is_empty() {
            return self.allows_url(asked.path);
        }
        matches(&self.groups, asked.group)
            && self.allows_resource(asked.resource, asked.subresource)
            && (self.names.is_empty() || self.names.iter().any(|name| name == asked.name))
    }

    fn allows_url(&self, path: &str) -> bool {
        self.urls.iter().any(|url| match url.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => url == path,
        })
    }

    fn allows_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|one| match one.split_once('/') {
            None => one == "*" || (subresource.is_empty() && one == resource),
            Some(("*", sub)) => sub == subresource,
            Some((of, sub)) => of == resource && sub == subresource,
        })
    }

    /// Whether everything that `other`, a rule with one entry in each list, allows is allowed by this rule.
    fn includes(&self, other: &Rule) -> bool {
        let all = |own: &[String], wanted: &[String]| wanted.iter().all(|one| matches(own, one));
        if !all(&self.verbs, &other.verbs) {
            return false;
        }
        if let [url] = &other.urls[..] {
            return self.urls.iter().any(|own| match own.strip_suffix('*') {
                Some(start) => url.starts_with(start),
                None => own == url,
            });
        }
        let resources = other.resources.iter().all(|wanted| {
            self.resources.iter().any(|own| {
                own == "*"
                    || own == wanted
                    || matches!((own.split_once('/'), wanted.split_once('/')), (Some(("*", a)), Some((_, b))) if a == b)
            })
        });
        let names = self.names.is_empty()
            || (!other.names.is_empty() && other.names.iter().all(|one| self.names.contains(one)));
        all(&self.groups, &other.groups) && resources && names
    }

    /// The rule as rules with one entry in each list.
    fn single(&self) -> Vec<Rule> {
        let mut found = Vec::new();
        for verb in &self.verbs {
            let verbs = vec![verb.clone()];
            for url in &self.urls {
                found.push(Rule { verbs: verbs.clone(), urls: vec![url.clone()], ..Rule::default() });
            }
            for group in &self.groups {
                for resource in &self.resources {
                    let one = Rule {
                        verbs: verbs.clone(),
                        groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Rule::default()
                    };
                    if self.names.is_empty() {
                        found.push(one);
                    } else {
                        found.extend(
                            self.names.iter().map(|name| Rule { names: vec![name.clone()], ..one.clone() }),
                        );
                    }
                }
            }
        }
        found
    }
}

/// What `wanted` allows and `own` does not, in rules with one entry in each list.
pub(crate) fn uncovered(own: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let singles = wanted.iter().flat_map(Rule::single);
    singles.filter(|single| !own.iter().any(|rule| rule.includes(single))).collect()
}

/// The rules in upstream's compact notation for refusals.
impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        for (title, list) in [
            ("APIGroups", &self.groups),
            ("Resources", &self.resources),
            ("ResourceNames", &self.names),
            ("NonResourceURLs", &self.urls),
            ("Verbs", &self.verbs),
        ] {
            if !list.is_empty() {
                parts.push(format!("{title}:{list:?}"));
            }
        }
        write!(formatter, "{{{}}}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &str, groups: &str, resources: &str, names: &str) -> Rule {
        let list = |text: &str| text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let groups = if groups == "core" { vec![String::new()] } else { list(groups) };
        Rule { verbs: list(verbs), groups, resources: list(resources), names: list(names), urls: Vec::new() }
    }

    #[test]
    fn what_a_rule_allows() {
        let asked = |verb, group, resource, subresource, name| Attributes {
            verb,
            group,
            resource,
            subresource,
            name,
            ..Attributes::default()
        };
        for (rule, asked, want) in [
            (rule("get", "core", "pods", ""), asked("get", "", "pods", "", "a"), true),
            (rule("get", "core", "pods", ""), asked("list", "", "pods", "", ""), false),
            (rule("get", "core", "pods", ""), asked("get", "", "pods", "log", "a"), false),
            (rule("get", "core", "pods/log", ""), asked("get", "", "pods", "log", "a"), true),
            (rule("get", "core", "pods/log", ""), asked("get", "", "pods", "", "a"), false),
            (rule("*", "*", "*", ""), asked("delete", "apps", "deployments", "scale", "a"), true),
            (rule("update", "*", "*/scale", ""), asked("update", "apps", "deployments", "scale", "a"), true),
            (rule("update", "*", "*/scale", ""), asked("update", "apps", "deployments", "", "a"), false),
            (rule("get", "core", "secrets", "one"), asked("get", "", "secrets", "", "one"), true),
            (rule("get", "core", "secrets", "one"), asked("get", "", "secrets", "", "two"), false),
            (rule("list", "core", "secrets", "one"), asked("list", "", "secrets", "", ""), false),
            (rule("get", "apps", "pods", ""), asked("get", "", "pods", "", "a"), false),
        ] {
            assert_eq!(rule.allows(&asked), want, "{rule} {asked:?}");
        }
        let urls = Rule {
            verbs: vec!["get".into()],
            urls: vec!["/healthz".into(), "/api/*".into()],
            ..Rule::default()
        };
        for (path, want) in [("/healthz", true), ("/healthz/x", false), ("/api/v1", true), ("/apis", false)] {
            assert_eq!(
                urls.allows(&Attributes { verb: "get", path, ..Attributes::default() }),
                want,
                "{path}"
            );
        }
    }

    #[test]
    fn who_may_grant_what() {
        let own = [
            rule("get,list", "core", "pods", ""),
            rule("get", "core", "secrets", "one"),
            rule("*", "apps", "*", ""),
        ];
        for (wanted, missing) in [
            (rule("get,list", "core", "pods", ""), 0),
            (rule("get,list,watch", "core", "pods", ""), 1),
            (rule("get", "core", "pods", "a"), 0),
            (rule("get", "core", "secrets", ""), 1),
            (rule("get", "core", "secrets", "one,two"), 1),
            (rule("delete", "apps", "deployments,deployments/scale", ""), 0),
            (rule("*", "*", "*", ""), 1),
        ] {
            assert_eq!(uncovered(&own, std::slice::from_ref(&wanted)).len(), missing, "{wanted}");
        }
    }
}
