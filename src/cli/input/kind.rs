//! What kind of file it is, from its first lines, and one line of it → who said what, when.

use std::borrow::Cow;
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::flat::{self, Flat};
use crate::record::{Stream, read_time};

/// How the lines of a file say who wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They do not: each is what was written.
    Plain,
    /// What `docker compose logs` prints: the container before a bar.
    Compose(Times),
    /// What `docker logs --timestamps` prints: Docker's time before each line.
    Timed,
    /// The files of Docker's driver `json-file`: `{"log":"text\n","stream":"stderr","time":"…Z"}`.
    Docker,
    /// Objects with `line` and who wrote it when, such as the API's own records.
    Objects,
}

/// Whether `docker compose logs` was asked for times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// With `--timestamps`.
    Shown,
    /// Without.
    Absent,
}

/// What one line of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub who: Who<'a>,
    pub stream: Option<Stream>,
    pub time_ns: Option<i64>,
    pub text: Cow<'a, [u8]>,
    /// The line goes on in the next of its stream.
    pub is_partial: bool,
}

/// Who said it; empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Who<'a> {
    pub container: Cow<'a, str>,
    pub service: Cow<'a, str>,
    pub project: Cow<'a, str>,
    /// From 1; 0 where it is not known.
    pub number: u32,
}

impl<'a> Said<'a> {
    fn plain(line: &'a [u8]) -> Self {
        Self { who: Who::default(), stream: None, time_ns: None, text: line.into(), is_partial: false }
    }
}

/// How many lines are looked at.
const LOOK_LINES: usize = 20;

impl Kind {
    /// The kind of a file that begins so. The last line counts only where it is the only one: it
    /// may have been cut off.
    pub fn of(begin: &[u8]) -> Self {
        let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
        let whole = memchr::memrchr(b'\n', begin).map_or(begin, |end| &begin[..end]);
        let lines: Vec<&[u8]> =
            whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(LOOK_LINES).collect();
        let most = |is: &dyn Fn(&[u8]) -> bool| {
            !lines.is_empty() && lines.iter().filter(|line| is(line)).count() * 2 > lines.len()
        };
        if most(&|line| docker(line).is_some()) {
            Self::Docker
        } else if most(&|line| object(line).is_some()) {
            Self::Objects
        } else if most(&|line| prefix(line).is_some()) {
            let texts: Vec<&[u8]> = lines.iter().filter_map(|line| Some(prefix(line)?.1)).collect();
            let stamped: Vec<(i64, usize)> = texts.iter().filter_map(|text| stamp(text)).map(|s| (s.0, s.2)).collect();
            // Docker's times have nine digits unless they end in zeros, and a program's seldom more than six.
            let precise = stamped.iter().filter(|(_, digits)| *digits > 6).count();
            let is_shown = stamped.len() == texts.len() && precise * 2 > texts.len();
            Self::Compose(if is_shown { Times::Shown } else { Times::Absent })
        } else if most(&|line| stamp(line).is_some_and(|(.., digits)| digits == 9)) {
            Self::Timed
        } else {
            Self::Plain
        }
    }

    /// What a line says; one that is not of the kind is plain.
    pub(super) fn read(self, line: &[u8]) -> Said<'_> {
        let read = match self {
            Self::Plain => None,
            Self::Compose(times) => prefix(line).map(|(name, text)| compose(name, text, times)),
            Self::Timed => timed(line),
            Self::Docker => docker(line),
            Self::Objects => object(line),
        };
        read.unwrap_or_else(|| Said::plain(line))
    }
}

const LEVELS: [&str; 10] =
    ["trace", "debug", "info", "success", "notice", "warn", "warning", "error", "critical", "fatal"];

/// `web-1  | text`: the name and the text. Compose writes two spaces at least.
fn prefix(line: &[u8]) -> Option<(&str, &[u8])> {
    let (colour, rest) = escape(line);
    let end = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"_.-".contains(byte)))?;
    let name = std::str::from_utf8(&rest[..end]).ok()?;
    let bar = end + rest[end..].iter().position(|byte| *byte != b' ')?;
    // A level in a column of its own is no container.
    let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(name));
    if end == 0 || bar < end + 2 || rest[bar] != b'|' || is_level {
        return None;
    }
    let text = &rest[bar + 1..];
    // The colour ends behind the space, and before it in Compose before 2.
    let spaced = text.strip_prefix(b" ");
    let text = spaced.unwrap_or(text);
    if colour.is_empty() {
        return Some((name, text));
    }
    let (_, text) = escape(text);
    Some((name, text.strip_prefix(b" ").filter(|_| spaced.is_none()).unwrap_or(text)))
}

/// The colour that the bytes begin with, and the rest.
fn escape(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(rest) = bytes.strip_prefix(b"\x1b[") else { return (&[], bytes) };
    match rest.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b';')) {
        Some(end) if rest[end] == b'm' => bytes.split_at(end + 3),
        _ => (&[], bytes),
    }
}

fn compose<'a>(name: &'a str, text: &'a [u8], times: Times) -> Said<'a> {
    let stamp = stamp(text).filter(|_| times == Times::Shown);
    let (service, number) = split_number(name);
    let text = stamp.map_or(text, |(_, rest, _)| rest);
    let who = Who { container: name.into(), service: service.into(), number, ..Who::default() };
    Said { who, stream: None, time_ns: stamp.map(|(time_ns, ..)| time_ns), text: text.into(), is_partial: false }
}

/// `web-1` and, of Compose before 2, `web_1`.
fn split_number(name: &str) -> (&str, u32) {
    let split = name.rsplit_once(['-', '_']).filter(|(service, _)| !service.is_empty());
    split
        .and_then(|(service, number)| Some((service, number.parse().ok().filter(|number| *number > 0)?)))
        .unwrap_or((name, 0))
}

/// The time in UTC that a text begins with, what stands behind it and a space, and how many digits
/// the fraction has.
fn stamp(text: &[u8]) -> Option<(i64, &[u8], usize)> {
    let end = text.iter().take(40).position(|byte| *byte == b' ').unwrap_or(text.len().min(40));
    let time = std::str::from_utf8(&text[..end]).ok().filter(|time| time.ends_with('Z'))?;
    let digits = time.split_once('.').map_or(0, |(_, fraction)| fraction.len() - 1);
    Some((time_of(time)?, text.get(end + 1..).unwrap_or_default(), digits))
}

/// Docker's time, and the line behind it.
fn timed(line: &[u8]) -> Option<Said<'_>> {
    let (time_ns, text, _) = stamp(line)?;
    Some(Said { time_ns: Some(time_ns), ..Said::plain(text) })
}

fn time_of(text: &str) -> Option<i64> {
    if text.len() == 30
        && let Some(time_ns) = read_time(text.as_bytes())
    {
        return Some(time_ns);
    }
    chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt()
}

#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

fn docker(line: &[u8]) -> Option<Said<'_>> {
    let line = object_text(line)?;
    let DockerLine { log, stream, time } = serde_json::from_str(line).ok()?;
    let time_ns = time_of(&time)?;
    let mut text = into_bytes(log);
    let is_partial = !text.ends_with(b"\n");
    if !is_partial {
        cut_end(&mut text);
    }
    let stream = stream.and_then(|name| Stream::from_name(&name));
    Some(Said { who: Who::default(), stream, time_ns: Some(time_ns), text, is_partial })
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    line: Cow<'a, str>,
    #[serde(borrow, alias = "time", default)]
    ts: Option<Moment<'a>>,
    #[serde(borrow, default)]
    container: Cow<'a, str>,
    #[serde(borrow, default)]
    service: Cow<'a, str>,
    #[serde(borrow, default)]
    project: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(default)]
    number: u32,
}

/// A time, in one of the ways that programs write it.
enum Moment<'a> {
    Number(i64),
    Fraction(f64),
    Text(Cow<'a, str>),
}

/// Without an attempt at each variant in turn, whose errors cost more than the rest of the line.
impl<'de: 'a, 'a> Deserialize<'de> for Moment<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Moment<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as a number or a text")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Moment<'de>, E> {
                Ok(Moment::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Moment<'de>, E> {
                Ok(i64::try_from(number).map_or(Moment::Fraction(number as f64), Moment::Number))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Moment<'de>, E> {
                Ok(Moment::Fraction(number))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Moment<'de>, E> {
                Ok(Moment::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Moment<'de>, E> {
                Ok(Moment::Text(text.to_owned().into()))
            }
        }
        json.deserialize_any(Seen)
    }
}

impl Moment<'_> {
    /// Numbers are seconds, milliseconds, microseconds or nanoseconds since 1970, by their size.
    fn ns(&self) -> Option<i64> {
        match self {
            Self::Number(number) => match number.unsigned_abs() {
                0..100_000_000_000 => number.checked_mul(1_000_000_000),
                100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000_000),
                100_000_000_000_000..100_000_000_000_000_000 => number.checked_mul(1_000),
                _ => Some(*number),
            },
            Self::Fraction(number) => {
                let ns = number * if number.abs() < 1e11 { 1e9 } else { 1e6 };
                (ns.abs() < 9e18).then_some(ns as i64)
            }
            Self::Text(text) => time_of(text),
        }
    }
}

fn object(line: &[u8]) -> Option<Said<'_>> {
    let json = object_text(line)?;
    let (who, stream, time_ns, has_time, mut text) = if let Some(flat) = flat::object(json) {
        let Flat { line, time, container, service, project, stream } = flat;
        let who = Who { container: container.into(), service: service.into(), project: project.into(), number: 0 };
        (who, stream.map(Cow::from), time.and_then(time_of), time.is_some(), line.into())
    } else {
        let Object { line, ts, container, service, project, stream, number } = serde_json::from_str(json).ok()?;
        let who = Who { container, service, project, number };
        (who, stream, ts.as_ref().and_then(Moment::ns), ts.is_some(), into_bytes(line))
    };
    let is_known = !who.container.is_empty() || !who.service.is_empty();
    if !(is_known || has_time && stream.is_some()) {
        return None;
    }
    if text.ends_with(b"\n") {
        cut_end(&mut text);
    }
    let stream = stream.and_then(|name| Stream::from_name(&name)).filter(|stream| *stream != Stream::Foghorn);
    Some(Said { who, stream, time_ns, text, is_partial: false })
}

fn object_text(line: &[u8]) -> Option<&str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    std::str::from_utf8(line.trim_ascii().starts_with(b"{").then_some(line)?).ok()
}

fn into_bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => text.as_bytes().into(),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}

fn cut_end(text: &mut Cow<'_, [u8]>) {
    match text {
        Cow::Borrowed(bytes) => *bytes = &bytes[..bytes.len() - 1],
        Cow::Owned(bytes) => bytes.truncate(bytes.len() - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lines_tell_the_kind() {
        let shown = Kind::Compose(Times::Shown);
        let absent = Kind::Compose(Times::Absent);
        for (begin, kind) in [
            ("", Kind::Plain),
            ("plain text\n", Kind::Plain),
            ("10:49:33 | 404 | 1ms\n", Kind::Plain),
            ("2024-01-01 10:00:00.123 | INFO     | app:f:1 - text\n", Kind::Plain),
            ("INFO | one space is no prefix\n", Kind::Plain),
            ("INFO     | a column\nERROR    | of levels\n", Kind::Plain),
            ("2024-01-01T10:00:00.123456789Z up\n2024-01-01T10:00:00.123456780Z on\n", Kind::Timed),
            ("2024-01-01T10:00:00.123456Z up\n2024-01-01T10:00:00.12345678Z on\n", Kind::Plain),
            ("web-1  | up\n", absent),
            ("web-1  | up\ndb-1   | up\n", absent),
            ("\u{1b}[36mweb-1  | \u{1b}[0mup\n", absent),
            ("time=\"x\" level=warning msg=\"y\"\nweb-1  | up\nweb-1  | on\n", absent),
            ("web-1  | 2024-01-01T10:00:00.123456789Z up\nweb-1  | 2024-01-01T10:00:00.1234567Z on\n", shown),
            ("web-1  | 2024-01-01T10:00:00.123456Z  INFO up\n", absent),
            ("web-1  | 2024-01-01T10:00:00.123456789Z up\nweb-1  | on\n", absent),
            ("web-1  | the last line is cut\n{\"lo", absent),
            ("{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2024-01-01T10:00:00Z\"}\n", Kind::Docker),
            ("{\"log\":\"a program's\",\"level\":\"info\"}\n", Kind::Plain),
            ("{\"log\":\"a program's\",\"time\":\"noon\"}\n", Kind::Plain),
            ("{\"line\":\"a\",\"service\":\"web\"}\n", Kind::Objects),
            ("{\"ts\":1,\"line\":\"a\",\"stream\":\"stdout\"}", Kind::Objects),
            ("{\"line\":7,\"service\":\"web\"}\n", Kind::Plain),
            ("{\"line\":\"a\",\"level\":\"info\"}\n", Kind::Plain),
        ] {
            assert_eq!(Kind::of(begin.as_bytes()), kind, "{begin:?}");
        }
    }

    #[track_caller]
    fn check(kind: Kind, line: &str, expected: (&str, &str, u32, Option<i64>, &str)) {
        let said = kind.read(line.as_bytes());
        let who = &said.who;
        let text = std::str::from_utf8(&said.text).unwrap();
        assert_eq!((&*who.container, &*who.service, who.number, said.time_ns, text), expected, "{line:?}");
    }

    #[test]
    fn dockers_time_is_taken_off() {
        const AT: Option<i64> = Some(1_704_103_200_123_456_000);
        check(Kind::Timed, "2024-01-01T10:00:00.123456Z   at f", ("", "", 0, AT, "  at f"));
        check(Kind::Timed, "2024-01-01T10:00:00.123456Z ", ("", "", 0, AT, ""));
        check(Kind::Timed, "of the client itself", ("", "", 0, None, "of the client itself"));
    }

    #[test]
    fn a_prefix_is_taken_off() {
        const AT: Option<i64> = Some(1_704_103_200_123_456_789);
        for (line, times, expected) in [
            ("web-1  | up", Times::Absent, ("web-1", "web", 1, None, "up")),
            ("web-1  | ", Times::Absent, ("web-1", "web", 1, None, "")),
            ("web-1  |", Times::Absent, ("web-1", "web", 1, None, "")),
            ("web-1  |   at f", Times::Absent, ("web-1", "web", 1, None, "  at f")),
            ("my_app_12      | up", Times::Absent, ("my_app_12", "my_app", 12, None, "up")),
            ("my-db  | up", Times::Absent, ("my-db", "my-db", 0, None, "up")),
            ("\u{1b}[36mweb-1  | \u{1b}[0mup", Times::Absent, ("web-1", "web", 1, None, "up")),
            ("\u{1b}[36;1mweb-1  |\u{1b}[0m \u{1b}[31mred", Times::Absent, ("web-1", "web", 1, None, "\u{1b}[31mred")),
            ("web-1  | \u{1b}[31mred", Times::Absent, ("web-1", "web", 1, None, "\u{1b}[31mred")),
            ("web-1  | 2024-01-01T10:00:00.123456789Z up", Times::Shown, ("web-1", "web", 1, AT, "up")),
            ("web-1  | 2024-01-01T10:00:00.123456789Z ", Times::Shown, ("web-1", "web", 1, AT, "")),
            (
                "\u{1b}[33mweb-1  | \u{1b}[0m2024-01-01T10:00:00.123456789Z up",
                Times::Shown,
                ("web-1", "web", 1, AT, "up"),
            ),
            ("web-1 exited with code 0", Times::Shown, ("", "", 0, None, "web-1 exited with code 0")),
        ] {
            check(Kind::Compose(times), line, expected);
        }
    }

    #[test]
    fn dockers_files_have_stream_time_and_pieces() {
        let line = br#"{"log":"b\u00e4d \"x\"\n","stream":"stderr","time":"1970-01-01T00:00:01.5Z","attrs":{"a":"b"}}"#;
        let said = Kind::Docker.read(line);
        assert_eq!(said.text, "b\u{e4}d \"x\"".as_bytes());
        assert_eq!((said.stream, said.time_ns, said.is_partial), (Some(Stream::Stderr), Some(1_500_000_000), false));
        let said = Kind::Docker.read(br#"{"log":"half","stream":"stdout","time":"1970-01-01T00:00:00Z"}"#);
        assert_eq!((&*said.text, said.is_partial), (&b"half"[..], true));
        let said = Kind::Docker.read(br#"{"log":"cut off"#);
        assert_eq!((&*said.text, said.is_partial), (&br#"{"log":"cut off"#[..], false));
    }

    #[test]
    fn objects_say_who_and_when() {
        for (line, expected) in [
            (r#"{"line":"x","service":"web"}"#, ("", "web", 0, None, "x")),
            (
                r#"{"ts":"1970-01-01T00:00:01Z","container":"c","service":"web","line":"x\n"}"#,
                ("c", "web", 0, Some(1_000_000_000), "x"),
            ),
            (r#"{"ts":1700000000,"container":"c","line":"x"}"#, ("c", "", 0, Some(1_700_000_000_000_000_000), "x")),
            (r#"{"ts":1700000000000,"container":"c","line":""}"#, ("c", "", 0, Some(1_700_000_000_000_000_000), "")),
            (r#"{"ts":1.5,"container":"c","line":"x"}"#, ("c", "", 0, Some(1_500_000_000), "x")),
            (
                r#"{"time":"1970-01-01T00:00:01Z","container":"c","number":2,"line":"a\nb"}"#,
                ("c", "", 2, Some(1_000_000_000), "a\nb"),
            ),
        ] {
            check(Kind::Objects, line, expected);
        }
    }
}
