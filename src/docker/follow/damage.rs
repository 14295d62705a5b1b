//! A log that the engine cannot read in part: what it can read of it → the sink, and a gap.

use tracing::warn;

use super::super::FrameSink;
use super::super::client::{Tail, Until};
use super::super::cursor::Reach;
use super::outcome::{End, Phase, Trouble};
use super::{Follower, LONGEST_TAIL};

impl<S: FrameSink> Follower<S> {
    /// The engine cannot read its own log between the cursor and the last `good` messages: finds
    /// the longest tail that it can read, takes that and shows the gap before it. From then on
    /// the container is polled: a follower would hang before the damage.
    pub(super) async fn skip_unreadable(
        &mut self,
        phase: &Phase,
        good: u32,
        last_ns: i64,
        bad: Tail,
    ) -> Result<(), Trouble> {
        let mut low = good;
        let mut high = match bad {
            Tail::Last(messages) => messages,
            Tail::All => LONGEST_TAIL,
        };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let outcome = self.read(phase, Tail::Last(middle), Reach::Tail, Until::Now).await?;
            // One that begins with the cursor's own message proves nothing, and lies before the damage.
            let cursor = self.sink.position();
            let is_last = |&(stream, time_ns): &_| cursor.stream(stream).last.is_some_and(|p| p.time_ns == time_ns);
            match outcome.end {
                End::Unproven if !outcome.first.as_ref().is_some_and(is_last) => low = middle,
                // The cursor lies behind the damage already: nothing was skipped.
                End::Clean if outcome.newest_ns >= Some(last_ns) => {
                    self.poll_only = true;
                    return Ok(());
                }
                End::Stopped => return Ok(()),
                _ => high = middle,
            }
        }
        warn!(messages = low, "the engine cannot read part of its log; going on behind it");
        self.poll_only = true;
        match self.read(phase, Tail::Last(low), Reach::Rest, Until::Now).await?.end {
            End::Broken(text) => Err(Trouble::Broken(text)),
            _ => Ok(()),
        }
    }
}
