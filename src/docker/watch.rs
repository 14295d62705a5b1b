//! Which containers there are → one follower each, told of every start, exit and removal.
//!
//! Events say what changes, and listing says what is true: events may be lost (the engine keeps
//! 256 of them and drops them for slow readers), so the list is read again on a period and after
//! every reconnection.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::EventMessage;
use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use super::board::{Board, Reading};
use super::client::{Client, EngineError, EngineVersion};
use super::follow::{Follower, Life, Phase};
use super::inspect;
use super::{FrameSink, Labels, Mark, Sinks, now_ns};
use crate::config::{DockerConfig, DockerMode};
use crate::record::{Checkpoint, Container, ContainerCursor, ContainerId, Gap, GapReason};

/// Events that wait to be looked at; more are dropped, and the containers listed again.
const EVENT_QUEUE: usize = 1024;
/// Containers that are not read, remembered so that they are not inspected again and again.
const MAX_IGNORED: usize = 10_000;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where reading can resume, as it was made durable.
pub type Resumable = HashMap<ContainerId, (Container, Checkpoint)>;

/// What the source needs.
pub struct Watch<S> {
    /// The engine.
    pub client: Client,
    /// How to read it.
    pub config: DockerConfig,
    /// Our own container's id, to leave it out.
    pub own_id: Option<String>,
    /// Where frames go.
    pub sinks: Arc<S>,
    /// What was read before.
    pub resumable: Resumable,
    /// Where to say what happens.
    pub board: Board,
    /// Ends everything.
    pub stop: CancellationToken,
}

/// Reads every wanted container of the engine until told to stop; never gives up on an engine.
pub async fn run<S: Sinks>(watch: Watch<S>) {
    let newest_ns = watch.resumable.values().filter_map(|(_, c)| c.cursor.last_time_ns()).max();
    // The engine lists its containers before it looks at the request for its events: what happens
    // between the two would not be told.
    let events_from_ns = newest_ns.unwrap_or_else(now_ns);
    let stop = watch.stop.clone();
    let mut supervisor = Supervisor {
        watch,
        followers: HashMap::new(),
        tasks: JoinSet::new(),
        ignored: HashSet::new(),
        vanished: HashMap::new(),
        last_event_ns: events_from_ns,
        reliable: true,
        poll: false,
    };
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let session = supervisor.session(&mut pause);
        let ended = tokio::select! {
            () = stop.cancelled() => break,
            ended = session => ended,
        };
        let Err(error) = ended;
        supervisor.watch.board.reconnected_events();
        if supervisor.watch.board.lost(&error.to_string()) {
            warn!(%error, "the engine cannot be watched; trying again");
        }
        let _ = timeout(pause, stop.cancelled()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    while supervisor.tasks.join_next().await.is_some() {}
}

enum Never {}

struct Supervisor<S: Sinks> {
    watch: Watch<S>,
    followers: HashMap<ContainerId, watch::Sender<Phase>>,
    tasks: JoinSet<ContainerId>,
    ignored: HashSet<ContainerId>,
    /// Containers that were announced and already gone when they were looked at.
    vanished: HashMap<ContainerId, Container>,
    /// The events after it are asked for.
    last_event_ns: i64,
    reliable: bool,
    poll: bool,
}

impl<S: Sinks> Supervisor<S> {
    /// One connection to the engine, until it breaks.
    async fn session(&mut self, pause: &mut Duration) -> Result<Never, EngineError> {
        let version = self.watch.client.version().await?;
        self.choose_mode(&version);
        let (sender, mut events) = mpsc::channel(EVENT_QUEUE);
        let stream = self.watch.client.events(self.last_event_ns);
        let board = self.watch.board.clone();
        let mut drainer = JoinSet::new();
        drainer.spawn(drain(stream, sender, board).instrument(info_span!("events")));
        let result = async {
            self.resync(Look::Everything).await?;
            self.watch.board.listed();
            *pause = FIRST_PAUSE;
            let mut resync = interval(self.watch.config.resync_interval);
            resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
            resync.tick().await;
            loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Some(event) => self.event(&event).await?,
                        None => break,
                    },
                    _ = resync.tick() => self.resync(Look::Changes).await?,
                    Some(ended) = self.tasks.join_next() => match ended {
                        Ok(id) => {
                            self.followers.remove(&id);
                            self.watch.board.forget(&id);
                        }
                        // Its sender stays behind; the next list starts a new follower.
                        Err(error) => {
                            warn!(%error, "a follower failed");
                            self.followers.retain(|_, sender| !sender.is_closed());
                        }
                    },
                }
            }
            Ok(())
        }
        .await;
        result?;
        match drainer.join_next().await {
            Some(Ok(Err(error))) => Err(error),
            _ => Err(EngineError::Answer("the event stream ended".into())),
        }
    }

    fn choose_mode(&mut self, version: &EngineVersion) {
        self.reliable = version.follows_reliably();
        self.poll = match self.watch.config.mode {
            DockerMode::Auto => !self.reliable,
            DockerMode::Poll => true,
            DockerMode::Follow => false,
        };
        let mode = if self.poll { "poll" } else { "follow" };
        info!(version = version.version, product = version.product, mode, "connected to the engine");
        self.watch.board.connected(version, mode);
    }

    async fn resync(&mut self, look: Look) -> Result<(), EngineError> {
        let listed = self.watch.client.list().await?;
        let mut present = HashSet::new();
        for summary in &listed {
            let Some(id) = summary.id.as_deref().map(ContainerId::new) else { continue };
            present.insert(id.clone());
            let running = summary.state.is_some_and(|s| matches!(s.to_string().as_str(), "running" | "paused"));
            let known = self.followers.get(&id).map(|sender| (sender.borrow().life == Life::Running) == running);
            let same = known == Some(true) || self.ignored.contains(&id);
            if (look == Look::Everything || !same)
                && let Err(error) = self.refresh(&id).await
            {
                // One container that cannot be inspected must not keep the others from being read.
                warn!(id = id.short(), %error, "a container cannot be inspected; trying again");
            }
        }
        let now = now_ns();
        let gone: Vec<ContainerId> = self.followers.keys().filter(|id| !present.contains(*id)).cloned().collect();
        for id in gone {
            self.gone(&id, now);
        }
        self.ignored.retain(|id| present.contains(id));
        let unknown: Vec<ContainerId> =
            self.watch.resumable.keys().filter(|id| !present.contains(*id)).cloned().collect();
        for id in unknown {
            self.gone_unseen(&id, now).await;
        }
        Ok(())
    }

    /// Looks at a container and tells its follower, or starts one.
    async fn refresh(&mut self, id: &ContainerId) -> Result<bool, EngineError> {
        let Some(inspected) = self.watch.client.inspect(id.as_str()).await? else { return Ok(false) };
        let Some(details) = inspect::details(&inspected) else { return Ok(false) };
        let no_labels = HashMap::new();
        let labels = inspected.config.as_ref().and_then(|c| c.labels.as_ref()).unwrap_or(&no_labels);
        if !inspect::wanted(&details.container, labels, &self.watch.config, self.watch.own_id.as_deref()) {
            if self.ignored.len() < MAX_IGNORED {
                self.ignored.insert(id.clone());
            }
            return Ok(true);
        }
        let life = if details.running {
            Life::Running
        } else if details.started {
            Life::Exited
        } else {
            Life::Created
        };
        // Polling would miss the end of a container that takes its log along.
        let poll = self.poll && (!details.auto_remove || self.watch.config.mode == DockerMode::Poll);
        let mut phase = Phase { life, starts: u64::from(details.started), details, reliable: self.reliable, poll };
        match self.followers.get(id) {
            Some(sender) => {
                sender.send_if_modified(|before| {
                    let restarted = before.details.started_at != phase.details.started_at;
                    phase.starts = before.starts + u64::from(restarted);
                    let same = before.life == phase.life
                        && before.details == phase.details
                        && before.poll == phase.poll
                        && before.reliable == phase.reliable;
                    if !same {
                        *before = phase;
                    }
                    !same
                });
            }
            None => self.follow(phase),
        }
        Ok(true)
    }

    fn follow(&mut self, phase: Phase) {
        let container = phase.details.container.clone();
        let id = container.id.clone();
        // The latter where a follower failed and is started again.
        let resumed = self.watch.resumable.remove(&id).map(|(_, c)| c).or_else(|| self.watch.sinks.latest(&id));
        let seen_before = resumed.is_some();
        let checkpoint = resumed.unwrap_or_else(fresh);
        let sink = self.watch.sinks.open(Arc::new(container.clone()), &phase.details.labels, checkpoint);
        self.watch.board.reading(&container, Reading::Waiting, "");
        let span = info_span!("follow", container = container.name, id = id.short());
        let (sender, receiver) = watch::channel(phase);
        let follower = Follower::new(
            self.watch.client.clone(),
            sink,
            receiver,
            self.watch.board.clone(),
            self.watch.stop.clone(),
            self.watch.config.poll_interval,
            seen_before,
        );
        let task_id = id.clone();
        self.tasks.spawn(
            async move {
                follower.run().await;
                task_id
            }
            .instrument(span),
        );
        self.followers.insert(id, sender);
    }

    async fn event(&mut self, event: &EventMessage) -> Result<(), EngineError> {
        self.last_event_ns = self.last_event_ns.max(event.time_nano.unwrap_or(i64::MIN));
        let Some(actor) = &event.actor else { return Ok(()) };
        let Some(id) = actor.id.as_deref().map(ContainerId::new) else { return Ok(()) };
        let action = event.action.as_deref().unwrap_or_default();
        let at_ns = event.time_nano.unwrap_or_else(now_ns);
        debug!(action, id = id.short(), "event");
        match action {
            "create" | "start" | "restart" | "rename" | "unpause" | "update" => {
                let seen = self.refresh(&id).await?;
                if !seen && action == "start" && self.vanished.len() < EVENT_QUEUE {
                    let no_attributes = HashMap::new();
                    let attributes = actor.attributes.as_ref().unwrap_or(&no_attributes);
                    let name = attributes.get("name").map_or("", String::as_str);
                    let container = inspect::identity(id.as_str(), name, attributes);
                    if inspect::wanted(&container, attributes, &self.watch.config, self.watch.own_id.as_deref()) {
                        self.vanished.insert(id, container);
                    }
                }
            }
            "die" | "died" => {
                let Some(sender) = self.followers.get(&id) else { return Ok(()) };
                let before_start = at_ns < sender.borrow().details.started_ns;
                if before_start {
                    // Of the past, told again after a reconnection; or the clock was set back.
                    self.refresh(&id).await?;
                } else {
                    sender.send_if_modified(|phase| {
                        let running = phase.life == Life::Running;
                        if running {
                            phase.life = Life::Exited;
                        }
                        running
                    });
                }
            }
            "destroy" => {
                self.gone(&id, at_ns);
                self.ignored.remove(&id);
                if let Some(container) = self.vanished.remove(&id)
                    && !self.followers.contains_key(&id)
                    && !self.watch.resumable.contains_key(&id)
                {
                    self.removed(container, fresh(), at_ns).await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn gone(&mut self, id: &ContainerId, at_ns: i64) {
        if let Some(sender) = self.followers.get(id) {
            sender.send_if_modified(|phase| {
                let was_there = !matches!(phase.life, Life::Gone(_));
                if was_there {
                    phase.life = Life::Gone(at_ns);
                }
                was_there
            });
        }
    }

    /// A container was read before, and removed while Foghorn was not there.
    async fn gone_unseen(&mut self, id: &ContainerId, at_ns: i64) {
        if let Some((container, checkpoint)) = self.watch.resumable.remove(id) {
            self.removed(container, checkpoint, at_ns).await;
        }
    }

    async fn removed(&mut self, container: Container, checkpoint: Checkpoint, at_ns: i64) {
        let complete = checkpoint.complete;
        let from_ns = checkpoint.cursor.last_time_ns();
        let name = container.name.clone();
        let mut sink = self.watch.sinks.open(Arc::new(container), &Labels::new(), checkpoint);
        if !complete {
            info!(container = name, "removed while nobody read its log");
            self.watch.board.gap(GapReason::Removed);
            sink.gap(Gap { from_ns, to_ns: at_ns, reason: GapReason::Removed });
        }
        if sink.deliver(Mark::Forget).await.is_err() {
            debug!("the pipeline is closed");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// After a connection: nothing is known.
    Everything,
    /// On a period: what differs from what is known.
    Changes,
}

fn fresh() -> Checkpoint {
    Checkpoint {
        cursor: ContainerCursor::default(),
        first_seen_ns: now_ns(),
        complete: false,
        import: None,
        forget: false,
        urgent: false,
    }
}

/// Takes events off the engine as fast as they come: a reader that stalls slows the engine down.
async fn drain(
    events: impl futures_util::Stream<Item = Result<EventMessage, EngineError>>,
    sender: mpsc::Sender<EventMessage>,
    board: Board,
) -> Result<(), EngineError> {
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(event?) {
            board.event_dropped();
        }
    }
    Ok(())
}
