//! How much later messages are taken than they were written → whether a follower is too far behind.

use super::HELD_UP;

/// The least time from a message's timestamp to its being taken, the clocks' difference included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag {
    least_ns: Option<i64>,
}

impl Lag {
    /// Whether messages are taken so much later than they were before that the engine may have
    /// rotated its log meanwhile.
    pub(super) fn is_behind(&mut self, now_ns: i64, taken_ns: i64) -> bool {
        let lag_ns = now_ns.saturating_sub(taken_ns);
        let least_ns = self.least_ns.map_or(lag_ns, |least_ns| least_ns.min(lag_ns));
        let is_behind = u128::from(lag_ns.abs_diff(least_ns)) > HELD_UP.as_nanos();
        // From here on it counts anew, or a clock that was set back would be a lag forever.
        self.least_ns = Some(if is_behind { lag_ns } else { least_ns });
        is_behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_falls_behind_is_told_once_and_another_clock_is_no_lag() {
        let second = 1_000_000_000;
        let mut lag = Lag::default();
        // The engine's clock is an hour behind ours.
        let hour = 3_600 * second;
        assert!(!lag.is_behind(hour, 0));
        assert!(!lag.is_behind(hour + 2 * second, second), "a second late");
        assert!(lag.is_behind(hour + 5 * second, 2 * second), "three seconds late");
        assert!(!lag.is_behind(hour + 6 * second, 3 * second), "no later than that");
        assert!(lag.is_behind(hour + 7 * second, 3 * second - hour), "the clock was set back");
        assert!(!lag.is_behind(hour + 8 * second, 4 * second - hour));
    }
}
