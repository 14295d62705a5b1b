//! Stage 3: from an entry to the record that it is: its level, what it says, who says it, and every
//! field that it has. A text that fits no format is a record all the same: hostile input has no
//! fields, and is no error.
//!
//! Formats do not overlap: which of them is tried first changes how fast a line is read, and never
//! what is read in it. A user's own formats may, and are tried before them, in the user's order.

mod access;
mod draft;
mod duration;
mod epoch;
mod go;
mod grok;
mod head;
mod java;
mod json;
mod keys;
mod level;
mod logfmt;
mod operation;
mod others;
mod own;
mod postgres;
mod python;
mod reason;
mod request;
mod ruby;
mod rules;
mod rust;
mod scan;
mod servers;
mod speaker;
mod time;
mod trace;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use rules::{MAX_RULES, Overrides, RuleError, Rules, Text};

use crate::record::{Container, Fields, FieldsBuilder, Level, place_in};
use crate::text;
use draft::Draft;
pub use reason::Reason;

use own::Scope;
use rules::Applied;

/// One format: its name, what a line of it begins with, and its reader, which gives up where the
/// line is not its.
struct Format {
    name: &'static str,
    begins: fn(u8) -> bool,
    lead: Lead,
    read: Read,
}

/// Whether a line of the format begins with a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Time,
    NoTime,
    Either,
}

type Read = fn(&mut Draft<'_>) -> Option<()>;

const fn format(name: &'static str, begins: fn(u8) -> bool, lead: Lead, read: Read) -> Format {
    Format { name, begins, lead, read }
}

impl Format {
    /// Whether a line that begins so can be of the format: a quick look before the reader's.
    fn may_read(&self, draft: &Draft<'_>) -> bool {
        let lead = match self.lead {
            Lead::Time => draft.lead.is_some(),
            Lead::NoTime => draft.lead.is_none(),
            Lead::Either => true,
        };
        lead && (self.begins)(draft.head.bytes().next().unwrap_or_default())
    }
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase()
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase()
}

fn bracket(byte: u8) -> bool {
    byte == b'['
}

fn host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'[' | b'"')
}

fn any(_: u8) -> bool {
    true
}

/// The formats, in the order in which they are tried.
const FORMATS: [Format; 55] = [
    format("json", |byte| byte == b'{' || byte == b' ', Lead::NoTime, json::line),
    format("access", host, Lead::NoTime, access::common),
    format("nextjs", |byte| byte == b' ' || upper(byte), Lead::NoTime, request::nextjs),
    format("uvicorn", host, Lead::Either, request::uvicorn),
    format("morgan", host, Lead::NoTime, request::morgan),
    format("haproxy", host, Lead::NoTime, request::haproxy),
    format("access", host, Lead::NoTime, request::fpm),
    format("uwsgi", bracket, Lead::NoTime, access::uwsgi),
    format("gin", |byte| bracket(byte) || digit(byte), Lead::Either, request::gin),
    format("postgres", |byte| digit(byte) || bracket(byte), Lead::Either, postgres::line),
    format("redis", |byte| digit(byte) || bracket(byte), Lead::NoTime, servers::redis),
    format("nginx_error", digit, Lead::Time, servers::nginx_error),
    format("nginx_error", lower, Lead::Either, servers::nginx_start),
    format("apache_error", bracket, Lead::NoTime, servers::apache_error),
    format("clickhouse", digit, Lead::Time, servers::clickhouse),
    format("mysql", digit, Lead::Either, servers::mysql),
    format("mysql", |byte| byte == b'#', Lead::Either, servers::mysql_slow),
    format("rabbitmq", digit, Lead::Time, servers::rabbitmq),
    format("mongodb", digit, Lead::Time, servers::mongodb),
    format("tracing", |byte| digit(byte) || byte == b' ', Lead::Either, rust::tracing),
    format("tracing", bracket, Lead::Either, rust::env_logger),
    format("klog", upper, Lead::NoTime, go::klog),
    format("logrus", upper, Lead::NoTime, go::logrus),
    format("zap", digit, Lead::Either, go::zap),
    format("zerolog", digit, Lead::Time, go::zerolog),
    format("loguru", digit, Lead::Time, python::loguru),
    format("structlog", digit, Lead::Time, python::structlog),
    format("gunicorn", bracket, Lead::Either, python::gunicorn),
    format("celery", bracket, Lead::Either, python::celery),
    format("python", bracket, Lead::Either, python::flask),
    format("python", bracket, Lead::Either, python::airflow),
    format("java", |byte| digit(byte) || bracket(byte), Lead::Either, java::line),
    format("java", digit, Lead::Time, java::tomcat),
    format("python", digit, Lead::Time, python::timed),
    format("python", upper, Lead::NoTime, python::default),
    format("jul", upper, Lead::Time, java::jul),
    format("dotnet", lower, Lead::Either, java::dotnet),
    format("serilog", |byte| digit(byte) || bracket(byte), Lead::Either, java::serilog),
    format("ruby", upper, Lead::Either, ruby::ruby),
    format("sidekiq", digit, Lead::Time, ruby::sidekiq),
    format("ruby", digit, Lead::Time, ruby::sinatra),
    format("monolog", bracket, Lead::Either, others::monolog),
    format("nest", bracket, Lead::Either, others::nest),
    format("chromium", bracket, Lead::Either, others::chromium),
    format("prisma", lower, Lead::Either, others::prisma),
    format("signale", any, Lead::Either, others::signale),
    format("php", |byte| bracket(byte) || upper(byte), Lead::Either, others::php),
    format("php", bracket, Lead::NoTime, others::php_server),
    format("syslog", |byte| byte == b'<', Lead::Either, others::syslog),
    format("syslog", upper, Lead::Time, others::bare_syslog),
    format("logfmt", |byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'@'), Lead::Either, logfmt_line),
    format("access", any, Lead::Either, access::embedded),
    format("leveled", lower, Lead::Either, others::npm),
    format("leveled", any, Lead::Either, head::leveled),
    format("text", any, Lead::Either, text_line),
];

/// The last two take whatever comes, so they are no choice to remember.
const CERTAIN: usize = FORMATS.len() - 2;

fn logfmt_line(draft: &mut Draft<'_>) -> Option<()> {
    logfmt::line(draft)?;
    draft.message = Some("");
    Some(())
}

/// What fits nothing, with the time that it may begin with.
#[allow(clippy::unnecessary_wraps, reason = "a reader can give up; this one never does")]
fn text_line(draft: &mut Draft<'_>) -> Option<()> {
    if head::said(draft).is_some() {
        return Some(());
    }
    if let Some((stamp, rest)) = in_brackets(draft) {
        draft.log_time(Some(stamp));
        draft.message = Some(rest);
        return Some(());
    }
    let rest = draft.behind_time().map(|rest| rest.trim_start_matches([' ', '\t', ':', ']']));
    // A header that was cut off within tells nothing for certain.
    let is_cut = |rest: &&str| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('[') && !rest.contains(']')
    };
    match rest.filter(|rest| !is_cut(rest)) {
        Some(rest) => {
            draft.log_time(draft.lead);
            draft.message = Some(rest);
        }
        None => draft.message = Some(draft.head),
    }
    Some(())
}

/// `[2026-11-21 17:20:53] text`: a time with its date, and what is said.
fn in_brackets<'a>(draft: &Draft<'a>) -> Option<(time::Stamp, &'a str)> {
    let (inner, rest) = draft.head.strip_prefix('[')?.split_once("] ")?;
    let stamp = time::leading(inner, draft.time_ns).filter(|stamp| stamp.len == inner.len() && stamp.ns.is_some())?;
    Some((stamp, rest.trim_start()))
}

/// Names that a reader gives instead of its own, with its own.
const REFINED: [(&str, &str); 3] = [("traefik_access", "access"), ("mongodb", "json"), ("fluentd", "structlog")];

/// What a text says.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// How bad it is.
    pub level: Level,
    /// What the level was found by.
    pub reason: Reason,
    /// The name of its format.
    pub format: &'static str,
    /// Everything else.
    pub fields: Fields,
}

/// How many formats a stream is expected to mix.
const RECENT: usize = 8;

/// Reads the records of one stream of one container, and remembers which formats they had.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// Places in [`FORMATS`]: a new one comes first, then what is seen often.
    recent: [usize; RECENT],
    /// The user's own rules, and which of them apply; none where there are none.
    rules: Option<(Arc<Rules>, Applied)>,
    overrides: Overrides,
}

impl Parser {
    /// A parser that also knows a user's rules, as far as they apply to the container. The default
    /// knows none.
    pub fn new(rules: &Arc<Rules>, container: &Container, overrides: Overrides) -> Self {
        let mut parser = Self { overrides, ..Self::default() };
        parser.rename(rules, container);
        parser
    }

    /// A parser that knows the format already, by one of [`format_names`]; a line that is not of it
    /// is `leveled` or `text`.
    ///
    /// ```
    /// let mut parser = foghorn::parse::Parser::of("logfmt");
    /// assert_eq!(parser.parse(r#"{"level":"warn"}"#, 0).format, "text");
    /// assert_eq!(parser.parse("level=warn msg=slow", 0).format, "logfmt");
    /// ```
    pub fn of(format: &'static str) -> Self {
        Self { overrides: Overrides { format: Some(format), ..Overrides::default() }, ..Self::default() }
    }

    /// The container has a new name, and other rules may apply to it.
    pub fn rename(&mut self, rules: &Arc<Rules>, container: &Container) {
        let applied = rules.applied(container);
        self.rules = Scope::new(rules, applied).map(|_| (Arc::clone(rules), applied));
    }

    /// What the text says. `time_ns` is the record's own time, from which a year is taken where the
    /// text has a day without one.
    ///
    /// ```
    /// use foghorn::parse::Parser;
    /// use foghorn::record::Level;
    ///
    /// let line = r#"{"severity":"WARN","message":"slow","http":{"took":7}}"#;
    /// let parsed = Parser::default().parse(line, 0);
    /// assert_eq!((parsed.level, parsed.format), (Level::Warn, "json"));
    /// assert_eq!(parsed.fields.of(line).get("message").unwrap().text(), "slow");
    /// assert_eq!(parsed.fields.of(line).get("http.took").unwrap().text(), "7");
    /// ```
    pub fn parse(&mut self, raw: &str, time_ns: i64) -> Parsed {
        let scope = self.rules.as_ref().and_then(|(rules, applied)| Scope::new(rules, *applied));
        let mut parsed = read(raw, time_ns, scope, |draft| {
            if let Some(name) = self.overrides.format {
                return named(draft, scope, name);
            }
            if scope.is_some_and(|scope| own::read(draft, scope)) {
                return FORMATS.len() - 1;
            }
            for (at, place) in self.recent.into_iter().enumerate() {
                if FORMATS[place].may_read(draft) && attempt(draft, place) {
                    // What comes often comes to the front.
                    self.recent.swap(at, at.saturating_sub(1));
                    return place;
                }
            }
            for (place, format) in FORMATS.iter().enumerate() {
                if format.may_read(draft) && !self.recent.contains(&place) && attempt(draft, place) {
                    if place < CERTAIN {
                        self.recent.rotate_right(1);
                        self.recent[0] = place;
                    }
                    return place;
                }
            }
            FORMATS.len() - 1
        });
        if parsed.level == Level::Unknown {
            parsed.level = self.overrides.level.unwrap_or_default();
        }
        parsed
    }
}

/// The names of all formats, in the order of the alphabet.
///
/// ```
/// assert!(foghorn::parse::format_names().contains(&"postgres"));
/// ```
pub fn format_names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        FORMATS.iter().map(|format| format.name).chain(REFINED.map(|(refined, _)| refined)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields of a text whose format is known by name, as [`Parser::parse`] found them: a stored
/// line shows the fields that it was found by. A format that is not known any more says nothing.
/// With rules it is [`Rules::fields`].
///
/// ```
/// let fields = foghorn::parse::fields(r#"{"user":{"id":7}}"#, "json", 0);
/// assert_eq!(fields.of("").get("user.id").unwrap().text(), "7");
/// ```
pub fn fields(raw: &str, format: &str, time_ns: i64) -> Fields {
    fields_with(None, raw, format, time_ns)
}

fn fields_with(scope: Option<Scope<'_>>, raw: &str, format: &str, time_ns: i64) -> Fields {
    let parsed = read(raw, time_ns, scope, |draft| {
        let is_built_in = is_built_in(format);
        if is_built_in || scope.is_some_and(|scope| own::read_named(draft, scope, format)) {
            return if is_built_in { named(draft, None, format) } else { FORMATS.len() - 1 };
        }
        // A rule that is gone, or matches no more.
        let place = (0..FORMATS.len()).find(|place| FORMATS[*place].may_read(draft) && attempt(draft, *place));
        place.unwrap_or(FORMATS.len() - 1)
    });
    parsed.fields
}

fn is_built_in(name: &str) -> bool {
    FORMATS.iter().any(|format| format.name == name) || REFINED.iter().any(|(refined, _)| *refined == name)
}

/// Reads the text as this format, else as what takes whatever comes.
fn named(draft: &mut Draft<'_>, scope: Option<Scope<'_>>, name: &str) -> usize {
    if scope.is_some_and(|scope| own::read_named(draft, scope, name)) {
        return FORMATS.len() - 1;
    }
    // A name that a reader gives can be that of another one, too.
    let reader = REFINED.iter().find(|(refined, _)| *refined == name).map_or(name, |(_, reader)| reader);
    let is_named = |place: &usize| FORMATS[*place].name == name || FORMATS[*place].name == reader;
    let mut places = (0..FORMATS.len()).filter(is_named).chain(CERTAIN..FORMATS.len());
    places.find(|place| FORMATS[*place].may_read(draft) && attempt(draft, *place)).unwrap_or(FORMATS.len() - 1)
}

fn attempt(draft: &mut Draft<'_>, place: usize) -> bool {
    let found = (FORMATS[place].read)(draft).is_some();
    if !found {
        draft.reset();
    }
    found
}

/// Reads a text. One that a reader panics at is a plain text: it would else be read again and again,
/// and nothing behind it.
fn read(raw: &str, time_ns: i64, scope: Option<Scope<'_>>, choose: impl FnOnce(&mut Draft<'_>) -> usize) -> Parsed {
    catch_unwind(AssertUnwindSafe(|| read_as(raw, time_ns, scope, choose))).unwrap_or_else(|_| Parsed {
        level: Level::Unknown,
        reason: Reason::Panic,
        format: FORMATS[FORMATS.len() - 1].name,
        fields: Fields::default(),
    })
}

fn read_as(raw: &str, time_ns: i64, scope: Option<Scope<'_>>, choose: impl FnOnce(&mut Draft<'_>) -> usize) -> Parsed {
    let plain: Cow<'_, str> =
        if memchr::memchr(0x1b, raw.as_bytes()).is_some() { text::without_escapes(raw) } else { raw.into() };
    let mut draft = Draft::new(&plain, FieldsBuilder::new(raw), time_ns);
    draft.scope = scope;
    let place = choose(&mut draft);
    let format = draft.format.unwrap_or(FORMATS[place].name);
    finish(&mut draft);
    let reason = draft.level.map(|_| draft.reason.unwrap_or(Reason::Header)).unwrap_or_default();
    if let Some(scope) = scope {
        own::finish(&mut draft, scope);
    }
    Parsed { level: draft.level.unwrap_or_default(), reason, format, fields: draft.fields.finish() }
}

/// What all formats have in common: errors and work in what the text says, and its message.
fn finish(draft: &mut Draft<'_>) {
    if draft.is_structured && !draft.is_interpreted {
        keys::interpret(draft);
    }
    let text = draft.text;
    let mut message = draft.message;
    let trace = if draft.rest.is_empty() && (draft.has_http || draft.is_structured) { None } else { trace::find(text) };
    if let Some(trace) = trace {
        let stack = text[trace.start..].trim_end();
        if draft.has_error {
            if !draft.has("error.stack") {
                draft.text_field("error.stack", stack);
            }
        } else if trace.start < text.len() || draft.level.is_none_or(|level| level >= Level::Error) {
            draft.error(trace.kind, trace.message, stack);
        }
        if draft.level.is_none() {
            draft.level = Some(if trace.is_fatal { Level::Fatal } else { Level::Error });
            draft.reason = Some(Reason::Trace);
        }
        let is_told = message.is_some_and(|own| own.len() < draft.head.len() && trace.title != own);
        if trace.start == 0 && !is_told {
            message = Some(trace.title.trim());
            draft.rest = "";
        } else if trace.start == 0 {
            draft.rest = "";
        } else if let Some(own) = message {
            // The lines between the header and the trace belong to what it says.
            let between = place_in(text, own).and_then(|from| text.get(from..trace.start.max(from + own.len())));
            message = between.map(str::trim_end).or(message);
            draft.rest = "";
        }
    }
    if draft.level.is_none()
        && let Some(level) = head::failure(draft.head)
    {
        (draft.level, draft.reason) = (Some(level), Some(Reason::Word));
    }
    if let Some(own) = message.filter(|own| !own.is_empty() || !draft.rest.is_empty()) {
        // What ends the first line, or what was seen of it, goes on behind it.
        let from = place_in(draft.head, own).filter(|from| from + own.len() == draft.head.len());
        let goes_on = !draft.rest.is_empty() || draft.is_cut;
        let whole = from.filter(|_| goes_on).and_then(|from| text.get(from..)).unwrap_or(own);
        if !draft.has_message {
            draft.text_field("message", whole.trim());
        }
        if !draft.has_http && !draft.is_structured {
            access::told(draft, own);
        }
        if !draft.has_http && !draft.has_operation && operation::may_be(own) {
            work(draft, own);
        }
    }
    if draft.is_structured && !draft.has_message {
        draft.text_field("message", text);
    }
}

fn work(draft: &mut Draft<'_>, message: &str) {
    let Some(found) = operation::of_message(message).filter(|found| !found.name.is_empty()) else { return };
    let is_failure = draft.level >= Some(Level::Error) && found.outcome == draft::Outcome::Success;
    let outcome = if is_failure { draft::Outcome::Failure } else { found.outcome };
    draft.operation(&operation::named(found.name), outcome, found.ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_reader_panics_at_is_a_plain_text() {
        let parsed = read("ERROR x", 0, None, |_| panic!("a bug"));
        assert_eq!((parsed.level, parsed.reason, parsed.format), (Level::Unknown, Reason::Panic, "text"));
        assert!(parsed.fields.is_empty());
    }
}
