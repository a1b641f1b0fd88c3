//! Canonical texts of times and durations, as Go prints them after reading.

use std::borrow::Cow;

use jiff::Timestamp;

/// `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub(super) fn time(text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    if is_plain_utc(text.as_bytes()) {
        return Ok(text);
    }
    let time = parse(&text)?;
    Ok(format(time.as_second()).into())
}

/// `metav1.MicroTime`: RFC 3339 in UTC with six digits of fraction, no more and no fewer.
pub(super) fn micro_time(text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    let time = parse(&text)?;
    let rest = text.get(19..).unwrap_or_default();
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    if digits != 6 {
        let (at, expected) = if digits > 6 { (7, "Z07:00") } else { (0, ".000000") };
        return Err(format!(
            "parsing time {text:?} as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse {:?} as {expected:?}",
            &rest[at..]
        ));
    }
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string().into())
}

/// Seconds since 1970 as `metav1.Time`; out of range is the epoch.
pub(super) fn format(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Seconds and nanoseconds as `metav1.MicroTime`; out of range is the epoch.
pub(super) fn format_micro(seconds: i64, nanos: i32) -> String {
    Timestamp::new(seconds, nanos).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Seconds and nanoseconds of a text that is already canonical, or of any RFC 3339 text.
pub(super) fn seconds(text: &str) -> Result<(i64, i32), String> {
    let time = parse(text)?;
    Ok((time.as_second(), time.subsec_nanosecond()))
}

fn parse(text: &str) -> Result<Timestamp, String> {
    let shape = text.len() >= 20 && text.as_bytes()[10] == b'T';
    text.parse().ok().filter(|_| shape).ok_or_else(|| {
        format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\"")
    })
}

/// Whether the text is `YYYY-MM-DDThh:mm:ssZ` with a valid date: the common case, without allocation.
fn is_plain_utc(text: &[u8]) -> bool {
    let digits = |at: usize, len: usize| {
        text[at..at + len].iter().try_fold(0_u32, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
        })
    };
    if text.len() != 20 || text[4] != b'-' || text[7] != b'-' || text[10] != b'T' {
        return false;
    }
    if text[13] != b':' || text[16] != b':' || text[19] != b'Z' {
        return false;
    }
    let parts = (digits(0, 4), digits(5, 2), digits(8, 2), digits(11, 2), digits(14, 2), digits(17, 2));
    let (Some(_), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = parts else {
        return false;
    };
    // Days 29 to 31 go the long way, which knows the months.
    (1..=12).contains(&month) && (1..=28).contains(&day) && hour < 24 && minute < 60 && second < 60
}

/// `metav1.Duration`: `1h0m0s`, `1.5s`, `0s`.
pub(super) fn duration(text: Cow<'_, str>) -> Result<Cow<'_, str>, String> {
    let nanos = parse_duration(&text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
    Ok(format_duration(nanos).into())
}

/// Reads Go's duration syntax into nanoseconds.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let mut rest = unsigned;
    let mut total = 0_i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, tail) = rest.split_at(number);
        let unit = tail.bytes().take_while(|byte| !byte.is_ascii_digit() && *byte != b'.').count();
        let (unit, tail) = tail.split_at(unit);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 18 {
            return None;
        }
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let digits: i128 = [whole, fraction].concat().parse().ok()?;
        total = total.checked_add(digits.checked_mul(unit)? / scale)?;
        rest = tail;
    }
    let total = if text.starts_with('-') { -total } else { total };
    i64::try_from(total).ok()
}

/// Writes nanoseconds in Go's form.
pub(super) fn format_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let decimal = |value: u64, unit: u64| {
        let fraction = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let fraction = if unit == 1 { "" } else { fraction.trim_end_matches('0') };
        if fraction.is_empty() { format!("{}", value / unit) } else { format!("{}.{fraction}", value / unit) }
    };
    match nanos {
        0..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}
