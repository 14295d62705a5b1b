//! A record in the making: what a format's reader finds in a line, before it is a record.

use super::level;
use super::own::Scope;
use super::reason::Reason;
use super::time::{self, Stamp};
use crate::record::{FieldValue, FieldsBuilder, Level, Mark};

/// Of a longer line, readers see the beginning only: there is no header so long, and each reader
/// may look at all it sees.
const HUGE_LINE_BYTES: usize = 64 << 10;
const HEAD_BYTES: usize = 16 << 10;

/// What a reader works on, and where it puts what it finds.
pub(super) struct Draft<'a> {
    /// The whole text without escape sequences and without blank lines around it.
    pub text: &'a str,
    /// Its first line, or the beginning of it where it is huge.
    pub head: &'a str,
    /// The lines behind it; empty for one line.
    pub rest: &'a str,
    /// The first line is longer than its beginning.
    pub is_cut: bool,
    /// Docker's time, from which a year is taken where the line has none.
    pub time_ns: i64,
    /// The time that the first line begins with.
    pub lead: Option<Stamp>,
    pub fields: FieldsBuilder<'a>,
    pub level: Option<Level>,
    /// What the level was found by; none where it stands in the header.
    pub reason: Option<Reason>,
    /// What the first line says behind its header: an end of it where the text has more lines.
    pub message: Option<&'a str>,
    /// The name of the format, where a reader knows it better than the table.
    pub format: Option<&'static str>,
    /// The line's own names are kept, and what they say is found by name.
    pub is_structured: bool,
    /// What the line's own names say was found.
    pub is_interpreted: bool,
    /// A method is no request unless a status stands beside it.
    pub needs_status: bool,
    /// What it says was found.
    pub has_message: bool,
    pub has_http: bool,
    pub has_operation: bool,
    pub has_error: bool,
    pub status: Option<i64>,
    /// How long it took, as a format of the user's says.
    pub ms: Option<f64>,
    /// The user's own rules.
    pub scope: Option<Scope<'a>>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(text: &'a str, fields: FieldsBuilder<'a>, time_ns: i64) -> Self {
        let text = text.trim_start_matches(['\r', '\n']).trim_end();
        let (head, rest) = match memchr::memchr(b'\n', text.as_bytes()) {
            Some(end) => (&text[..end], &text[end + 1..]),
            None => (text, ""),
        };
        let mut head = head.trim_end();
        let is_cut = head.len() > HUGE_LINE_BYTES;
        if is_cut {
            head = &head[..head.floor_char_boundary(HEAD_BYTES)];
        }
        let lead = match head.as_bytes() {
            [b'0'..=b'9' | b'A'..=b'Z', ..] => time::leading(head, time_ns),
            _ => None,
        };
        Self {
            text,
            head,
            rest,
            is_cut,
            time_ns,
            lead,
            fields,
            level: None,
            reason: None,
            message: None,
            format: None,
            is_structured: false,
            is_interpreted: false,
            needs_status: false,
            has_message: false,
            has_http: false,
            has_operation: false,
            has_error: false,
            status: None,
            ms: None,
            scope: None,
        }
    }

    /// Forgets what a reader found that gave up.
    pub(super) fn reset(&mut self) {
        self.fields.back_to(Mark::default());
        (self.level, self.reason, self.message, self.format, self.status) = (None, None, None, None, None);
        (self.is_interpreted, self.needs_status, self.has_message, self.ms) = (false, false, false, None);
        (self.is_structured, self.has_http, self.has_operation, self.has_error) = (false, false, false, false);
    }

    /// What stands behind the time that the line begins with.
    pub(super) fn behind_time(&self) -> Option<&'a str> {
        self.head.get(self.lead?.len..)
    }

    /// Whether the standard field of that name is known.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.so_far().iter_origins().any(|(known, _, origin)| !origin.is_own && known == name)
    }

    pub(super) fn text_field(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() && text != "-" {
            self.has_message |= name == "message";
            self.fields.push(name, FieldValue::Text(text));
        }
    }

    pub(super) fn integer(&mut self, name: &'static str, value: i64) {
        self.fields.push(name, FieldValue::Integer(value));
    }

    /// The number that the text is; what is none, or too large, is left to the line.
    pub(super) fn number(&mut self, name: &'static str, text: &str) {
        if let Ok(value) = text.parse() {
            self.integer(name, value);
        }
    }

    pub(super) fn logger(&mut self, name: &str) {
        self.text_field("logger", name);
    }

    pub(super) fn log_time(&mut self, stamp: Option<Stamp>) {
        self.log_time_ns(stamp.and_then(|stamp| stamp.ns));
    }

    pub(super) fn log_time_ns(&mut self, ns: Option<i64>) {
        if let Some(ns) = ns {
            self.integer("log_time", ns);
        }
    }

    /// The request of an access: its method, path and query.
    pub(super) fn request(&mut self, method: &str, target: &str) {
        self.has_http = true;
        self.text_field("http.method", method);
        self.target(target);
    }

    /// Path and query of a request's target, or of an URL.
    pub(super) fn target(&mut self, target: &str) {
        let slash = memchr::memchr2(b'/', b'?', target.as_bytes()).filter(|at| *at > 0);
        let target = match slash.map(|at| target.split_at(at)) {
            // The path of an absolute form begins behind its host.
            Some((scheme, rest)) if scheme.ends_with(':') && rest.starts_with("//") => match rest[2..].find(['/', '?'])
            {
                Some(at) => &rest[2 + at..],
                None => "/",
            },
            _ => target,
        };
        let end = memchr::memchr2(b'?', b'#', target.as_bytes()).unwrap_or(target.len());
        let (path, rest) = target.split_at(end);
        let query = rest.strip_prefix('?').unwrap_or_default();
        let query = &query[..memchr::memchr(b'#', query.as_bytes()).unwrap_or(query.len())];
        self.text_field("http.path", path);
        self.text_field("http.query", query);
    }

    /// The status of an access, which also says how bad it is.
    pub(super) fn status(&mut self, status: i64) {
        if (100..1000).contains(&status) {
            self.integer("http.status", status);
            self.status = Some(status);
        }
    }

    /// The level of a plain access line: that of its status, and never of a word in it.
    pub(super) fn level_of_status(&mut self) {
        self.level = Some(self.status.and_then(level::of_status).unwrap_or(Level::Info));
        self.reason = Some(Reason::Status);
    }

    /// The client of a request: an address, whose port is left out.
    pub(super) fn client(&mut self, address: &str) {
        self.text_field("http.client", without_port(address));
    }

    pub(super) fn bytes(&mut self, text: &str) {
        if let Ok(bytes) = text.parse() {
            self.integer("http.bytes", bytes);
        }
    }

    pub(super) fn own(&mut self, name: &str, value: &str) {
        self.fields.set(name, FieldValue::Text(value));
    }

    pub(super) fn http_duration(&mut self, ms: f64) {
        self.fields.push("http.duration_ms", FieldValue::Float(ms));
    }

    /// A piece of work that is no request.
    pub(super) fn operation(&mut self, name: &str, outcome: Outcome, ms: Option<f64>) {
        self.has_operation = true;
        self.text_field("operation.name", name);
        self.text_field("operation.outcome", outcome.as_str());
        if let Some(ms) = ms {
            self.fields.push("operation.duration_ms", FieldValue::Float(ms));
        }
    }

    /// What went wrong; parts that are not known are empty.
    pub(super) fn error(&mut self, kind: &str, message: &str, stack: &str) {
        self.has_error = true;
        self.text_field("error.type", kind);
        self.text_field("error.message", message);
        self.text_field("error.stack", stack);
    }
}

/// How a piece of work is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Started,
    Success,
    Failure,
}

impl Outcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// `10.0.0.1:5000` → `10.0.0.1`, `[::1]:80` → `::1`; an IPv6 address without brackets stays.
pub(super) fn without_port(address: &str) -> &str {
    if let Some((inner, _)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inner;
    }
    let Some(colon) = address.bytes().position(|byte| byte == b':') else { return address };
    let port = &address[colon + 1..];
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) { &address[..colon] } else { address }
}

/// The same where a port always follows, as behind an IPv6 address without brackets.
pub(super) fn before_port(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            host.trim_start_matches('[').trim_end_matches(']')
        }
        _ => address,
    }
}

/// Whether the text begins with a method of HTTP and a space; answers the method and the rest.
pub(super) fn split_method(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take(9).take_while(u8::is_ascii_uppercase).count();
    let (method, rest) = text.split_at(end);
    (rest.starts_with(' ') && is_method(method)).then(|| (method, &rest[1..]))
}

/// Whether the text is a method of HTTP.
pub(super) fn is_method(text: &str) -> bool {
    matches!(
        text,
        "GET"
            | "HEAD"
            | "POST"
            | "PUT"
            | "DELETE"
            | "PATCH"
            | "OPTIONS"
            | "CONNECT"
            | "TRACE"
            | "PROPFIND"
            | "MKCOL"
            | "REPORT"
            | "PURGE"
    )
}

/// Three digits that are a status of HTTP, or `000` and the like, which some print without one.
pub(super) fn status_of(text: &str) -> Option<i64> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
