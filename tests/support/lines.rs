//! The numbered lines of the exactness tests, from a seed.
//!
//! `loggen` prints them inside a container and a test makes the same ones
//! again to compare: a line lost, doubled, cut, swapped or changed by one byte
//! is seen. Only the standard library is used, so that `loggen` can be built
//! with a bare `rustc`.
#![allow(dead_code, reason = "each program that includes this file uses a part of it")]

/// Which lengths the lines of a stream have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Every line has 20 to 200 bytes.
    Small,
    /// Mostly as [`Mix::Small`], but 1 in 20 is empty, 1 in 50 has 1 to 16 kB,
    /// 1 in 200 is one of [`BOUNDARIES`], and 1 in 500 has up to [`LONGEST`]
    /// bytes.
    Wide,
}

/// The lengths around the engine's 16 KiB buffer, at which it splits a line.
pub const BOUNDARIES: [usize; 5] = [16_383, 16_384, 16_385, 32_768, 32_769];

/// The length of the longest line of [`Mix::Wide`].
pub const LONGEST: usize = 100_000;

/// The standard output as a stream's name.
pub const OUT: u8 = b'o';

/// The standard error as a stream's name.
pub const ERR: u8 = b'e';

impl Mix {
    /// The mix of a name as on `loggen`'s command line: `small` or `wide`.
    pub fn from_name(name: &str) -> Option<Mix> {
        match name {
            "small" => Some(Mix::Small),
            "wide" => Some(Mix::Wide),
            _ => None,
        }
    }

    /// The name [`Mix::from_name`] understands.
    pub fn name(self) -> &'static str {
        match self {
            Mix::Small => "small",
            Mix::Wide => "wide",
        }
    }
}

/// The line with this number, without the newline.
///
/// Numbers start at 1, as do runs; `stream` is [`OUT`] or [`ERR`]. A line that
/// is not empty reads `r{run} {stream} {number, ten digits} {filler}`. The
/// same arguments always give the same bytes.
pub fn line(seed: u64, run: u32, stream: u8, number: u64, mix: Mix) -> Vec<u8> {
    let mut bytes = Vec::new();
    line_into(&mut bytes, seed, run, stream, number, mix);
    bytes
}

/// Appends what [`line`] returns to `bytes`, without a new allocation per line.
pub fn line_into(bytes: &mut Vec<u8>, seed: u64, run: u32, stream: u8, number: u64, mix: Mix) {
    let mut random = Random::of_line(seed, run, stream, number);
    let length = length(&mut random, number, mix);
    if length == 0 {
        return;
    }
    let start = bytes.len();
    bytes.extend_from_slice(format!("r{run} {} {number:010} ", char::from(stream)).as_bytes());
    let end = start + length.max(bytes.len() - start);
    bytes.extend_from_slice(random.choose(&LEVELS).as_bytes());
    while bytes.len() < end {
        bytes.push(b' ');
        let draw = random.next();
        if draw.is_multiple_of(4) {
            // A field, such as `took=431`. The numbers are short, so that
            // nothing here looks like a card number or a key to be hidden.
            bytes.extend_from_slice(random.choose(&FIELDS).as_bytes());
            bytes.extend_from_slice((draw >> 32 & 0x3ff).to_string().as_bytes());
        } else {
            bytes.extend_from_slice(random.choose(&WORDS).as_bytes());
        }
    }
    bytes.truncate(end);
}

/// Whether the line with this number is empty. The first of a stream never is,
/// so that a run can be told from the one before.
pub fn is_empty(seed: u64, run: u32, stream: u8, number: u64, mix: Mix) -> bool {
    length(&mut Random::of_line(seed, run, stream, number), number, mix) == 0
}

/// Run, stream and number of a line made by [`line`]; `None` for an empty or a
/// foreign one. The filler is not looked at: compare with [`line`] for that.
pub fn parse(line: &[u8]) -> Option<(u32, u8, u64)> {
    let mut parts = line.splitn(4, |&byte| byte == b' ');
    let run = decimal(parts.next()?.strip_prefix(b"r")?)?;
    let &[stream @ (OUT | ERR)] = parts.next()? else {
        return None;
    };
    let digits = parts.next()?;
    if digits.len() < 10 {
        return None;
    }
    let number = decimal(digits)?;
    // The blank after the number is there, or the line was cut inside it.
    parts.next()?;
    Some((u32::try_from(run).ok()?, stream, number))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Draws a line's length; must be the first to draw from `random`.
fn length(random: &mut Random, number: u64, mix: Mix) -> usize {
    if mix == Mix::Wide {
        // Each class has a draw of its own, the rarest first, so that all come
        // close to their share.
        let draws = [random.next(), random.next(), random.next(), random.next()];
        if draws[0].is_multiple_of(500) {
            return random.between(16_000, LONGEST);
        }
        if draws[1].is_multiple_of(200) {
            return *random.choose(&BOUNDARIES);
        }
        if draws[2].is_multiple_of(50) {
            return random.between(1_000, 16_000);
        }
        if draws[3].is_multiple_of(20) && number > 1 {
            return 0;
        }
    }
    random.between(20, 200)
}

/// SplitMix64: small, fast, and the same on every machine.
struct Random(u64);

impl Random {
    fn of_line(seed: u64, run: u32, stream: u8, number: u64) -> Random {
        let mut random = Random(seed);
        // Mixed one after the other: close seeds, runs and numbers must not
        // give the same line.
        for part in [u64::from(run), u64::from(stream), number] {
            random.0 = random.next() ^ part;
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: usize, high: usize) -> usize {
        let span = (high - low + 1) as u64;
        low + (self.next() % span) as usize
    }

    fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.between(0, from.len() - 1);
        &from[index]
    }
}

const LEVELS: [&str; 4] = ["INFO", "INFO", "DEBUG", "WARN"];

/// With the characters a format must escape or may trip over: quotes,
/// backslashes, braces, percent signs, angle brackets.
const FIELDS: [&str; 12] = [
    "took=",
    "status=",
    "rows=",
    "attempt=",
    "queue=",
    "{\"size\":",
    "[worker-",
    "cpu%=",
    "path=/api/items/",
    "dir=C:\\data\\",
    "<depth=",
    "count=",
];

const WORDS: [&str; 32] = [
    "request", "accepted", "from", "the", "gateway", "cache", "miss", "order", "stored", "in", "table", "worker",
    "picked", "up", "job", "next", "batch", "sent", "to", "printer,", "waiting", "for", "reply;", "done.", "session",
    "opened", "\"quoted", "text\"", "user's", "index", "rebuilt", "(cold)",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_deterministic_and_parse() {
        for number in 1..2_000 {
            for stream in [OUT, ERR] {
                for mix in [Mix::Small, Mix::Wide] {
                    let made = line(7, 3, stream, number, mix);
                    assert_eq!(made, line(7, 3, stream, number, mix));
                    assert_eq!(made.is_empty(), is_empty(7, 3, stream, number, mix));
                    if !made.is_empty() {
                        assert_eq!(parse(&made), Some((3, stream, number)));
                        assert!(made.iter().all(|byte| (b' '..=b'~').contains(byte)));
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_follow_the_mix() {
        let small = (1..10_000).map(|number| line(1, 1, OUT, number, Mix::Small).len());
        assert!(small.clone().all(|length| (20..=200).contains(&length)));
        assert_eq!(small.min(), Some(20));

        let wide: Vec<usize> = (1..=100_000).map(|number| line(1, 1, OUT, number, Mix::Wide).len()).collect();
        let share = |from: usize, to: usize| wide.iter().filter(|length| (from..=to).contains(*length)).count();
        assert!((4_500..5_500).contains(&share(0, 0)), "{}", share(0, 0));
        assert!((1_800..2_200).contains(&share(1_000, 16_000)), "{}", share(1_000, 16_000));
        for boundary in BOUNDARIES {
            assert!((60..140).contains(&share(boundary, boundary)), "{boundary}");
        }
        assert!((100..300).contains(&share(40_000, LONGEST)), "{}", share(40_000, LONGEST));
        assert_eq!(share(LONGEST + 1, usize::MAX), 0);
    }

    #[test]
    fn seeds_runs_and_streams_differ() {
        let line_of = |seed, run, stream| line(seed, run, stream, 5, Mix::Small);
        assert_ne!(line_of(1, 1, OUT), line_of(2, 1, OUT));
        assert_ne!(line_of(1, 1, OUT)[16..], line_of(1, 2, OUT)[16..]);
        assert_ne!(line_of(1, 1, OUT)[16..], line_of(1, 1, ERR)[16..]);
    }

    #[test]
    fn foreign_and_cut_lines_do_not_parse() {
        for foreign in [
            "",
            "hello",
            "r1 o 0000000001",
            "r1 x 0000000001 a",
            "r o 0000000001 a",
            "r1 o 1 a",
            "r1 o 00000000x1 a",
            "r99999999999 o 0000000001 a",
        ] {
            assert_eq!(parse(foreign.as_bytes()), None, "{foreign}");
        }
        assert_eq!(parse(b"r12 e 0000000345 WARN"), Some((12, ERR, 345)));
    }
}
