//! Durations as logs write them: from `1.23s`, `505.317µs` or a number whose name says its unit,
//! to milliseconds. Where the unit is uncertain there is no duration.

/// A power of ten from a unit to milliseconds, or a factor of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// Ten to this power: 3 is a second.
    Decimal(i32),
    /// So many milliseconds.
    Milliseconds(f64),
}

pub(super) const SECONDS: Unit = Unit::Decimal(3);
pub(super) const MILLISECONDS: Unit = Unit::Decimal(0);
pub(super) const NANOSECONDS: Unit = Unit::Decimal(-6);

/// The unit of that name, such as `ms`.
pub(super) fn unit(name: &str) -> Option<Unit> {
    Some(match name {
        "ns" | "nsec" | "nanos" | "nanosecond" | "nanoseconds" => NANOSECONDS,
        "us" | "µs" | "μs" | "usec" | "usecs" | "micros" | "microsecond" | "microseconds" => Unit::Decimal(-3),
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => MILLISECONDS,
        "s" | "sec" | "secs" | "second" | "seconds" => SECONDS,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Milliseconds(60_000.0),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Milliseconds(3_600_000.0),
        _ => return None,
    })
}

/// The milliseconds of a number in decimal notation; none where it is no finite, positive number.
///
/// The digits are scaled as a whole, so that `0.028` seconds are exactly 28 ms.
pub(super) fn milliseconds(number: &str, unit: Unit) -> Option<f64> {
    let power = match unit {
        Unit::Decimal(power) => power,
        Unit::Milliseconds(factor) => return Some(milliseconds(number, MILLISECONDS)? * factor),
    };
    let mut mantissa: u64 = 0;
    let (mut digits, mut decimals, mut is_fraction) = (0, 0, false);
    for byte in number.bytes() {
        match byte {
            b'0'..=b'9' => {
                let Some(next) = mantissa.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')))
                else {
                    return inexact(number, power);
                };
                mantissa = next;
                digits += 1;
                decimals += i32::from(is_fraction);
            }
            b'.' if !is_fraction => is_fraction = true,
            b'e' | b'E' => {
                return inexact(number, power);
            }
            _ => return None,
        }
    }
    // Powers of ten up to 22 are exact, so there is one rounding.
    match power - decimals {
        _ if digits == 0 => None,
        up @ 0..=22 => Some(mantissa as f64 * 10_f64.powi(up)),
        down @ -22..0 => Some(mantissa as f64 / 10_f64.powi(-down)),
        _ => None,
    }
}

/// Seldom: very small or very large numbers.
fn inexact(number: &str, power: i32) -> Option<f64> {
    let is_number =
        number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    let value: f64 = number.parse().ok().filter(|_| is_number)?;
    Some(value * 10_f64.powi(power)).filter(|ms| ms.is_finite() && *ms >= 0.0)
}

/// A duration at the beginning of the text, and how long it is: `1.23s`, `180 ms`, `1m2.5s`. The
/// unit must be whole: `15days` and `3 ships` begin with none.
pub(super) fn leading(text: &str) -> Option<(f64, usize)> {
    let (mut total, mut at) = (None, 0);
    loop {
        let rest = &text[at..];
        let digits = rest.bytes().position(|b| !b.is_ascii_digit() && b != b'.').unwrap_or(rest.len());
        let spaces = usize::from(rest[digits..].starts_with(' ') && total.is_none());
        let name = &rest[digits + spaces..];
        let end = name.find(|c: char| !c.is_alphabetic()).unwrap_or(name.len());
        let step = unit(&name[..end]).and_then(|unit| milliseconds(&rest[..digits], unit)).filter(|_| digits > 0);
        let Some(ms) = step else {
            return total.filter(|_| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).map(|ms| (ms, at));
        };
        total = Some(total.unwrap_or(0.0) + ms);
        at += digits + spaces + end;
        if !text[at..].starts_with(|c: char| c.is_ascii_digit()) || spaces > 0 {
            let is_whole = !text[at..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '%'));
            return total.filter(|_| is_whole).map(|ms| (ms, at));
        }
    }
}

/// The milliseconds of a text that is a duration and nothing else: with a unit, or as
/// `0:00:01.234567`, which Python prints.
pub(super) fn whole(text: &str) -> Option<f64> {
    match leading(text) {
        Some((ms, len)) if len == text.len() => Some(ms),
        _ => clock(text),
    }
}

fn clock(text: &str) -> Option<f64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    if hours.is_empty() || hours.len() > 4 || minutes.len() != 2 || seconds.len() < 2 {
        return None;
    }
    let hours = milliseconds(hours, Unit::Milliseconds(3_600_000.0))?;
    Some(hours + milliseconds(minutes, Unit::Milliseconds(60_000.0))? + milliseconds(seconds, SECONDS)?)
}

/// Whether it is the name of a duration without its unit, in lower case and without separators.
fn is_stem(name: &str) -> bool {
    matches!(
        name,
        "duration"
            | "dur"
            | "elapsed"
            | "elapsedtime"
            | "timeelapsed"
            | "latency"
            | "took"
            | "responsetime"
            | "requesttime"
            | "resptime"
            | "timetaken"
            | "executiontime"
            | "exectime"
            | "processingtime"
            | "processtime"
            | "runtime"
            | "totaltime"
            | "querytime"
            | "renderduration"
            | "totalduration"
            | "requestduration"
            | "responseduration"
            | "taskduration"
            | "runduration"
            | "jobduration"
            | "upstreamresponsetime"
            | "time"
            | "servicetime"
    )
}

/// Units as names end in them.
const ENDINGS: [&str; 20] = [
    "milliseconds",
    "millisecond",
    "microseconds",
    "nanoseconds",
    "seconds",
    "minutes",
    "millis",
    "micros",
    "nanos",
    "msecs",
    "msec",
    "usec",
    "nsec",
    "secs",
    "sec",
    "ms",
    "us",
    "ns",
    "s",
    "inms",
];

/// What the name of a field says of a duration in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Named {
    /// A duration in this unit.
    In(Unit),
    /// A duration whose unit the name leaves open.
    Open,
}

/// What the name says; none where it is no duration's. A dotted name counts by its last part.
pub(super) fn named(name: &str) -> Option<Named> {
    let last = &name[name.bytes().rposition(|byte| byte == b'.').map_or(0, |dot| dot + 1)..];
    // The commonest; the rules below say the same.
    if matches!(last, "duration_ms" | "durationMs" | "elapsed_ms" | "latency_ms") {
        return Some(Named::In(MILLISECONDS));
    }
    by_rule(last)
}

fn by_rule(last: &str) -> Option<Named> {
    // Most names are no duration's: every stem has one of these.
    let is_hint = |part: &[u8]| match part[0] | 0x20 {
        b'd' => part.eq_ignore_ascii_case(b"dur"),
        b'e' => part.eq_ignore_ascii_case(b"ela"),
        b'l' => part.eq_ignore_ascii_case(b"lat"),
        b't' => part.eq_ignore_ascii_case(b"too") || part.eq_ignore_ascii_case(b"tim"),
        _ => false,
    };
    if !last.as_bytes().windows(3).any(is_hint) {
        return None;
    }
    // Long names are seldom durations, and never cheap.
    let mut buffer = [0; 32];
    let mut len = 0;
    for byte in last.bytes().filter(|byte| !matches!(byte, b'_' | b'-')) {
        *buffer.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    let plain = std::str::from_utf8(&buffer[..len]).ok()?;
    match plain {
        // Established by the programs that print them: nginx, MySQL, pino-http.
        "requesttime" | "querytime" | "upstreamresponsetime" => return Some(Named::In(SECONDS)),
        "responsetime" => return Some(Named::In(MILLISECONDS)),
        // A point in time, by itself.
        "time" => return None,
        _ if is_stem(plain) => return Some(Named::Open),
        _ => {}
    }
    // A unit that stands by itself, `_s`, counts; the plural of a word does not.
    let separated = last.rsplit(['_', '-']).next().filter(|part| part.len() < last.len());
    if let Some(unit) = separated.and_then(unit).filter(|_| separated.is_some_and(|part| ENDINGS.contains(&part))) {
        let stem = &plain[..plain.len() - separated.map_or(0, str::len)];
        if is_stem(stem) {
            return Some(Named::In(unit));
        }
    }
    ENDINGS.iter().find_map(|ending| {
        let stem = plain.strip_suffix(ending)?;
        if *ending == "s" && separated != Some("s") {
            return None;
        }
        let stem = stem.strip_suffix("in").filter(|stem| is_stem(stem)).unwrap_or(stem);
        is_stem(stem).then(|| unit(ending).map(Named::In))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        assert_eq!(whole(text), expected, "{text:?}");
    }

    #[test]
    fn a_duration_has_a_unit() {
        check("180ms", Some(180.0));
        check("1.23s", Some(1230.0));
        check("505.317µs", Some(0.505_317));
        check("792.538μs", Some(0.792_538));
        check("0.028 seconds", Some(28.0));
        check("1m2.5s", Some(62_500.0));
        check("1h0m0.001s", Some(3_600_001.0));
        check("12 ms", Some(12.0));
        check("0.0005250180001894478s", Some(0.525_018_000_189_447_8));
        check("0:00:01.234567", Some(1_234.567));
        check("7ns", Some(7e-6));
        for none in
            ["", "12", "15d", "3 ships", "1.2.3s", "s", "ms", "-1s", "nans", "1e400s", "10:11", "12ms3", "5m/s", "1s_"]
        {
            check(none, None);
        }
    }

    #[test]
    fn a_text_begins_with_a_duration() {
        assert_eq!(leading("154ms (next.js: 27ms)"), Some((154.0, 5)));
        assert_eq!(leading("1.766 ms - 1"), Some((1.766, 8)));
        assert_eq!(leading("3 seconds, then"), Some((3000.0, 9)));
        assert_eq!(leading("3 second-hand"), Some((3000.0, 8)));
        assert_eq!(leading("9 monkeys"), None);
    }

    #[test]
    fn a_name_says_its_unit_or_leaves_it_open() {
        for (name, expected) in [
            ("duration_ms", Some(Named::In(MILLISECONDS))),
            ("durationMillis", Some(Named::In(MILLISECONDS))),
            ("durationMs", Some(Named::In(MILLISECONDS))),
            ("elapsed_ms", Some(Named::In(MILLISECONDS))),
            ("latency_ms", Some(Named::In(MILLISECONDS))),
            ("attr.durationMillis", Some(Named::In(MILLISECONDS))),
            ("duration_s", Some(Named::In(SECONDS))),
            ("elapsed_seconds", Some(Named::In(SECONDS))),
            ("latency_us", Some(Named::In(Unit::Decimal(-3)))),
            ("latency-ns", Some(Named::In(NANOSECONDS))),
            ("time_taken_ms", Some(Named::In(MILLISECONDS))),
            ("time_ms", Some(Named::In(MILLISECONDS))),
            ("timeMs", Some(Named::In(MILLISECONDS))),
            ("Query_time", Some(Named::In(SECONDS))),
            ("request_time", Some(Named::In(SECONDS))),
            ("responseTime", Some(Named::In(MILLISECONDS))),
            ("duration", Some(Named::Open)),
            ("elapsedTime", Some(Named::Open)),
            ("took", Some(Named::Open)),
            ("durations", None),
            ("time", None),
            ("times", None),
            ("timeout_ms", None),
            ("interval_ms", None),
            ("retention", None),
            ("ms", None),
            ("s", None),
            ("a_very_long_name_that_ends_in_duration_ms", None),
        ] {
            assert_eq!(named(name), expected, "{name}");
            if !name.contains('.') {
                assert_eq!(by_rule(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(milliseconds("0.028", SECONDS), Some(28.0));
        assert_eq!(milliseconds("1.001", SECONDS), Some(1001.0));
        assert_eq!(milliseconds("1795225700420", NANOSECONDS), Some(1_795_225.700_42));
        assert_eq!(milliseconds("1e-3", SECONDS), Some(1.0));
        for none in ["", ".", "-1", "1e999", "x"] {
            assert_eq!(milliseconds(none, SECONDS), None, "{none}");
        }
    }
}
