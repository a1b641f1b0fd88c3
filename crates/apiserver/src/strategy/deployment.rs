//! Deployments: defaults, validation and the arithmetic of the rolling update's two bounds.

use objects::validate::FieldError;
use serde_json::{Value, json};

use super::fields::{default, has, immutable, is_empty, not_negative, number, set, text};
use super::pod::{defaults, validate as pod};
use super::workload::required_selector;
use super::{Ctx, Strategy};

/// Strategy of apps/v1 Deployment.
pub(super) struct Deployment;

impl Strategy for Deployment {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        default(spec, "replicas", 1);
        default(spec, "strategy", json!({}));
        if let Some(strategy) = spec.get_mut("strategy") {
            if is_empty(strategy, "type") {
                set(strategy, "type", "RollingUpdate");
            }
            if text(strategy, "type") == "RollingUpdate" {
                default(strategy, "rollingUpdate", json!({}));
                if let Some(rolling) = strategy.get_mut("rollingUpdate") {
                    default(rolling, "maxUnavailable", "25%");
                    default(rolling, "maxSurge", "25%");
                }
            }
        }
        default(spec, "revisionHistoryLimit", 10);
        default(spec, "progressDeadlineSeconds", 600);
        defaults::template(spec, "template");
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let spec = object.get("spec").unwrap_or(&Value::Null);
        for key in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
            not_negative(&mut errors, spec, key, "spec");
        }
        required_selector(&mut errors, spec);
        pod::template_restarting(&mut errors, spec, &spec["selector"]);
        strategy(&mut errors, &spec["strategy"]);
        if let Some(deadline) = number(spec, "progressDeadlineSeconds") {
            not_negative(&mut errors, spec, "progressDeadlineSeconds", "spec");
            if deadline <= number(spec, "minReadySeconds").unwrap_or_default() {
                let detail = "must be greater than minReadySeconds";
                errors.push(FieldError::invalid("spec.progressDeadlineSeconds", deadline, detail));
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") {
            let mut errors = Vec::new();
            for key in
                ["observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
            {
                not_negative(&mut errors, &new["status"], key, "status");
            }
            return errors;
        }
        let mut errors = self.validate_create(ctx, new);
        immutable(&mut errors, &new["spec"], &old["spec"], "selector", "spec");
        errors
    }
}

fn strategy(errors: &mut Vec<FieldError>, strategy: &Value) {
    let rolling = strategy.get("rollingUpdate").unwrap_or(&Value::Null);
    match text(strategy, "type") {
        "Recreate" => {
            if has(strategy, "rollingUpdate") {
                let detail = "may not be specified when strategy `type` is 'Recreate'";
                errors.push(FieldError::forbidden("spec.strategy.rollingUpdate", detail));
            }
        }
        "RollingUpdate" => {
            let mut amounts = Vec::new();
            for key in ["maxUnavailable", "maxSurge"] {
                let path = format!("spec.strategy.rollingUpdate.{key}");
                amounts.push(amount(errors, rolling.get(key).unwrap_or(&Value::Null), &path));
            }
            if amounts == [Some(0), Some(0)] {
                let detail = "may not be 0 when `maxSurge` is 0";
                let value = rolling.get("maxUnavailable").cloned().unwrap_or_default();
                errors.push(FieldError::invalid("spec.strategy.rollingUpdate.maxUnavailable", value, detail));
            }
        }
        other => {
            errors.push(FieldError::not_supported(
                "spec.strategy.type",
                other,
                &["Recreate", "RollingUpdate"],
            ));
        }
    }
}

/// Checks a number or percentage and gives back the digits' value.
pub(super) fn amount(errors: &mut Vec<FieldError>, value: &Value, path: &str) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let amount = number.as_i64()?;
            if amount < 0 {
                errors.push(FieldError::invalid(path, amount, "must be greater than or equal to 0"));
            }
            Some(amount)
        }
        Value::String(text) => {
            let digits = text.strip_suffix('%').and_then(|digits| digits.parse::<u32>().ok());
            match digits {
                None => {
                    let detail = "a valid percent string must be a numeric string followed by an ending '%' \
                        (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
                    errors.push(FieldError::invalid(path, text.as_str(), detail));
                }
                Some(percent) if percent > 100 && path.ends_with("maxUnavailable") => {
                    errors.push(FieldError::invalid(path, text.as_str(), "must not be greater than 100%"));
                }
                Some(_) => {}
            }
            digits.map(i64::from)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_upstreams() {
        let mut object = json!({"spec": {"template": {"spec": {"containers": []}}}});
        Deployment.default_spec(&mut object);
        let spec = &object["spec"];
        assert_eq!(spec["replicas"], 1);
        assert_eq!(spec["revisionHistoryLimit"], 10);
        assert_eq!(spec["progressDeadlineSeconds"], 600);
        let rolling =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        assert_eq!(spec["strategy"], rolling);
        assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
    }

    #[test]
    fn both_bounds_cannot_be_zero() {
        for (unavailable, surge, good) in [
            (json!(0), json!(0), false),
            (json!("0%"), json!(0), false),
            (json!(0), json!(1), true),
            (json!("101%"), json!(1), false),
            (json!("x"), json!(1), false),
            (json!(-1), json!(1), false),
        ] {
            let mut errors = Vec::new();
            let rolling = json!({"type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}});
            strategy(&mut errors, &rolling);
            assert_eq!(errors.is_empty(), good, "{rolling} {errors:?}");
        }
    }
}
