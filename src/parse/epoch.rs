//! Numbers that are a time: seconds and their parts since 1970, told apart by their size.

const SECOND_NS: i64 = 1_000_000_000;

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by
/// its size: each is between 2001 and 2065 where it is one.
pub(super) fn of_number(value: f64) -> Option<i64> {
    let range = 1e9..3e9;
    let scale = [1e9, 1e6, 1e3, 1.0].into_iter().find(|scale| range.contains(&(value * scale / 1e9)))?;
    // Beyond the exact range of floats, whole microseconds are what is left.
    let micros = (value * (scale / 1e3)).round();
    Some(micros as i64 * 1_000)
}

/// Seconds with decimals, as exactly as they are written.
pub(super) fn of_text(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.is_empty() {
        return of_integer(text.parse().ok()?);
    }
    let seconds: i64 = seconds.parse().ok().filter(|seconds| (1_000_000_000..3_000_000_000).contains(seconds))?;
    let is_fraction = fraction.len() <= 18 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let ns =
        fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |ns, byte| ns * 10 + i64::from(byte - b'0'));
    is_fraction.then_some(seconds * SECOND_NS + ns)
}

/// The same for a whole number, exactly.
pub(super) fn of_integer(value: i64) -> Option<i64> {
    [SECOND_NS, 1_000_000, 1_000, 1].into_iter().find_map(|scale| {
        let ns = value.checked_mul(scale)?;
        (SECOND_NS * SECOND_NS..3 * SECOND_NS * SECOND_NS).contains(&ns).then_some(ns)
    })
}
