//! The rules of a user: from texts of expressions to [`Rules`], which know to which containers they
//! apply. What they do to a record is `own`'s.

use std::fmt;

use regex::Regex;

use super::duration::{self, Unit};
use super::grok::{self, Kind};
use super::{FORMATS, REFINED, own};
use crate::expression;
use crate::pattern::Pattern;
use crate::record::{Container, Fields, Level, MAX_NAME_BYTES};

/// The most rules of a kind: those that apply to a container are a bit each.
pub const MAX_RULES: usize = 64;

/// The longest name of a format.
const MAX_FORMAT_BYTES: usize = 32;

/// The units of durations, as rules name them.
const UNITS: [&str; 6] = ["ns", "us", "ms", "s", "m", "h"];

/// A user's formats, fields and durations, compiled. The default is none.
///
/// ```
/// use foghorn::parse::{Overrides, Parser, Rules, Text};
/// use foghorn::record::{Container, ContainerId, Level};
///
/// let mut rules = Rules::default();
/// rules.add_format("billing", Text::Grok("^%{LOGLEVEL:level} %{GREEDYDATA:message}"), Vec::new())?;
/// let container = Container { id: ContainerId::new("a"), name: "a".into(), project: "".into(), service: "a".into(), number: 0 };
/// let parsed = Parser::new(&rules.into(), &container, Overrides::default()).parse("WARN disk low", 0);
/// assert_eq!((parsed.level, parsed.format), (Level::Warn, "billing"));
/// # Ok::<(), foghorn::parse::RuleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) formats: Vec<FormatRule>,
    pub(super) fields: Vec<FieldRule>,
    pub(super) durations: Vec<DurationRule>,
}

/// What a rule matches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// A regular expression in the syntax of the regex crate.
    Pattern(&'a str),
    /// The same with grok's `%{NAME:field}` in it.
    Grok(&'a str),
}

/// Why a rule is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct RuleError {
    /// The key of the rule that is wrong.
    pub key: &'static str,
    /// What is wrong with it, and what is accepted.
    pub problem: String,
}

/// What one container says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The format that is tried alone, as [`Rules::format_named`] answers it.
    pub format: Option<&'static str>,
    /// The level of records that say none.
    pub level: Option<Level>,
}

/// The rules that apply to a container, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    pub formats: u64,
    pub fields: u64,
    pub durations: u64,
}

#[derive(Clone, Debug)]
pub(super) struct FormatRule {
    pub name: &'static str,
    pub expression: Expression,
    services: Services,
}

#[derive(Clone, Debug)]
pub(super) struct FieldRule {
    pub expression: Expression,
    services: Services,
}

#[derive(Clone, Debug)]
pub(super) struct DurationRule {
    pub field: String,
    pub unit: Unit,
    services: Services,
}

/// Services or containers by name; empty for all.
#[derive(Clone, Debug)]
struct Services(Vec<Pattern>);

/// An expression, and what its groups are.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub regex: Regex,
    /// The number of each named group, what it is, and what its text becomes.
    pub groups: Vec<(usize, Part, Kind)>,
}

/// What the text of a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Time,
    Level,
    Logger,
    Message,
    TraceId,
    SpanId,
    RequestId,
    Method,
    Path,
    Status,
    Client,
    Bytes,
    /// With its unit in the text.
    Duration,
    DurationMs,
    DurationS,
    ErrorType,
    Error,
    Stack,
    /// A field of the line's own.
    Own(String),
}

impl Part {
    fn of(name: &str) -> Self {
        match name {
            "time" => Self::Time,
            "level" => Self::Level,
            "logger" => Self::Logger,
            "message" => Self::Message,
            "trace_id" => Self::TraceId,
            "span_id" => Self::SpanId,
            "request_id" => Self::RequestId,
            "method" => Self::Method,
            "path" | "url" => Self::Path,
            "status" => Self::Status,
            "client" => Self::Client,
            "bytes" => Self::Bytes,
            "duration" => Self::Duration,
            "duration_ms" => Self::DurationMs,
            "duration_s" => Self::DurationS,
            "error_type" => Self::ErrorType,
            "error" => Self::Error,
            "stack" => Self::Stack,
            own => Self::Own(own.to_owned()),
        }
    }
}

impl Rules {
    /// Adds a format, which is tried behind those added before it. Its name is kept for as long as
    /// the process lives.
    pub fn add_format(&mut self, name: &str, text: Text<'_>, services: Vec<Pattern>) -> Result<(), RuleError> {
        has_room("format", self.formats.len())?;
        let error = |problem: String| RuleError { key: "name", problem };
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > MAX_FORMAT_BYTES || !name.bytes().all(fits) {
            return Err(error(format!("{name:?} is no name, expected 1 to {MAX_FORMAT_BYTES} of a-z, 0-9, _ and -")));
        }
        if built_in(name).is_some() {
            return Err(error(format!("{name:?} is a format that Foghorn has, expected another name")));
        }
        if self.formats.iter().any(|format| format.name == name) {
            return Err(error(format!("{name:?} is the name of an earlier format, expected another one")));
        }
        let expression = Expression::new(text)?;
        let name = String::from(name).leak();
        self.formats.push(FormatRule { name, expression, services: Services(services) });
        Ok(())
    }

    /// Adds fields that are looked for in the text of every record.
    pub fn add_field(&mut self, text: Text<'_>, services: Vec<Pattern>) -> Result<(), RuleError> {
        has_room("field", self.fields.len())?;
        let expression = Expression::new(text)?;
        let is_message = |(_, part, _): &(usize, Part, Kind)| matches!(part, Part::Message | Part::Time);
        if expression.groups.iter().any(is_message) {
            let problem = "the groups message and time are for a format, expected other names".to_owned();
            return Err(RuleError { key: text.key(), problem });
        }
        self.fields.push(FieldRule { expression, services: Services(services) });
        Ok(())
    }

    /// Says in which unit a field is a duration.
    pub fn add_duration(&mut self, field: &str, unit: &str, services: Vec<Pattern>) -> Result<(), RuleError> {
        has_room("duration", self.durations.len())?;
        if field.is_empty() || field.len() > MAX_NAME_BYTES {
            let problem = format!("{field:?} is no name of a field, expected 1 to {MAX_NAME_BYTES} bytes");
            return Err(RuleError { key: "field", problem });
        }
        let Some(unit) = Some(unit).filter(|unit| UNITS.contains(unit)).and_then(duration::unit) else {
            let problem = format!("{unit:?} is no unit, expected ns, us, ms, s, m or h");
            return Err(RuleError { key: "unit", problem });
        };
        self.durations.push(DurationRule { field: field.to_owned(), unit, services: Services(services) });
        Ok(())
    }

    /// How many formats, fields and durations there are.
    pub fn counts(&self) -> [usize; 3] {
        [self.formats.len(), self.fields.len(), self.durations.len()]
    }

    /// The format of that name, a user's own or Foghorn's.
    pub fn format_named(&self, name: &str) -> Option<&'static str> {
        self.own_format(name).map(|format| format.name).or_else(|| built_in(name))
    }

    /// The fields of a text whose format is known by name, as a parser with these rules found them
    /// in what the container said. A name that no rule has any more is read as Foghorn would.
    pub fn fields(&self, raw: &str, format: &str, time_ns: i64, container: &Container) -> Fields {
        super::fields_with(own::Scope::new(self, self.applied(container)), raw, format, time_ns)
    }

    pub(super) fn own_format(&self, name: &str) -> Option<&FormatRule> {
        self.formats.iter().find(|format| format.name == name)
    }

    pub(super) fn applied(&self, container: &Container) -> Applied {
        fn bits<'a>(services: impl Iterator<Item = &'a Services>, container: &Container) -> u64 {
            let apply = services.enumerate().filter(|(_, services)| services.include(container));
            apply.fold(0, |bits, (place, _)| bits | 1 << place)
        }
        Applied {
            formats: bits(self.formats.iter().map(|rule| &rule.services), container),
            fields: bits(self.fields.iter().map(|rule| &rule.services), container),
            durations: bits(self.durations.iter().map(|rule| &rule.services), container),
        }
    }
}

/// The format of that name that Foghorn has.
fn built_in(name: &str) -> Option<&'static str> {
    let by_readers = REFINED.iter().map(|(name, _)| *name);
    FORMATS.iter().map(|format| format.name).chain(by_readers).find(|known| *known == name)
}

fn has_room(what: &str, count: usize) -> Result<(), RuleError> {
    let problem = format!("it is one too many, expected at most {MAX_RULES}");
    let key = if what == "duration" { "field" } else { "pattern" };
    if count < MAX_RULES { Ok(()) } else { Err(RuleError { key, problem }) }
}

impl Services {
    fn include(&self, container: &Container) -> bool {
        let is_one = |pattern: &Pattern| pattern.matches(&container.service) || pattern.matches(&container.name);
        self.0.is_empty() || self.0.iter().any(is_one)
    }
}

impl Text<'_> {
    fn key(self) -> &'static str {
        match self {
            Self::Pattern(_) => "pattern",
            Self::Grok(_) => "grok",
        }
    }
}

impl Expression {
    fn new(text: Text<'_>) -> Result<Self, RuleError> {
        let error = |problem: String| RuleError { key: text.key(), problem };
        let (regex, kinds) = match text {
            Text::Pattern(pattern) => (expression::compile(pattern).map_err(error)?, Vec::new()),
            Text::Grok(grok) => {
                let expanded = grok::expand(grok).map_err(error)?;
                let regex = expression::compile(&expanded.regex);
                (regex.map_err(|problem| error(format!("{problem}, expanded")))?, expanded.kinds)
            }
        };
        if regex.is_match("") {
            return Err(error("it matches the empty text, expected one that needs at least one character".into()));
        }
        let named = regex.capture_names().enumerate().filter_map(|(at, name)| Some((at, name?)));
        let groups: Vec<_> = named
            .map(|(at, name)| {
                let kind = kinds.iter().find(|(field, _)| field == name).map_or(Kind::Auto, |(_, kind)| *kind);
                (at, Part::of(name), kind)
            })
            .collect();
        if groups.is_empty() {
            let form = if text.key() == "grok" { "%{NAME:field}" } else { "(?<field>…)" };
            return Err(error(format!("it names no group, expected at least one {form}")));
        }
        Ok(Self { regex, groups })
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [formats, fields, durations] = self.counts();
        write!(f, "{formats} of [[format]], {fields} of [[field]], {durations} of [[duration]]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_format_says_why() {
        let mut rules = Rules::default();
        rules.add_format("mine", Text::Pattern("(?<a>.)"), Vec::new()).unwrap();
        for (name, text, expected) in [
            ("", Text::Pattern("x"), "name: \"\" is no name, expected 1 to 32 of a-z, 0-9, _ and -"),
            ("Billing", Text::Pattern("x"), "name: \"Billing\" is no name"),
            ("json", Text::Pattern("x"), "name: \"json\" is a format that Foghorn has, expected another name"),
            ("mongodb", Text::Pattern("x"), "name: \"mongodb\" is a format that Foghorn has"),
            ("traefik_access", Text::Pattern("x"), "name: \"traefik_access\" is a format that Foghorn has"),
            ("mine", Text::Pattern("x"), "name: \"mine\" is the name of an earlier format, expected another one"),
            ("b", Text::Pattern("(?<a>x"), "pattern: unclosed group, at character 1"),
            ("b", Text::Pattern("a(x)"), "pattern: it names no group, expected at least one (?<field>…)"),
            ("b", Text::Grok("%{WORD} x"), "grok: it names no group, expected at least one %{NAME:field}"),
            ("b", Text::Pattern("(?<a>x?)"), "pattern: it matches the empty text, expected one that needs at least"),
            ("b", Text::Grok("%{GREEDYDATA:message}"), "grok: it matches the empty text"),
            ("b", Text::Grok("%{WORDS:a}"), "grok: \"WORDS\" is no name of grok's, the nearest is WORD"),
            ("b", Text::Grok("%{WORD:a} %{WORD:a}"), "grok: duplicate capture group name, at character 18, expanded"),
            ("b", Text::Pattern(r"(?<a>(\w{50}){50})"), "pattern: it takes more than 1 MiB of memory"),
        ] {
            let found = rules.add_format(name, text, Vec::new()).unwrap_err().to_string();
            assert!(found.starts_with(expected), "{name} {text:?}: {found}");
        }
        assert_eq!(rules.counts(), [1, 0, 0]);
    }

    #[test]
    fn a_wrong_field_or_duration_says_why() {
        let mut rules = Rules::default();
        let found = rules.add_field(Text::Pattern("x(?<message>.)"), Vec::new()).unwrap_err().to_string();
        assert_eq!(found, "pattern: the groups message and time are for a format, expected other names");
        let found = rules.add_duration("a", "days", Vec::new()).unwrap_err().to_string();
        assert_eq!(found, "unit: \"days\" is no unit, expected ns, us, ms, s, m or h");
        let found = rules.add_duration("", "s", Vec::new()).unwrap_err().to_string();
        assert!(found.starts_with("field: \"\" is no name of a field"), "{found}");
        for _ in 0..MAX_RULES {
            rules.add_duration("a", "s", Vec::new()).unwrap();
        }
        let found = rules.add_duration("a", "s", Vec::new()).unwrap_err().to_string();
        assert_eq!(found, "field: it is one too many, expected at most 64");
    }
}
