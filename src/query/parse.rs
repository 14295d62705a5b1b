//! The parser of the query language: from a text to a [`Query`], or to where and what it expected.

use super::phrase::{End, Text};
use super::value::{Test, Value};
use super::{BuiltinField, Expr, Query};
use crate::record::{Kind, Level, Stream};

/// The longest text of a query, in bytes.
pub const MAX_QUERY_BYTES: usize = 4096;

/// The most words, phrases and fields in one query.
pub const MAX_TERMS: usize = 64;

/// A text that is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct QueryError {
    /// Where, in characters from 1; one past the end where something is missing.
    pub column: usize,
    /// What would have been accepted there.
    pub expected: String,
}

/// Parses the whole text.
pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() > MAX_QUERY_BYTES {
        let at = text.floor_char_boundary(MAX_QUERY_BYTES);
        return Err(parser.error(at, format!("at most {MAX_QUERY_BYTES} bytes of query")));
    }
    let mut parts = Vec::new();
    let mut and = false;
    loop {
        parser.skip_spaces();
        let start = parser.at;
        if parser.rest().is_empty() {
            if and {
                return Err(parser.error(start, "a term after \"AND\""));
            }
            return Ok(Query::all(parts));
        }
        if parser.keyword("AND") {
            if and || parts.is_empty() {
                return Err(parser.error(start, "a term before \"AND\""));
            }
            and = true;
            parser.at += "AND".len();
            continue;
        }
        let part = parser.term()?;
        if parts.len() == MAX_TERMS {
            return Err(parser.error(start, format!("at most {MAX_TERMS} terms")));
        }
        parts.push(part);
        and = false;
    }
}

/// Whether the text, as a word or as a value, is read back without quotes.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !KEYWORDS.contains(&text)
        && !text.starts_with('-')
        && !is_regex(text)
        && text.chars().all(|c| c.is_alphanumeric() || "_.-@=/%+,;#&~?!".contains(c))
}

const KEYWORDS: [&str; 3] = ["AND", "OR", "NOT"];

fn is_regex(text: &str) -> bool {
    text.len() > 1 && text.starts_with('/') && text.ends_with('/')
}

struct Parser<'a> {
    text: &'a str,
    /// Where the next character is.
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, at: usize, expected: impl Into<String>) -> QueryError {
        QueryError { column: self.text[..at].chars().count() + 1, expected: expected.into() }
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether the next character ends a term: a space, or the end.
    fn at_end_of_term(&self) -> bool {
        self.rest().chars().next().is_none_or(char::is_whitespace)
    }

    /// Whether the next word is this one.
    fn keyword(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace))
    }

    /// One term, with its negation.
    fn term(&mut self) -> Result<Expr, QueryError> {
        let negation = if self.keyword("NOT") {
            "NOT"
        } else if self.rest().starts_with('-') {
            "-"
        } else {
            return self.operand();
        };
        self.at += negation.len();
        if negation == "NOT" {
            self.skip_spaces();
        }
        let missing =
            self.at_end_of_term() || self.rest().starts_with('-') || KEYWORDS.iter().any(|word| self.keyword(word));
        if missing {
            let hint = if negation == "-" { ", or quotes around a dash that is meant" } else { "" };
            return Err(self.error(self.at, format!("a term after \"{negation}\"{hint}")));
        }
        Ok(Expr::Not(Box::new(self.operand()?)))
    }

    /// One term without a negation.
    fn operand(&mut self) -> Result<Expr, QueryError> {
        if self.keyword("OR") {
            return Err(
                self.error(self.at, "a term, \"OR\" is not supported yet: put it in quotes to search for the word")
            );
        }
        if let Some(name) = self.field_name() {
            return self.field(name);
        }
        let start = self.at;
        let (text, end) = self.value()?;
        match Text::new(text, end) {
            Some(text) => Ok(Expr::Text(text)),
            None => Err(self.error(start, "a letter or a digit in the text: signs alone cannot be searched for")),
        }
    }

    /// The name of a field, where one stands before a colon that is not a URL's.
    fn field_name(&self) -> Option<&'a str> {
        let (name, value) = self.rest().split_once(':')?;
        let plausible = name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'))
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.@-".contains(c));
        (plausible && !value.starts_with("//")).then_some(name)
    }

    fn field(&mut self, name: &str) -> Result<Expr, QueryError> {
        self.at += name.len() + 1;
        let start = self.at;
        if self.at_end_of_term() {
            return Err(self.error(start, format!("a value after \"{name}:\"")));
        }
        if self.rest().starts_with(['<', '>']) {
            return Err(self.error(
                start,
                format!("a plain value after \"{name}:\", comparisons are not supported yet: put the value in quotes if it begins so"),
            ));
        }
        let test = match self.value()? {
            (text, End::Prefix) if text.is_empty() => Test::Present,
            (text, End::Prefix) => Test::Prefix(text),
            (text, End::Whole) => Test::Equals(Value::new(text)),
        };
        match BuiltinField::from_name(name) {
            None => Ok(Expr::Field(name.to_owned(), test)),
            Some(field) => match builtin_test(field, test) {
                Ok(test) => Ok(Expr::Builtin(field, test)),
                Err(expected) => Err(self.error(start, expected)),
            },
        }
    }

    /// A text in quotes or without, and whether a star follows it.
    fn value(&mut self) -> Result<(String, End), QueryError> {
        if self.rest().starts_with('"') { self.quoted() } else { self.bare() }
    }

    fn quoted(&mut self) -> Result<(String, End), QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        loop {
            match chars.next() {
                None => return Err(self.error(start, "a closing quote for this one")),
                Some((_, '\\')) => match chars.next_if(|(_, c)| matches!(c, '"' | '\\')) {
                    Some((_, c)) => text.push(c),
                    None => text.push('\\'),
                },
                Some((at, '"')) => {
                    self.at = start + at + 1;
                    break;
                }
                Some((_, c)) => text.push(c),
            }
        }
        let end = if self.rest().starts_with('*') { End::Prefix } else { End::Whole };
        self.at += usize::from(end == End::Prefix);
        match self.rest().chars().next() {
            Some(c) if !c.is_whitespace() => Err(self.error(self.at, after_quote(c))),
            _ => Ok((text, end)),
        }
    }

    fn bare(&mut self) -> Result<(String, End), QueryError> {
        let word = self.rest().split(char::is_whitespace).next().unwrap_or_default();
        let (start, mut text) = (self.at, String::with_capacity(word.len()));
        if is_regex(word) {
            return Err(self.error(
                start,
                "a plain text, regular expressions between slashes are not supported yet: put it in quotes to search for it",
            ));
        }
        let (body, end) = match word.strip_suffix('*') {
            Some(body) => (body, End::Prefix),
            None => (word, End::Whole),
        };
        let mut chars = body.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let refused = match c {
                '\\' if chars.next_if(|(_, c)| *c == ':').is_some() => {
                    text.push(':');
                    continue;
                }
                '"' => "a space before the quote",
                '*' => "\"*\" only at the end of a word: put the word in quotes to search for the sign",
                '(' | ')' => PARENTHESIS,
                _ => {
                    text.push(c);
                    continue;
                }
            };
            return Err(self.error(start + at, refused));
        }
        self.at += word.len();
        Ok((text, end))
    }
}

const PARENTHESIS: &str = "no parenthesis, grouping is not supported yet: put it in quotes to search for it";

fn after_quote(c: char) -> &'static str {
    if matches!(c, '(' | ')') { PARENTHESIS } else { "a space after the closing quote" }
}

/// The test as a built-in field has it, or what the field expects.
fn builtin_test(field: BuiltinField, test: Test) -> Result<Test, String> {
    let value = match &test {
        Test::Present => return Ok(test),
        Test::Equals(value) => value.text(),
        Test::Prefix(prefix) => prefix,
    };
    let is_prefix = matches!(test, Test::Prefix(_));
    let lower = value.to_ascii_lowercase();
    let one_of = |names: &[&str]| format!("one of {} after \"{}:\"", names.join(", "), field.as_str());
    let exactly = |value: Option<String>, names: &[&str]| {
        value.filter(|_| !is_prefix).map(|name| Test::Equals(Value::new(name))).ok_or_else(|| one_of(names))
    };
    match field {
        BuiltinField::Container | BuiltinField::Project | BuiltinField::Service | BuiltinField::Format => Ok(test),
        BuiltinField::Level => {
            exactly(level(&lower).map(|level| level.as_str().to_owned()), &Level::ALL.map(Level::as_str))
        }
        BuiltinField::Stream => {
            let names = [Stream::Stdout, Stream::Stderr, Stream::Foghorn].map(Stream::as_str);
            exactly(names.contains(&&*lower).then_some(lower), &names)
        }
        BuiltinField::Kind => {
            let names = [Kind::Line, Kind::Gap].map(Kind::as_str);
            exactly(names.contains(&&*lower).then_some(lower), &names)
        }
        BuiltinField::Number => {
            let number = value.parse::<u32>().ok().filter(|_| !is_prefix);
            number
                .map(|number| Test::Equals(Value::new(number.to_string())))
                .ok_or_else(|| "a container's number such as 2 after \"number:\"".to_owned())
        }
        BuiltinField::ContainerId => {
            const WHOLE: usize = 64;
            let is_hex = lower.bytes().all(|byte| byte.is_ascii_hexdigit());
            match lower.len() {
                WHOLE if is_hex => Ok(Test::Equals(Value::new(lower))),
                4..WHOLE if is_hex => Ok(Test::Prefix(lower)),
                _ => Err("4 to 64 hexadecimal digits after \"container_id:\"".to_owned()),
            }
        }
    }
}

/// The level of that name, or of a name that programs use for it; in lower case.
fn level(name: &str) -> Option<Level> {
    match name {
        "warning" => Some(Level::Warn),
        "err" => Some(Level::Error),
        "critical" | "crit" | "emerg" | "alert" | "panic" => Some(Level::Fatal),
        "notice" | "information" => Some(Level::Info),
        _ => Level::from_name(name),
    }
}
