//! What a field is tested for: from a query's value to yes or no for a record's value.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use regex::Regex;

use super::amount::Amount;
use crate::expression;
use crate::record::FieldValue;
use crate::text;

/// Whether case counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// It does not: letters in any case are the same.
    #[default]
    Any,
    /// It does, as in `"OOM"c`.
    Exact,
}

impl Case {
    /// Whether the texts are the same.
    pub fn equal(self, a: &str, b: &str) -> bool {
        match self {
            Self::Any => text::eq_fold(a, b),
            Self::Exact => a == b,
        }
    }

    /// Whether the text begins so.
    pub fn begins(self, text: &str, prefix: &str) -> bool {
        match self {
            Self::Any => text::starts_with_fold(text, prefix),
            Self::Exact => text.starts_with(prefix),
        }
    }
}

/// What the value of a field has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is one.
    Present,
    /// This value.
    Equals(Value),
    /// One that begins with this text.
    Prefix(String, Case),
    /// One that compares so with an amount.
    Compare(Comparison, Amount),
    /// One from the first to the last, both included.
    Range(Amount, Amount),
    /// One in which a regular expression is found.
    Pattern(Pattern),
}

/// How a value compares with an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Those of two signs stand before those of which one is the beginning.
    pub const ALL: [Self; 4] = [Self::AtMost, Self::AtLeast, Self::Less, Self::Greater];

    /// The signs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether something of this order passes.
    pub fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A regular expression, which looks at the first 16 KiB of a text, in any case.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let regex = expression::compile(&format!("(?i){text}"))
            // Its errors are of the text that was written.
            .or_else(|error| expression::compile(text).and(Err(error)))?;
        Ok(Self { written: text.to_owned(), regex })
    }

    /// Whether it is found in the text.
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(expression::beginning(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.written)
    }
}

impl Test {
    /// Whether the value of the field of that name passes.
    pub fn accepts(&self, name: &str, value: FieldValue<'_>) -> bool {
        match (self, value) {
            (Self::Compare(comparison, amount), _) => {
                amount.compare(name, value).is_some_and(|order| comparison.accepts(order))
            }
            (Self::Range(from, to), _) => {
                from.compare(name, value).is_some_and(Ordering::is_ge)
                    && to.compare(name, value).is_some_and(Ordering::is_le)
            }
            (Self::Present, _) => true,
            (Self::Equals(wanted), FieldValue::Integer(value)) => {
                wanted.number.is_some_and(|number| number.equals(Number::Integer(value.into())))
            }
            (Self::Equals(wanted), FieldValue::Float(value)) if value.is_finite() => {
                wanted.number.is_some_and(|number| number.equals(Number::Float(value)))
            }
            _ => with_text(value, |text| self.accepts_text(text)),
        }
    }

    /// Whether the text passes.
    pub fn accepts_text(&self, text: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Equals(wanted) => {
                wanted.case.equal(&wanted.text, text)
                    || wanted.number.is_some_and(|number| Number::of(text).is_some_and(|other| number.equals(other)))
            }
            Self::Prefix(prefix, case) => case.begins(text, prefix),
            Self::Pattern(pattern) => pattern.is_in(text),
            Self::Compare(..) | Self::Range(..) => self.accepts("", FieldValue::Text(text)),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("*"),
            Self::Equals(value) => super::write_value(f, &value.text, value.case),
            Self::Prefix(prefix, case) => {
                super::write_value(f, prefix, *case)?;
                f.write_str("*")
            }
            Self::Compare(comparison, amount) => write!(f, "{}{amount}", comparison.as_str()),
            Self::Range(from, to) => write!(f, "{from}..{to}"),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

/// A value to be equal to: as a text, and by size where both are numbers, which have no case.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    text: String,
    case: Case,
    number: Option<Number>,
}

impl Value {
    /// The value that this text is, in any case.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { number: Number::of(&text), case: Case::Any, text }
    }

    /// The same with case counting or not.
    #[must_use]
    pub fn with_case(self, case: Case) -> Self {
        Self { case, ..self }
    }

    /// Whether case counts.
    pub fn case(&self) -> Case {
        self.case
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn number(&self) -> Option<Number> {
        self.number
    }
}

/// A finite number; whole ones are compared exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// The number that the whole text is.
    pub(super) fn of(text: &str) -> Option<Self> {
        // Most texts are none; this also keeps out "infinity" and "nan".
        if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
            return None;
        }
        if let Ok(value) = text.parse() {
            return Some(Self::Integer(value));
        }
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Float)
    }

    pub(super) fn as_float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    fn equals(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            // Equality of values that were written down, not of results that were computed.
            #[allow(clippy::float_cmp)]
            (a, b) => a.as_float() == b.as_float(),
        }
    }

    /// Which of the two is greater; none of what is no number.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }

    /// One text for all numbers that are equal to this one.
    pub(super) fn canonical(self) -> String {
        // Adding zero turns -0 into 0, which it is equal to.
        (self.as_float() + 0.0).to_string()
    }
}

/// Calls `f` with the value's canonical text, as [`FieldValue::text`] has it, without allocating.
pub(super) fn with_text<R>(value: FieldValue<'_>, f: impl FnOnce(&str) -> R) -> R {
    match value {
        FieldValue::Text(text) => f(text),
        FieldValue::Bool(true) => f("true"),
        FieldValue::Bool(false) => f("false"),
        FieldValue::Integer(value) => f(itoa::Buffer::new().format(value)),
        // The longest is the smallest normal number, at about 330 digits.
        FieldValue::Float(value) => with_display::<400, R>(&value, f),
    }
}

fn with_display<const N: usize, R>(value: &impl fmt::Display, f: impl FnOnce(&str) -> R) -> R {
    let mut text = Stack { bytes: [0; N], used: 0 };
    match write!(text, "{value}") {
        Ok(()) => f(std::str::from_utf8(&text.bytes[..text.used]).expect("made of whole texts")),
        Err(fmt::Error) => f(&value.to_string()),
    }
}

/// A text on the stack; writing fails when it is full.
struct Stack<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Write for Stack<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        self.bytes.get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(wanted: &str, value: FieldValue<'_>, expected: bool) {
        assert_eq!(Test::Equals(Value::new(wanted)).accepts("", value), expected, "{wanted} = {value:?}");
    }

    #[test]
    fn equal_as_text_in_any_case_or_as_numbers() {
        let text = FieldValue::Text;
        check("Bob", text("bOB"), true);
        check("ÄÖ", text("äö"), true);
        check("bob", text("bobby"), false);
        check("true", FieldValue::Bool(true), true);
        check("1", FieldValue::Bool(true), false);
        check("500", FieldValue::Integer(500), true);
        check("5e2", FieldValue::Integer(500), true);
        check("1.50", FieldValue::Float(1.5), true);
        check("1.50", text("1.5"), true);
        check("0500", text("5e2"), true);
        check("-0", text("0.0"), true);
        check("inf", text("Inf"), true);
        check("inf", text("infinity"), false);
        check("1e999", FieldValue::Float(f64::INFINITY), false);
        check("9007199254740993", FieldValue::Integer(9_007_199_254_740_992), false);
        check("18446744073709551615", text("18446744073709551615"), true);
        check("", text(""), true);
        check("0", text(""), false);
    }

    #[test]
    fn where_case_counts_the_same_text_or_an_equal_number() {
        let text = FieldValue::Text;
        for (wanted, value, expected) in [
            ("Bob", text("Bob"), true),
            ("Bob", text("bob"), false),
            ("Äö", text("äö"), false),
            ("True", FieldValue::Bool(true), false),
            ("true", FieldValue::Bool(true), true),
            ("1.50", FieldValue::Float(1.5), true),
            ("5E2", text("5e2"), true),
            ("", text(""), true),
        ] {
            let equals = Test::Equals(Value::new(wanted).with_case(Case::Exact));
            assert_eq!(equals.accepts("", value), expected, "{wanted} = {value:?}");
        }
        for (prefix, expected) in [("Bo", true), ("bo", false), ("Bobby", false), ("", true)] {
            assert_eq!(Test::Prefix(prefix.into(), Case::Exact).accepts("", text("Bob")), expected, "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn the_text_on_the_stack_is_the_canonical_one(integer: i64, float: f64) {
            for value in [FieldValue::Integer(integer), FieldValue::Float(float), FieldValue::Float(float.recip())] {
                prop_assert!(with_text(value, |text| text == value.text()), "{:?}", value);
            }
        }

        #[test]
        fn equal_numbers_have_one_text(a in "[-+]?[0-9]{0,3}(\\.[0-9]{0,2}0?)?(e[0-2])?", b in "[-+]?[0-9]{0,3}(\\.[0-9]{0,2}0?)?(e[0-2])?") {
            if let (Some(a), Some(b)) = (Number::of(&a), Number::of(&b)) {
                prop_assert_eq!(a.equals(b), a.canonical() == b.canonical());
            }
        }
    }

    #[test]
    fn extreme_floats_fit_the_stack() {
        for value in [f64::MIN, f64::MIN_POSITIVE, -5e-324, f64::NAN, f64::NEG_INFINITY] {
            let value = FieldValue::Float(value);
            assert_eq!(with_text(value, str::to_owned), value.text());
        }
    }
}
