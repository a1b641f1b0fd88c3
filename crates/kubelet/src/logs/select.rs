//! Which part of a log is wanted, and how it is shown. Pure.

use jiff::{SignedDuration, Timestamp};

use super::Record;

/// The parameters of a log request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) follow: bool,
    pub(crate) previous: bool,
    pub(crate) timestamps: bool,
    pub(crate) tail: Option<usize>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) limit_bytes: Option<u64>,
    /// `Stdout` or `Stderr`; both when `None`.
    pub(crate) stream: Option<String>,
}

impl Query {
    /// Reads the query string's pairs; a wrong value is named in the error.
    pub(crate) fn parse<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        now: Timestamp,
    ) -> Result<Query, String> {
        let mut query = Query::default();
        for (name, value) in pairs {
            let wrong = || format!("invalid value \"{value}\" for {name}");
            let flag = || match value {
                "" | "1" | "true" | "True" => Ok(true),
                "0" | "false" | "False" => Ok(false),
                _ => Err(wrong()),
            };
            match name {
                "follow" => query.follow = flag()?,
                "previous" => query.previous = flag()?,
                "timestamps" => query.timestamps = flag()?,
                "tailLines" => query.tail = Some(value.parse().map_err(|_| wrong())?),
                "limitBytes" => query.limit_bytes = Some(value.parse().map_err(|_| wrong())?),
                "sinceSeconds" => {
                    let seconds: i64 = value.parse().map_err(|_| wrong())?;
                    query.since = now.checked_sub(SignedDuration::from_secs(seconds)).ok();
                }
                "sinceTime" => query.since = Some(value.parse().map_err(|_| wrong())?),
                "stream" if value != "All" && !value.is_empty() => query.stream = Some(value.to_owned()),
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether the record is asked for.
    pub(crate) fn wants(&self, record: &Record<'_>) -> bool {
        let stream = self.stream.as_ref().is_none_or(|s| s.eq_ignore_ascii_case(record.stream));
        stream && self.since.is_none_or(|since| record.time.parse::<Timestamp>().is_ok_and(|t| t >= since))
    }

    /// Appends the record as it is shown; `line_start` tells whether a new line begins with it.
    pub(crate) fn show(&self, record: &Record<'_>, line_start: bool, out: &mut Vec<u8>) {
        if self.timestamps && line_start {
            out.extend_from_slice(record.time.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(record.text);
        if record.full {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::parse;

    fn query(text: &str) -> Result<Query, String> {
        let pairs = text.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
        Query::parse(pairs, "2026-01-01T00:01:00Z".parse().unwrap())
    }

    #[test]
    fn parameters() {
        let q = query("follow=true&tailLines=10&limitBytes=5&timestamps=1&sinceSeconds=60&stream=Stderr")
            .unwrap();
        assert!(q.follow && q.timestamps && !q.previous);
        assert_eq!((q.tail, q.limit_bytes), (Some(10), Some(5)));
        assert_eq!(q.since, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(query("").unwrap(), Query::default());
        assert_eq!(query("tailLines=-1").unwrap_err(), "invalid value \"-1\" for tailLines");
    }

    #[test]
    fn choosing_and_showing() {
        let record = parse(b"2026-01-01T00:00:30Z stderr F text").unwrap();
        assert!(query("sinceTime=2026-01-01T00:00:30Z").unwrap().wants(&record));
        assert!(!query("sinceTime=2026-01-01T00:00:31Z").unwrap().wants(&record));
        assert!(!query("stream=Stdout").unwrap().wants(&record));
        let mut out = Vec::new();
        query("timestamps=true").unwrap().show(&record, true, &mut out);
        let part = parse(b"2026-01-01T00:00:31Z stdout P a").unwrap();
        let end = parse(b"2026-01-01T00:00:31Z stdout F b").unwrap();
        query("timestamps=true").unwrap().show(&part, true, &mut out);
        query("timestamps=true").unwrap().show(&end, false, &mut out);
        assert_eq!(out, b"2026-01-01T00:00:30Z text\n2026-01-01T00:00:31Z ab\n");
    }
}
