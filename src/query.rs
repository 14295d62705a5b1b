//! The query language: from a text such as `level:error "connection refused" -health` to a
//! [`Query`], which a record matches or not. `docs/query.md` is its reference.
//!
//! Pure: the live tail and the search in memory evaluate [`Query::matches`] on records; the index
//! narrows by [`Query::required`], over the tokens of [`index_text`], and verifies what is left
//! with the same `matches`.

mod amount;
mod index;
mod parse;
mod phrase;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use amount::Amount;
pub use index::{Decision, index_fields, index_text, is_indexed};
pub use parse::{MAX_QUERY_BYTES, MAX_TERMS, QueryError};
pub use phrase::{End, Text};
pub use value::{Case, Comparison, Pattern, Test, Value};

use crate::record::{FieldValue, Level, Record};
use crate::text;

/// What to look for; the default is everything.
///
/// ```
/// use foghorn::query::Query;
///
/// let query: Query = "level:warning NOT conn* \"two words\"".parse()?;
/// assert_eq!(query.to_string(), "level:warn -conn* \"two words\"");
/// assert_eq!(
///     "status:".parse::<Query>().unwrap_err().to_string(),
///     "column 8: expected a value after \"status:\""
/// );
/// # Ok::<(), foghorn::query::QueryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    expr: Expr,
}

/// A part of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Each of them; none is everything.
    All(Vec<Expr>),
    /// At least one of them; of none, nothing.
    Any(Vec<Expr>),
    /// What the part does not match.
    Not(Box<Expr>),
    /// A word, a phrase or a prefix, anywhere in the line or in a field.
    Text(Text),
    /// A regular expression, in the line as it was written.
    Pattern(Pattern),
    /// What Foghorn knows of every record.
    Builtin(BuiltinField, Test),
    /// A field of the line, by its dotted name.
    Field(String, Test),
}

/// What Foghorn knows of every record, whatever the line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuiltinField {
    /// The container's name.
    Container,
    /// The container's id.
    ContainerId,
    /// The Compose project; empty outside Compose.
    Project,
    /// The service.
    Service,
    /// The stream.
    Stream,
    /// The level.
    Level,
    /// Line or gap.
    Kind,
    /// The name of the format that the line was read as.
    Format,
    /// The Compose container number; 0 outside Compose.
    Number,
}

impl BuiltinField {
    /// Every built-in field.
    pub const ALL: [Self; 9] = [
        Self::Container,
        Self::ContainerId,
        Self::Project,
        Self::Service,
        Self::Stream,
        Self::Level,
        Self::Kind,
        Self::Format,
        Self::Number,
    ];

    /// The name used in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::ContainerId => "container_id",
            Self::Project => "project",
            Self::Service => "service",
            Self::Stream => "stream",
            Self::Level => "level",
            Self::Kind => "kind",
            Self::Format => "format",
            Self::Number => "number",
        }
    }

    /// The field of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str().eq_ignore_ascii_case(name))
    }

    /// The value as it is shown; empty where there is none.
    pub fn text(self, record: &Record) -> Cow<'_, str> {
        match self {
            Self::Number if record.container.number == 0 => "".into(),
            Self::Number => record.container.number.to_string().into(),
            _ => self.value(record).into(),
        }
    }

    /// The value, but of the number.
    fn value(self, record: &Record) -> &str {
        let container = &record.container;
        match self {
            Self::Container => &container.name,
            Self::ContainerId => container.id.as_str(),
            Self::Project => &container.project,
            Self::Service => &container.service,
            Self::Stream => record.stream.as_str(),
            Self::Level => record.level.as_str(),
            Self::Kind => record.kind.as_str(),
            Self::Format => record.format,
            Self::Number => "",
        }
    }

    /// Whether the record's value passes the test.
    pub fn matches(self, test: &Test, record: &Record) -> bool {
        match (self, test) {
            (Self::Level, Test::Present) => record.level != Level::Unknown,
            (Self::Number, Test::Present) => record.container.number != 0,
            (Self::Number, _) => test.accepts("number", FieldValue::Integer(record.container.number.into())),
            (_, Test::Present) => !self.value(record).is_empty(),
            // A name of digits is a name, and no number.
            (_, Test::Equals(value)) => value.case().equal(self.value(record), value.text()),
            (_, Test::Prefix(prefix, case)) => case.begins(self.value(record), prefix),
            (_, Test::Pattern(pattern)) => pattern.is_in(self.value(record)),
            (_, Test::Compare(..) | Test::Range(..)) => false,
        }
    }
}

/// A field of an HTTP request which an index may keep beside the line: one value has a short name and
/// the name that parsers give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestField {
    /// `method`
    Method,
    /// `path`
    Path,
    /// `status`
    Status,
    /// `http.method`
    HttpMethod,
    /// `http.path`
    HttpPath,
    /// `http.status`
    HttpStatus,
}

impl RequestField {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Method, Self::Path, Self::Status, Self::HttpMethod, Self::HttpPath, Self::HttpStatus];

    /// The name used in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Status => "status",
            Self::HttpMethod => "http.method",
            Self::HttpPath => "http.path",
            Self::HttpStatus => "http.status",
        }
    }

    /// The field of exactly that name: of another case, a query may mean other values.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// The values that a query finds under this name.
    pub fn values(self, record: &Record) -> impl Iterator<Item = FieldValue<'_>> {
        values(self.as_str(), record)
    }
}

impl Query {
    /// The query that every one of these parts makes.
    pub fn all(parts: Vec<Expr>) -> Self {
        Self { expr: Expr::All(parts) }
    }

    /// The whole of it.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether it matches every record, because it asks for nothing.
    pub fn is_everything(&self) -> bool {
        matches!(&self.expr, Expr::All(parts) if parts.is_empty())
    }

    /// Whether the record is looked for: the definition that each other way of searching agrees
    /// with.
    pub fn matches(&self, record: &Record) -> bool {
        self.expr.matches(record)
    }

    /// What every matching record certainly satisfies; necessary, not sufficient, and all of nothing
    /// where nothing is certain.
    pub fn required(&self) -> Decision {
        index::required(&self.expr)
    }

    /// What an index alone decides the query by; none where records have to be read for it.
    pub fn decision(&self) -> Option<Decision> {
        index::decision(&self.expr)
    }
}

impl Default for Query {
    fn default() -> Self {
        Self::all(Vec::new())
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        parse::parse(text)
    }
}

/// A text that parses to an equal query.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

impl Expr {
    fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Pattern(pattern) => pattern.is_in(&record.raw),
            Self::Not(part) => !part.matches(record),
            Self::Text(text) => text.matches(record),
            Self::Builtin(field, test) => field.matches(test, record),
            Self::Field(name, test) => meant(name, record).any(|(other, value)| test.accepts(other, value)),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => write_list(f, parts, " "),
            Self::Any(parts) => {
                f.write_str("(")?;
                write_list(f, parts, " OR ")?;
                f.write_str(")")
            }
            Self::Not(part) if matches!(**part, Self::All(_) | Self::Not(_)) => write!(f, "-({part})"),
            Self::Not(part) => write!(f, "-{part}"),
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Builtin(field, test) => write!(f, "{}:{test}", field.as_str()),
            Self::Field(name, test) => write!(f, "{name}:{test}"),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        write!(f, "{}{part}", if at == 0 { "" } else { between })?;
    }
    Ok(())
}

/// Short names of fields that a parser gives, and what they are short for.
const ALIASES: [(&str, &str); 10] = [
    ("status", "http.status"),
    ("method", "http.method"),
    ("path", "http.path"),
    ("client", "http.client"),
    ("bytes", "http.bytes"),
    ("duration_ms", "http.duration_ms"),
    ("duration_ms", "operation.duration_ms"),
    ("operation", "operation.name"),
    ("outcome", "operation.outcome"),
    ("error", "error.message"),
];

/// The most names that one is short for.
const MOST_ALIASES: usize = 2;

/// The names that a short name stands for.
fn aliased(name: &str) -> impl Iterator<Item = &'static str> + Clone {
    let of_name = ALIASES.iter().filter(|(short, _)| text::eq_fold(short, name)).map(|(_, long)| *long);
    let mut names = [None; MOST_ALIASES];
    names.iter_mut().zip(of_name).for_each(|(slot, long)| *slot = Some(long));
    names.into_iter().flatten()
}

/// The values that a query finds under the name of a field of the line.
pub fn values<'r>(name: &str, record: &'r Record) -> impl Iterator<Item = FieldValue<'r>> {
    meant(name, record).map(|(_, value)| value)
}

/// The fields of exactly that name; where there is none, what the name is short for, and any of that
/// name in another case.
fn meant<'r>(name: &str, record: &'r Record) -> impl Iterator<Item = (&'r str, FieldValue<'r>)> {
    let is_named = record.fields().get(name).is_some();
    let aliased = aliased(name);
    record.fields().iter().filter(move |(other, _)| {
        if is_named { *other == name } else { text::eq_fold(other, name) || aliased.clone().any(|long| long == *other) }
    })
}

/// Writes the text so that the parser reads it back: as it is where it can stand as a word in any case,
/// else in quotes.
fn write_value(f: &mut fmt::Formatter<'_>, text: &str, case: Case) -> fmt::Result {
    if case == Case::Any && parse::is_plain(text) {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str(if case == Case::Exact { "\"c" } else { "\"" })
}
