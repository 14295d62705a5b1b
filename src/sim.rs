//! A Docker engine to test against and to show Foghorn with: from calls of this process to the part
//! of Docker's HTTP interface that Foghorn reads, on a unix socket.
//!
//! It behaves as real engines were found to behave, and goes wrong on demand ([`Fault`]):
//!
//! ```text
//! clock → journal (what a container wrote) ─┐
//! life  → events  (what happened to it)   ──┼→ logs, events, inspect → routes → body → server
//! faults ───────────────────────────────────┘
//! ```
//!
//! Nothing here sleeps or polls: a reader takes entries by their index when its connection can take
//! more, and waits for the next otherwise.
//!
//! ```
//! use foghorn::sim::{ContainerSpec, Engine, Stream, Version};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::serve(&folder.path().join("docker.sock"), Version::V28_5_2)?;
//! let web = engine.create(ContainerSpec::compose("shop", "web"))?;
//! engine.start(&web)?;
//! engine.write(&web, Stream::Stdout, b"listening on 8080\n")?;
//! engine.oom_die(&web)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod body;
mod clock;
mod copier;
mod create;
mod error;
mod events;
mod faults;
mod health;
mod ids;
mod inspect;
mod journal;
mod life;
mod logs;
mod query;
mod restart;
mod routes;
mod server;
mod spec;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

pub use self::copier::Stream;
pub use self::error::SimError;
pub use self::events::Event;
pub use self::faults::{Endpoint, Fault, FaultId, FaultKind};
pub use self::journal::Entry;
pub use self::spec::{
    ContainerSpec, EngineRestart, Health, Mount, MountSource, Port, RestartPolicy, Status, StopOutcome, Version,
};
pub use self::state::{RequestSeen, State};

use self::server::Socket;
use self::state::{LogEnd, Shared};

/// How long an engine that is stopped waits for its readers.
const LAST_READS: Duration = Duration::from_secs(1);

/// A handle to a simulated engine. The last one that is dropped closes it: the socket's file goes,
/// and every connection with it.
///
/// Containers are named by id, by name, or by the beginning of an id. Each method that takes one
/// fails with [`SimError::NoSuchContainer`], and one that asks for what the container's state does
/// not allow with [`SimError::WrongState`].
#[derive(Debug, Clone)]
pub struct Engine(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.socket.close();
        self.server.abort();
    }
}

/// The engine.
impl Engine {
    /// Starts an engine without containers, on a new socket; clients can connect when this returns.
    ///
    /// # Errors
    ///
    /// Those of binding: `AddrInUse` when there is a file at `socket`, or one of permissions.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn serve(socket: &Path, version: Version) -> io::Result<Engine> {
        let shared = Arc::new(Shared::new(version, Socket::bind(socket)?));
        let server = tokio::spawn(server::serve(Arc::clone(&shared)));
        Ok(Engine(Arc::new(Handle { shared, server })))
    }

    /// Restarts the engine itself: every connection is closed before this returns, the event ring
    /// is empty, and containers do what [`EngineRestart`] says. Who connects meanwhile is served
    /// afterwards; to be refused for a while, inject [`FaultKind::Refuse`].
    pub async fn restart_engine(&self, restart: EngineRestart) {
        let shared = self.shared();
        let pause = shared.socket.pause();
        let stopped = shared.update(|state| state.engine_stops(restart));
        if restart == EngineRestart::Stopped {
            // Event readers and followers have this long to read what there is.
            let read = |state: &State| state.event_readers() + state.open_followers() == 0;
            let _ = tokio::time::timeout(LAST_READS, shared.wait_for(read)).await;
        }
        let life = shared.next_life();
        shared.wait_for(|state| state.connections_before(life) == 0).await;
        shared.update(|state| state.engine_starts(restart, &stopped));
        drop(pause);
        // The accepting task looks again at a change of the state.
        shared.update(|_| ());
    }

    /// Stops the clock at this time, in nanoseconds since 1970. The next stamp of an entry or event
    /// is this one, and each later one a nanosecond more.
    pub fn set_clock_ns(&self, now_ns: i64) {
        self.shared().clock.set_ns(now_ns);
    }

    /// Moves the clock; by a negative step later stamps are before earlier ones.
    pub fn step_clock_ns(&self, step_ns: i64) {
        self.shared().clock.step_ns(step_ns);
    }

    /// Makes something go wrong, from the next request or event on; streams that are open feel
    /// [`FaultKind::Stall`] and [`FaultKind::Cut`] at once.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let shared = self.shared();
        let id = shared.update_faults(|faults| faults.inject(fault));
        // A file that cannot be removed or put there refuses all the same: its listener is gone.
        let _ = self.refuse();
        id
    }

    /// Ends a fault, and gives the answers that it held back.
    ///
    /// # Errors
    ///
    /// Those of binding the socket anew, after [`FaultKind::Refuse`] and [`FaultKind::NoSocket`].
    pub fn clear_fault(&self, id: FaultId) -> io::Result<()> {
        self.shared().update_faults(|faults| faults.clear(id));
        self.refuse()
    }

    /// Ends all faults.
    ///
    /// # Errors
    ///
    /// As [`Engine::clear_fault`].
    pub fn clear_faults(&self) -> io::Result<()> {
        self.shared().update_faults(faults::Faults::clear_all);
        self.refuse()
    }

    /// The requests that the engine got, oldest first; the last 16,384.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.read(|state| state.requests().cloned().collect())
    }

    /// The engine's ring of events, oldest first; the last 256 since its last restart.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.read(|state| state.events().cloned().collect())
    }

    /// How many readers follow a log.
    #[must_use]
    pub fn open_followers(&self) -> usize {
        self.read(State::open_followers)
    }

    /// Looks at the state. What looks must not call the engine.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.shared().read(read)
    }

    /// Waits until the state fulfils a condition, which is asked again after every change of the
    /// state: of containers, events, faults, requests, connections and readers, but not of logs.
    /// The condition must not call the engine. Without end if it is never fulfilled.
    pub async fn wait_for(&self, condition: impl Fn(&State) -> bool) {
        self.shared().wait_for(condition).await;
    }

    fn refuse(&self) -> io::Result<()> {
        let shared = self.shared();
        let refusal = shared.read(|state| state.faults.refusal().cloned());
        shared.socket.refuse(refusal.as_ref())?;
        shared.update(|_| ());
        Ok(())
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    fn change<T>(
        &self,
        reference: &str,
        change: impl FnOnce(&mut State, &str) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        self.shared().update(|state| {
            let id = state.id_of(reference)?;
            change(state, &id)
        })
    }
}

/// The life of a container.
#[allow(clippy::missing_errors_doc, reason = "the same for all, and on the type")]
impl Engine {
    /// Creates a container, which is not started, and returns its id of 64 hexadecimal digits.
    /// Events: `create`.
    ///
    /// # Errors
    ///
    /// [`SimError::NameInUse`] or [`SimError::InvalidName`].
    pub fn create(&self, spec: ContainerSpec) -> Result<String, SimError> {
        self.shared().update(|state| state.create(spec))
    }

    /// Starts a container by hand, which sets its restart count to 0; a running one stays as it is.
    /// Events: `start`.
    pub fn start(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::start)
    }

    /// The start of a created container fails, with 126 or 127 as a rule; no event of the
    /// container's tells of it.
    pub fn fail_start(&self, id: &str, exit_code: i64, error: &str) -> Result<(), SimError> {
        self.change(id, |state, id| state.fail_start(id, exit_code, error))
    }

    /// Freezes a running container; followers of its log stay. Events: `pause`.
    pub fn pause(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::pause)
    }

    /// Goes on with a paused container. Events: `unpause`.
    pub fn unpause(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::unpause)
    }

    /// Stops a container. Events: `kill{15}`, `kill{9}` if it times out, `die` and `stop`; only
    /// `stop` when it waits for its restart; none when it does not run. Engine 20.10 tells of `die`
    /// first, newer ones of `stop`, so a reader has to take either.
    pub fn stop(&self, id: &str, outcome: StopOutcome) -> Result<(), SimError> {
        self.change(id, |state, id| state.stop(id, outcome))
    }

    /// Restarts a container by hand. Events: those of a stop, `start`, `restart`.
    pub fn restart(&self, id: &str, outcome: StopOutcome) -> Result<(), SimError> {
        self.change(id, |state, id| state.restart(id, outcome))
    }

    /// Sends a signal. It disarms the restart policy until the next start; 9 ends the container,
    /// what any other does is for the caller to say, with [`Engine::die`]. Events: `kill`, `die`.
    pub fn kill(&self, id: &str, signal: i32) -> Result<(), SimError> {
        self.change(id, |state, id| state.kill(id, signal))
    }

    /// The container ends by itself. Events: `die`, and `start` if its policy restarts it.
    pub fn die(&self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.change(id, |state, id| state.die(id, exit_code))
    }

    /// As [`Engine::die`], but a restart has to wait for [`Engine::end_backoff`]. Events: `die`.
    pub fn die_to_backoff(&self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.change(id, |state, id| state.die_to_backoff(id, exit_code))
    }

    /// Starts a container that waits for its restart. Events: `start`.
    pub fn end_backoff(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::end_backoff)
    }

    /// The container is killed for its memory. The mark of it stays, with engine 20.10 for good, and
    /// with newer ones until the next start. Events: `oom`, `die{137}`, and `start` if its policy
    /// restarts it.
    pub fn oom_die(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::oom_die)
    }

    /// A process in the container is killed for memory, but not the first one: the container is
    /// marked and runs on. Events: `oom`.
    pub fn oom_child(&self, id: &str) -> Result<(), SimError> {
        self.change(id, State::oom_child)
    }

    /// The container ends while the engine is down: no event, and an unfinished line is lost.
    /// [`Engine::restart_engine`] goes with it.
    pub fn die_unobserved(&self, id: &str, exit_code: i64) -> Result<(), SimError> {
        self.change(id, |state, id| state.die_unobserved(id, exit_code))
    }

    /// A health probe ends, with −1 for a timeout. Inspect shows the last five, their output cut at
    /// 4,096 bytes. Events: `exec_create`, `exec_start` and `exec_die` of the probe, and
    /// `health_status: …` if the health changes.
    pub fn health(&self, id: &str, status: Health, exit_code: i64, output: &str) -> Result<(), SimError> {
        self.change(id, |state, id| state.health(id, status, exit_code, output))
    }

    /// A command is run in the container. Events: `exec_create: command`, `exec_start: command`,
    /// `exec_die`.
    pub fn exec(&self, id: &str, command: &str, exit_code: i64) -> Result<(), SimError> {
        self.change(id, |state, id| state.exec(id, command, exit_code))
    }

    /// Gives a container another name. Events: `rename`.
    ///
    /// # Errors
    ///
    /// [`SimError::NameInUse`] or [`SimError::InvalidName`] too.
    pub fn rename(&self, id: &str, name: &str) -> Result<(), SimError> {
        self.change(id, |state, id| state.rename(id, name))
    }

    /// Removes a container, as `rm -f`. Events: `kill{9}` and `die` if it runs, `destroy`.
    pub fn remove(&self, id: &str) -> Result<(), SimError> {
        self.change(id, |state, id| {
            state.remove(id);
            Ok(())
        })
    }

    /// Lays a JSON merge patch (RFC 7396) over what inspect answers, in place of the one before:
    /// `{"HostConfig": {"Privileged": true}}`.
    pub fn patch_inspect(&self, id: &str, patch: Value) -> Result<(), SimError> {
        self.change(id, |state, id| {
            state.patch_inspect(id, patch);
            Ok(())
        })
    }
}

/// The log of a container.
#[allow(clippy::missing_errors_doc, reason = "the same for all, and on the type")]
impl Engine {
    /// The container writes. Each `\n` ends an entry; 16,384 bytes without one are an entry too,
    /// which shares its time with the others of the line. The rest is kept until more comes, or
    /// until the container ends or [`Engine::flush`]. In any state, so that a line may come before
    /// `start` and after `die`.
    pub fn write(&self, id: &str, stream: Stream, bytes: &[u8]) -> Result<(), SimError> {
        let shared = self.shared();
        let journal = self.journal(id)?;
        journal.write(stream, bytes, &mut || shared.clock.stamp_ns());
        Ok(())
    }

    /// As [`Engine::write`], with this time for every line that begins or ends in `bytes`.
    pub fn write_at(&self, id: &str, stream: Stream, time_ns: i64, bytes: &[u8]) -> Result<(), SimError> {
        self.journal(id)?.write(stream, bytes, &mut || time_ns);
        Ok(())
    }

    /// Makes entries without `\n` of the lines that are not finished.
    pub fn flush(&self, id: &str) -> Result<(), SimError> {
        let shared = self.shared();
        self.journal(id)?.flush(&mut || shared.clock.stamp_ns());
        Ok(())
    }

    /// The entries that the engine still has, oldest first: what an exact reader has read.
    pub fn entries(&self, id: &str) -> Result<Vec<Entry>, SimError> {
        Ok(self.journal(id)?.entries())
    }

    /// Rotates all but the newest `keep_last` entries away.
    pub fn rotate(&self, id: &str, keep_last: usize) -> Result<(), SimError> {
        self.journal(id)?.rotate(keep_last);
        Ok(())
    }

    /// Damages the log behind an entry, of all that were ever written and from 0: from now on, what
    /// is behind it when a request comes is silently hidden from one that begins at the entry or
    /// before. A later call moves the damage.
    pub fn corrupt_after(&self, id: &str, entry_index: u64) -> Result<(), SimError> {
        self.journal(id)?.damage(entry_index);
        Ok(())
    }

    /// When the container ends, its log stays open and followers attached, for lines that come
    /// after `die`.
    pub fn hold_log_end(&self, id: &str) -> Result<(), SimError> {
        self.change(id, |state, id| {
            state.set_log_end(id, LogEnd::Held);
            Ok(())
        })
    }

    /// Ends what [`Engine::hold_log_end`] began: followers of an ended container end.
    pub fn release_log_end(&self, id: &str) -> Result<(), SimError> {
        self.change(id, |state, id| {
            state.set_log_end(id, LogEnd::WithTheRun);
            Ok(())
        })
    }

    fn journal(&self, reference: &str) -> Result<Arc<journal::Journal>, SimError> {
        self.read(|state| {
            let found = state.find(reference);
            found.map(|container| Arc::clone(&container.journal))
        })
        .ok_or_else(|| SimError::NoSuchContainer { reference: reference.to_owned() })
    }
}
