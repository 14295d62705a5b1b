//! The engine's clock: from the system's time, or one set by hand, to nanosecond stamps and to the
//! texts in which the engine prints and reads them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// Go's zero time, which the engine prints for "never".
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

const NS_PER_S: i128 = 1_000_000_000;

/// Gives every log entry and event a stamp of its own, in nanoseconds since 1970.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    last_ns: i64,
}

#[derive(Debug)]
enum Source {
    System { offset_ns: i64 },
    Set { now_ns: i64 },
}

impl Clock {
    /// A clock that follows the system's.
    pub(super) fn system() -> Clock {
        Clock(Mutex::new(Inner { source: Source::System { offset_ns: 0 }, last_ns: i64::MIN }))
    }

    /// The next stamp: now, and at least one nanosecond after the stamp before it.
    pub(super) fn stamp_ns(&self) -> i64 {
        let mut inner = self.lock();
        let stamp_ns = inner.source_ns().max(inner.last_ns.saturating_add(1));
        inner.last_ns = stamp_ns;
        stamp_ns
    }

    /// The time, without using up a stamp.
    pub(super) fn now_ns(&self) -> i64 {
        let inner = self.lock();
        inner.source_ns().max(inner.last_ns)
    }

    /// Stops the clock at `now_ns`, which the next stamp carries; each later one adds a nanosecond.
    pub(super) fn set_ns(&self, now_ns: i64) {
        let mut inner = self.lock();
        inner.source = Source::Set { now_ns };
        inner.last_ns = now_ns.saturating_sub(1);
    }

    /// Moves the clock; a negative step goes back, and so do the stamps.
    pub(super) fn step_ns(&self, step_ns: i64) {
        let mut inner = self.lock();
        let target_ns = inner.source_ns().max(inner.last_ns).saturating_add(step_ns);
        match &mut inner.source {
            Source::System { offset_ns } => *offset_ns = offset_ns.saturating_add(step_ns),
            Source::Set { now_ns } => *now_ns = target_ns,
        }
        inner.last_ns = target_ns.saturating_sub(1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every update is one assignment, so a panicking holder leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn source_ns(&self) -> i64 {
        match self.source {
            Source::System { offset_ns } => system_ns().saturating_add(offset_ns),
            Source::Set { now_ns } => now_ns,
        }
    }
}

fn system_ns() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// A log line's timestamp: nine digits and a `Z`, as `rfc3339NanoFixed` in the engine's
/// `write_log_stream.go` has it.
pub(super) fn log_text(time_ns: i64) -> String {
    utc(time_ns).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// A time in JSON: Go's `RFC3339Nano`, which drops trailing zeros of the fraction.
pub(super) fn json_text(time_ns: i64) -> String {
    let fixed = log_text(time_ns);
    let digits = fixed.trim_end_matches('Z').trim_end_matches('0');
    format!("{}Z", digits.trim_end_matches('.'))
}

fn utc(time_ns: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(time_ns)
}

/// Reads `seconds[.fraction]` as the engine's `timestamp.go` does, to nanoseconds; out of range is
/// cut to the nearest time that fits.
///
/// # Errors
///
/// The text of Go's `strconv.ParseInt`, for anything else: an RFC 3339 time among them.
pub(super) fn parse_ns(value: &str) -> Result<i64, String> {
    let (seconds, fraction) = match value.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (value, None),
    };
    let mut total_ns = i128::from(parse_int(seconds)?) * NS_PER_S;
    if let Some(fraction) = fraction {
        let digits = i128::from(parse_int(fraction)?);
        // Go scales by 10^(9 - length), so a longer fraction loses its last digits.
        let length = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
        total_ns +=
            if length <= 9 { digits * 10_i128.pow(9 - length) } else { digits / 10_i128.pow((length - 9).min(18)) };
    }
    let bounded_ns = total_ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    Ok(i64::try_from(bounded_ns).expect("clamped to the range of i64"))
}

fn parse_int(value: &str) -> Result<i64, String> {
    value.parse().map_err(|_| format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_never_repeat() {
        let clock = Clock::system();
        let stamps: Vec<i64> = (0..1_000).map(|_| clock.stamp_ns()).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_set_clock_counts_nanoseconds_and_steps_both_ways() {
        let clock = Clock::system();
        clock.set_ns(1_000);
        assert_eq!([1_000, 1_001], [clock.stamp_ns(), clock.stamp_ns()]);
        clock.step_ns(-500);
        assert_eq!(501, clock.stamp_ns());
        clock.step_ns(10_000);
        assert_eq!(10_501, clock.stamp_ns());
    }

    #[test]
    fn a_system_clock_steps_back() {
        let clock = Clock::system();
        let before_ns = clock.stamp_ns();
        clock.step_ns(-60_000_000_000);
        assert!(clock.stamp_ns() < before_ns);
    }

    #[test]
    fn prints_as_the_engine_does() {
        for (time_ns, log, json) in [
            (0, "1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.120000000Z", "2023-11-14T22:13:20.12Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z", "2023-11-14T22:13:20.000000001Z"),
        ] {
            assert_eq!(log, log_text(time_ns));
            assert_eq!(json, json_text(time_ns));
        }
    }

    #[test]
    fn reads_as_the_engine_does() {
        for (value, expected) in [
            ("0", Ok(0)),
            ("1700000000", Ok(1_700_000_000_000_000_000)),
            ("1700000000.000000001", Ok(1_700_000_000_000_000_001)),
            ("1.5", Ok(1_500_000_000)),
            ("1.0000000019", Ok(1_000_000_001)),
            ("99999999999999", Ok(i64::MAX)),
            ("2023-11-14T22:13:20Z", Err(r#"strconv.ParseInt: parsing "2023-11-14T22:13:20Z": invalid syntax"#)),
            ("1.", Err(r#"strconv.ParseInt: parsing "": invalid syntax"#)),
        ] {
            assert_eq!(expected.map_err(str::to_owned), parse_ns(value), "{value}");
        }
    }
}
