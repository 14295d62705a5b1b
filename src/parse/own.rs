//! What a user's rules find in a record: the groups of their expressions → standard fields and
//! fields of the line's own, and durations whose unit a rule says.

use regex::Captures;

use super::draft::{Draft, Outcome};
use super::duration::{self, MILLISECONDS, SECONDS, Unit};
use super::epoch;
use super::grok::Kind;
use super::logfmt::scalar;
use super::rules::{Applied, DurationRule, Expression, FieldRule, FormatRule, Part, Rules};
use super::{level, operation, time};
use crate::expression::beginning;
use crate::record::{FieldValue, FieldsOf, Level};

/// The rules that apply to a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    rules: &'a Rules,
    applied: Applied,
}

impl<'a> Scope<'a> {
    /// None where no rule applies, and no format could be asked for by name.
    pub(super) fn new(rules: &'a Rules, applied: Applied) -> Option<Self> {
        (applied != Applied::default() || rules.counts()[0] > 0).then_some(Self { rules, applied })
    }

    fn formats(self) -> impl Iterator<Item = &'a FormatRule> {
        chosen(&self.rules.formats, self.applied.formats)
    }

    fn fields(self) -> impl Iterator<Item = &'a FieldRule> {
        chosen(&self.rules.fields, self.applied.fields)
    }

    fn durations(self) -> impl Iterator<Item = &'a DurationRule> {
        chosen(&self.rules.durations, self.applied.durations)
    }

    /// The milliseconds of the first field that a rule calls a duration.
    pub(super) fn milliseconds(self, fields: FieldsOf<'_>) -> Option<f64> {
        self.durations().find_map(|rule| in_unit(fields.get(&rule.field)?, rule.unit))
    }
}

fn chosen<T>(rules: &[T], bits: u64) -> impl Iterator<Item = &T> {
    rules.iter().enumerate().filter(move |(place, _)| bits >> place & 1 == 1).map(|(_, rule)| rule)
}

fn in_unit(value: FieldValue<'_>, unit: Unit) -> Option<f64> {
    match value {
        FieldValue::Integer(value) => duration::milliseconds(&value.to_string(), unit),
        FieldValue::Float(value) => duration::milliseconds(&value.to_string(), unit),
        // What the text says of itself counts.
        FieldValue::Text(text) => duration::whole(text).or_else(|| duration::milliseconds(text, unit)),
        FieldValue::Bool(_) => None,
    }
}

/// Tries the formats that apply, in their order.
pub(super) fn read(draft: &mut Draft<'_>, scope: Scope<'_>) -> bool {
    scope.formats().any(|format| read_format(draft, format))
}

/// Tries the format of that name, whomever it applies to.
pub(super) fn read_named(draft: &mut Draft<'_>, scope: Scope<'_>, name: &str) -> bool {
    scope.rules.own_format(name).is_some_and(|format| read_format(draft, format))
}

/// A line, or all lines where the first alone is not it.
fn read_format(draft: &mut Draft<'_>, format: &FormatRule) -> bool {
    let Expression { regex, .. } = &format.expression;
    let head = beginning(draft.head);
    let (captures, whole) = match regex.captures(head) {
        Some(captures) => (captures, draft.head),
        None if draft.rest.is_empty() => return false,
        None => match regex.captures(beginning(draft.text)) {
            Some(captures) => (captures, draft.text),
            None => return false,
        },
    };
    let message = take(draft, &format.expression, &captures);
    let is_told = message.is_some();
    draft.message = Some(match message {
        // What was not looked at goes on in it.
        Some(range) if range.end == beginning(whole).len() => whole[range.start..].trim(),
        Some(range) => whole[range].trim(),
        None => draft.head,
    });
    // Over all lines, the expression said which of them are the message.
    if is_told && whole.len() > draft.head.len() {
        draft.rest = "";
    }
    draft.format = Some(format.name);
    true
}

/// What the rules add to a record that was read.
pub(super) fn finish(draft: &mut Draft<'_>, scope: Scope<'_>) {
    let text = beginning(draft.text);
    for rule in scope.fields() {
        if let Some(captures) = rule.expression.regex.captures(text) {
            take(draft, &rule.expression, &captures);
        }
    }
    let ms = draft.ms.or_else(|| scope.milliseconds(draft.fields.so_far()));
    if let Some(ms) = ms {
        took(draft, ms);
    }
}

/// How long the request or the operation took that the record tells of; a record that tells of
/// none is an operation where its message names one.
fn took(draft: &mut Draft<'_>, ms: f64) {
    if draft.has_http {
        if !draft.has("http.duration_ms") {
            draft.http_duration(ms);
        }
    } else if draft.has_operation {
        let is_started =
            draft.fields.so_far().get("operation.outcome") == Some(FieldValue::Text(Outcome::Started.as_str()));
        if !is_started && !draft.has("operation.duration_ms") {
            draft.fields.push("operation.duration_ms", FieldValue::Float(ms));
        }
    } else {
        let message = draft.fields.so_far().get("message").and_then(FieldValue::as_str).unwrap_or_default();
        let name = operation::named(operation::name_of(message)).into_owned();
        let outcome = if draft.level >= Some(Level::Error) { Outcome::Failure } else { Outcome::Success };
        if !name.is_empty() {
            draft.operation(&name, outcome, Some(ms));
        } else if draft.ms.is_some() {
            draft.fields.set("duration_ms", FieldValue::Float(ms));
        }
    }
}

/// Puts what the groups matched into the draft, where it is not known yet; answers where the
/// message stands.
fn take(draft: &mut Draft<'_>, expression: &Expression, captures: &Captures<'_>) -> Option<std::ops::Range<usize>> {
    let mut message = None;
    let (mut method, mut path, mut status) = ("", "", None);
    let (mut kind, mut error, mut stack) = ("", "", "");
    for (at, part, typed) in &expression.groups {
        let Some(group) = captures.get(*at) else { continue };
        let text = group.as_str().trim();
        if *part == Part::Message {
            message = Some(group.range());
        }
        if text.is_empty() {
            continue;
        }
        match part {
            Part::Time => {
                let stamp = time::leading(text, draft.time_ns).and_then(|stamp| stamp.ns);
                draft.log_time_ns(stamp.or_else(|| epoch::of_text(text)));
            }
            Part::Level => {
                let level = level::of_value(text).or_else(|| level::of_letter(text));
                draft.level = draft.level.or(level);
            }
            Part::Logger => known(draft, "logger", text),
            Part::TraceId => known(draft, "trace_id", text),
            Part::SpanId => known(draft, "span_id", text),
            Part::RequestId => known(draft, "request_id", text),
            Part::Method => method = text,
            Part::Path => path = text,
            Part::Status => status = text.parse::<i64>().ok().filter(|status| (100..1000).contains(status)),
            Part::Client if !draft.has("http.client") => draft.client(text),
            Part::Bytes if !draft.has("http.bytes") => draft.bytes(text),
            Part::Message | Part::Client | Part::Bytes => {}
            Part::Duration => draft.ms = draft.ms.or_else(|| duration::whole(text)),
            Part::DurationMs => draft.ms = draft.ms.or_else(|| duration::milliseconds(text, MILLISECONDS)),
            Part::DurationS => draft.ms = draft.ms.or_else(|| duration::milliseconds(text, SECONDS)),
            Part::ErrorType => kind = text,
            Part::Error => error = text,
            Part::Stack => stack = text,
            Part::Own(name) => draft.fields.set(name, value(text, *typed)),
        }
    }
    // A record tells of a request or of another piece of work.
    if !draft.has_operation && (!method.is_empty() || !path.is_empty() || status.is_some()) {
        request(draft, method, path, status);
    }
    let is_error = [kind, error, stack].iter().any(|part| !part.is_empty());
    if is_error && !draft.has_error {
        draft.error(kind, error, stack);
    }
    message
}

fn known(draft: &mut Draft<'_>, name: &'static str, text: &str) {
    if !draft.has(name) {
        draft.text_field(name, text);
    }
}

fn request(draft: &mut Draft<'_>, method: &str, path: &str, status: Option<i64>) {
    draft.has_http = true;
    known(draft, "http.method", method);
    if !draft.has("http.path") {
        draft.target(path);
    }
    let Some(status) = status.filter(|_| draft.status.is_none()) else { return };
    draft.status(status);
    // As with every other request: a failed one is at least that.
    match level::of_status(status) {
        Some(of_status) if of_status > Level::Info || draft.level.is_none() => {
            draft.level = draft.level.max(Some(of_status));
        }
        _ => {}
    }
}

fn value(text: &str, kind: Kind) -> FieldValue<'_> {
    let number = match kind {
        Kind::Auto => Some(scalar(text)),
        Kind::Integer => text.parse().ok().map(FieldValue::Integer),
        Kind::Float => text.parse().ok().filter(|value: &f64| value.is_finite()).map(FieldValue::Float),
        Kind::Text => None,
    };
    number.unwrap_or(FieldValue::Text(text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Overrides, Parser, Text};
    use super::*;
    use crate::pattern::Pattern;
    use crate::record::{Container, ContainerId};

    fn container(service: &str, name: &str) -> Container {
        let (name, service) = (name.to_owned(), service.to_owned());
        Container { id: ContainerId::new("ab"), name, project: String::new(), service, number: 0 }
    }

    fn services(patterns: &[&str]) -> Vec<Pattern> {
        patterns.iter().map(|pattern| pattern.parse().unwrap()).collect()
    }

    /// Level, format and fields of what the container `web` says; a stored line has the same fields.
    #[track_caller]
    fn read(rules: &Rules, overrides: Overrides, line: &str) -> (Level, &'static str, String) {
        let web = container("web", "shop-web-1");
        let parsed = Parser::new(&Arc::new(rules.clone()), &web, overrides).parse(line, 0);
        let json = serde_json::to_string(&parsed.fields.of(line)).unwrap();
        let again = rules.fields(line, parsed.format, 0, &web);
        assert_eq!(serde_json::to_string(&again.of(line)).unwrap(), json, "read again: {line:?}");
        (parsed.level, parsed.format, json)
    }

    fn format(text: Text<'_>) -> Rules {
        let mut rules = Rules::default();
        rules.add_format("mine", text, Vec::new()).unwrap();
        rules
    }

    #[track_caller]
    fn check(rules: &Rules, line: &str, level: Level, format: &str, fields: &str) {
        let found = read(rules, Overrides::default(), line);
        assert_eq!((found.0, found.1, found.2.as_str()), (level, format, fields), "{line:?}");
    }

    #[test]
    fn groups_become_standard_fields() {
        for (pattern, line, level, fields) in [
            (
                r"^(?<time>\S+ \S+) (?<level>[A-Z]+) \[(?<logger>[^\]]+)\] (?<message>.*)$",
                "2026-11-21 01:30:04 WARN [db.pool] slow",
                Level::Warn,
                r#"{"log_time":1795224604000000000,"logger":"db.pool","message":"slow"}"#,
            ),
            (
                r"^@(?<time>\d+) (?<message>.*)",
                "@1795224604 up",
                Level::Unknown,
                r#"{"log_time":1795224604000000000,"message":"up"}"#,
            ),
            (r"^(?<level>\d+)/(?<message>.*)", "50/x", Level::Error, r#"{"message":"x"}"#),
            (r"^(?<level>.)/(?<message>.*)", "W/x", Level::Warn, r#"{"message":"x"}"#),
            (
                r"^t=(?<trace_id>\w+),(?<span_id>\w+),(?<request_id>\w+)$",
                "t=ab,cd,ef",
                Level::Unknown,
                r#"{"trace_id":"ab","span_id":"cd","request_id":"ef","message":"t=ab,cd,ef"}"#,
            ),
            (
                r"^(?<client>\S+) > (?<message>(?<method>[A-Z]+) (?<url>\S+)) > (?<status>\d+) (?<bytes>\d+) (?<duration>\S+)$",
                "10.0.0.1:5000 > GET http://a/b?c=d > 503 17 1.5s",
                Level::Error,
                r#"{"http.client":"10.0.0.1","http.bytes":17,"http.method":"GET","http.path":"/b","http.query":"c=d","http.status":503,"message":"GET http://a/b?c=d","http.duration_ms":1500.0}"#,
            ),
            (
                r"^(?<level>\w+) (?<path>/\S*) (?<status>\d+)",
                "debug /x 200",
                Level::Debug,
                r#"{"http.path":"/x","http.status":200,"message":"debug /x 200"}"#,
            ),
            (
                r"^(?<message>.*) in (?<duration_s>[\d.]+)$",
                "mail queue in 0.028",
                Level::Unknown,
                r#"{"message":"mail queue","operation.name":"mail queue","operation.outcome":"success","operation.duration_ms":28.0}"#,
            ),
            (
                r"^(?<message>\d+) in (?<duration_ms>\d+)$",
                "17 in 3",
                Level::Unknown,
                r#"{"message":"17","duration_ms":3.0}"#,
            ),
            (
                r"^(?<level>E) (?<error_type>\w+): (?<error>.*)$",
                "E Boom: went wrong",
                Level::Error,
                r#"{"error.type":"Boom","error.message":"went wrong","message":"E Boom: went wrong"}"#,
            ),
            (
                r"^n=(?<n>\S+) b=(?<b>\S+) f=(?<f>\S+) t=(?<t>\S+)(?<none> x)?",
                "n=7 b=true f=1.50 t=007",
                Level::Unknown,
                r#"{"n":7,"b":true,"f":1.5,"t":"007","message":"n=7 b=true f=1.50 t=007"}"#,
            ),
        ] {
            check(&format(Text::Pattern(pattern)), line, level, "mine", fields);
        }
    }

    #[test]
    fn grok_says_types() {
        let rules = format(Text::Grok("^%{NUMBER:a:int} %{NUMBER:b:float} %{NUMBER:c:text} %{NUMBER:d:int}$"));
        let fields = r#"{"a":7,"b":1.0,"c":"5","d":"1.5","message":"007 1 5 1.5"}"#;
        check(&rules, "007 1 5 1.5", Level::Unknown, "mine", fields);
        let rules = format(Text::Grok("^%{COMBINEDAPACHELOG}$"));
        let line = r#"10.0.0.1 - bob [21/Nov/2026:01:30:04 +0000] "GET /a?b=c HTTP/1.1" 404 12 "-" "curl/8""#;
        let fields = r#"{"http.client":"10.0.0.1","user":"bob","log_time":1795224604000000000,"http_version":"1.1","http.bytes":12,"user_agent":"curl/8","http.method":"GET","http.path":"/a","http.query":"b=c","http.status":404,"message":"GET /a?b=c HTTP/1.1"}"#;
        check(&rules, line, Level::Warn, "mine", fields);
    }

    #[test]
    fn own_formats_are_tried_first_and_in_their_order() {
        let mut rules = Rules::default();
        rules.add_format("one", Text::Pattern(r#"^\{"one":(?<n>\d)"#), Vec::new()).unwrap();
        rules.add_format("two", Text::Pattern(r#"^\{"(?<key>\w+)":"#), Vec::new()).unwrap();
        let name = |line: &str| read(&rules, Overrides::default(), line).1;
        assert_eq!([name(r#"{"one":1}"#), name(r#"{"two":1}"#), name(r#"{ "x":1}"#)], ["one", "two", "json"]);
    }

    #[test]
    fn a_record_of_several_lines_goes_on() {
        let rules = format(Text::Pattern("^(?<level>[A-Z]+): (?<message>.*)$"));
        check(&rules, "WARN: a\nb", Level::Warn, "mine", r#"{"message":"a\nb"}"#);
        let rules = format(Text::Pattern(r"(?s)^(?<message>\w+)\n(?<stack>.*)$"));
        check(&rules, "boom\nat x\nat y", Level::Unknown, "mine", r#"{"error.stack":"at x\nat y","message":"boom"}"#);
        let long = format!("WARN: {}", "x".repeat(20_000));
        let rules = format(Text::Pattern("^(?<level>[A-Z]+): (?<message>.*)$"));
        assert_eq!(read(&rules, Overrides::default(), &long).2.len(), r#"{"message":""}"#.len() + 20_000);
        let rules = format(Text::Pattern("(?<level>WARN)$"));
        assert_eq!(read(&rules, Overrides::default(), &format!("{} WARN", "x".repeat(20_000))).1, "text");
    }

    #[test]
    fn a_rule_applies_to_its_services() {
        let mut rules = Rules::default();
        rules.add_format("other", Text::Pattern("^(?<x>.)"), services(&["api", "web-*"])).unwrap();
        rules.add_field(Text::Pattern("(?<y>.)"), services(&["api"])).unwrap();
        assert_eq!(read(&rules, Overrides::default(), "abc"), (Level::Unknown, "text", r#"{"message":"abc"}"#.into()));
        for (pattern, expected) in [("web", "mine"), ("shop-*-1", "mine"), ("we?", "mine"), ("shop", "text")] {
            let mut rules = Rules::default();
            rules.add_format("mine", Text::Pattern("^(?<x>.)"), services(&[pattern])).unwrap();
            assert_eq!(read(&rules, Overrides::default(), "abc").1, expected, "{pattern}");
        }
        // Another name, and other rules.
        let mut rules = Rules::default();
        rules.add_format("mine", Text::Pattern("^(?<x>.)"), services(&["shop-web-1"])).unwrap();
        let rules = Arc::new(rules);
        let mut parser = Parser::new(&rules, &container("web", "old"), Overrides::default());
        assert_eq!(parser.parse("abc", 0).format, "text");
        parser.rename(&rules, &container("web", "shop-web-1"));
        assert_eq!(parser.parse("abc", 0).format, "mine");
    }

    #[test]
    fn fields_are_added_to_records_of_every_format() {
        let mut rules = Rules::default();
        rules.add_field(Text::Pattern(r"order=(?<order_id>\d+)"), Vec::new()).unwrap();
        rules.add_field(Text::Grok(r"rid:%{WORD:request_id} %{LOGLEVEL:level}"), Vec::new()).unwrap();
        for (line, level, format, fields) in [
            ("paid order=7", Level::Unknown, "text", r#"{"message":"paid order=7","order_id":7}"#),
            ("a\nb order=8", Level::Unknown, "text", r#"{"message":"a\nb order=8","order_id":8}"#),
            (
                r#"{"msg":"x order=9"}"#,
                Level::Unknown,
                "json",
                r#"{"msg":"x order=9","message":"x order=9","order_id":9}"#,
            ),
            ("rid:ab warn", Level::Warn, "text", r#"{"message":"rid:ab warn","request_id":"ab"}"#),
            // What the line's format says counts.
            (
                r#"{"level":"info","request_id":"own","msg":"rid:ab warn"}"#,
                Level::Info,
                "json",
                r#"{"level":"info","request_id":"own","msg":"rid:ab warn","message":"rid:ab warn","request_id":"own"}"#,
            ),
        ] {
            check(&rules, line, level, format, fields);
        }
    }

    #[test]
    fn a_duration_has_the_unit_that_a_rule_says() {
        for (unit, ms) in [
            ("ns", "0.00025"),
            ("us", "0.25"),
            ("ms", "250.0"),
            ("s", "250000.0"),
            ("m", "15000000.0"),
            ("h", "900000000.0"),
        ] {
            let mut rules = Rules::default();
            rules.add_duration("d.took", unit, Vec::new()).unwrap();
            let line = r#"{"op":"sync","d":{"took":250}}"#;
            let fields = format!(
                r#"{{"op":"sync","d.took":250,"operation.name":"sync","operation.outcome":"success","operation.duration_ms":{ms},"message":"{}"}}"#,
                line.replace('"', "\\\"")
            );
            check(&rules, line, Level::Unknown, "json", &fields);
        }
    }

    #[test]
    fn a_duration_is_that_of_the_request_or_the_operation() {
        let mut rules = Rules::default();
        rules.add_duration("spent", "ms", Vec::new()).unwrap();
        rules.add_duration("latency_ms", "s", Vec::new()).unwrap();
        rules.add_field(Text::Pattern(r"spent (?<spent>\S+)$"), Vec::new()).unwrap();
        let ms = |line: &str, name: &str| {
            let json: serde_json::Value = serde_json::from_str(&read(&rules, Overrides::default(), line).2).unwrap();
            json[name].as_f64()
        };
        for (line, name, expected) in [
            (r#"{"method":"GET","status":200,"path":"/","spent":5}"#, "http.duration_ms", Some(5.0)),
            // The rule counts, whatever the name says; and so does the text's own unit.
            (r#"{"method":"GET","status":200,"path":"/","latency_ms":5}"#, "http.duration_ms", Some(5000.0)),
            (r#"{"method":"GET","status":200,"path":"/","spent":"5s"}"#, "http.duration_ms", Some(5000.0)),
            ("msg=sync spent=12.5", "operation.duration_ms", Some(12.5)),
            ("nightly sync spent 7", "operation.duration_ms", None),
            ("sync started spent 7", "operation.duration_ms", None),
            ("msg=sync spent=true", "operation.duration_ms", None),
            ("msg=sync spent=-3", "operation.duration_ms", None),
        ] {
            assert_eq!(ms(line, name), expected, "{line}");
        }
    }

    #[test]
    fn a_container_can_say_its_format_and_level() {
        let rules = format(Text::Pattern("^(?<x>a)"));
        let named = |name: &str| Overrides { format: rules.format_named(name), level: None };
        assert_eq!(rules.format_named("jsn"), None);
        assert_eq!(read(&rules, named("json"), "abc").1, "text");
        assert_eq!(read(&rules, named("mine"), r#"{"a":1}"#).1, "text");
        assert_eq!(read(&rules, named("mine"), "abc").1, "mine");
        assert_eq!(read(&rules, named("logfmt"), r#"level=info msg="{}""#).1, "logfmt");
        assert_eq!(read(&rules, named("text"), "error: x").1, "text");
        assert_eq!(read(&rules, named("json"), "error: x").1, "leveled");
        let level = Overrides { format: None, level: Some(Level::Debug) };
        assert_eq!([read(&rules, level, "x").0, read(&rules, level, "error: x").0], [Level::Debug, Level::Error]);
    }

    #[test]
    fn a_format_that_is_gone_is_read_as_foghorn_would() {
        let web = container("web", "web");
        let fields = Rules::default().fields(r#"{"a":1}"#, "mine", 0, &web);
        assert_eq!(serde_json::to_string(&fields.of(r#"{"a":1}"#)).unwrap(), r#"{"a":1,"message":"{\"a\":1}"}"#);
        let changed = format(Text::Pattern("^(?<x>never)"));
        assert_eq!(changed.fields("a=1 b=2", "mine", 0, &web).of("a=1 b=2").get("b"), Some(FieldValue::Integer(2)));
    }
}
