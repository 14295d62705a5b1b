//! One container's log → frames, each once: catch up, follow or poll, and the end of its life.
//!
//! Every response is judged by [`Resume`] before a frame of it is taken, so connections may be
//! cut anywhere: what is read again is old, and what cannot be proved to continue is asked for
//! again with a longer tail.

mod damage;
mod lag;
mod outcome;
mod probe;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::board::{Board, Reading};
use super::body::Progress;
use super::client::{Client, Tail, Until};
use super::cursor::{Order, Reach, Resume, Verdict};
use super::frames::FrameDecoder;
use super::{Closed, FrameSink, Mark};
use crate::record::{Frame, Gap, GapReason};

use lag::Lag;
use outcome::{End, Outcome, ReadError, Trouble};
pub(super) use outcome::{Life, Phase};

/// Messages asked for first when reading resumes; grows fourfold until the cursor is found.
const FIRST_TAIL: u32 = 64;
/// A tail that long is as dear as everything.
const LONGEST_TAIL: u32 = 1 << 22;
/// A follower that hears nothing for so long asks whether the log went on without it: engines
/// lose followers when a log file is truncated from outside.
const SILENCE: Duration = Duration::from_secs(30);
/// A follower that was held up, or is behind, for so long leaves: the engine may have rotated its log twice
/// meanwhile, and its follow then skips files without a word (moby's `loggerutils/follow.go`).
const HELD_UP: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads one container's log until the container is gone or Foghorn stops.
pub(super) struct Follower<S> {
    pub client: Client,
    pub sink: S,
    pub phase: watch::Receiver<Phase>,
    pub board: Board,
    pub stop: CancellationToken,
    pub poll_interval: Duration,
    /// The log was read to its end after the last exit.
    pub complete: bool,
    /// The engine cannot read part of this log, so following would hang before it.
    pub poll_only: bool,
    /// The last follow ended cleanly: nothing is missing, even if nothing can be read again.
    pub clean_end: bool,
    /// The next tail to poll with.
    pub tail: u32,
    /// When a poll asks again whether the log goes on behind what can be read of it.
    pub probe_at: Instant,
    pub pause: Duration,
    /// Its first sight was made durable: what is lost from then on can be said to be lost.
    pub seen: bool,
    /// The start that `complete` is about.
    pub run: (u64, String),
    /// The latest message seen, and since when there is none after it.
    newest: (Option<i64>, Instant),
    lag: Lag,
}

impl<S: FrameSink> Follower<S> {
    pub(super) fn new(
        client: Client,
        sink: S,
        phase: watch::Receiver<Phase>,
        board: Board,
        stop: CancellationToken,
        poll_interval: Duration,
        seen: bool,
    ) -> Self {
        Self {
            client,
            sink,
            phase,
            board,
            stop,
            poll_interval,
            complete: false,
            poll_only: false,
            clean_end: false,
            tail: FIRST_TAIL,
            probe_at: Instant::now(),
            pause: FIRST_PAUSE,
            seen,
            run: (0, String::new()),
            newest: (None, Instant::now()),
            lag: Lag::default(),
        }
    }

    /// Runs to the end of the container's life.
    pub(super) async fn run(mut self) {
        loop {
            let phase = self.phase.borrow_and_update().clone();
            self.sink.rename(&phase.details.container);
            let run = (phase.starts, phase.details.started_at.clone());
            if self.run != run {
                // However short it was, a new run has lines of its own.
                self.complete = false;
                self.run = run;
            }
            if !self.seen && phase.details.started {
                self.seen = true;
                if self.sink.deliver(Mark::Seen).await.is_err() {
                    return;
                }
            }
            let result = match phase.life {
                Life::Created => {
                    self.state(Reading::Waiting, "");
                    self.changed(None).await;
                    Ok(())
                }
                Life::Running => {
                    (self.complete, self.clean_end) = (false, false);
                    self.while_running(&phase).await
                }
                Life::Exited => self.after_exit(&phase).await,
                Life::Gone(at_ns) => {
                    if self.farewell(&phase, at_ns).await.is_err() {
                        debug!("the pipeline is closed");
                    }
                    self.state(Reading::Ended, "");
                    return;
                }
            };
            if self.stop.is_cancelled() {
                // What is held is whole, as far as anybody knows.
                self.sink.settle();
                if self.sink.deliver(Mark::Read).await.is_err() {
                    debug!("the pipeline is closed");
                }
                return;
            }
            match result {
                Ok(()) => {}
                Err(Trouble::Closed) => return,
                Err(trouble) => self.recover(trouble).await,
            }
        }
    }

    /// Says what is wrong and waits: for a change where nothing else can help, else a while.
    async fn recover(&mut self, trouble: Trouble) {
        self.board.reconnected_logs();
        let (text, permanent) = match trouble {
            Trouble::Engine(error) => (error.to_string(), error.is_permanent() || error.is_gone()),
            Trouble::Broken(text) => (text, false),
            Trouble::Closed => return,
        };
        if permanent {
            info!(reason = text, "its log cannot be read");
            self.state(Reading::Unreadable, &text);
            // A container that is gone is about to be announced as such; a driver that cannot be
            // read stays so until the container is recreated.
            self.changed(None).await;
        } else {
            debug!(reason = text, "reading again");
            self.state(Reading::Retrying, &text);
            let pause = self.next_pause();
            self.changed(Some(pause)).await;
        }
    }

    async fn while_running(&mut self, phase: &Phase) -> Result<(), Trouble> {
        if phase.poll || self.poll_only {
            self.state(Reading::Polling, "");
            let began = Instant::now();
            self.catch_up(phase).await?;
            if self.sink.patience().is_some_and(|patience| self.newest.1.elapsed() >= patience) {
                self.sink.flush();
                self.sink.deliver(Mark::Read).await?;
            }
            // An engine that inflates compressed files for each poll is asked less often.
            let wait = self.poll_interval.max(began.elapsed() * 10);
            self.changed(Some(wait)).await;
            return Ok(());
        }
        if !self.is_fresh() {
            self.catch_up(phase).await?;
            if self.poll_only {
                return Ok(());
            }
        }
        self.state(Reading::Following, "");
        let mut tail = FIRST_TAIL;
        loop {
            self.clean_end = false;
            let (tail_now, reach) =
                if self.is_fresh() { (Tail::All, Reach::Whole) } else { (Tail::Last(tail), Reach::Tail) };
            let outcome = self.read(phase, tail_now, reach, Until::Exit).await?;
            if outcome.new > 0 {
                self.pause = FIRST_PAUSE;
            }
            match outcome.end {
                End::Stopped => return Ok(()),
                End::Unproven | End::Unseen => tail = tail.saturating_mul(4).min(LONGEST_TAIL),
                End::Broken(text) => return Err(Trouble::Broken(text)),
                End::Stalled => self.board.reconnected_logs(),
                End::Clean => self.clean_end = true,
            }
            // What follow may have missed at the end, and what came since.
            self.catch_up(phase).await?;
            if self.phase.has_changed().unwrap_or(true) || self.stop.is_cancelled() || self.poll_only {
                return Ok(());
            }
            if self.clean_end {
                // The exit is usually announced now; else a proxy cut the connection.
                let pause = self.next_pause();
                if self.changed(Some(pause)).await {
                    return Ok(());
                }
                self.clean_end = false;
            }
        }
    }

    /// Lines arrive after the exit is announced: read until nothing more comes.
    async fn after_exit(&mut self, phase: &Phase) -> Result<(), Trouble> {
        if self.complete {
            self.state(Reading::Ended, "");
            self.changed(None).await;
            return Ok(());
        }
        let pauses: &[u64] = if phase.reliable && self.clean_end { &[0] } else { &[0, 300, 1000] };
        for &pause in pauses {
            if pause > 0 && self.changed(Some(Duration::from_millis(pause))).await {
                return Ok(());
            }
            let before = self.sink.position();
            self.catch_up(phase).await?;
            if self.stop.is_cancelled() {
                return Ok(());
            }
            if self.sink.position() != before {
                self.sink.deliver(Mark::Exited).await?;
            }
        }
        self.sink.finish();
        self.sink.deliver(Mark::Complete).await?;
        self.complete = true;
        Ok(())
    }

    /// The container is gone. Its log may outlive it for a moment; else say what may be missing.
    async fn farewell(&mut self, phase: &Phase, at_ns: i64) -> Result<(), Closed> {
        let unread = !self.complete && (phase.starts > 0 || phase.details.started);
        if unread && self.catch_up(phase).await.is_err() && !(self.clean_end && phase.reliable) {
            self.sink.finish();
            let from_ns = self.sink.position().last_time_ns();
            warn!("removed before the end of its log was read");
            self.board.gap(GapReason::Removed);
            self.sink.gap(Gap { from_ns, to_ns: at_ns, reason: GapReason::Removed });
        }
        if self.stop.is_cancelled() {
            // Looked at again at the next start: it was not read to its end.
            return Ok(());
        }
        self.sink.finish();
        self.sink.deliver(Mark::Forget).await
    }

    /// Reads up to what the log holds now. Proves that it continues the cursor, asking for more
    /// until it does, or shows the gap.
    async fn catch_up(&mut self, phase: &Phase) -> Result<(), Trouble> {
        let mut tail = if self.is_fresh() { Tail::All } else { Tail::Last(self.tail) };
        let mut previous = None;
        // The longest tail that began after the cursor, and the time it began at.
        let mut beyond: Option<(u32, i64)> = None;
        loop {
            let reach = if tail == Tail::All { Reach::Whole } else { Reach::Tail };
            let outcome = self.read(phase, tail, reach, Until::Now).await?;
            // A damaged log ends early and in silence, but its last message can be read.
            let is_polled = phase.poll || self.poll_only;
            let is_doubtful = match outcome.end {
                End::Clean => !is_polled || Instant::now() >= self.probe_at,
                End::Unseen => true,
                _ => false,
            };
            if is_doubtful && beyond.is_none() && !self.is_fresh() {
                self.probe_at = Instant::now() + SILENCE;
                let last_ns = probe::last_message(&self.client, phase).await.flatten();
                if last_ns > outcome.newest_ns {
                    beyond = last_ns.map(|time_ns| (1, time_ns));
                    continue;
                }
            }
            let hidden = beyond.filter(|&(_, time_ns)| outcome.newest_ns.is_none_or(|newest| newest < time_ns));
            match outcome.end {
                End::Stopped => return Ok(()),
                End::Clean | End::Broken(_) | End::Unseen if hidden.is_some() => {
                    let (messages, last_ns) = hidden.expect("the guard says so");
                    return self.skip_unreadable(phase, messages, last_ns, tail).await;
                }
                End::Unproven | End::Unseen => {
                    let Tail::Last(messages) = tail else { unreachable!("the whole log always proves itself") };
                    if matches!(outcome.end, End::Unproven) {
                        beyond = outcome.first.map(|(_, time_ns)| (messages, time_ns)).or(beyond);
                    }
                    let is_all = outcome.first == previous;
                    previous = outcome.first;
                    tail = if is_all || messages >= LONGEST_TAIL { Tail::All } else { Tail::Last(messages * 4) };
                }
                End::Broken(text) => return Err(Trouble::Broken(text)),
                End::Stalled => return Err(Trouble::Broken("the engine stopped sending".into())),
                End::Clean => {
                    if outcome.new > 0 {
                        self.pause = FIRST_PAUSE;
                    }
                    let again = u32::try_from(outcome.new).unwrap_or(u32::MAX).saturating_mul(2);
                    self.tail = (self.tail / 2).max(again).clamp(FIRST_TAIL, 1 << 16);
                    return Ok(());
                }
            }
        }
    }

    /// Reads one response, from its first byte to its end, and delivers what is new in it.
    async fn read(&mut self, phase: &Phase, tail: Tail, reach: Reach, until: Until) -> Result<Outcome, Trouble> {
        let id = phase.details.container.id.clone();
        let order = if phase.reliable || until == Until::Now { Order::File } else { Order::Time };
        let mut resume = Resume::new(self.sink.position(), reach, order);
        let mut decoder = FrameDecoder::new(phase.details.framing);
        let mut outcome = Outcome { end: End::Clean, new: 0, newest_ns: None, first: None };
        let mut body = tokio::select! {
            body = self.client.logs(id.as_str(), tail, until) => body?,
            () = self.stop.cancelled() => return Ok(Outcome { end: End::Stopped, ..outcome }),
        };
        let mut unproven = false;
        let mut leave_at: Option<Instant> = None;
        let mut idle_since = Instant::now();
        loop {
            // A record that lines may still join waits for them.
            let mut taken_ns = None;
            let flush_at = self.sink.patience().map(|patience| idle_since + patience);
            let sink = &mut self.sink;
            let board = &self.board;
            let mut take = |message: super::frames::Message<'_>| {
                let (stream, time_ns, bytes) = message;
                outcome.newest_ns = outcome.newest_ns.max(Some(time_ns));
                if unproven {
                    return;
                }
                let position = match resume.message(stream, time_ns) {
                    Verdict::Old => return,
                    Verdict::Unproven => {
                        unproven = true;
                        return;
                    }
                    Verdict::New(position) => position,
                    Verdict::NewAfterGap(position, gap) => {
                        board.gap(gap.reason);
                        sink.gap(gap);
                        position
                    }
                };
                outcome.new += 1;
                taken_ns = Some(time_ns);
                sink.push(Frame { stream, position, bytes });
            };
            let wait_until = leave_at.unwrap_or_else(|| Instant::now() + SILENCE);
            let wait = flush_at.unwrap_or(wait_until).min(wait_until).saturating_duration_since(Instant::now());
            let progress = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    outcome.end = End::Stopped;
                    break;
                }
                progress = timeout(wait, body.read(|bytes| Ok::<_, ReadError>(decoder.feed(bytes, &mut take)?))) => progress,
                changed = self.phase.changed(), if until == Until::Exit && leave_at.is_none() => {
                    let now = self.phase.borrow().clone();
                    if changed.is_err() || now.life != Life::Running || now.starts != phase.starts {
                        // This run is over: the response ends by itself, unless the engine is broken.
                        self.phase.mark_changed();
                        leave_at = Some(Instant::now() + LONGEST_PAUSE);
                    } else {
                        self.sink.rename(&now.details.container);
                    }
                    continue;
                }
            };
            match progress {
                Err(_elapsed) if flush_at.is_some_and(|at| at <= Instant::now()) => self.sink.flush(),
                Err(_elapsed) if leave_at.is_some() => {
                    outcome.end = End::Stalled;
                    break;
                }
                Err(_elapsed) => {
                    if until == Until::Now
                        || probe::went_on(
                            &self.client,
                            phase,
                            outcome.newest_ns.max(self.sink.position().last_time_ns()),
                        )
                        .await
                    {
                        outcome.end = End::Stalled;
                        break;
                    }
                }
                Ok(Ok(Progress::More)) => {
                    idle_since = Instant::now();
                    leave_at = leave_at.map(|_| idle_since + LONGEST_PAUSE);
                }
                Ok(Ok(Progress::End)) => {
                    if let Err(error) = decoder.finish(&mut take) {
                        outcome.end = End::Broken(error.to_string());
                    }
                    break;
                }
                Ok(Err(error)) => {
                    outcome.end = End::Broken(error.to_string());
                    break;
                }
            }
            if unproven {
                break;
            }
            let before = Instant::now();
            if self.sink.pending_bytes() > 0 {
                self.sink.deliver(Mark::Read).await?;
            }
            let is_behind = taken_ns.is_some_and(|taken_ns| self.lag.is_behind(super::now_ns(), taken_ns));
            if until == Until::Exit && (is_behind || before.elapsed() > HELD_UP) {
                outcome.end = End::Stalled;
                break;
            }
        }
        outcome.first = resume.first();
        if self.newest.0 != outcome.newest_ns {
            self.newest = (outcome.newest_ns, Instant::now());
        }
        if until == Until::Now && matches!(outcome.end, End::Clean) {
            if resume.ended_unseen() {
                outcome.end = End::Unseen;
            }
            for (stream, gap) in resume.lost() {
                self.board.gap(gap.reason);
                self.sink.lost(stream, gap);
            }
        }
        if unproven {
            outcome.end = End::Unproven;
        }
        self.sink.deliver(Mark::Read).await?;
        Ok(outcome)
    }

    /// Nothing of the container was read yet.
    fn is_fresh(&self) -> bool {
        self.sink.position().is_fresh()
    }

    fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    fn state(&self, reading: Reading, note: &str) {
        let phase = self.phase.borrow();
        self.board.reading(&phase.details.container, reading, note);
    }

    /// Waits for a new phase, at most `limit`; true where one came. Also ends when Foghorn stops.
    async fn changed(&mut self, limit: Option<Duration>) -> bool {
        let changed = async {
            tokio::select! {
                () = self.stop.cancelled() => false,
                changed = self.phase.changed() => {
                    if changed.is_err() {
                        // The watcher is gone: Foghorn stops.
                        self.stop.cancelled().await;
                    } else {
                        self.phase.mark_changed();
                    }
                    true
                }
            }
        };
        match limit {
            Some(limit) => timeout(limit, changed).await.unwrap_or(false),
            None => changed.await,
        }
    }
}
