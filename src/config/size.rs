//! Sizes as people write them: text such as `16MiB` to bytes, and back.

/// The units with their bytes: binary ones before decimal ones, the largest first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// What [`parse`] reads, for messages.
pub const FORM: &str = "a number of bytes, or a number with a unit such as 64KiB, 16MiB or 10GiB";

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size, expected {FORM}")]
pub struct SizeError;

/// Reads a whole number of bytes, or one with a unit of `B`, `KB`, `MB`, `GB`, `TB` (powers of
/// 1000) and `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024), in any case. A fraction and more than
/// 2^64 bytes are errors.
///
/// ```
/// use foghorn::config::size::parse;
/// assert_eq!(parse("16MiB"), Ok(16 * 1024 * 1024));
/// assert_eq!(parse("4096"), Ok(4096));
/// ```
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| SizeError)?;
    if unit.is_empty() {
        return Ok(number);
    }
    let (_, unit_bytes) = UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(SizeError)?;
    number.checked_mul(unit_bytes).ok_or(SizeError)
}

/// Writes a size so that [`parse`] reads the same one, in the largest unit that divides it,
/// binary units first; plain bytes where none does.
pub fn format(bytes: u64) -> String {
    let divides = |unit_bytes: u64| bytes >= unit_bytes && bytes.is_multiple_of(unit_bytes);
    let (unit, unit_bytes) = UNITS.into_iter().find(|(_, unit_bytes)| divides(*unit_bytes)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / unit_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bytes_and_units() {
        let table = [
            ("0", 0),
            ("4096", 4096),
            ("1B", 1),
            ("2KB", 2_000),
            ("2KiB", 2_048),
            ("3MB", 3_000_000),
            ("1MiB", 1_048_576),
            ("1mib", 1_048_576),
            ("10GB", 10_000_000_000),
            ("10GiB", 10_737_418_240),
            ("1TB", 1_000_000_000_000),
            ("1TiB", 1_099_511_627_776),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in table {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let table = [
            "",
            "B",
            "-1",
            "+1",
            "1.5GiB",
            "1 MiB",
            " 1MiB",
            "1K",
            "1M",
            "1MiBs",
            "1PB",
            "one",
            "1_000",
            "18446744073709551616",
            "18446744073709551615KiB",
            "٥B",
        ];
        for text in table {
            assert_eq!(parse(text), Err(SizeError), "{text:?}");
        }
    }

    #[test]
    fn writes_the_largest_unit_that_divides() {
        let table = [
            (0, "0B"),
            (1, "1B"),
            (1_000, "1KB"),
            (1_024, "1KiB"),
            (1_025, "1025B"),
            (1_048_576, "1MiB"),
            (1_500_000, "1500KB"),
            (10 << 30, "10GiB"),
            (3 << 40, "3TiB"),
            (u64::MAX, "18446744073709551615B"),
        ];
        for (bytes, text) in table {
            assert_eq!(format(bytes), text);
            assert_eq!(parse(text), Ok(bytes));
        }
    }
}
