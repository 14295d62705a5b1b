//! Durations as people write them: text such as `500ms` to [`Duration`], and back.

use std::time::Duration;

/// The units, the largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What [`parse`] reads, for messages.
pub const FORM: &str = "a number with a unit such as 500ms, 5s, 10m, 2h or 14d";

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration, expected {FORM}")]
pub struct DurationError;

/// Reads one whole number and one unit of `ms`, `s`, `m`, `h`, `d` and `w`. A number without a
/// unit, zero, a fraction and more than 2^64 milliseconds are errors.
///
/// ```
/// use foghorn::config::duration::parse;
/// assert_eq!(parse("500ms").unwrap().as_millis(), 500);
/// assert!(parse("500").is_err());
/// ```
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| DurationError)?;
    let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(DurationError)?;
    let ms = number.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or(DurationError)?;
    Ok(Duration::from_millis(ms))
}

/// Writes a duration so that [`parse`] reads the same one, in the largest unit that divides it,
/// days at most. Less than a millisecond is cut off.
pub fn format(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let divides = |unit_ms: u64| ms >= unit_ms && ms.is_multiple_of(unit_ms);
    let (unit, unit_ms) = UNITS.into_iter().skip(1).find(|(_, unit_ms)| divides(*unit_ms)).unwrap_or(("ms", 1));
    format!("{}{unit}", ms / unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_with_a_unit() {
        let table = [
            ("1ms", 1),
            ("500ms", 500),
            ("5s", 5_000),
            ("007s", 7_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("14d", 1_209_600_000),
            ("2w", 1_209_600_000),
            ("18446744073709551615ms", u64::MAX),
        ];
        for (text, ms) in table {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let table = [
            "",
            "5",
            "0",
            "0s",
            "0ms",
            "s",
            "-5s",
            "+5s",
            "1.5h",
            "5 s",
            " 5s",
            "5s ",
            "5S",
            "5sec",
            "1h30m",
            "5µs",
            "1y",
            "٥s",
            "18446744073709551616ms",
            "18446744073709551615s",
            "5ms\n",
        ];
        for text in table {
            assert_eq!(parse(text), Err(DurationError), "{text:?}");
        }
    }

    #[test]
    fn writes_the_largest_unit_that_divides() {
        let table = [
            (1, "1ms"),
            (1_500, "1500ms"),
            (5_000, "5s"),
            (60_000, "1m"),
            (90_000, "90s"),
            (3_600_000, "1h"),
            (86_400_000, "1d"),
            (1_209_600_000, "14d"),
            (u64::MAX, "18446744073709551615ms"),
        ];
        for (ms, text) in table {
            let duration = Duration::from_millis(ms);
            assert_eq!(format(duration), text);
            assert_eq!(parse(text), Ok(duration));
        }
        assert_eq!(format(Duration::ZERO), "0ms");
    }
}
