//! Stopping in order: a signal of the system to [`Watch`]es that hear of it, and a [`Drain`] that
//! knows when all of them are done.

use std::future::Future;
use std::io;
use std::pin::pin;

use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

/// What the process exits with when a second signal cuts the stop short.
pub const FORCED_EXIT_CODE: i32 = 130;

/// A new drain with its first watch.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (drain, watch) = foghorn::drain::channel();
/// let task = tokio::spawn(async move { watch.draining().await });
/// drain.start();
/// drain.finished().await;
/// task.await.unwrap();
/// # });
/// ```
pub fn channel() -> (Drain, Watch) {
    let (sender, receiver) = watch::channel(false);
    (Drain(sender), Watch(receiver))
}

/// Tells the watches to stop, and learns when they have.
#[derive(Debug)]
pub struct Drain(watch::Sender<bool>);

/// Hears that it is time to stop. Holding one, or a clone of it, says that there is work left, so
/// it is dropped when the work is done.
#[derive(Clone, Debug)]
pub struct Watch(watch::Receiver<bool>);

impl Drain {
    /// Tells every watch to stop. Calling it again changes nothing.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// Waits until every watch was dropped; does not tell them to stop.
    pub async fn finished(&self) {
        self.0.closed().await;
    }
}

impl Watch {
    /// Waits until it is time to stop; returns at once when it already is, or when the drain is
    /// gone. Safe to use as a branch of `select!`.
    pub async fn draining(&self) {
        // An error says that the drain is gone: nobody is left who could tell to stop later.
        let _ = self.0.clone().wait_for(|draining| *draining).await;
    }

    /// Whether it is time to stop.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// A signal that asks the process to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, as `docker stop` sends it.
    Terminate,
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
}

impl Signal {
    /// The system's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// The signals of this process, caught from when this is made until the process ends.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl Signals {
    /// Catches SIGTERM and SIGINT from now on. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal. Signals of one kind that come faster than they are received are one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

/// Runs `work` to its end. The first signal starts `drain`, which is how `work` learns to end; a
/// second one exits the process at once with [`FORCED_EXIT_CODE`].
pub async fn run_until_signal<T>(signals: &mut Signals, drain: &Drain, work: impl Future<Output = T>) -> T {
    match supervise(async || signals.next().await, drain, work).await {
        Ended::Done(result) => result,
        Ended::Forced(signal) => {
            tracing::warn!(signal = signal.as_str(), "a second signal: exiting without finishing");
            std::process::exit(FORCED_EXIT_CODE)
        }
    }
}

/// How supervised work ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended<T> {
    /// By itself.
    Done(T),
    /// Cut short by this signal.
    Forced(Signal),
}

async fn supervise<T>(
    mut next_signal: impl AsyncFnMut() -> Signal,
    drain: &Drain,
    work: impl Future<Output = T>,
) -> Ended<T> {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        result = &mut work => return Ended::Done(result),
        signal = next_signal() => {
            tracing::info!(signal = signal.as_str(), "stopping; a second signal exits at once");
            drain.start();
        }
    }
    tokio::select! {
        biased;
        result = &mut work => Ended::Done(result),
        signal = next_signal() => Ended::Forced(signal),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tokio::sync::mpsc;

    use super::*;

    /// Whether `future` is done when it is asked once.
    async fn is_done(future: impl Future) -> bool {
        tokio::select! {
            biased;
            _ = future => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn every_watch_hears_of_the_start() {
        let (drain, watch) = channel();
        let other = watch.clone();
        assert!(!watch.is_draining() && !is_done(watch.draining()).await);
        drain.start();
        drain.start();
        let late = other.clone();
        for watch in [watch, other, late] {
            assert!(watch.is_draining() && is_done(watch.draining()).await);
        }
    }

    #[tokio::test]
    async fn finished_waits_for_the_last_watch() {
        let (drain, watch) = channel();
        let other = watch.clone();
        drain.start();
        drop(watch);
        assert!(!is_done(drain.finished()).await);
        drop(other);
        assert!(is_done(drain.finished()).await);
    }

    #[tokio::test]
    async fn a_lost_drain_is_time_to_stop() {
        let (drain, watch) = channel();
        drop(drain);
        assert!(watch.is_draining() && is_done(watch.draining()).await);
    }

    #[tokio::test]
    async fn work_ends_by_itself_without_a_signal() {
        let (drain, watch) = channel();
        let ended = supervise(std::future::pending, &drain, async { 7 }).await;
        assert_eq!(ended, Ended::Done(7));
        assert!(!watch.is_draining());
    }

    #[tokio::test]
    async fn the_first_signal_drains_and_the_second_forces() {
        let (sender, mut signals) = mpsc::channel(2);
        let (drain, watch) = channel();
        sender.send(Signal::Terminate).await.unwrap();
        let ended = supervise(async || signals.recv().await.unwrap(), &drain, async {
            watch.draining().await;
            sender.send(Signal::Interrupt).await.unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(ended.await, Ended::Forced(Signal::Interrupt));
        assert!(watch.is_draining());
    }

    #[tokio::test]
    async fn a_real_signal_stops_the_work() {
        let mut signals = Signals::catch().unwrap();
        let (drain, watch) = channel();
        let kill = format!("kill -TERM {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let work = async {
            watch.draining().await;
            "stopped"
        };
        assert_eq!(run_until_signal(&mut signals, &drain, work).await, "stopped");
    }
}
