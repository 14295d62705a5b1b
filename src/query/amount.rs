//! Amounts to compare by: numbers, durations and sizes, from their text to something that has an order.

use std::cmp::Ordering;
use std::fmt;

use super::value::Number;
use crate::record::FieldValue;

/// A number, perhaps with a unit, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    written: String,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Number(Number),
    /// Milliseconds.
    Duration(f64),
    Bytes(f64),
}

/// Units of time, in milliseconds.
const DURATIONS: [(&str, f64); 9] = [
    ("ns", 1e-6),
    ("us", 1e-3),
    ("µs", 1e-3),
    ("μs", 1e-3),
    ("ms", 1.0),
    ("s", 1e3),
    ("m", 60e3),
    ("h", 3_600e3),
    ("d", 86_400e3),
];

/// Units of size, in bytes: decimal as SI has them, and binary as IEC has them.
const SIZES: [(&str, f64); 8] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// What a field's name says of the unit of its numbers, by its last part.
const NAMES: [(&str, f64); 12] = [
    ("_ms", 1.0),
    ("Ms", 1.0),
    ("Millis", 1.0),
    ("_millis", 1.0),
    ("_seconds", 1e3),
    ("_secs", 1e3),
    ("_s", 1e3),
    ("Seconds", 1e3),
    ("_us", 1e-3),
    ("_micros", 1e-3),
    ("_ns", 1e-6),
    ("_nanos", 1e-6),
];

impl Amount {
    /// The amount that the whole text is: `500`, `-1.5`, `1s`, `250ms`, `10MB`; none where it is none.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self { written: text.to_owned(), size: size_of(text)? })
    }

    /// How the value of the field of that name compares with the amount; none where it cannot be told.
    pub(super) fn compare(&self, name: &str, value: FieldValue<'_>) -> Option<Ordering> {
        let number = match value {
            FieldValue::Integer(value) => Some(Number::Integer(value.into())),
            FieldValue::Float(value) => Some(Number::Float(value)).filter(|_| value.is_finite()),
            FieldValue::Text(text) => Number::of(text),
            FieldValue::Bool(_) => None,
        };
        match (self.size, number) {
            (Size::Number(wanted), Some(number)) => number.compare(wanted),
            (Size::Duration(wanted), Some(number)) => (number.as_float() * unit_of(name)?).partial_cmp(&wanted),
            (Size::Bytes(wanted), Some(number)) => number.as_float().partial_cmp(&wanted),
            (wanted, None) => match (wanted, size_of(value.as_str()?)?) {
                (Size::Duration(wanted), Size::Duration(other)) | (Size::Bytes(wanted), Size::Bytes(other)) => {
                    other.partial_cmp(&wanted)
                }
                _ => None,
            },
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn size_of(text: &str) -> Option<Size> {
    // The longest number that anyone writes.
    const MAX_BYTES: usize = 48;
    if text.len() > MAX_BYTES {
        return None;
    }
    if let Some(number) = Number::of(text) {
        return Some(Size::Number(number));
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))?;
    let (number, unit) = text.split_at(end);
    let number = Number::of(number)?.as_float();
    let scale = |units: &[(&str, f64)]| units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| number * scale);
    scale(&DURATIONS).map(Size::Duration).or_else(|| scale(&SIZES).map(Size::Bytes))
}

/// The unit that a field's name tells, in milliseconds.
fn unit_of(name: &str) -> Option<f64> {
    NAMES.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, ms)| *ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(amount: &str, name: &str, value: FieldValue<'_>, expected: Option<Ordering>) {
        assert_eq!(Amount::new(amount).unwrap().compare(name, value), expected, "{name}={value:?} and {amount}");
    }

    #[test]
    fn values_compare_by_size_and_unit() {
        use FieldValue::{Float, Integer, Text};
        use Ordering::{Equal, Greater, Less};
        check("500", "status", Integer(502), Some(Greater));
        check("500", "status", Text("499"), Some(Less));
        check("9007199254740993", "id", Integer(9_007_199_254_740_992), Some(Less));
        check("1s", "duration_ms", Float(1000.0), Some(Equal));
        check("1s", "took_s", Float(1.5), Some(Greater));
        check("250ms", "took", Text("1.2s"), Some(Greater));
        check("1m", "took", Text("59s"), Some(Less));
        check("10MB", "bytes", Integer(9_999_999), Some(Less));
        check("1KiB", "size", Text("1KB"), Some(Less));
        // What has no unit is no duration, and the other way round.
        check("1s", "took", Integer(5), None);
        check("500", "took", Text("500ms"), None);
        check("500", "user", Text("bob"), None);
        check("500", "ok", FieldValue::Bool(true), None);
        check("1", "x", Float(f64::NAN), None);
    }

    #[test]
    fn what_is_no_amount() {
        for text in ["", "s", "1x", "bob", "1 s", "--1", "1.2.3s", "nan", "inf"] {
            assert_eq!(Amount::new(text), None, "{text}");
        }
    }
}
