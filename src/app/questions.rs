//! The threads on which questions to the store are answered.
//!
//! They are not those that read containers and write the index, and stand behind them where the processor
//! is short: a regular expression over a month of lines takes what nobody else wants.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Questions that are answered at once. What is asked beyond that waits, and its deadline comes meanwhile.
const MOST: usize = 32;
/// How far behind others they stand, from 0 to 19: with 10, a thread of ours gets about a tenth of what one
/// that wants the same processor gets (sched(7)).
const NICENESS: libc::c_int = 10;

/// The threads, which end with what they do when this is dropped.
pub(super) struct Questions(Option<Runtime>);

impl Questions {
    /// Starts them as they are needed.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let builder = &mut Builder::new_multi_thread();
        builder.worker_threads(1).max_blocking_threads(MOST).thread_name("question").on_thread_start(step_back);
        Ok(Self(Some(builder.build()?)))
    }

    /// What runs something on them.
    pub(super) fn handle(&self) -> Handle {
        self.0.as_ref().expect("they are there until this is dropped").handle().clone()
    }
}

impl Drop for Questions {
    fn drop(&mut self) {
        // Without waiting: a question that is being answered ends with its deadline.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Puts the calling thread behind others.
#[allow(unsafe_code)]
fn step_back() {
    // SAFETY: they take numbers. On Linux, 0 is the calling thread and not its process (setpriority(2)). Where
    // it fails, questions are answered as fast as lines are read.
    unsafe {
        let already = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS.max(already));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unsafe_code)]
    fn niceness() -> libc::c_int {
        // SAFETY: it takes two numbers.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[tokio::test]
    async fn questions_stand_behind_the_thread_that_asks() {
        let questions = Questions::start().unwrap();
        let before = niceness();
        let theirs = questions.handle().spawn_blocking(niceness).await.unwrap();
        assert_eq!(theirs, NICENESS.max(before));
        assert_eq!(niceness(), before);
    }
}
