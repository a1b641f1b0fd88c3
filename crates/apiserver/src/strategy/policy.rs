//! Kinds that only need a few defaults and checks: disruption budgets, priority classes, network policies,
//! autoscalers, ingress classes, webhook configurations, flow control.

use objects::meta;
use objects::quantity::Quantity;
use objects::validate::FieldError;
use serde_json::{Value, json};

use super::deployment::amount;
use super::fields::{default, flag, has, is_empty, items, items_mut, label_selector, number, set, text};
use super::{Ctx, Strategy};

/// Strategy of policy/v1 PodDisruptionBudget.
pub(super) struct Budget;
/// Strategy of scheduling.k8s.io/v1 PriorityClass.
pub(super) struct PriorityClass;
/// Strategy of networking.k8s.io/v1 NetworkPolicy.
pub(super) struct NetworkPolicy;
/// Strategy of autoscaling HorizontalPodAutoscaler.
pub(super) struct Autoscaler;
/// Strategy of networking.k8s.io/v1 IngressClass.
pub(super) struct IngressClass;
/// Strategy of admissionregistration.k8s.io webhook configurations.
pub(super) struct Webhooks;
/// Strategy of flowcontrol.apiserver.k8s.io FlowSchema.
pub(super) struct FlowSchema;
/// Strategy of flowcontrol.apiserver.k8s.io PriorityLevelConfiguration.
pub(super) struct PriorityLevel;

/// Strategy of core/v1 LimitRange.
pub(super) struct LimitRange;

impl Strategy for LimitRange {
    /// A container limit without a default takes the maximum, a request without one the limit, then the minimum.
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        for item in items_mut(spec, "limits").iter_mut().filter(|item| text(item, "type") == "Container") {
            for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")] {
                let amounts = item.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
                if amounts.is_empty() {
                    continue;
                }
                default(item, to, json!({}));
                if let Some(target) = item.get_mut(to) {
                    for (name, amount) in amounts {
                        default(target, &name, amount);
                    }
                }
            }
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let amount = |item: &Value, list: &str, name: &str| -> Option<Quantity> {
            Quantity::parse(item.get(list)?.get(name)?.as_str()?).ok()
        };
        for (at, item) in items(&object["spec"], "limits").iter().enumerate() {
            let path = format!("spec.limits[{at}]");
            if text(item, "type").is_empty() {
                errors.push(FieldError::required(format!("{path}.type"), ""));
            }
            // From the smallest to the largest: each of a pair that is given must not exceed the other.
            let order = [
                ("min", "defaultRequest"),
                ("min", "default"),
                ("min", "max"),
                ("defaultRequest", "default"),
                ("defaultRequest", "max"),
                ("default", "max"),
            ];
            for (low, high) in order {
                for name in item.get(low).and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
                    let (Some(less), Some(more)) = (amount(item, low, name), amount(item, high, name)) else {
                        continue;
                    };
                    if less > more {
                        let title = |list: &str| {
                            if list == "defaultRequest" {
                                "default request".to_owned()
                            } else {
                                list.to_owned()
                            }
                        };
                        let detail = format!(
                            "{} value {less} is greater than {} value {more}",
                            title(low),
                            title(high)
                        );
                        let field = format!("{path}.{low}[{name}]");
                        errors.push(FieldError::invalid(field, less.to_string(), detail));
                    }
                }
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate_create(ctx, new)
    }
}

impl Strategy for Budget {
    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let (mut errors, spec) = (Vec::new(), object.get("spec").unwrap_or(&Value::Null));
        if has(spec, "minAvailable") && has(spec, "maxUnavailable") {
            let detail = "minAvailable and maxUnavailable cannot be both set";
            errors.push(FieldError::invalid("spec", spec.clone(), detail));
        }
        for key in ["minAvailable", "maxUnavailable"] {
            if has(spec, key) {
                amount(&mut errors, &spec[key], &format!("spec.{key}"));
            }
        }
        if let Some(selector) = spec.get("selector") {
            label_selector(&mut errors, selector, "spec.selector");
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") { Vec::new() } else { self.validate_create(ctx, new) }
    }
}

/// The classes of the system itself, and their values.
const SYSTEM_PRIORITIES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

impl Strategy for PriorityClass {
    fn default_spec(&self, object: &mut Value) {
        default(object, "preemptionPolicy", "PreemptLowerPriority");
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        meta::metadata_mut(object).insert("generation".into(), 1.into());
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let value = number(object, "value").unwrap_or_default();
        let name = meta::name(object);
        let known = SYSTEM_PRIORITIES.iter().find(|(known, _)| *known == name);
        let reserved = match known {
            Some((_, fixed)) if *fixed != value => {
                Some(format!("value of {name} PriorityClass must be {fixed}"))
            }
            Some(_) if flag(object, "globalDefault") => {
                Some(format!("globalDefault of {name} PriorityClass must be false"))
            }
            None if name.starts_with("system-") => {
                Some(format!("{name} is not a known system priority class"))
            }
            _ => None,
        };
        if let Some(why) = reserved {
            let detail = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {why}"
            );
            errors.push(FieldError::forbidden("metadata.name", detail));
        }
        if value > 1_000_000_000 && !name.starts_with("system-") {
            let detail = "maximum allowed value of a user defined priority is 1000000000";
            errors.push(FieldError::forbidden("value", detail));
        }
        let policy = text(object, "preemptionPolicy");
        if !matches!(policy, "PreemptLowerPriority" | "Never") {
            let allowed = ["Never", "PreemptLowerPriority"];
            errors.push(FieldError::not_supported("preemptionPolicy", policy, &allowed));
        }
        errors
    }

    fn validate_update(&self, _ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if new.get("value") != old.get("value") {
            errors.push(FieldError::forbidden("value", "may not be changed in an update."));
        }
        if new.get("preemptionPolicy") != old.get("preemptionPolicy") {
            let value = text(new, "preemptionPolicy");
            errors.push(FieldError::invalid("preemptionPolicy", value, "field is immutable"));
        }
        errors
    }
}

impl Strategy for NetworkPolicy {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        for list in ["ingress", "egress"] {
            for rule in items_mut(spec, list) {
                for port in items_mut(rule, "ports") {
                    default(port, "protocol", "TCP");
                }
            }
        }
        if is_empty(spec, "policyTypes") {
            let types = if items(spec, "egress").is_empty() {
                json!(["Ingress"])
            } else {
                json!(["Ingress", "Egress"])
            };
            set(spec, "policyTypes", types);
        }
    }
}

impl Strategy for Autoscaler {
    fn default_spec(&self, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec") {
            default(spec, "minReplicas", 1);
        }
    }
}

impl Strategy for IngressClass {
    fn default_spec(&self, object: &mut Value) {
        if let Some(parameters) = object.pointer_mut("/spec/parameters") {
            default(parameters, "scope", "Cluster");
        }
    }
}

impl Strategy for Webhooks {
    fn default_spec(&self, object: &mut Value) {
        let mutating = object.get("kind").is_some_and(|kind| kind == "MutatingWebhookConfiguration");
        for webhook in items_mut(object, "webhooks") {
            default(webhook, "failurePolicy", "Fail");
            default(webhook, "matchPolicy", "Equivalent");
            default(webhook, "namespaceSelector", json!({}));
            default(webhook, "objectSelector", json!({}));
            default(webhook, "timeoutSeconds", 10);
            if mutating {
                default(webhook, "reinvocationPolicy", "Never");
            }
            for rule in items_mut(webhook, "rules") {
                default(rule, "scope", "*");
            }
            if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
                default(service, "port", 443);
            }
        }
    }

    fn prepare_create(&self, _ctx: &Ctx<'_>, object: &mut Value) {
        meta::metadata_mut(object).insert("generation".into(), 1.into());
    }
}

impl Strategy for FlowSchema {
    fn default_spec(&self, object: &mut Value) {
        if let Some(spec) = object.get_mut("spec")
            && number(spec, "matchingPrecedence").unwrap_or_default() == 0
        {
            set(spec, "matchingPrecedence", 1000);
        }
    }
}

impl Strategy for PriorityLevel {
    fn default_spec(&self, object: &mut Value) {
        if let Some(exempt) = object.pointer_mut("/spec/exempt") {
            default(exempt, "nominalConcurrencyShares", 0);
            default(exempt, "lendablePercent", 0);
        }
        if let Some(limited) = object.pointer_mut("/spec/limited") {
            default(limited, "nominalConcurrencyShares", 30);
            default(limited, "lendablePercent", 0);
            if let Some(queuing) = limited.pointer_mut("/limitResponse/queuing") {
                for (key, value) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] {
                    if number(queuing, key).unwrap_or_default() == 0 {
                        set(queuing, key, value);
                    }
                }
            }
        }
    }
}
