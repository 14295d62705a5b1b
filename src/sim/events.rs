//! Events: from what happens to containers to the engine's ring of 256 and the lines of `/events`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::body::{Deadline, Feed, Step, Waits};
use super::error::ApiError;
use super::faults::{Endpoint, EventFault};
use super::query::{Filters, Query};
use super::state::{Presence, Shared, StreamState, Token};

/// `eventsLimit` of the engine, for events of all types.
pub(super) const RING_EVENTS: usize = 256;
/// `bufferSize` of the engine: a reader that is further behind loses events, without a word.
const READER_EVENTS: usize = 1_024;

/// Something that happened, as `/events` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `container` or `network`.
    pub kind: &'static str,
    /// `start`, `die`, `health_status: healthy`, …
    pub action: String,
    /// The id of the container or network.
    pub actor: String,
    /// `name`, `image`, labels, `exitCode`, `signal`, …
    pub attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
}

impl Event {
    fn to_line(&self) -> Bytes {
        let mut message = json!({
            "Type": self.kind,
            "Action": self.action,
            "Actor": {"ID": self.actor, "Attributes": self.attributes},
            "scope": "local",
            "time": self.time_ns.div_euclid(1_000_000_000),
            "timeNano": self.time_ns,
        });
        if self.kind == "container" {
            // Deprecated doubles, which engines before 29 still send.
            message["status"] = json!(self.action);
            message["id"] = json!(self.actor);
            message["from"] = json!(self.attributes.get("image"));
        }
        format!("{message}\n").into()
    }
}

/// The ring that `since` replays, and what live readers have yet to read.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    ring: VecDeque<Arc<Event>>,
    live: VecDeque<Item>,
    /// The index of the oldest of `live`.
    first: u64,
    /// The engine is about to end: readers lose their connection when they have read all.
    closed: bool,
}

#[derive(Debug, Clone)]
enum Item {
    Event(Arc<Event>),
    Raw(Bytes),
}

impl EventLog {
    pub(super) fn publish(&mut self, event: Event, faults: Vec<EventFault>) {
        let event = Arc::new(event);
        self.ring.push_back(Arc::clone(&event));
        if self.ring.len() > RING_EVENTS {
            self.ring.pop_front();
        }
        let mut copies = 1;
        for fault in faults {
            match fault {
                EventFault::Before(line) => self.push(Item::Raw(line)),
                EventFault::Again => copies += 1,
            }
        }
        for _ in 0..copies {
            self.push(Item::Event(Arc::clone(&event)));
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// As after a restart of the engine: the ring is empty.
    pub(super) fn reopen(&mut self) {
        self.ring.clear();
        self.closed = false;
    }

    pub(super) fn ring(&self) -> impl Iterator<Item = &Event> {
        self.ring.iter().map(AsRef::as_ref)
    }

    fn push(&mut self, item: Item) {
        self.live.push_back(item);
        if self.live.len() > READER_EVENTS {
            self.live.pop_front();
            self.first += 1;
        }
    }

    fn end(&self) -> u64 {
        self.first + self.live.len() as u64
    }

    fn read(&self, next: &mut u64) -> Option<Item> {
        *next = (*next).max(self.first);
        let offset = usize::try_from(*next - self.first).unwrap_or(usize::MAX);
        let item = self.live.get(offset).cloned()?;
        *next += 1;
        Some(item)
    }

    /// `loadBufferedEvents` of the engine: nothing without a bound, else back from the newest to the
    /// first one that is older than `since`.
    fn replay(&self, range: Range, filters: &Filters) -> VecDeque<Arc<Event>> {
        let mut replay = VecDeque::new();
        if range.since_ns.is_none() && range.until_ns.is_none() {
            return replay;
        }
        let since_ns = range.since_ns.unwrap_or(0);
        let until_ns = range.until_ns.unwrap_or(i64::MAX);
        let newest_first = self.ring.iter().rev();
        for event in newest_first.take_while(|event| event.time_ns >= since_ns) {
            if event.time_ns <= until_ns && fits(filters, event) {
                replay.push_front(Arc::clone(event));
            }
        }
        replay
    }
}

#[derive(Debug, Clone, Copy)]
struct Range {
    since_ns: Option<i64>,
    until_ns: Option<i64>,
}

/// The engine's `Filter.Include`, for the filters that Foghorn uses.
fn fits(filters: &Filters, event: &Event) -> bool {
    // With one of these among the values, the engine compares all of them by their beginning.
    let prefixed = ["health_status", "exec_create", "exec_start"];
    let by_prefix = filters.values("event").iter().any(|value| prefixed.contains(&value.as_str()));
    let name = event.attributes.get("name").map_or("", String::as_str);
    filters.fits("type", |value| value == event.kind)
        && filters.fits("event", |value| value == event.action || (by_prefix && event.action.starts_with(value)))
        && filters.fits("container", |value| {
            event.kind == "container" && (event.actor.starts_with(value) || name.starts_with(value))
        })
        && filters.fits_labels(&event.attributes)
}

/// One reader of `/events`.
#[derive(Debug)]
pub(super) struct EventFeed {
    shared: Arc<Shared>,
    stream: StreamState,
    filters: Filters,
    replay: VecDeque<Arc<Event>>,
    next: u64,
    past_only: bool,
    _token: Token,
}

impl EventFeed {
    /// Subscribes, in the engine's order of checks.
    pub(super) fn open(shared: &Arc<Shared>, query: &Query) -> Result<(EventFeed, Waits), ApiError> {
        let range = Range { since_ns: query.time_ns("since")?, until_ns: query.time_ns("until")? };
        let bounds = range.since_ns.zip(range.until_ns);
        if bounds.is_some_and(|(since_ns, until_ns)| until_ns < since_ns) {
            let (since, until) = (query.get("since"), query.get("until"));
            return Err(ApiError::BadRequest(format!("`since` time ({since}) cannot be after `until` time ({until})")));
        }
        let filters = query.filters()?;
        let left_ns = range.until_ns.map(|until_ns| until_ns.saturating_sub(shared.clock.now_ns()));
        let waits = Waits::new(shared).with_deadline_ns(left_ns);
        let token = Token::new(shared, Presence::EventReader);
        let (replay, next) = shared.read(|state| {
            let events = state.events_log();
            (events.replay(range, &filters), events.end())
        });
        let feed = EventFeed {
            shared: Arc::clone(shared),
            stream: StreamState::new(shared, Endpoint::Events, None),
            filters,
            replay,
            next,
            past_only: left_ns.is_some_and(|left_ns| left_ns <= 0),
            _token: token,
        };
        Ok((feed, waits))
    }
}

impl Feed for EventFeed {
    fn try_next(&mut self, deadline: Deadline) -> Step {
        if let Some(step) = self.stream.interruption() {
            return step;
        }
        if let Some(event) = self.replay.pop_front() {
            return Step::Chunk(event.to_line());
        }
        if self.past_only {
            return Step::End;
        }
        loop {
            let next = &mut self.next;
            let (item, closed) = self.shared.read(|state| {
                let events = state.events_log();
                (events.read(next), events.closed)
            });
            match item {
                Some(Item::Raw(line)) => return Step::Chunk(line),
                Some(Item::Event(event)) if fits(&self.filters, &event) => {
                    return Step::Chunk(event.to_line());
                }
                Some(Item::Event(_)) => {}
                None if closed => return Step::Cut,
                None if deadline == Deadline::Passed => return Step::End,
                None => return Step::Wait,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &'static str, action: &str, time_ns: i64) -> Event {
        Event {
            kind,
            action: action.to_owned(),
            actor: "abc".to_owned(),
            attributes: BTreeMap::from([("name".to_owned(), "web".to_owned())]),
            time_ns,
        }
    }

    fn filters(text: &str) -> Filters {
        Query::parse(&format!("filters={text}")).filters().unwrap()
    }

    #[test]
    fn filters_are_exact_unless_a_prefix_is_asked_for() {
        let healthy = event("container", "health_status: healthy", 0);
        for (text, expected) in [
            (r#"{"event":["health_status"]}"#, true),
            (r#"{"event":["health_status: healthy"]}"#, true),
            (r#"{"event":["health"]}"#, false),
            (r#"{"type":["network"]}"#, false),
            (r#"{"container":["web"],"type":["container"]}"#, true),
            (r#"{"container":["ab"]}"#, true),
            (r#"{"container":["other"]}"#, false),
        ] {
            assert_eq!(expected, fits(&filters(text), &healthy), "{text}");
        }
        let stop = event("container", "stop", 0);
        assert!(fits(&filters(r#"{"event":["st","health_status"]}"#), &stop));
    }

    #[test]
    fn the_ring_keeps_256_of_all_types() {
        let mut log = EventLog::default();
        for time_ns in 0..300 {
            let kind = if time_ns % 2 == 0 { "network" } else { "container" };
            log.publish(event(kind, "start", time_ns), Vec::new());
        }
        let range = |since_ns, until_ns| Range { since_ns, until_ns };
        let all = Filters::default();
        assert_eq!(256, log.replay(range(Some(0), None), &all).len());
        let containers = filters(r#"{"type":["container"]}"#);
        assert_eq!(128, log.replay(range(Some(0), None), &containers).len());
        assert_eq!(11, log.replay(range(Some(280), Some(290)), &all).len());
        assert_eq!(0, log.replay(range(None, None), &all).len());
    }

    #[test]
    fn a_reader_that_is_too_far_behind_loses_events() {
        let mut log = EventLog::default();
        let mut next = log.end();
        for time_ns in 0..2_000 {
            log.publish(event("container", "start", time_ns), Vec::new());
        }
        let mut read = 0;
        while log.read(&mut next).is_some() {
            read += 1;
        }
        assert_eq!(READER_EVENTS, read);
    }

    #[test]
    fn faults_change_what_live_readers_get() {
        let mut log = EventLog::default();
        let mut next = log.end();
        let before = EventFault::Before(Bytes::from_static(b"?\n"));
        log.publish(event("container", "start", 1), vec![before, EventFault::Again]);
        assert!(matches!(log.read(&mut next), Some(Item::Raw(_))));
        assert!(matches!(log.read(&mut next), Some(Item::Event(_))));
        assert!(matches!(log.read(&mut next), Some(Item::Event(_))));
        assert!(log.read(&mut next).is_none());
        assert_eq!(1, log.ring().count());
    }
}
