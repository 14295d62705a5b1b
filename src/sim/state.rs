//! What the simulated engine knows: containers, events, faults, and who is connected; shared by the
//! handle and every connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use super::body::Step;
use super::clock::Clock;
use super::error::SimError;
use super::events::{Event, EventLog};
use super::faults::{Endpoint, Faults, StreamFault};
use super::health::HealthState;
use super::journal::Journal;
use super::server::Socket;
use super::spec::{ContainerSpec, Status, Version};

/// Requests that are remembered; the oldest are forgotten first.
const MAX_REQUESTS: usize = 16_384;

/// A request that the engine got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSeen {
    /// `GET`, one hopes.
    pub method: String,
    /// The path as it was sent, with its `/v1.NN` if it had one.
    pub path: String,
    /// What followed the `?`, undecoded; empty when nothing did.
    pub query: String,
}

/// The engine as [`Engine::wait_for`](super::Engine::wait_for) shows it to a condition.
#[derive(Debug)]
pub struct State {
    pub(super) version: Version,
    pub(super) clock: Arc<Clock>,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) created: u64,
    pub(super) events: EventLog,
    pub(super) faults: Faults,
    requests: VecDeque<RequestSeen>,
    request_count: u64,
    not_get_count: u64,
    present: BTreeMap<Presence, usize>,
}

/// One container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) spec: ContainerSpec,
    /// Counts the containers that the engine has created, from 1.
    pub(super) number: u64,
    pub(super) status: Status,
    pub(super) created_ns: i64,
    pub(super) started_ns: Option<i64>,
    pub(super) finished_ns: Option<i64>,
    pub(super) exit_code: i64,
    pub(super) error: String,
    pub(super) oom_killed: bool,
    pub(super) restart_count: u32,
    /// Whether the restart policy counts; a kill or a stop disarms it until the next start.
    pub(super) restarts: Restarts,
    pub(super) health: Option<HealthState>,
    pub(super) journal: Arc<Journal>,
    pub(super) log_end: LogEnd,
    /// Laid over inspect's answer.
    pub(super) patch: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restarts {
    ByPolicy,
    Disarmed,
}

/// When the log of a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogEnd {
    WithTheRun,
    /// Kept open, for lines that come after `die`.
    Held,
}

/// Someone who is there for a while.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// A connection, and the engine's life in which it was accepted.
    Connection(u64),
    EventReader,
    /// A `follow` of the container with this id.
    Follower(String),
    HeldAnswer,
    StalledStream,
}

impl State {
    pub(super) fn new(version: Version, clock: Arc<Clock>) -> State {
        State {
            version,
            clock,
            containers: BTreeMap::new(),
            created: 0,
            events: EventLog::default(),
            faults: Faults::default(),
            requests: VecDeque::new(),
            request_count: 0,
            not_get_count: 0,
            present: BTreeMap::new(),
        }
    }

    /// The state of a container, by id, name or beginning of an id; `None` when there is none.
    #[must_use]
    pub fn status(&self, reference: &str) -> Option<Status> {
        self.find(reference).map(|container| container.status)
    }

    /// How many readers follow the log of this container; a name or the beginning of an id do, as
    /// long as the container exists.
    #[must_use]
    pub fn followers(&self, reference: &str) -> usize {
        let id = self.find(reference).map_or(reference, |found| &found.id);
        self.count(|presence| matches!(presence, Presence::Follower(of) if of == id))
    }

    /// How many readers follow a log, of all containers.
    #[must_use]
    pub fn open_followers(&self) -> usize {
        self.count(|presence| matches!(presence, Presence::Follower(_)))
    }

    /// How many read `/events`.
    #[must_use]
    pub fn event_readers(&self) -> usize {
        self.count(|presence| *presence == Presence::EventReader)
    }

    /// How many answers are kept back by [`FaultKind::Hold`](super::FaultKind::Hold) or [`FaultKind::Late`](super::FaultKind::Late).
    #[must_use]
    pub fn held_answers(&self) -> usize {
        self.count(|presence| *presence == Presence::HeldAnswer)
    }

    /// How many streams are silenced by [`FaultKind::Stall`](super::FaultKind::Stall).
    #[must_use]
    pub fn stalled_streams(&self) -> usize {
        self.count(|presence| *presence == Presence::StalledStream)
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.count(|presence| matches!(presence, Presence::Connection(_)))
    }

    /// The requests, oldest first; the last 16,384.
    pub fn requests(&self) -> impl Iterator<Item = &RequestSeen> {
        self.requests.iter()
    }

    /// How many requests there were, forgotten ones included.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.request_count
    }

    /// How many of all requests were not a `GET`.
    #[must_use]
    pub fn not_get_count(&self) -> u64 {
        self.not_get_count
    }

    /// The engine's ring of events, oldest first; the last 256 of all types since its last restart.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.ring()
    }

    pub(super) fn events_log(&self) -> &EventLog {
        &self.events
    }

    pub(super) fn connections_before(&self, life: u64) -> usize {
        self.count(|presence| matches!(presence, Presence::Connection(of) if *of < life))
    }

    pub(super) fn record(&mut self, request: RequestSeen) {
        self.request_count += 1;
        if request.method != "GET" {
            self.not_get_count += 1;
        }
        self.requests.push_back(request);
        if self.requests.len() > MAX_REQUESTS {
            self.requests.pop_front();
        }
    }

    /// Finds a container as the engine does: full id, then name, then the beginning of one id.
    pub(super) fn find(&self, reference: &str) -> Option<&Container> {
        if let Some(container) = self.containers.get(reference) {
            return Some(container);
        }
        let name = reference.strip_prefix('/').unwrap_or(reference);
        let mut all = self.containers.values();
        if let Some(container) = all.find(|container| container.spec.name == name) {
            return Some(container);
        }
        let mut beginning =
            self.containers.values().filter(|container| !reference.is_empty() && container.id.starts_with(reference));
        let found = beginning.next();
        found.filter(|_| beginning.next().is_none())
    }

    pub(super) fn id_of(&self, reference: &str) -> Result<String, SimError> {
        let found = self.find(reference).map(|container| container.id.clone());
        found.ok_or_else(|| SimError::NoSuchContainer { reference: reference.to_owned() })
    }

    fn count(&self, counts: impl Fn(&Presence) -> bool) -> usize {
        let present = self.present.iter();
        present.filter(|(presence, _)| counts(presence)).map(|(_, count)| count).sum()
    }
}

/// What the handle and every connection hold.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) version: Version,
    pub(super) clock: Arc<Clock>,
    pub(super) socket: Socket,
    state: Mutex<State>,
    /// Counts the changes of the state.
    changed: watch::Sender<u64>,
    /// Counts the changes of the faults, so that streams need no lock to see that there was none.
    faults_changed: AtomicU64,
    /// Counts the engine's restarts; a connection ends when it is no longer of the current life.
    life: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(version: Version, socket: Socket) -> Shared {
        let clock = Arc::new(Clock::system());
        Shared {
            version,
            clock: Arc::clone(&clock),
            socket,
            state: Mutex::new(State::new(version, clock)),
            changed: watch::Sender::new(0),
            faults_changed: AtomicU64::new(0),
            life: watch::Sender::new(0),
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock())
    }

    /// Changes the state and tells everyone who waits for a change.
    pub(super) fn update<T>(&self, update: impl FnOnce(&mut State) -> T) -> T {
        let value = update(&mut self.lock());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        value
    }

    pub(super) fn update_faults<T>(&self, update: impl FnOnce(&mut Faults) -> T) -> T {
        self.update(|state| {
            let value = update(&mut state.faults);
            self.faults_changed.fetch_add(1, Ordering::Release);
            value
        })
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) async fn wait_for(&self, condition: impl Fn(&State) -> bool) {
        let mut changed = self.subscribe();
        while !self.read(&condition) {
            if changed.changed().await.is_err() {
                // Not reached: the sender lives in `self`.
                return;
            }
        }
    }

    pub(super) fn life(&self) -> watch::Receiver<u64> {
        self.life.subscribe()
    }

    /// Begins the engine's next life and returns its number.
    pub(super) fn next_life(&self) -> u64 {
        self.life.send_modify(|life| *life += 1);
        *self.life.borrow()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A condition of a test may panic while it looks; what it looked at is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts someone as present until it is dropped.
#[derive(Debug)]
pub(super) struct Token {
    shared: Arc<Shared>,
    presence: Presence,
}

impl Token {
    pub(super) fn new(shared: &Arc<Shared>, presence: Presence) -> Token {
        shared.update(|state| *state.present.entry(presence.clone()).or_default() += 1);
        Token { shared: Arc::clone(shared), presence }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.shared.update(|state| {
            if let Some(count) = state.present.get_mut(&self.presence) {
                *count -= 1;
            }
            state.present.retain(|_, count| *count > 0);
        });
    }
}

/// Whether an open stream may go on.
#[derive(Debug)]
pub(super) struct StreamState {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    container: Option<String>,
    seen: Option<u64>,
    stalled: Option<Token>,
}

impl StreamState {
    pub(super) fn new(shared: &Arc<Shared>, endpoint: Endpoint, container: Option<String>) -> StreamState {
        StreamState { shared: Arc::clone(shared), endpoint, container, seen: None, stalled: None }
    }

    /// What a fault makes the stream do in place of its next chunk, if one does.
    pub(super) fn interruption(&mut self) -> Option<Step> {
        let changed = self.shared.faults_changed.load(Ordering::Acquire);
        if self.seen != Some(changed) {
            self.seen = Some(changed);
            let (endpoint, container) = (self.endpoint, self.container.as_deref());
            let mut state = self.shared.lock();
            let fault = state.faults.for_stream(endpoint, container);
            drop(state);
            match fault {
                StreamFault::Cut => return Some(Step::Cut),
                StreamFault::None => self.stalled = None,
                StreamFault::Stall => {
                    let shared = &self.shared;
                    self.stalled.get_or_insert_with(|| Token::new(shared, Presence::StalledStream));
                }
            }
        }
        self.stalled.is_some().then_some(Step::Wait)
    }
}
