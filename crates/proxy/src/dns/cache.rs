//! Answers of upstream servers, remembered for as long as they say, but not for long. Time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::RData;

/// Most answers that are remembered.
const CAPACITY: usize = 4096;
/// Longest life of an answer, in seconds, whatever it says itself.
const MAX_LIFE: u32 = 300;
/// Longest life of an answer that says there is none.
const MAX_NEGATIVE_LIFE: u32 = 30;

/// What an answer depends on: the question in lower case, and whether signatures were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    question: Query,
    dnssec: bool,
}

impl Key {
    pub(super) fn new(question: &Query, dnssec: bool) -> Self {
        let mut question = question.clone();
        question.name = question.name().to_lowercase();
        Self { question, dnssec }
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    since: Instant,
    life: Duration,
}

impl Cache {
    /// A remembered answer, with what is left of its records' lives.
    pub(super) fn get(&self, key: &Key, now: Instant) -> Option<Message> {
        let entry = self.entries.get(key)?;
        let age = now.saturating_duration_since(entry.since);
        if age >= entry.life {
            return None;
        }
        let mut message = entry.message.clone();
        let seconds = u32::try_from(age.as_secs()).unwrap_or(u32::MAX);
        let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
        for record in sections.into_iter().flatten() {
            record.ttl = record.ttl.saturating_sub(seconds);
        }
        Some(message)
    }

    /// Remembers an answer if it may be.
    pub(super) fn put(&mut self, key: Key, message: &Message, now: Instant) {
        let Some(life) = life(message) else { return };
        if self.entries.len() >= CAPACITY && !self.entries.contains_key(&key) {
            self.entries.retain(|_, entry| now.saturating_duration_since(entry.since) < entry.life);
            if self.entries.len() >= CAPACITY {
                self.entries.clear();
            }
        }
        self.entries.insert(key, Entry { message: message.clone(), since: now, life });
    }
}

/// How long an answer may be remembered; `None` for failures and for what lives no second.
fn life(message: &Message) -> Option<Duration> {
    let found = message.metadata.response_code == ResponseCode::NoError && !message.answers.is_empty();
    let seconds = match message.metadata.response_code {
        ResponseCode::NoError if found => message.answers.iter().map(|record| record.ttl).min(),
        // RFC 2308: the lesser of the authority record's own life and the one it states.
        ResponseCode::NoError | ResponseCode::NXDomain => message.authorities.iter().find_map(|record| {
            let RData::SOA(soa) = &record.data else { return None };
            Some(record.ttl.min(soa.minimum).min(MAX_NEGATIVE_LIFE))
        }),
        _ => None,
    };
    let seconds = seconds?.min(MAX_LIFE);
    (seconds > 0 && !message.metadata.truncation).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::rdata::{A, SOA};
    use hickory_proto::rr::{Name, Record, RecordType};
    use std::net::Ipv4Addr;
    use std::str::FromStr;

    fn question(name: &str) -> Query {
        Query::query(Name::from_str(name).unwrap(), RecordType::A)
    }

    fn message(name: &str, ttl: u32) -> Message {
        let mut message = Message::response(7, OpCode::Query);
        let name = Name::from_str(name).unwrap();
        message.answers.push(Record::from_rdata(name, ttl, RData::A(A(Ipv4Addr::LOCALHOST))));
        message
    }

    #[test]
    fn answers_age_and_end() {
        let mut cache = Cache::default();
        let start = Instant::now();
        cache.put(Key::new(&question("a.example."), false), &message("a.example.", 20), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let upper = Key::new(&question("A.EXAMPLE."), false);
        assert_eq!(cache.get(&upper, at(5)).unwrap().answers[0].ttl, 15);
        assert!(cache.get(&upper, at(20)).is_none());
        assert!(cache.get(&Key::new(&question("a.example."), true), at(5)).is_none());
    }

    #[test]
    fn failures_and_endless_answers_are_not_kept() {
        let now = Instant::now();
        let key = || Key::new(&question("a.example."), false);
        let kept = |message: &Message, after| {
            let mut cache = Cache::default();
            cache.put(key(), message, now);
            cache.get(&key(), now + Duration::from_secs(after)).is_some()
        };
        assert!(kept(&message("a.example.", 86_400), 299));
        assert!(!kept(&message("a.example.", 86_400), 300));
        assert!(!kept(&message("a.example.", 0), 0));
        let mut negative = Message::response(7, OpCode::Query);
        negative.metadata.response_code = ResponseCode::NXDomain;
        assert!(!kept(&negative, 0));
        let root = Name::root();
        let soa = SOA::new(root.clone(), root.clone(), 1, 1, 1, 1, 10);
        negative.authorities.push(Record::from_rdata(root, 3600, RData::SOA(soa)));
        assert!(kept(&negative, 9) && !kept(&negative, 10));
        negative.metadata.response_code = ResponseCode::ServFail;
        assert!(!kept(&negative, 0));
    }

    #[test]
    fn it_never_outgrows_its_capacity() {
        let mut cache = Cache::default();
        let start = Instant::now();
        for number in 0..(CAPACITY + 10) {
            let name = format!("n{number}.example.");
            cache.put(Key::new(&question(&name), false), &message(&name, 60), start);
            assert!(cache.entries.len() <= CAPACITY);
        }
        let last = format!("n{}.example.", CAPACITY + 9);
        assert!(cache.get(&Key::new(&question(&last), false), start).is_some());
    }
}
