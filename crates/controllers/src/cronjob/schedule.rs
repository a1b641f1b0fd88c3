//! Cron schedules: five fields (minute, hour, day of month, month, day of week) or `@daily` and its kin. Pure.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use thiserror::Error;

/// Years that are searched for the next time; the rarest date (29 February) comes within 8.
const HORIZON: i16 = 9;

/// Why a schedule cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("schedule {text:?}: {part:?} is not a valid {field}")]
pub(super) struct ScheduleError {
    text: String,
    part: String,
    field: &'static str,
}

/// When to act. Each field is a set of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Neither day of month nor day of week is `*`: then either will do.
    either_day: bool,
}

struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", first: 0, last: 59, names: &[] },
    Field { name: "hour", first: 0, last: 23, names: &[] },
    Field { name: "day of month", first: 1, last: 31, names: &[] },
    Field { name: "month", first: 1, last: 12, names: &MONTHS },
    Field { name: "day of week", first: 0, last: 7, names: &WEEKDAYS },
];

impl Schedule {
    /// Reads a schedule.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let plain = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let parts: Vec<_> = plain.split_whitespace().collect();
        let error = |part: &str, field| ScheduleError { text: text.into(), part: part.into(), field };
        if parts.len() != FIELDS.len() {
            return Err(error(plain, "schedule of five fields"));
        }
        let mut sets = [0_u64; 5];
        for ((set, field), part) in sets.iter_mut().zip(&FIELDS).zip(&parts) {
            for range in part.split(',') {
                *set |= field.read(range).ok_or_else(|| error(range, field.name))?;
            }
        }
        let [minutes, hours, days, months, mut weekdays] = sets;
        // Sunday is 0 and 7.
        weekdays |= weekdays >> 7 & 1;
        let any = |part: &str| part.starts_with('*') || part.starts_with('?');
        Ok(Self { minutes, hours, days, months, weekdays, either_day: !any(parts[2]) && !any(parts[4]) })
    }

    /// The first time after `after`, by the clocks of `zone`; none within the next years.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = after.to_zoned(zone.clone()).datetime();
        let mut date = start.date();
        let end = date.year() + HORIZON;
        while date.year() < end {
            if self.has_date(date) {
                for hour in (0..24_i8).filter(|hour| has(self.hours, *hour)) {
                    for minute in (0..60_i8).filter(|minute| has(self.minutes, *minute)) {
                        let time = date.at(hour, minute, 0, 0);
                        if time < start.saturating_sub(1.minute()) {
                            continue;
                        }
                        let moment = zone.to_zoned(time).ok().map(|zoned| zoned.timestamp());
                        if let Some(moment) = moment.filter(|moment| *moment > after) {
                            return Some(moment);
                        }
                    }
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_date(&self, date: Date) -> bool {
        let weekday = match date.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        };
        let (by_day, by_weekday) = (has(self.days, date.day()), has(self.weekdays, weekday));
        has(self.months, date.month())
            && if self.either_day { by_day || by_weekday } else { by_day && by_weekday }
    }
}

fn has(set: u64, bit: i8) -> bool {
    u32::try_from(bit).is_ok_and(|bit| set >> bit & 1 == 1)
}

impl Field {
    /// One range: `*`, `5`, `1-5`, `*/2`, `1-9/3`, `mon-fri`.
    fn read(&self, range: &str) -> Option<u64> {
        let (bounds, step) =
            range.split_once('/').map_or((range, None), |(bounds, step)| (bounds, Some(step)));
        let step: u32 = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let (first, last) = match bounds.split_once('-') {
            _ if bounds == "*" || bounds == "?" => (self.first, self.last),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            // `5/15` means from 5 on.
            None if range.contains('/') => (self.number(bounds)?, self.last),
            None => (self.number(bounds)?, self.number(bounds)?),
        };
        let valid = first >= self.first && last <= self.last && first <= last;
        valid.then(|| {
            (first..=last).step_by(usize::try_from(step).unwrap_or(1)).fold(0, |set, bit| set | 1 << bit)
        })
    }

    fn number(&self, text: &str) -> Option<u32> {
        let by_name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match by_name {
            Some(at) => u32::try_from(at).ok().map(|at| at + self.first),
            None => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time() {
        for (schedule, after, expected) in [
            ("* * * * *", "2026-11-22T19:05:30Z", "2026-11-22T19:06:00Z"),
            ("* * * * *", "2026-11-22T19:05:00Z", "2026-11-22T19:06:00Z"),
            ("*/15 * * * *", "2026-11-22T19:46:00Z", "2026-11-22T20:00:00Z"),
            ("30 4 1,15 * 5", "2026-11-16T00:00:00Z", "2026-11-20T04:30:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("@hourly", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
            ("0 9 * * mon-FRI", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00Z"),
            ("5/20 * * * 7", "2026-11-22T00:06:00Z", "2026-11-22T00:25:00Z"),
        ] {
            let next = Schedule::parse(schedule).unwrap().next(after.parse().unwrap(), &TimeZone::UTC);
            assert_eq!(next, Some(expected.parse().unwrap()), "{schedule}");
        }
        let never = Schedule::parse("0 0 30 2 *").unwrap();
        assert_eq!(never.next("2026-01-01T00:00:00Z".parse().unwrap(), &TimeZone::UTC), None);
    }

    #[test]
    fn clocks_of_another_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(5));
        let next = Schedule::parse("0 3 * * *").unwrap().next("2026-11-22T21:00:00Z".parse().unwrap(), &zone);
        assert_eq!(next, Some("2026-11-22T22:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (schedule, part) in [
            ("* * * *", "* * * *"),
            ("61 * * * *", "61"),
            ("* * * foo *", "foo"),
            ("*/0 * * * *", "*/0"),
            ("5-2 * * * *", "5-2"),
        ] {
            assert_eq!(Schedule::parse(schedule).unwrap_err().part, part, "{schedule}");
        }
    }
}
