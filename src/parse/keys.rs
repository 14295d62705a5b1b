//! What names of fields mean: from the own fields of a JSON or logfmt line to the record's standard
//! ones. One table holds the names of all libraries.

mod names;

use super::draft::{self, Draft, Outcome};
use super::duration::{self, MILLISECONDS, NANOSECONDS, Named, SECONDS, Unit};
use super::epoch;
use super::level;
use super::operation;
use super::reason::Reason;
use super::time;
use super::trace;
use crate::record::{FieldValue, FieldsOf, Level};
use crate::text;
use Role::{
    Bytes, Client, Error, ErrorMessage, ErrorType, Logger, Message, Method, Operation, Protocol, Request, RequestLine,
    Span, Stack, Status, Target, Time, Trace,
};
use names::{HTTP_STATUS, ROLES, Role, role};

/// What the line's own fields say, by role.
#[derive(Default)]
struct Found<'a> {
    best: [Option<(u16, &'a str, FieldValue<'a>)>; ROLES],
    duration: Option<(&'a str, FieldValue<'a>, Named)>,
    /// How long it took, as the user's own rules say.
    ruled_ms: Option<f64>,
    level: Option<((bool, u16), Level)>,
    /// MongoDB's severity, a letter under `s`, which needs a component beside it.
    severity: Option<&'a str>,
    /// The name of the status.
    status_name: &'a str,
    /// Nanoseconds beside a time in whole seconds.
    nanos: i64,
    /// `event` beside a message.
    event: Option<&'a str>,
    url_query: Option<&'a str>,
    /// A level that is a number, and which of Nextcloud's own names stand beside it.
    number: Option<i64>,
    nextcloud: u8,
    /// zap's place in the source: a `name` beside it is not the logger's.
    has_caller: bool,
    /// Names of one program that say what a bare duration is.
    is_traefik: bool,
    is_lograge: bool,
    is_serilog: bool,
    /// What the reader of the format said already.
    known_message: Option<&'a str>,
    known_logger: Option<&'a str>,
    has_time: bool,
}

impl<'a> Found<'a> {
    fn of(own: FieldsOf<'a>) -> Self {
        let mut found = Self::default();
        own.for_each(|name, value, is_own| {
            if is_own {
                found.take(name, value);
            } else {
                if name == "message" {
                    found.known_message = value.as_str();
                }
                if name == "logger" {
                    found.known_logger = value.as_str();
                }
                found.has_time |= name == "log_time";
            }
        });
        found
    }

    fn take(&mut self, name: &'a str, value: FieldValue<'a>) {
        let role = role(name);
        match role {
            Some((Role::Level, rank)) => self.level_of(rank, value),
            Some((role, rank)) => {
                let best = &mut self.best[role as usize];
                if best.is_none_or(|(other, ..)| rank < other) && is_fit(role, name, value) {
                    *best = Some((rank, name, value));
                    if role == Status {
                        self.status_name = name;
                    }
                }
            }
            None => match name {
                "s" => self.severity = value.as_str(),
                "action" => self.is_lograge = true,
                "timestamp.nanos" | "instant.nanoOfSecond" => self.nanos = value.as_i64().unwrap_or_default(),
                "url.query" => self.url_query = value.as_str(),
                _ => {}
            },
        }
        match name {
            "DownstreamStatus" => self.is_traefik = true,
            "RequestPath" => self.is_serilog = true,
            "event" => self.event = value.as_str(),
            "caller" => self.has_caller = true,
            "reqId" => self.nextcloud |= 1,
            "app" => self.nextcloud |= 2,
            "remoteAddr" => self.nextcloud |= 4,
            _ => {}
        }
        // No name that has a role is a duration's.
        if role.is_none() {
            self.duration_of(name, value);
        }
    }

    fn level_of(&mut self, rank: u16, value: FieldValue<'a>) {
        let (is_number, level) = match value {
            FieldValue::Integer(number) => {
                self.number = Some(number);
                (true, level::of_number(number))
            }
            FieldValue::Text(text) => match level::of_name(text) {
                Some(level) => (false, Some(level)),
                // Nest's, and winston's for requests.
                None if matches!(text, "log" | "http") => (false, Some(Level::Info)),
                None => (true, text.parse().ok().and_then(level::of_number)),
            },
            FieldValue::Float(number) if number.fract() == 0.0 => (true, level::of_number(number as i64)),
            FieldValue::Bool(_) | FieldValue::Float(_) => return,
        };
        // A text says more than a number, whose scale has to be guessed.
        let place = (is_number, rank);
        if let Some(level) = level
            && self.level.is_none_or(|(other, _)| place < other)
        {
            self.level = Some((place, level));
        }
    }

    fn duration_of(&mut self, name: &'a str, value: FieldValue<'a>) {
        let may_be = match value {
            FieldValue::Integer(_) | FieldValue::Float(_) => true,
            FieldValue::Text(text) => text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 40,
            FieldValue::Bool(_) => false,
        };
        if may_be
            && let Some(named) = duration::named(name)
            && self.duration.is_none_or(|(_, other, _)| has_unit(value) && !has_unit(other))
        {
            self.duration = Some((name, value, named));
        }
    }

    fn get(&self, role: Role) -> Option<FieldValue<'a>> {
        self.best[role as usize].map(|(.., value)| value)
    }

    fn text(&self, role: Role) -> Option<&'a str> {
        self.get(role).and_then(FieldValue::as_str).filter(|text| !text.is_empty())
    }

    /// How long it took; none where the unit is uncertain.
    fn milliseconds(&self, is_caddy: bool) -> Option<f64> {
        let (name, value, named) = self.duration?;
        let number = |unit: Unit| match value {
            FieldValue::Integer(value) => duration::milliseconds(&value.to_string(), unit),
            FieldValue::Float(value) if unit == MILLISECONDS => Some(value).filter(|ms| *ms >= 0.0),
            FieldValue::Float(value) => duration::milliseconds(&value.to_string(), unit),
            FieldValue::Text(text) => duration::milliseconds(text, unit),
            FieldValue::Bool(_) => None,
        };
        if let Some(ms) = value.as_str().and_then(duration::whole) {
            return Some(ms);
        }
        match named {
            Named::In(unit) => number(unit),
            // The programs whose field it is.
            Named::Open if is_caddy => number(SECONDS),
            Named::Open if self.is_traefik || name == "event.duration" => number(NANOSECONDS),
            Named::Open if self.is_serilog && name == "Elapsed" => number(MILLISECONDS),
            Named::Open if self.is_lograge && self.get(Method).is_some() && name == "duration" => number(MILLISECONDS),
            Named::Open => None,
        }
    }
}

/// Whether the value is a duration by itself, such as `12ms`.
fn has_unit(value: FieldValue<'_>) -> bool {
    value.as_str().and_then(duration::whole).is_some()
}

/// Whether a field of that name holds the level.
pub(super) fn is_level(name: &str) -> bool {
    matches!(role(name), Some((Role::Level, _)))
}

/// Whether the value can play the role: a `name` that is a number names no logger.
fn is_fit(role: Role, name: &str, value: FieldValue<'_>) -> bool {
    match role {
        Status => value.as_i64().is_some_and(|status| (0..1000).contains(&status)),
        Bytes => value.as_i64().is_some(),
        Request => !matches!(value, FieldValue::Bool(_) | FieldValue::Float(_)),
        Message => !matches!(value, FieldValue::Text("")),
        Client => value.as_str().is_some_and(looks_like_address),
        Time => !matches!(value, FieldValue::Bool(_)),
        // An address is what is spoken to.
        Logger => value.as_str().is_some_and(|text| {
            // Nest's is a class; others' is a sentence or an object.
            let is_class = |text: &str| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            !text.is_empty() && !text.contains("://") && (name != "context" || is_class(text))
        }),
        Role::Level => true,
        _ => value.as_str().is_some_and(|text| !text.is_empty()),
    }
}

/// An address, with a port or without, and no name of anything.
fn looks_like_address(text: &str) -> bool {
    text.len() >= 2
        && text.contains(['.', ':'])
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'[' | b']'))
}

/// Adds what the line's own fields say to the draft: the standard fields, behind the own ones.
pub(super) fn interpret(draft: &mut Draft<'_>) {
    draft.is_interpreted = true;
    let mut own = draft.fields.take();
    draft.fields.reserve(12);
    let mut found = Found::of(own.of(draft.fields.raw()));
    found.ruled_ms = draft.scope.and_then(|scope| scope.milliseconds(own.of(draft.fields.raw())));
    standard(draft, &found);
    let added = draft.fields.take();
    own.append(added);
    draft.fields.put(own);
}

fn standard(draft: &mut Draft<'_>, found: &Found<'_>) {
    if !found.has_time
        && let Some(value) = found.get(Time)
    {
        draft.log_time_ns(time_of(value, draft.time_ns).and_then(|ns| ns.checked_add(found.nanos)));
    }
    if found.known_message.is_none()
        && let Some(message) = found.get(Message)
    {
        draft.text_field("message", text::without_escapes(&message.text()).trim());
    }
    if found.known_logger.is_none()
        && let Some(logger) = found.text(Logger)
        && !(found.has_caller && found.number.is_none() && found.has(Logger, "name"))
    {
        draft.logger(logger);
    }
    for (name, role) in [("trace_id", Trace), ("span_id", Span), ("request_id", Request)] {
        match found.get(role) {
            Some(FieldValue::Integer(id)) => draft.text_field(name, &id.to_string()),
            Some(value) => {
                let id = value.as_str().unwrap_or_default();
                // Google's is a path.
                let path = id.contains('/').then(|| id.rsplit_once("/traces/")).flatten();
                draft.text_field(name, path.map_or(id, |(_, id)| id));
            }
            None => {}
        }
    }
    if draft.level.is_none() {
        let nextcloud = found.number.filter(|_| found.nextcloud == 7).and_then(level::of_nextcloud);
        draft.level = nextcloud.or(found.level.map(|(_, level)| level)).or_else(|| known_shape(found));
        draft.reason = Some(Reason::Field);
    }
    let is_caddy = found.known_logger.or(found.text(Logger)).is_some_and(|logger| logger.starts_with("http.log"));
    let ms = found.ruled_ms.or_else(|| found.milliseconds(is_caddy));
    http(draft, found, ms);
    error(draft, found);
    if !draft.has_http && !draft.has_operation {
        work(draft, found, ms);
    }
}

/// The level of shapes whose keys say nothing on their own.
fn known_shape(found: &Found<'_>) -> Option<Level> {
    match found.severity {
        // MongoDB: severity and component; D1 to D5 are shades of debug.
        Some(severity) if found.has(Logger, "c") || found.has(Time, "t.$date") => {
            level::of_letter(severity.trim_end_matches(|c: char| c.is_ascii_digit()))
        }
        // Serilog's compact form leaves out `@l` where it is information.
        _ if found.has(Time, "@t") && (found.has(Message, "@mt") || found.has(Message, "@m")) => Some(Level::Info),
        _ => None,
    }
}

impl Found<'_> {
    /// Whether the role is played by the field of that name.
    fn has(&self, role: Role, name: &str) -> bool {
        self.best[role as usize].is_some_and(|(_, found, _)| found.eq_ignore_ascii_case(name))
    }
}

fn time_of(value: FieldValue<'_>, near_ns: i64) -> Option<i64> {
    match value {
        FieldValue::Integer(value) => epoch::of_integer(value),
        // As it was written, which is its shortest form.
        FieldValue::Float(value) => epoch::of_text(&value.to_string()).or_else(|| epoch::of_number(value)),
        FieldValue::Text(text) => match time::leading(text.trim(), near_ns) {
            Some(stamp) => stamp.ns,
            None => text.parse().ok().and_then(epoch::of_integer),
        },
        FieldValue::Bool(_) => None,
    }
}

/// A method with a status or a target is a request, and so is a status that can be nothing else.
fn http(draft: &mut Draft<'_>, found: &Found<'_>, ms: Option<f64>) {
    let status = found.get(Status).and_then(FieldValue::as_i64).filter(|status| (100..1000).contains(status));
    let line = found.text(RequestLine).and_then(draft::split_method);
    let named = found.text(Method);
    let method = named.filter(|method| draft::is_method(method));
    // Some write it small.
    let is_small = |name: &&str| method.is_none() && name.len() < 9 && status.is_some();
    let upper = named.filter(is_small).map(str::to_ascii_uppercase);
    let upper = upper.as_deref().filter(|method| draft::is_method(method));
    let method = method.or(upper).or(line.map(|(method, _)| method));
    let target = found
        .text(Target)
        .or(line.map(|(_, target)| target.rsplit_once(" HTTP/").map_or(target, |(target, _)| target)));
    // A span's method says nothing of an event without a status.
    let is_span = draft.needs_status || found.has(Method, "span.method");
    match method {
        Some(method) if status.is_some() || target.is_some() && !is_span => {
            draft.request(method, target.unwrap_or_default());
        }
        None if status.is_some() && HTTP_STATUS.contains(&found.status_name) => draft.has_http = true,
        _ => return,
    }
    if let Some(query) = found.url_query {
        draft.text_field("http.query", query);
    }
    if let Some(status) = status {
        draft.status(status);
    }
    if let Some(client) = found.text(Client) {
        draft.client(client);
    }
    if let Some(bytes) = found.get(Bytes).and_then(FieldValue::as_i64) {
        draft.integer("http.bytes", bytes);
    }
    if let Some(ms) = ms {
        draft.http_duration(ms);
    }
    let Some(method) = method else {
        // A server that failed says so in what it answers; what was not found may be no fault of its.
        let is_answer = ["res.", "response.", "http.response."].iter().any(|lead| found.status_name.starts_with(lead));
        let of_status = draft.status.and_then(level::of_status).filter(|level| is_answer && *level == Level::Error);
        if of_status > draft.level {
            (draft.level, draft.reason) = (of_status, Some(Reason::Status));
        }
        return;
    };
    let has_message = found.known_message.is_some() || found.get(Message).is_some();
    if !has_message {
        let protocol = found.text(Protocol).unwrap_or_default();
        let parts = [method, target.unwrap_or_default(), protocol];
        let text: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        draft.text_field("message", found.text(RequestLine).filter(|_| line.is_some()).unwrap_or(&text.join(" ")));
    }
    // pino-http and others log a failed request as information; a good one stays debug.
    match draft.status.and_then(level::of_status) {
        Some(of_status) if of_status > Level::Info && Some(of_status) > draft.level || draft.level.is_none() => {
            (draft.level, draft.reason) = (Some(of_status), Some(Reason::Status));
        }
        None if draft.level.is_none() => (draft.level, draft.reason) = (Some(Level::Info), Some(Reason::Status)),
        _ => {}
    }
}

/// Of structlog's `dict_tracebacks`.
#[derive(serde::Deserialize)]
struct Raised {
    exc_type: String,
    exc_value: String,
}

fn error(draft: &mut Draft<'_>, found: &Found<'_>) {
    // A list of lines, as AWS writes it, is one text.
    let list = found.text(Stack).filter(|stack| stack.starts_with("[\""));
    let joined = list.and_then(|list| serde_json::from_str::<Vec<String>>(list).ok()).map(|lines| lines.join("\n"));
    // structlog's own form is a list of what was raised, the last one first.
    let raised = found.text(Stack).filter(|stack| stack.starts_with("[{\"exc_type\""));
    let raised = raised.and_then(|list| serde_json::from_str::<Vec<Raised>>(list).ok()?.into_iter().next());
    let stack = joined.as_deref().or(found.text(Stack)).filter(|stack| stack.contains(['\n', '(', ':']));
    let (mut kind, mut message) = (found.text(ErrorType), found.text(ErrorMessage));
    if let Some(raised) = &raised {
        (kind, message) = (kind.or(Some(&raised.exc_type)), message.or(Some(&raised.exc_value)));
    }
    let stack = stack.filter(|_| raised.is_none());
    let trace = stack.and_then(trace::find);
    if let Some(trace) = trace {
        kind = kind.or(Some(trace.kind));
        message = message.or(Some(trace.message));
    }
    // A text under `error` is what went wrong, where something did.
    let text = found.text(Error).filter(|text| !matches!(*text, "null" | "none" | "None" | "nil" | "<nil>" | "false"));
    if let Some(text) = text.filter(|text| !text.starts_with('{') && draft.level >= Some(Level::Warn)) {
        message = message.or(Some(text));
    }
    if kind.is_none() && message.is_none() && stack.is_none() {
        return;
    }
    if found.known_message.is_none() && found.get(Message).is_none() && !draft.has_http {
        draft.text_field("message", message.unwrap_or_default());
    }
    draft.error(kind.unwrap_or_default(), message.unwrap_or_default(), stack.map(str::trim_end).unwrap_or_default());
    if draft.level.is_none() && (trace.is_some() || raised.is_some()) {
        (draft.level, draft.reason) = (Some(Level::Error), Some(Reason::Trace));
    }
}

/// A duration without a request is how long something else took.
fn work(draft: &mut Draft<'_>, found: &Found<'_>, ms: Option<f64>) {
    let message = found.known_message.or(found.text(Message));
    let said = message.filter(|message| operation::may_be(message)).and_then(operation::of_message);
    let ms = ms.or_else(|| said.and_then(|said| said.ms));
    let is_failure = draft.level >= Some(Level::Error);
    let event = found.event.filter(|event| Some(*event) != message).map(operation::short_name);
    let named = found.text(Operation).or(event).or_else(|| said.map(|said| said.name)).filter(|name| !name.is_empty());
    let by_message = || message.map(operation::name_of).filter(|name| !name.is_empty());
    let found = match (said, ms) {
        (_, Some(ms)) => named.or_else(by_message).map(|name| (name, Some(ms))),
        (Some(_), None) => named.map(|name| (name, None)),
        (None, None) => None,
    };
    let found = if message == Some("Slow query") { found.map(|(_, ms)| ("query", ms)) } else { found };
    let outcome = match said.map(|said| said.outcome) {
        Some(Outcome::Started) => Outcome::Started,
        // `probe failed`, with its duration as a field.
        None if message.is_some_and(operation::says_failure) => Outcome::Failure,
        _ if is_failure => Outcome::Failure,
        outcome => outcome.unwrap_or(Outcome::Success),
    };
    if let Some((name, ms)) = found {
        draft.operation(&operation::named(name), outcome, ms.filter(|_| outcome != Outcome::Started));
    }
}
