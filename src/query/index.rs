//! What an index needs: from a record to the tokens that it holds of it, and from a query to what
//! a matching record certainly has among them.

use super::phrase::{End, Text};
use super::value::{Number, Test, Value, with_text};
use super::{BuiltinField, Expr, RequestField};
use crate::record::{COMPUTED_NAMES, FieldValue, KNOWN_NAMES, Record};
use crate::text;

/// Whether an index holds the token, or all that begin with it. Numbers of one and two digits are a
/// quarter of all tokens of usual logs, stand in nearly every line, and narrow nothing.
pub fn is_indexed(token: &str) -> bool {
    token.len() > 2 || !token.bytes().all(|byte| byte.is_ascii_digit())
}

/// Calls `f` with each token by which the record can be found: those of the line, and those of the
/// names and values of its fields where the line does not have them as they are; those that
/// [`is_indexed`] denies are left out. A token can come more than once.
///
/// A value that is a number also gives the tokens of its canonical form, so that `1.50` is found
/// as 1.5.
pub fn index_text(record: &Record, mut f: impl FnMut(&str)) {
    let mut f = |token: &str| {
        if is_indexed(token) {
            f(token);
        }
    };
    text::tokens(&record.raw, |token, _| f(token));
    index_fields(record, f);
}

/// The part of [`index_text`] that the fields add to the line's own tokens. Some may be the line's, too: to
/// look for them there costs more than to hear them twice.
pub fn index_fields(record: &Record, mut f: impl FnMut(&str)) {
    field_texts(record, |text| text::tokens(text, |token, _| f(token)));
}

/// Calls `f` with each text whose tokens are those of [`index_fields`].
pub(super) fn field_texts(record: &Record, mut f: impl FnMut(&str)) {
    let raw = record.raw.as_bytes();
    let has_escapes = memchr::memchr(0x1b, raw).is_some();
    let is_told = |place: Option<usize>, len| !has_escapes && place.is_some_and(|at| text::stands_apart(raw, at, len));
    for (name, value, origin) in record.fields().iter_origins() {
        if origin.is_own {
            if !is_told(origin.name_place, name.len()) {
                name.split('.').for_each(&mut f);
            }
        } else if COMPUTED_NAMES.contains(&name) {
            continue;
        }
        match value {
            FieldValue::Text(text) if is_told(origin.place, text.len()) => {}
            _ => with_text(value, &mut f),
        }
        if let Some(number) = number_of(value) {
            f(&number.canonical());
        }
    }
}

/// Whether the names of fields say nothing of the tokens of a record: a parser may have given them.
fn is_known(name: &str) -> bool {
    KNOWN_NAMES.iter().any(|known| text::eq_fold(known, name)) || super::aliased(name).next().is_some()
}

/// Whether the value may be computed, and stand in no line.
fn is_computed(name: &str) -> bool {
    let is_one = |name: &str| COMPUTED_NAMES.iter().any(|computed| text::eq_fold(computed, name));
    is_one(name) || super::aliased(name).any(is_one)
}

/// The number that the value is, unless its text is the canonical one already.
fn number_of(value: FieldValue<'_>) -> Option<Number> {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    match value {
        FieldValue::Integer(value) if value.unsigned_abs() <= EXACT => None,
        FieldValue::Integer(value) => Some(Number::Integer(value.into())),
        FieldValue::Text(text) => Number::of(text),
        FieldValue::Bool(_) | FieldValue::Float(_) => None,
    }
}

/// What an index can tell without the records: over the tokens of [`index_text`], the built-in fields
/// and those of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// This is one of the tokens.
    Token(String),
    /// One of the tokens begins with this.
    TokenPrefix(String),
    /// What a built-in field is tested for.
    Builtin(BuiltinField, Test),
    /// What a field of a request is tested for.
    Request(RequestField, Test),
    /// Each of them; none is everything.
    All(Vec<Decision>),
    /// At least one of them.
    Any(Vec<Decision>),
    /// What it is not.
    Not(Box<Decision>),
}

impl Decision {
    /// What everything passes.
    const EVERYTHING: Self = Self::All(Vec::new());

    /// Whether it holds, where `leaf` answers for what is not made of parts.
    pub fn holds(&self, leaf: &impl Fn(&Self) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(leaf)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(leaf)),
            Self::Not(part) => !part.holds(leaf),
            Self::Token(_) | Self::TokenPrefix(_) | Self::Builtin(..) | Self::Request(..) => leaf(self),
        }
    }
}

/// What each record that the expression matches satisfies; not all that do are matched.
pub(super) fn required(expr: &Expr) -> Decision {
    let mut list = Vec::new();
    collect(expr, &mut list);
    list.retain(|part| match part {
        Decision::Token(token) | Decision::TokenPrefix(token) => is_indexed(token),
        _ => true,
    });
    // A query has few requirements, and their order is the user's.
    let mut at = 0;
    while at < list.len() {
        if list[..at].contains(&list[at]) {
            list.remove(at);
        } else {
            at += 1;
        }
    }
    if list.len() == 1 { list.remove(0) } else { Decision::All(list) }
}

/// What decides the expression without the records; none where they have to be read.
pub(super) fn decision(expr: &Expr) -> Option<Decision> {
    let list = |parts: &[Expr]| parts.iter().map(decision).collect::<Option<Vec<_>>>();
    match expr {
        Expr::All(parts) => list(parts).map(Decision::All),
        Expr::Any(parts) => list(parts).map(Decision::Any),
        Expr::Not(part) => decision(part).map(|part| Decision::Not(Box::new(part))),
        Expr::Builtin(field, test) => Some(Decision::Builtin(*field, test.clone())),
        Expr::Text(text) => match (text.run().tokens(), text.uuid()) {
            // Of a UUID, an index may hold the beginning alone, and of case it holds nothing.
            ([token], None) if is_indexed(token) && !token.contains('-') && text.run().is_told_by_tokens() => {
                Some(match text.run().end() {
                    End::Whole => Decision::Token(token.clone()),
                    End::Prefix => Decision::TokenPrefix(token.clone()),
                })
            }
            // The words of a phrase have to follow each other, which no index of words tells.
            _ => None,
        },
        Expr::Field(name, test) => RequestField::from_name(name).map(|field| Decision::Request(field, test.clone())),
        Expr::Pattern(_) => None,
    }
}

fn collect(expr: &Expr, list: &mut Vec<Decision>) {
    match expr {
        Expr::All(parts) => parts.iter().for_each(|part| collect(part, list)),
        Expr::Any(parts) => {
            let alternatives: Vec<_> = parts.iter().map(required).collect();
            // What one of them does not need, all of them do not.
            if !alternatives.contains(&Decision::EVERYTHING) {
                list.push(Decision::Any(alternatives));
            }
        }
        Expr::Not(part) => list.extend(decision(part).map(|part| Decision::Not(Box::new(part)))),
        Expr::Pattern(_) => {}
        Expr::Text(text) => words(text, list),
        Expr::Builtin(..) => list.extend(decision(expr)),
        Expr::Field(name, test) => {
            // There are too many paths to look through where words find them.
            let is_found =
                matches!(name.as_str(), "path" | "http.path") && matches!(test, Test::Equals(_) | Test::Prefix(..));
            if !is_found && let Some(decision) = decision(expr) {
                return list.push(decision);
            }
            if !is_known(name) {
                whole(name, list);
            }
            match test {
                _ if is_computed(name) => {}
                Test::Present | Test::Compare(..) | Test::Range(..) | Test::Pattern(_) => {}
                Test::Equals(value) => equal(value, list),
                Test::Prefix(prefix, _) => beginning(prefix, list),
            }
        }
    }
}

fn words(words: &Text, list: &mut Vec<Decision>) {
    if let Some(run) = words.uuid() {
        // Within a UUID or not, the record has a token that begins with the UUID's first group.
        let Some((group, before)) = run.tokens().split_last() else { return };
        list.extend(before.iter().cloned().map(Decision::Token));
        list.push(Decision::TokenPrefix(uuid_group(group).to_owned()));
        return;
    }
    let run = words.run();
    list.extend(run.tokens().iter().cloned().map(Decision::Token));
    if run.end() == End::Prefix
        && let Some(Decision::Token(last)) = list.pop()
    {
        list.push(Decision::TokenPrefix(last));
    }
}

fn equal(value: &Value, list: &mut Vec<Decision>) {
    match value.number() {
        Some(number) => whole(&number.canonical(), list),
        None => whole(value.text(), list),
    }
}

/// The tokens of a text that stands whole.
fn whole(text: &str, list: &mut Vec<Decision>) {
    text::tokens(text, |token, _| list.push(Decision::Token(token.to_owned())));
}

/// The tokens of a text that begins a longer one: what comes after may lengthen the last of them,
/// make one UUID of several, or complete an escape sequence.
fn beginning(prefix: &str, list: &mut Vec<Decision>) {
    if let Some(at) = prefix.find('\u{1b}') {
        return whole(&prefix[..at], list);
    }
    let mut ended = false;
    text::tokens(prefix, |token, range| {
        if ended {
            return;
        }
        let uuid = text::begins_uuid(&prefix[range.start..]);
        ended = uuid || range.end == prefix.len();
        list.push(match (uuid, ended) {
            (true, _) => Decision::TokenPrefix(uuid_group(token).to_owned()),
            (false, true) => Decision::TokenPrefix(token.to_owned()),
            (false, false) => Decision::Token(token.to_owned()),
        });
    });
}

/// The first of the five groups of a UUID or of its beginning.
fn uuid_group(text: &str) -> &str {
    text.split_once('-').map_or(text, |(group, _)| group)
}
