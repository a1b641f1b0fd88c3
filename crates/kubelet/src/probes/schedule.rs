//! When a probe runs and what its results add up to. Pure: time comes in as durations since the first try.
//!
//! A container is ready when its readiness probe first succeeds, so waiting a whole period between the first tries
//! would only be idle time: until the first success, readiness and startup probes are tried after 10, 20, 40 … ms up
//! to the period. The API defines `periodSeconds` as how often to probe and thresholds in probes; the additional
//! early tries can only find success sooner: their failures are not counted, told or acted upon.

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;

/// Numbers of a probe with the API's defaults filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) initial_delay: Duration,
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
    success: u32,
    failure: u32,
}

impl Numbers {
    pub(crate) fn of(probe: &Probe) -> Numbers {
        let at_least_one = |v: Option<i32>, default: u64| {
            v.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0).unwrap_or(default)
        };
        let count = |v: Option<i32>, default| u32::try_from(at_least_one(v, default)).unwrap_or(u32::MAX);
        Numbers {
            initial_delay: Duration::from_secs(
                probe.initial_delay_seconds.and_then(|v| u64::try_from(v).ok()).unwrap_or(0),
            ),
            period: Duration::from_secs(at_least_one(probe.period_seconds, 10)),
            timeout: Duration::from_secs(at_least_one(probe.timeout_seconds, 1)),
            success: count(probe.success_threshold, 1),
            failure: count(probe.failure_threshold, 3),
        }
    }
}

/// What a result means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// An early try failed: as if it had not been made.
    Ignored,
    /// Counted; no threshold reached, or the verdict stands as it did.
    Counted,
    /// The success threshold is reached.
    Passed,
    /// The failure threshold is reached.
    Failed,
}

/// Runs of successes and failures, and the next wait.
#[derive(Debug)]
pub(crate) struct Schedule {
    numbers: Numbers,
    /// First wait between early tries; none for probes without them.
    early: Option<Duration>,
    last_counted: Option<Duration>,
    successes: u32,
    failures: u32,
    passed: Option<bool>,
}

impl Schedule {
    /// `early` is the first pause between tries before the first success.
    pub(crate) fn new(numbers: Numbers, early: Option<Duration>) -> Schedule {
        Schedule { numbers, early, last_counted: None, successes: 0, failures: 0, passed: None }
    }

    /// Takes the result of a try that began `at` after the first one began.
    pub(crate) fn take(&mut self, success: bool, at: Duration) -> Meaning {
        let due = self.last_counted.is_none_or(|last| at >= last + self.numbers.period);
        if success {
            self.early = None;
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
            self.last_counted = Some(at);
            if self.successes >= self.numbers.success && self.passed != Some(true) {
                self.passed = Some(true);
                return Meaning::Passed;
            }
            return Meaning::Counted;
        }
        self.successes = 0;
        // The very first failure of a probe with early tries is an early one, too.
        let early = self.early.is_some() && (self.last_counted.is_none() && at < self.numbers.period || !due);
        if early {
            return Meaning::Ignored;
        }
        self.last_counted = Some(at);
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.numbers.failure && self.passed != Some(false) {
            self.passed = Some(false);
            return Meaning::Failed;
        }
        Meaning::Counted
    }

    /// Pause before the next try.
    pub(crate) fn pause(&mut self) -> Duration {
        match self.early {
            Some(pause) if pause < self.numbers.period => {
                self.early = Some(pause * 2);
                pause
            }
            _ => self.numbers.period,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schedule(probe: serde_json::Value, early: Option<u64>) -> Schedule {
        let probe: Probe = serde_json::from_value(probe).unwrap();
        Schedule::new(Numbers::of(&probe), early.map(Duration::from_millis))
    }

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn early_tries_grow_to_the_period() {
        let mut s = schedule(json!({"periodSeconds": 1}), Some(10));
        let pauses: Vec<u128> = (0..9).map(|_| s.pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn early_failures_do_not_count() {
        let mut s = schedule(json!({"periodSeconds": 10, "failureThreshold": 2}), Some(10));
        assert_eq!(s.take(false, secs(0)), Meaning::Ignored);
        assert_eq!(s.take(false, secs(9)), Meaning::Ignored);
        assert_eq!(s.take(false, secs(10)), Meaning::Counted);
        assert_eq!(s.take(false, secs(15)), Meaning::Ignored);
        assert_eq!(s.take(false, secs(20)), Meaning::Failed);
        assert_eq!(s.take(true, secs(21)), Meaning::Passed);
        assert_eq!(s.pause(), secs(10));
    }

    #[test]
    fn thresholds_need_runs_without_a_break() {
        let mut s = schedule(json!({"periodSeconds": 1, "failureThreshold": 3, "successThreshold": 2}), None);
        assert_eq!(s.take(true, secs(0)), Meaning::Counted);
        assert_eq!(s.take(true, secs(1)), Meaning::Passed);
        assert_eq!(s.take(true, secs(2)), Meaning::Counted);
        assert_eq!(s.take(false, secs(3)), Meaning::Counted);
        assert_eq!(s.take(false, secs(4)), Meaning::Counted);
        assert_eq!(s.take(true, secs(5)), Meaning::Counted);
        assert_eq!(s.take(false, secs(6)), Meaning::Counted);
        assert_eq!(s.take(false, secs(7)), Meaning::Counted);
        assert_eq!(s.take(false, secs(8)), Meaning::Failed);
        assert_eq!(s.take(false, secs(9)), Meaning::Counted);
    }

    #[test]
    fn defaults_are_the_api_s() {
        let n = Numbers::of(&Probe::default());
        assert_eq!((n.initial_delay, n.period, n.timeout), (secs(0), secs(10), secs(1)));
        assert_eq!((n.success, n.failure), (1, 3));
    }
}
