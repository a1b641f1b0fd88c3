//! Jobs and CronJobs: defaults, generated selectors, validation.

use objects::meta;
use objects::validate::{self, FieldError};
use serde_json::{Value, json};

use super::fields::{
    default, flag, has, is_empty, items_mut, label_selector, name_errors, not_negative, number, put, set,
    text,
};
use super::pod::{defaults, validate as pod};
use super::{Ctx, Strategy, generic_prepare_create};

/// Strategy of batch/v1 Job.
pub(super) struct Job;
/// Strategy of batch/v1 CronJob.
pub(super) struct CronJob;

const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
const NAME_LABEL: &str = "batch.kubernetes.io/job-name";

// === impl Job ===

impl Strategy for Job {
    fn default_spec(&self, object: &mut Value) {
        let labels = object.pointer("/spec/template/metadata/labels").cloned();
        if let Some(labels) = labels.filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty()))
            && let Some(metadata) = object.get_mut("metadata").filter(|metadata| is_empty(metadata, "labels"))
        {
            set(metadata, "labels", labels);
        }
        let Some(spec) = object.get_mut("spec") else { return };
        if !has(spec, "completions") && !has(spec, "parallelism") {
            set(spec, "completions", 1);
        }
        default(spec, "parallelism", 1);
        let limit = if has(spec, "backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
        default(spec, "backoffLimit", limit);
        default(spec, "completionMode", "NonIndexed");
        default(spec, "suspend", false);
        default(spec, "manualSelector", false);
        let replacement = if has(spec, "podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
        default(spec, "podReplacementPolicy", replacement);
        if let Some(policy) = spec.get_mut("podFailurePolicy") {
            for rule in items_mut(policy, "rules") {
                for condition in items_mut(rule, "onPodConditions") {
                    if is_empty(condition, "status") {
                        set(condition, "status", "True");
                    }
                }
            }
        }
        defaults::template(spec, "template");
    }

    fn prepare_create(&self, ctx: &Ctx<'_>, object: &mut Value) {
        generic_prepare_create(ctx, object);
        let (name, uid) = (meta::name(object).to_owned(), meta::uid(object).to_owned());
        let Some(spec) = object.get_mut("spec") else { return };
        if flag(spec, "manualSelector") {
            return;
        }
        let Some(template) = spec.get_mut("template") else { return };
        default(template, "metadata", json!({}));
        if let Some(metadata) = template.get_mut("metadata") {
            default(metadata, "labels", json!({}));
            if let Some(labels) = metadata.get_mut("labels") {
                for key in [NAME_LABEL, "job-name"] {
                    default(labels, key, name.clone());
                }
                for key in [UID_LABEL, "controller-uid"] {
                    default(labels, key, uid.clone());
                }
            }
        }
        default(spec, "selector", json!({}));
        if let Some(selector) = spec.get_mut("selector") {
            default(selector, "matchLabels", json!({}));
            if let Some(labels) = selector.get_mut("matchLabels") {
                default(labels, UID_LABEL, uid);
            }
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        job_spec(&mut errors, object.get("spec").unwrap_or(&Value::Null), "spec", true);
        let spec = &object["spec"];
        if text(spec, "completionMode") == "Indexed" {
            let last = number(spec, "completions").unwrap_or(1) - 1;
            let pod_name = format!("{}-{}", meta::name(object), last.max(0));
            if pod_name.len() > 63 {
                let detail =
                    "will not able to create pod with invalid DNS label: must be no more than 63 characters";
                errors.push(FieldError::invalid("metadata.name", meta::name(object), detail));
            }
        }
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if ctx.subresource == Some("status") {
            for key in ["active", "succeeded", "failed", "ready", "terminating"] {
                not_negative(&mut errors, &new["status"], key, "status");
            }
            return errors;
        }
        let (new, old) = (&new["spec"], &old["spec"]);
        job_spec(&mut errors, new, "spec", true);
        let mut fixed = |key: &str| {
            if new.get(key) != old.get(key) {
                let value = new.get(key).cloned().unwrap_or_default();
                errors.push(FieldError::invalid(format!("spec.{key}"), value, "field is immutable"));
            }
        };
        if text(old, "completionMode") != "Indexed" {
            fixed("completions");
        }
        for key in [
            "selector",
            "completionMode",
            "podFailurePolicy",
            "backoffLimitPerIndex",
            "managedBy",
            "successPolicy",
        ] {
            fixed(key);
        }
        if steered(new, old) != old["template"] {
            errors.push(FieldError::invalid("spec.template", new["template"].clone(), "field is immutable"));
        }
        errors
    }

    fn selectable_fields(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn field(&self, object: &Value, _path: &str) -> String {
        number(&object["status"], "succeeded").unwrap_or_default().to_string()
    }
}

/// The new template with what a suspended job may still change (where its pods go) taken from the old one.
fn steered(new: &Value, old: &Value) -> Value {
    let mut template = new["template"].clone();
    if !flag(old, "suspend") {
        return template;
    }
    if let Some(spec) = template.get_mut("spec") {
        for key in ["nodeSelector", "tolerations", "affinity", "schedulingGates"] {
            put(spec, key, old["template"]["spec"].get(key).cloned());
        }
    }
    if let Some(metadata) = template.get_mut("metadata") {
        for key in ["labels", "annotations"] {
            put(metadata, key, old["template"]["metadata"].get(key).cloned());
        }
    }
    template
}

fn job_spec(errors: &mut Vec<FieldError>, spec: &Value, path: &str, with_selector: bool) {
    for key in
        ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"]
    {
        not_negative(errors, spec, key, path);
    }
    let mode = text(spec, "completionMode");
    if !matches!(mode, "" | "NonIndexed" | "Indexed") {
        errors.push(FieldError::not_supported(
            format!("{path}.completionMode"),
            mode,
            &["Indexed", "NonIndexed"],
        ));
    }
    if mode == "Indexed" && !has(spec, "completions") {
        let detail = "when completion mode is Indexed";
        errors.push(FieldError::required(format!("{path}.completions"), detail));
    }
    if has(spec, "backoffLimitPerIndex") && mode != "Indexed" {
        let value = spec["backoffLimitPerIndex"].clone();
        let detail = "requires indexed completion mode";
        errors.push(FieldError::invalid(format!("{path}.backoffLimitPerIndex"), value, detail));
    }
    if with_selector {
        match spec.get("selector").filter(|selector| selector.is_object()) {
            None => errors.push(FieldError::required(format!("{path}.selector"), "")),
            Some(selector) => {
                label_selector(errors, selector, &format!("{path}.selector"));
                let labels = spec.pointer("/template/metadata/labels");
                if objects::selector::LabelSelector::from_object(selector)
                    .is_ok_and(|selector| !selector.matches_labels(labels))
                {
                    let detail = "`selector` does not match template `labels`";
                    let value = labels.cloned().unwrap_or_default();
                    errors.push(FieldError::invalid(
                        format!("{path}.template.metadata.labels"),
                        value,
                        detail,
                    ));
                }
            }
        }
    }
    let template = spec.get("template").unwrap_or(&Value::Null);
    pod::template(errors, template, &format!("{path}.template"));
    let policy = text(&template["spec"], "restartPolicy");
    let field = format!("{path}.template.spec.restartPolicy");
    if !matches!(policy, "OnFailure" | "Never") {
        if policy == "Always" {
            let mut error = FieldError::required(field, "valid values: \"OnFailure\", \"Never\"");
            error.detail = "valid values: \"OnFailure\", \"Never\"".into();
            errors.push(error);
        }
    } else if has(spec, "podFailurePolicy") && policy != "Never" {
        let detail = "only \"Never\" is supported when podFailurePolicy is specified";
        errors.push(FieldError::invalid(field, policy, detail));
    }
}

// === impl CronJob ===

impl Strategy for CronJob {
    fn default_spec(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else { return };
        if is_empty(spec, "concurrencyPolicy") {
            set(spec, "concurrencyPolicy", "Allow");
        }
        default(spec, "suspend", false);
        default(spec, "successfulJobsHistoryLimit", 3);
        default(spec, "failedJobsHistoryLimit", 1);
        if let Some(job) = spec.pointer_mut("/jobTemplate/spec") {
            defaults::template(job, "template");
        }
    }

    fn validate_create(&self, _ctx: &Ctx<'_>, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let (name, spec) = (meta::name(object), &object["spec"]);
        if name.len() > 52 {
            errors.push(FieldError::invalid("metadata.name", name, "must be no more than 52 characters"));
        }
        let schedule = text(spec, "schedule");
        if schedule.is_empty() {
            errors.push(FieldError::required("spec.schedule", ""));
        } else if let Err(detail) = cron(schedule) {
            errors.push(FieldError::invalid("spec.schedule", schedule, detail));
        }
        if let Some(zone) = spec.get("timeZone").and_then(Value::as_str)
            && let Err(detail) = time_zone(zone)
        {
            errors.push(FieldError::invalid("spec.timeZone", zone, detail));
        }
        let policy = text(spec, "concurrencyPolicy");
        if !matches!(policy, "Allow" | "Forbid" | "Replace") {
            let allowed = ["Allow", "Forbid", "Replace"];
            errors.push(FieldError::not_supported("spec.concurrencyPolicy", policy, &allowed));
        }
        for key in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
            not_negative(&mut errors, spec, key, "spec");
        }
        job_spec(&mut errors, &spec["jobTemplate"]["spec"], "spec.jobTemplate.spec", false);
        if flag(&spec["jobTemplate"]["spec"], "manualSelector") {
            let allowed: [&str; 1] = ["false"];
            errors.push(FieldError::not_supported("spec.jobTemplate.spec.manualSelector", true, &allowed));
        }
        name_errors(&mut errors, "metadata.name", name, validate::dns1123_subdomain(name));
        errors
    }

    fn validate_update(&self, ctx: &Ctx<'_>, new: &Value, _old: &Value) -> Vec<FieldError> {
        if ctx.subresource == Some("status") { Vec::new() } else { self.validate_create(ctx, new) }
    }
}

/// Checks the name of a time zone, which must be one of the IANA database.
fn time_zone(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("timeZone must be nil or non-empty string".into());
    }
    if name.eq_ignore_ascii_case("local") {
        return Err(
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones".into()
        );
    }
    jiff::tz::TimeZone::get(name).map(drop).map_err(|_| format!("unknown time zone {name}"))
}

/// Checks a schedule: five fields of numbers, names, ranges, lists and steps, or one of the `@` words.
fn cron(schedule: &str) -> Result<(), String> {
    if let Some(word) = schedule.strip_prefix('@') {
        let known = ["yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"];
        let every = word.strip_prefix("every ").is_some_and(|rest| !rest.is_empty());
        return if known.contains(&word) || every {
            Ok(())
        } else {
            Err(format!("unrecognized descriptor: {schedule}"))
        };
    }
    if schedule.contains("TZ=") {
        return Err("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".into());
    }
    let parts: Vec<&str> = schedule.split_whitespace().collect();
    if parts.len() != 5 {
        return Err(format!("expected exactly 5 fields, found {}: {parts:?}", parts.len()));
    }
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let bounds: [(u32, u32, &[&str]); 5] =
        [(0, 59, &[]), (0, 23, &[]), (1, 31, &[]), (1, 12, &MONTHS), (0, 6, &DAYS)];
    for (part, (low, high, names)) in parts.iter().zip(bounds) {
        for piece in part.split(',') {
            let (range, step) =
                piece.split_once('/').map_or((piece, None), |(range, step)| (range, Some(step)));
            if step.is_some_and(|step| step.parse::<u32>().ok().is_none_or(|step| step == 0)) {
                return Err(format!("step of range should be a positive number: {piece}"));
            }
            if matches!(range, "*" | "?") {
                continue;
            }
            let value = |text: &str| {
                let lower = text.to_ascii_lowercase();
                let by_name = names.iter().position(|name| *name == lower).map(|at| at as u32 + low);
                by_name
                    .or_else(|| text.parse().ok())
                    .ok_or_else(|| format!("failed to parse int from {text}"))
            };
            let (from, to) = match range.split_once('-') {
                Some((from, to)) => (value(from)?, value(to)?),
                None => (value(range)?, value(range)?),
            };
            if from < low {
                return Err(format!("beginning of range ({from}) below minimum ({low}): {piece}"));
            }
            if to > high {
                return Err(format!("end of range ({to}) above maximum ({high}): {piece}"));
            }
            if from > to {
                return Err(format!("beginning of range ({from}) beyond end of range ({to}): {piece}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones() {
        for name in ["Asia/Tokyo", "UTC", "America/Argentina/Buenos_Aires"] {
            assert_eq!(time_zone(name), Ok(()), "{name}");
        }
        assert_eq!(time_zone("Mars/Olympus").unwrap_err(), "unknown time zone Mars/Olympus");
        assert!(time_zone("Local").is_err() && time_zone("").is_err());
    }

    #[test]
    fn schedules() {
        for good in
            ["* * * * *", "*/15 0 1,15 * 1-5", "0 0 * jan sun", "@hourly", "@every 1h", "5/10 * ? * *"]
        {
            assert_eq!(cron(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "@never",
            "5-1 * * * *",
            "a * * * *",
        ] {
            assert!(cron(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_many_runs_by_default() {
        for (given, completions, parallelism) in [
            (json!({}), json!(1), json!(1)),
            (json!({"parallelism": 3}), Value::Null, json!(3)),
            (json!({"completions": 5}), json!(5), json!(1)),
        ] {
            let mut job = json!({"metadata": {}, "spec": given});
            Job.default_spec(&mut job);
            assert_eq!(job["spec"].get("completions").cloned().unwrap_or_default(), completions, "{given}");
            assert_eq!(job["spec"]["parallelism"], parallelism, "{given}");
            assert_eq!(job["spec"]["backoffLimit"], 6);
        }
    }
}
