//! Faults: from what a test injects to what happens to a request, a stream or an event.

use std::num::NonZeroUsize;

use bytes::Bytes;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/_ping`
    Ping,
    /// `/version`
    Version,
    /// `/info`
    Info,
    /// `/containers/json`
    List,
    /// `/containers/{id}/json`
    Inspect,
    /// `/containers/{id}/logs`
    Logs,
    /// `/events`
    Events,
}

/// Something that goes wrong, where, and how often.
///
/// ```
/// use foghorn::sim::{Endpoint, Fault, FaultKind};
/// let twice = Fault::new(FaultKind::Status(500, "try later".to_owned()))
///     .on(Endpoint::Logs)
///     .times(2);
/// # let _ = twice;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    endpoint: Option<Endpoint>,
    container: Option<String>,
    times: Option<u32>,
}

impl Fault {
    /// A fault that hits everything it can, until it is cleared.
    #[must_use]
    pub fn new(kind: FaultKind) -> Fault {
        Fault { kind, endpoint: None, container: None, times: None }
    }

    /// Only requests and streams of this endpoint.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Fault {
        self.endpoint = Some(endpoint);
        self
    }

    /// Only what concerns the container with this id: the full id, as
    /// [`Engine::create`](super::Engine::create) gives it.
    #[must_use]
    pub fn for_container(mut self, id: &str) -> Fault {
        self.container = Some(id.to_owned());
        self
    }

    /// Only so many requests, streams or events; [`FaultKind::Refuse`], [`FaultKind::NoSocket`]
    /// and [`FaultKind::Stall`] last until they are cleared all the same.
    #[must_use]
    pub fn times(mut self, times: u32) -> Fault {
        self.times = Some(times);
        self
    }

    pub(super) fn kind(&self) -> &FaultKind {
        &self.kind
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// New connections are refused, until cleared. Those that are open stay so.
    Refuse,
    /// The socket's file is gone, until cleared. Open connections stay so.
    NoSocket,
    /// The connection is closed in place of an answer.
    HangUp,
    /// This status, with this message.
    Status(u16, String),
    /// The answer is made at once and given when the fault is cleared, so that it may be stale by
    /// then.
    Hold,
    /// The request arrives when the fault is cleared.
    Late,
    /// The connection is dropped after so many bytes of the body, without a last chunk.
    CutAfterBytes(usize),
    /// A logs response ends, cleanly, after so many entries.
    EndAfterEntries(usize),
    /// After so many entries, a logs response has a type-3 frame with `Error grabbing logs: ` and
    /// this message, and ends.
    ErrorFrame(usize, String),
    /// The body comes in HTTP chunks of at most so many bytes.
    Split(NonZeroUsize),
    /// Nothing more is sent on logs and events streams, open ones included, until cleared.
    Stall,
    /// Logs and events streams, open ones included, lose their connection.
    Cut,
    /// Before the next event, event readers get this line.
    GarbageEvent(String),
    /// Before the next event, event readers get one of a type that Docker does not have.
    UnknownEventType,
    /// Event readers get the next event twice.
    DuplicateEvent,
}

/// Names an injected fault, to clear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultId(u64);

/// The faults that are active.
#[derive(Debug, Default)]
pub(super) struct Faults {
    next_id: u64,
    active: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    id: FaultId,
    fault: Fault,
    left: Option<u32>,
}

/// What happens to one request.
#[derive(Debug, Default)]
pub(super) struct RequestFaults {
    pub(super) instead: Option<Instead>,
    pub(super) hold: Option<FaultId>,
    pub(super) late: Option<FaultId>,
    pub(super) cut_after: Option<usize>,
    pub(super) split: Option<NonZeroUsize>,
    pub(super) end_after: Option<usize>,
    pub(super) error_after: Option<(usize, String)>,
}

/// What a request gets in place of its answer.
#[derive(Debug)]
pub(super) enum Instead {
    HangUp,
    Status(u16, String),
}

/// What an open stream does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamFault {
    None,
    Stall,
    Cut,
}

/// What event readers get beside an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EventFault {
    Before(Bytes),
    Again,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.next_id);
        self.next_id += 1;
        let left = fault.times;
        self.active.push(Active { id, fault, left });
        id
    }

    pub(super) fn clear(&mut self, id: FaultId) {
        self.active.retain(|active| active.id != id);
    }

    pub(super) fn clear_all(&mut self) {
        self.active.clear();
    }

    /// Whether it has not been cleared, even if it has hit as often as it should.
    pub(super) fn is_active(&self, id: FaultId) -> bool {
        self.active.iter().any(|active| active.id == id)
    }

    /// Whether nobody can connect, and whether the socket's file is there.
    pub(super) fn refusal(&self) -> Option<&FaultKind> {
        let kinds = self.active.iter().map(|active| active.fault.kind());
        kinds
            .filter(|kind| matches!(kind, FaultKind::Refuse | FaultKind::NoSocket))
            .max_by_key(|kind| matches!(kind, FaultKind::NoSocket))
    }

    /// Takes what hits a request. One that gets something else in place of its answer uses up no
    /// fault of the answer's body.
    pub(super) fn for_request(&mut self, endpoint: Option<Endpoint>, container: Option<&str>) -> RequestFaults {
        let mut taken = RequestFaults::default();
        self.take(endpoint, container, |_, kind| {
            if taken.instead.is_some() {
                return Taken::No;
            }
            taken.instead = Some(match kind {
                FaultKind::HangUp => Instead::HangUp,
                FaultKind::Status(status, message) => Instead::Status(*status, message.clone()),
                _ => return Taken::No,
            });
            Taken::Yes
        });
        let answered = taken.instead.is_none();
        self.take(endpoint, container, |id, kind| match kind {
            FaultKind::Hold => put(&mut taken.hold, id),
            FaultKind::Late => put(&mut taken.late, id),
            FaultKind::CutAfterBytes(bytes) if answered => put(&mut taken.cut_after, *bytes),
            FaultKind::Split(bytes) if answered => put(&mut taken.split, *bytes),
            FaultKind::EndAfterEntries(entries) if answered => put(&mut taken.end_after, *entries),
            FaultKind::ErrorFrame(entries, message) if answered => {
                put(&mut taken.error_after, (*entries, message.clone()))
            }
            _ => Taken::No,
        });
        taken
    }

    /// Takes what hits an open stream.
    pub(super) fn for_stream(&mut self, endpoint: Endpoint, container: Option<&str>) -> StreamFault {
        let mut taken = StreamFault::None;
        self.take(Some(endpoint), container, |_, kind| match kind {
            FaultKind::Cut if taken != StreamFault::Cut => {
                taken = StreamFault::Cut;
                Taken::Yes
            }
            FaultKind::Stall if taken == StreamFault::None => {
                taken = StreamFault::Stall;
                Taken::No
            }
            _ => Taken::No,
        });
        taken
    }

    /// Takes what happens beside an event.
    pub(super) fn for_event(&mut self, container: Option<&str>) -> Vec<EventFault> {
        let mut taken = Vec::new();
        self.take(Some(Endpoint::Events), container, |_, kind| {
            taken.push(match kind {
                FaultKind::GarbageEvent(line) => EventFault::Before(format!("{line}\n").into()),
                FaultKind::UnknownEventType => EventFault::Before(Bytes::from_static(
                    b"{\"Type\":\"teapot\",\"Action\":\"brew\",\"Actor\":{\"ID\":\"\",\"Attributes\":{}},\"scope\":\"local\",\"time\":0,\"timeNano\":0}\n",
                )),
                FaultKind::DuplicateEvent => EventFault::Again,
                _ => return Taken::No,
            });
            Taken::Yes
        });
        taken
    }

    fn take(
        &mut self,
        endpoint: Option<Endpoint>,
        container: Option<&str>,
        mut offer: impl FnMut(FaultId, &FaultKind) -> Taken,
    ) {
        for active in &mut self.active {
            let fault = &active.fault;
            let here = fault.endpoint.is_none() || fault.endpoint == endpoint;
            let this = fault.container.is_none() || fault.container.as_deref() == container;
            if here && this && active.left != Some(0) && offer(active.id, &fault.kind) == Taken::Yes {
                active.left = active.left.map(|left| left - 1);
            }
        }
        // A held answer waits for its fault to be cleared, so a used-up one has to stay.
        let is_waited_for = |kind: &FaultKind| matches!(kind, FaultKind::Hold | FaultKind::Late);
        self.active.retain(|active| active.left != Some(0) || is_waited_for(active.fault.kind()));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

fn put<T>(slot: &mut Option<T>, value: T) -> Taken {
    if slot.is_some() {
        return Taken::No;
    }
    *slot = Some(value);
    Taken::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Fault {
        Fault::new(FaultKind::Status(status, String::new()))
    }

    fn taken_status(faults: &mut Faults, endpoint: Endpoint, container: &str) -> Option<u16> {
        let taken = faults.for_request(Some(endpoint), Some(container));
        match taken.instead {
            Some(Instead::Status(status, _)) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn faults_hit_in_order_and_as_often_as_they_should() {
        let mut faults = Faults::default();
        faults.inject(status(500).times(2));
        faults.inject(status(404).on(Endpoint::Inspect).for_container("a"));
        let hits = [
            taken_status(&mut faults, Endpoint::Inspect, "a"),
            taken_status(&mut faults, Endpoint::List, "b"),
            taken_status(&mut faults, Endpoint::Inspect, "b"),
            taken_status(&mut faults, Endpoint::Logs, "a"),
            taken_status(&mut faults, Endpoint::Inspect, "a"),
        ];
        assert_eq!([Some(500), Some(500), None, None, Some(404)], hits);
    }

    #[test]
    fn a_refused_request_uses_up_no_fault_of_its_body() {
        let mut faults = Faults::default();
        faults.inject(status(500).times(1));
        faults.inject(Fault::new(FaultKind::CutAfterBytes(7)).times(1));
        let cuts: Vec<_> = (0..3).map(|_| faults.for_request(None, None).cut_after).collect();
        assert_eq!([None, Some(7), None].as_slice(), cuts);
    }

    #[test]
    fn a_used_up_hold_holds_until_it_is_cleared() {
        let mut faults = Faults::default();
        let id = faults.inject(Fault::new(FaultKind::Hold).times(1));
        assert_eq!(Some(id), faults.for_request(None, None).hold);
        assert_eq!(None, faults.for_request(None, None).hold);
        assert!(faults.is_active(id));
        faults.clear(id);
        assert!(!faults.is_active(id));
    }

    #[test]
    fn a_cut_beats_a_stall_and_is_used_up() {
        let mut faults = Faults::default();
        faults.inject(Fault::new(FaultKind::Stall).on(Endpoint::Logs));
        faults.inject(Fault::new(FaultKind::Cut).times(1));
        assert_eq!(StreamFault::Cut, faults.for_stream(Endpoint::Logs, None));
        assert_eq!(StreamFault::Stall, faults.for_stream(Endpoint::Logs, None));
        assert_eq!(StreamFault::None, faults.for_stream(Endpoint::Events, None));
    }

    #[test]
    fn a_missing_socket_beats_a_refusing_one() {
        let mut faults = Faults::default();
        assert_eq!(None, faults.refusal());
        faults.inject(Fault::new(FaultKind::NoSocket));
        faults.inject(Fault::new(FaultKind::Refuse));
        assert_eq!(Some(&FaultKind::NoSocket), faults.refusal());
    }
}
