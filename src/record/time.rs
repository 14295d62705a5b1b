//! Docker's times ↔ nanoseconds since the Unix epoch.

/// A time as RFC 3339 in UTC with nanoseconds, as Docker prints it.
///
/// ```
/// assert_eq!(foghorn::record::time_text(1_500_000_000), "1970-01-01T00:00:01.500000000Z");
/// ```
pub fn time_text(time_ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(time_ns).to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// Reads a time that [`time_text`] wrote, at the beginning of `bytes`, without going through text: one such
/// time stands before every message of the engine. None where something else stands there.
///
/// ```
/// assert_eq!(foghorn::record::read_time(b"1970-01-01T00:00:01.500000000Z and more"), Some(1_500_000_000));
/// assert_eq!(foghorn::record::read_time(b"1970-01-01T00:00:01.5Z"), None);
/// ```
pub fn read_time(bytes: &[u8]) -> Option<i64> {
    const DAYS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let b: &[u8; 30] = bytes.first_chunk()?;
    let digits = |range: std::ops::Range<usize>| {
        b[range].iter().try_fold(0_i64, |n, &c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
    };
    if b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' || b[19] != b'.' || b[29] != b'Z'
    {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = *DAYS.get(usize::try_from(month - 1).ok()?)?;
    let days = if month == 2 && !is_leap { 28 } else { days };
    if !(1..=days).contains(&day) || !(1678..=2261).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since the epoch of a proleptic Gregorian date, counting years from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000_000 + digits(20..29)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_survives_its_text(time_ns in any::<i64>()) {
            prop_assume!((-9_214_560_000_000_000_000..9_214_646_400_000_000_000).contains(&time_ns));
            prop_assert_eq!(read_time(time_text(time_ns).as_bytes()), Some(time_ns));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "2026-02-29T00:00:00.000000000Z",
            "2026-13-01T00:00:00.000000000Z",
            "2026-00-01T00:00:00.000000000Z",
            "2026-01-00T00:00:00.000000000Z",
            "2026-01-01T24:00:00.000000000Z",
            "2026-01-01T00:00:60.000000000Z",
            "2026-01-01T00:00:00.000000000+",
            "2026-01-01 00:00:00.000000000Z",
            "9999-01-01T00:00:00.000000000Z",
            "",
        ] {
            assert_eq!(read_time(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read_time(b"2024-02-29T23:59:59.999999999Z"), Some(1_709_251_199_999_999_999));
    }
}
