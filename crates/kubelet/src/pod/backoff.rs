//! How long to wait before something is tried again.
//!
//! Upstream's numbers: a crashing container is started again at once, then after 10 s, doubling up to
//! 5 min; the series ends when a run lasted 10 min. Pure: callers bring the clock.

use jiff::{SignedDuration, Timestamp};

const FIRST: i64 = 10;
const LONGEST: i64 = 300;
/// A run of this length ends a series of crashes.
const HEALTHY: i64 = 600;

/// Wait before start number `series` of a series (0 = first start after a healthy time).
pub(crate) fn restart_delay(series: u32) -> SignedDuration {
    match series {
        0 => SignedDuration::ZERO,
        n => doubled(n - 1),
    }
}

/// Wait before try number `tries` (1 = the first one that follows a failure) of something that is not a crash:
/// an image that is missing, a volume that cannot be mounted.
pub(crate) fn retry_delay(tries: u32) -> SignedDuration {
    doubled(tries.saturating_sub(1))
}

/// Wait after a failure that is expected to pass soon, such as a refused API request: 10 ms, doubling to 10 s.
pub(crate) fn short_delay(tries: u32) -> SignedDuration {
    SignedDuration::from_millis(10_i64.saturating_mul(1 << tries.min(10)).min(10_000))
}

fn doubled(exponent: u32) -> SignedDuration {
    SignedDuration::from_secs(FIRST.saturating_mul(1 << exponent.min(10)).min(LONGEST))
}

/// The series' new length after a run.
pub(crate) fn series_after(series: u32, started: Option<Timestamp>, finished: Timestamp) -> u32 {
    match started {
        Some(started) if finished.duration_since(started).as_secs() >= HEALTHY => 0,
        _ => series,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_wait_as_upstream_does() {
        let waits: Vec<i64> = (0..8).map(|n| restart_delay(n).as_secs()).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(restart_delay(u32::MAX).as_secs(), 300);
    }

    #[test]
    fn a_long_run_ends_the_series() {
        let start = Timestamp::UNIX_EPOCH;
        let soon = start + SignedDuration::from_secs(599);
        let late = start + SignedDuration::from_secs(600);
        assert_eq!(series_after(4, Some(start), soon), 4);
        assert_eq!(series_after(4, Some(start), late), 0);
        assert_eq!(series_after(4, None, late), 4);
    }

    #[test]
    fn other_failures_wait_from_the_first_try_on() {
        assert_eq!(retry_delay(1).as_secs(), 10);
        assert_eq!(retry_delay(3).as_secs(), 40);
        assert_eq!(short_delay(0).as_millis(), 10);
        assert_eq!(short_delay(30).as_millis(), 10_000);
    }
}
