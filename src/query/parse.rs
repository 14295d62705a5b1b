//! The parser of the query language: from a text to a [`Query`], or to where and what it expected.

use super::amount::Amount;
use super::phrase::{End, Text};
use super::value::{Case, Comparison, Pattern, Test, Value};
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

/// How deep groups can lie in each other.
const MAX_DEPTH: usize = 16;

/// Parses the whole text.
pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser { text, at: 0, terms: 0, depth: 0 };
    if text.len() > MAX_QUERY_BYTES {
        let at = text.floor_char_boundary(MAX_QUERY_BYTES);
        return Err(parser.error(at, format!("at most {MAX_QUERY_BYTES} bytes of query")));
    }
    Ok(Query::all(match parser.alternatives()? {
        Expr::All(parts) => parts,
        other => vec![other],
    }))
}

/// Whether the text, as a word or as a value, is read back without quotes.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !KEYWORDS.contains(&text)
        && !text.starts_with('-')
        && !is_regex(text)
        && !text.contains("..")
        && text.chars().all(|c| c.is_alphanumeric() || "_.-@=/%+,;#&~?!".contains(c))
}

const KEYWORDS: [&str; 3] = ["AND", "OR", "NOT"];

fn is_regex(text: &str) -> bool {
    text.len() > 1 && text.starts_with('/') && text.ends_with('/')
}

/// The terms as one.
fn unwrapped(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) }
}

/// A value as it was typed, without quotes, escapes and the star.
struct Typed {
    text: String,
    end: End,
    case: Case,
}

struct Parser<'a> {
    text: &'a str,
    /// Where the next character is.
    at: usize,
    /// How many terms there were.
    terms: usize,
    /// How many groups are open.
    depth: usize,
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

    /// Whether the next character ends a term: a space, a group's end, or the end.
    fn at_end_of_term(&self) -> bool {
        self.rest().chars().next().is_none_or(|c| self.ends(c))
    }

    /// Whether the character stands behind a term.
    fn ends(&self, c: char) -> bool {
        c.is_whitespace() || c == ')' && self.depth > 0
    }

    /// Whether the next word is this one.
    fn keyword(&self, word: &str) -> bool {
        let behind = self.rest().strip_prefix(word).map(|rest| rest.chars().next());
        behind.is_some_and(|next| next.is_none_or(|c| self.ends(c) || c == '('))
    }

    /// Lists of terms with `OR` between them, up to the end of the group or of the text.
    fn alternatives(&mut self) -> Result<Expr, QueryError> {
        let mut alternatives = Vec::new();
        loop {
            let parts = self.list(alternatives.is_empty())?;
            let (one, is_last) = (unwrapped(parts), !self.keyword("OR"));
            match one {
                // A group of alternatives among alternatives is no group.
                Expr::Any(parts) => alternatives.extend(parts),
                one => alternatives.push(one),
            }
            if is_last {
                break;
            }
            self.at += "OR".len();
        }
        Ok(if alternatives.len() == 1 { alternatives.remove(0) } else { Expr::Any(alternatives) })
    }

    /// Terms that are all needed, up to `OR`, the end of the group or of the text.
    fn list(&mut self, is_first: bool) -> Result<Vec<Expr>, QueryError> {
        let (mut parts, mut before) = (Vec::new(), if is_first { "" } else { "OR" });
        loop {
            self.skip_spaces();
            let start = self.at;
            let ends = self.rest().is_empty() || self.depth > 0 && self.rest().starts_with(')');
            if ends || self.keyword("OR") {
                let is_empty = parts.is_empty() && (!ends || self.depth > 0);
                return match before {
                    "AND" | "OR" if parts.is_empty() || before == "AND" => {
                        Err(self.error(start, format!("a term after \"{before}\"")))
                    }
                    _ if is_empty && !ends => Err(self.error(start, "a term before \"OR\"")),
                    _ if is_empty => Err(self.error(start, "a term in the parentheses")),
                    _ => Ok(parts),
                };
            }
            if self.keyword("AND") {
                if before == "AND" || parts.is_empty() {
                    return Err(self.error(start, "a term before \"AND\""));
                }
                before = "AND";
                self.at += "AND".len();
                continue;
            }
            match self.term()? {
                Expr::All(group) => parts.extend(group),
                part => parts.push(part),
            }
            before = "";
        }
    }

    /// A group in parentheses.
    fn group(&mut self) -> Result<Expr, QueryError> {
        let start = self.at;
        if self.depth == MAX_DEPTH {
            return Err(self.error(start, format!("at most {MAX_DEPTH} groups in each other")));
        }
        self.at += 1;
        self.depth += 1;
        let group = self.alternatives()?;
        if !self.rest().starts_with(')') {
            return Err(self.error(start, "a closing parenthesis for this one"));
        }
        self.at += 1;
        self.depth -= 1;
        match self.rest().chars().next() {
            Some(c) if !self.ends(c) => Err(self.error(self.at, "a space after the parenthesis")),
            _ => Ok(group),
        }
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
        if self.rest().starts_with('(') {
            return self.group();
        }
        if self.terms == MAX_TERMS {
            return Err(self.error(self.at, format!("at most {MAX_TERMS} terms")));
        }
        self.terms += 1;
        if let Some(pattern) = self.pattern()? {
            return Ok(Expr::Pattern(pattern));
        }
        if let Some(name) = self.field_name() {
            return self.field(name);
        }
        let start = self.at;
        let Typed { text, end, case } = self.value()?;
        match Text::new(text, end, case) {
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
        if let Some(comparison) = Comparison::ALL.into_iter().find(|sign| self.rest().starts_with(sign.as_str())) {
            self.at += comparison.as_str().len();
            return self.compared(name, comparison);
        }
        if let Some(pattern) = self.pattern()? {
            let test = Test::Pattern(pattern);
            return Ok(match BuiltinField::from_name(name) {
                Some(field) => Expr::Builtin(field, test),
                None => Expr::Field(name.to_owned(), test),
            });
        }
        let is_quoted = self.rest().starts_with('"');
        let Typed { text, end, case } = self.value()?;
        let flag_at = self.flag_at(end);
        let test = match end {
            End::Prefix if text.is_empty() => Test::Present,
            End::Prefix => Test::Prefix(text, case),
            End::Whole => match range(&text).filter(|_| !is_quoted) {
                Some((from, to)) => Test::Range(from, to),
                None => Test::Equals(Value::new(text).with_case(case)),
            },
        };
        match BuiltinField::from_name(name) {
            None => Ok(Expr::Field(name.to_owned(), test)),
            Some(field) => match builtin_test(field, test) {
                Ok(_) if case == Case::Exact && !has_case(field) => {
                    Err(self.error(flag_at, format!("no \"c\" behind the quotes: \"{}:\" has no case", field.as_str())))
                }
                Ok(test) => Ok(Expr::Builtin(field, test)),
                Err(expected) => Err(self.error(start, expected)),
            },
        }
    }

    /// Where the `c` is of a value that has just been read and has one.
    fn flag_at(&self, end: End) -> usize {
        self.at.saturating_sub(if end == End::Prefix { "c*".len() } else { "c".len() })
    }

    /// What stands behind the sign of a comparison.
    fn compared(&mut self, name: &str, comparison: Comparison) -> Result<Expr, QueryError> {
        let start = self.at;
        let sign = comparison.as_str();
        if self.at_end_of_term() {
            return Err(self.error(start, format!("a value after \"{name}:{sign}\"")));
        }
        let Typed { text, end, case } = self.value()?;
        if case == Case::Exact {
            return Err(self.error(self.flag_at(end), "no \"c\" behind the quotes: a comparison has no case"));
        }
        match BuiltinField::from_name(name) {
            Some(BuiltinField::Level) => {
                let Some(than) = level(&text.to_ascii_lowercase()) else {
                    return Err(self.error(start, format!("one of {} after \"level:{sign}\"", names_of_levels())));
                };
                // What is not known is neither better nor worse.
                let levels = Level::ALL.into_iter().filter(|level| *level != Level::Unknown);
                let levels = levels.filter(|level| comparison.accepts(level.cmp(&than)));
                let is = |level: Level| Expr::Builtin(BuiltinField::Level, Test::Equals(Value::new(level.as_str())));
                let mut levels: Vec<Expr> = levels.map(is).collect();
                match levels.len() {
                    0 => Err(self.error(start, format!("a level that others are {sign}"))),
                    1 => Ok(levels.remove(0)),
                    _ => Ok(Expr::Any(levels)),
                }
            }
            Some(field) if field != BuiltinField::Number => {
                Err(self.error(start, format!("a plain value after \"{}:\", which has no order", field.as_str())))
            }
            field => {
                let Some(amount) = Amount::new(&text) else {
                    let expected = "a number, a duration such as 1.5s or a size such as 10MB";
                    return Err(self.error(start, format!("{expected} after \"{name}:{sign}\"")));
                };
                let compared = Test::Compare(comparison, amount);
                Ok(match field {
                    Some(field) => Expr::Builtin(field, compared),
                    None => Expr::Field(name.to_owned(), compared),
                })
            }
        }
    }

    /// Where the slash is that ends an expression: one that a term's end follows. A space is part of it
    /// within brackets only, since paths begin with a slash, too.
    fn pattern_end(&self, text: &str) -> Option<usize> {
        let (mut open, mut chars) = (0_usize, text.char_indices().peekable());
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => _ = chars.next(),
                '(' | '[' => open += 1,
                ')' | ']' => open = open.saturating_sub(1),
                '/' if chars.peek().is_none_or(|(_, next)| self.ends(*next)) => return Some(at),
                c if c.is_whitespace() && open == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// A regular expression between slashes, where one is next.
    fn pattern(&mut self) -> Result<Option<Pattern>, QueryError> {
        let Some(rest) = self.rest().strip_prefix('/') else { return Ok(None) };
        let Some(end) = self.pattern_end(rest).filter(|end| *end > 0) else { return Ok(None) };
        let pattern = Pattern::new(&rest[..end])
            .map_err(|problem| self.error(self.at, format!("a regular expression: {problem}")))?;
        self.at += end + 2;
        Ok(Some(pattern))
    }

    /// A text in quotes or without, and what follows it.
    fn value(&mut self) -> Result<Typed, QueryError> {
        if self.rest().starts_with('"') { self.quoted() } else { self.bare() }
    }

    fn quoted(&mut self) -> Result<Typed, QueryError> {
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
        let case = if self.rest().starts_with('c') { Case::Exact } else { Case::Any };
        self.at += usize::from(case == Case::Exact);
        let end = if self.rest().starts_with('*') { End::Prefix } else { End::Whole };
        self.at += usize::from(end == End::Prefix);
        match self.rest().chars().next() {
            Some(c) if !self.ends(c) => Err(self.error(self.at, "a space after the closing quote")),
            _ => Ok(Typed { text, end, case }),
        }
    }

    fn bare(&mut self) -> Result<Typed, QueryError> {
        let word = self.rest().split(|c| self.ends(c)).next().unwrap_or_default();
        let (start, mut text) = (self.at, String::with_capacity(word.len()));
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
                '(' | ')' => "a space before the parenthesis, or quotes around the word",
                _ => {
                    text.push(c);
                    continue;
                }
            };
            return Err(self.error(start + at, refused));
        }
        self.at += word.len();
        Ok(Typed { text, end, case: Case::Any })
    }
}

/// `500..599`: two amounts, both included.
fn range(text: &str) -> Option<(Amount, Amount)> {
    let (from, to) = text.split_once("..")?;
    Some((Amount::new(from)?, Amount::new(to)?))
}

fn names_of_levels() -> String {
    Level::ALL.map(Level::as_str).join(", ")
}

/// Whether the field has values that someone chose: those of the others are Foghorn's own words, and digits.
fn has_case(field: BuiltinField) -> bool {
    matches!(field, BuiltinField::Container | BuiltinField::Project | BuiltinField::Service | BuiltinField::Format)
}

/// The test as a built-in field has it, or what the field expects.
fn builtin_test(field: BuiltinField, test: Test) -> Result<Test, String> {
    let value = match &test {
        Test::Equals(value) => value.text(),
        Test::Prefix(prefix, _) => prefix,
        Test::Present | Test::Compare(..) | Test::Range(..) | Test::Pattern(_) => return Ok(test),
    };
    let is_prefix = matches!(test, Test::Prefix(..));
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
                4..WHOLE if is_hex => Ok(Test::Prefix(lower, Case::Any)),
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
