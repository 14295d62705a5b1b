//! Access lines in the common log format and what contains it: Apache, nginx, Traefik, werkzeug,
//! Django, gunicorn, morgan and others.

use super::draft::{Draft, split_method, status_of, without_port};
use super::duration::{self, MILLISECONDS, SECONDS};
use super::level;
use super::logfmt;
use super::reason::Reason;
use super::ruby::rails;
use super::scan::{Scan, quoted};
use super::time;
use crate::record::FieldValue;

/// `[host] client ident user [time] "request" status bytes …`
pub(super) fn common(draft: &mut Draft<'_>) -> Option<()> {
    // puma's `[7] ` and InfluxDB's `[httpd] ` come first.
    let tag = draft.head.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let behind_tag = tag.filter(|(tag, behind)| {
        tag.len() <= 16
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && behind.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':')
    });
    common_in(draft, behind_tag.map_or(draft.head, |(_, behind)| behind))
}

/// The same in this part of the line.
pub(super) fn common_in<'a>(draft: &mut Draft<'a>, head: &'a str) -> Option<()> {
    let at = memchr::memchr(b'[', head.as_bytes())?;
    let (before, rest) = (&head[..at], &head[at + 1..]);
    // Who asked stands at the beginning, and is short.
    if before.len() > 512 {
        return None;
    }
    let end = memchr::memchr(b']', rest.as_bytes())?;
    let (stamp, rest) = (&rest[..end], rest[end + 1..].strip_prefix(' ')?);
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len());
    let mut scan = Scan::new(rest);
    let request = scan.quoted()?;
    let is_usual = matches!(stamp.as_bytes(), [b'0'..=b'9', _, b'/', ..]);
    if !(is_usual || split_method(request).is_some() && request.contains(" HTTP/")) {
        return None;
    }
    scan.spaces();
    let status = scan.word()?;
    if status != "-" && !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    draft.fields.reserve(14);
    callers(draft, before)?;
    draft.log_time(time);
    draft.message = Some(request);
    if request == "-" {
        draft.has_message = true;
        draft.fields.push("message", FieldValue::Text(request));
    }
    requested(draft, request);
    if let Some(status) = status_of(status) {
        draft.status(status);
    }
    draft.has_http = true;
    draft.level_of_status();
    if before.is_empty() && envoy(draft, scan).is_some() {
        return Some(());
    }
    if let Some(bytes) = scan.spaces().word() {
        draft.bytes(bytes);
    }
    scan.spaces();
    if let Some(referrer) = scan.quoted() {
        draft.text_field("referrer", referrer);
        scan.spaces();
        if let Some(agent) = scan.quoted() {
            draft.text_field("user_agent", agent);
        } else if let Some(start) = scan.rest.strip_prefix('"') {
            // Cut off within.
            draft.text_field("user_agent", start);
            return Some(());
        }
    }
    tail(draft, scan.spaces().rest);
    Some(())
}

/// A request in quotes and its status behind it, wherever they stand.
pub(super) fn embedded(draft: &mut Draft<'_>) -> Option<()> {
    let mut rest = draft.head;
    let (request, mut scan) = loop {
        let (_, after) = rest.split_once('"')?;
        rest = after;
        if split_method(after).is_none() {
            continue;
        }
        let (request, behind) = quoted(after)?;
        if request.rsplit_once(' ').is_some_and(|(_, version)| version.starts_with("HTTP/")) {
            break (request, Scan::new(behind));
        }
    };
    scan.some_spaces()?;
    let status = status_of(scan.word()?)?;
    let stamp = draft.lead.or_else(|| time::leading(draft.head.strip_prefix('[')?, draft.time_ns));
    draft.log_time(stamp);
    requested(draft, request);
    draft.status(status);
    draft.level_of_status();
    if envoy(draft, scan).is_none()
        && let Some(bytes) = scan.spaces().word()
    {
        draft.bytes(bytes);
    }
    draft.message = Some(request);
    Some(())
}

/// Envoy's and Istio's, behind the status: `UF via_upstream - "-" 0 91 12 - "for" "agent" "id" "host"
/// "10.0.0.3:8080"`, where the numbers are bytes received and sent, and milliseconds.
fn envoy(draft: &mut Draft<'_>, mut scan: Scan<'_>) -> Option<()> {
    let flags = scan.spaces().word()?;
    if !flags.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b',' | b'-')) {
        return None;
    }
    // Istio's details, of which one is in quotes.
    for _ in 0..3 {
        if scan.spaces().rest.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        scan.quoted().or_else(|| scan.word())?;
    }
    let (_received, sent, ms) = (scan.spaces().number()?, scan.spaces().number()?, scan.spaces().number()?);
    scan.spaces().word()?;
    let mut quoted = [""; 5];
    for text in &mut quoted {
        *text = scan.spaces().quoted()?;
    }
    let [forwarded, agent, id, host, upstream] = quoted;
    draft.integer("http.bytes", sent);
    draft.http_duration(ms as f64);
    draft.text_field("x_forwarded_for", forwarded);
    draft.text_field("user_agent", agent);
    draft.text_field("request_id", id);
    draft.text_field("host", host);
    draft.text_field("upstream_addr", upstream);
    Some(())
}

/// uWSGI: `[pid: 9|app: 0|req: 1/1] 172.18.0.1 () {34 vars in 400 bytes} [Sat Nov 21 01:30:04 2026] GET /x
/// => generated 12 bytes in 3 msecs (HTTP/1.1 500) 2 headers in 80 bytes (1 switches on core 0)`
pub(super) fn uwsgi(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    scan.literal("[pid: ")?;
    let pid = scan.number()?;
    scan.until("] ")?;
    let client = scan.word()?;
    scan.until("} [")?;
    let stamp = scan.until("] ")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len());
    let request = scan.until(" => generated ")?;
    let (method, target) = split_method(request)?;
    let bytes = scan.word()?;
    scan.literal(" bytes in ")?;
    let (took, unit) = (scan.word()?, scan.spaces().word()?);
    scan.literal(" (")?;
    let protocol = scan.word()?;
    let status = status_of(scan.spaces().until(")")?)?;
    draft.log_time(time);
    draft.integer("pid", pid);
    draft.client(client);
    draft.request(method, target);
    draft.text_field("protocol", protocol);
    draft.bytes(bytes);
    draft.status(status);
    draft.level_of_status();
    if let Some(ms) = duration::unit(unit).and_then(|unit| duration::milliseconds(took, unit)) {
        draft.http_duration(ms);
    }
    draft.message = Some(request);
    Some(())
}

/// A request that a logger's message tells of, behind a header of any format: `10.0.0.1 "GET /x
/// HTTP/1.1" 500 12`, ASP.NET's `Request finished HTTP/1.1 GET http://host/x - 500 - text/html 1.2ms` and
/// what Rails prints. The level is at least that of the status.
pub(super) fn told(draft: &mut Draft<'_>, message: &str) {
    let level = (draft.level, draft.reason);
    let _ = quoted_request(draft, message)
        .or_else(|| aspnet(draft, message))
        .or_else(|| gitea(draft, message))
        .or_else(|| tornado(draft, message))
        .or_else(|| rails(draft, message));
    let of_status = draft.status.and_then(level::of_status);
    (draft.level, draft.reason) = match of_status {
        Some(of_status) if level.0.is_none_or(|level| of_status > level) => (Some(of_status), Some(Reason::Status)),
        _ => level,
    };
}

fn quoted_request(draft: &mut Draft<'_>, message: &str) -> Option<()> {
    let (before, rest) = message.split_once('"')?;
    let (request, behind) = quoted(rest)?;
    let (_, target) = split_method(request)?;
    target.rsplit_once(' ').filter(|(target, protocol)| is_target(target) && is_protocol(protocol))?;
    let mut scan = Scan::new(behind);
    scan.some_spaces()?;
    let status = status_of(scan.word()?)?;
    // Who asked stands before it, and nothing else.
    let client = before.split([' ', ',']).next().unwrap_or_default();
    if looks_like_addresses(without_port(client)) {
        draft.client(client);
    }
    requested(draft, request);
    draft.status(status);
    if let Some(bytes) = scan.spaces().word() {
        draft.bytes(bytes);
    }
    Some(())
}

fn is_target(text: &str) -> bool {
    text.starts_with(['/', '*']) || text.contains("://")
}

/// `HTTP/1.1`; hypercorn leaves the name out.
fn is_protocol(text: &str) -> bool {
    text.starts_with("HTTP/") || matches!(text, "1.0" | "1.1" | "2" | "2.0" | "3")
}

fn aspnet(draft: &mut Draft<'_>, message: &str) -> Option<()> {
    let mut scan = Scan::new(message.strip_prefix("Request finished ")?);
    let protocol = scan.word().filter(|word| word.starts_with("HTTP/"))?;
    let (method, rest) = split_method(scan.spaces().rest)?;
    let line = rest.split('\n').next().unwrap_or_default().trim_end();
    let mut words = line.split(' ');
    let target = words.next()?;
    // Type and length of the question may stand between.
    let status = words.find_map(status_of)?;
    draft.request(method, target);
    draft.text_field("protocol", protocol);
    draft.status(status);
    if let Some(ms) = line.rsplit(' ').next().and_then(duration::whole) {
        draft.http_duration(ms);
    }
    Some(())
}

/// `router: completed GET /user/login for 10.0.0.2:4711, 200 OK in 12.3ms @ auth/auth.go:1(auth.SignIn)`
fn gitea(draft: &mut Draft<'_>, message: &str) -> Option<()> {
    let (method, rest) = split_method(message.strip_prefix("router: completed ")?)?;
    let (target, rest) = rest.split_once(" for ")?;
    let (client, rest) = rest.split_once(", ")?;
    let status = status_of(rest.get(..3)?)?;
    let (_, took) = rest.split_once(" in ")?;
    draft.request(method, target);
    draft.client(client);
    draft.status(status);
    if let Some((ms, _)) = duration::leading(took) {
        draft.http_duration(ms);
    }
    Some(())
}

/// `404 GET /nope (127.0.0.1) 94.40ms`
fn tornado(draft: &mut Draft<'_>, message: &str) -> Option<()> {
    let status = status_of(message.get(..3)?)?;
    let (method, rest) = split_method(message.get(3..)?.strip_prefix(' ')?)?;
    let (target, rest) = rest.split_once(" (").filter(|(target, _)| is_target(target))?;
    let (client, rest) = rest.split_once(") ")?;
    let (ms, _) = duration::leading(rest)?;
    draft.request(method, target);
    draft.client(client.trim_start_matches('@'));
    draft.status(status);
    draft.http_duration(ms);
    Some(())
}

/// `client ident user`, with the host asked for before them where there is one.
fn callers(draft: &mut Draft<'_>, before: &str) -> Option<()> {
    let mut words = before.split_ascii_whitespace();
    let Some(first) = words.next() else { return Some(()) };
    let (second, third) = (words.next()?, words.next()?);
    // A host comes first where what follows it is the client; a user may have spaces.
    let has_host = second != "-" && words.clone().next().is_some() && third == "-";
    if has_host {
        draft.text_field("host", first);
        draft.client(second);
        draft.text_field("user", words.next().unwrap_or_default());
    } else {
        draft.client(first);
        draft.text_field("user", third);
    }
    Some(())
}

/// `GET /path?query HTTP/1.1`; what is no request is left to the message.
fn requested(draft: &mut Draft<'_>, request: &str) {
    let Some((method, rest)) = split_method(request) else { return };
    let (target, protocol) = match memchr::memrchr(b' ', rest.as_bytes()).map(|at| (&rest[..at], &rest[at + 1..])) {
        Some((target, protocol)) if is_protocol(protocol) => (target, protocol),
        _ => (rest, ""),
    };
    draft.request(method, target);
    draft.text_field("protocol", protocol);
}

/// What people append: a second address list, durations by name or alone, and the forms of Traefik
/// and of nginx as an ingress.
fn tail(draft: &mut Draft<'_>, tail: &str) {
    if tail.is_empty() || traefik(draft, tail) || ingress(draft, tail) {
        return;
    }
    let mut scan = Scan::new(tail);
    let mut bare = [""; 2];
    let mut bare_count = 0;
    while !scan.spaces().rest.is_empty() {
        if let Some(quoted) = scan.quoted() {
            if looks_like_addresses(quoted) {
                draft.text_field("x_forwarded_for", quoted);
            } else if let Some(ms) = fraction_ms(quoted) {
                if bare_count == 0 {
                    draft.http_duration(ms);
                }
                bare_count += 1;
            }
            continue;
        }
        let Some(word) = scan.word() else { return };
        if let Some((name, value)) = word.split_once('=') {
            let value = match value.strip_prefix('"') {
                Some(start) if !start.ends_with('"') || start.is_empty() => {
                    // The value goes on over spaces.
                    let from = tail.len() - scan.rest.len() - start.len();
                    let end = scan.until("\"").map_or(tail.len(), |_| tail.len() - scan.rest.len() - 1);
                    tail.get(from..end).unwrap_or(start)
                }
                Some(start) => start.trim_end_matches('"'),
                None => value,
            };
            pair(draft, name, value.trim_end_matches(','), word.contains('"'));
        } else if word != "-" {
            if bare_count < 2 {
                bare[bare_count] = word;
            }
            bare_count += 1;
        }
    }
    // One number with a point is nginx's request_time; an integer may be Apache's microseconds.
    if let Some(ms) = fraction_ms(bare[0]).filter(|_| bare_count <= 2) {
        draft.http_duration(ms);
        if let Some(seconds) = fraction_ms(bare[1]).map(|ms| ms / 1e3) {
            draft.fields.push("upstream_response_time", FieldValue::Float(seconds));
        }
    } else if let Some(ms) = duration::whole(bare[0]).filter(|_| bare_count == 1) {
        draft.http_duration(ms);
    }
}

/// A decimal number of seconds; a whole number says no unit.
fn fraction_ms(text: &str) -> Option<f64> {
    text.contains('.').then(|| duration::milliseconds(text, SECONDS))?
}

pub(super) fn looks_like_addresses(text: &str) -> bool {
    let first = text.split(',').next().unwrap_or_default();
    first.len() >= 3
        && first.contains(['.', ':'])
        && first.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
        && (first.matches('.').count() == 3 || first.contains(':'))
}

fn pair(draft: &mut Draft<'_>, name: &str, value: &str, is_quoted: bool) {
    match name {
        "rt" | "request_time" => {
            if let Some(ms) = duration::milliseconds(value, SECONDS) {
                draft.http_duration(ms);
            }
        }
        "request_id" | "req_id" | "rid" => draft.text_field("request_id", value),
        _ if value == "-" || value.is_empty() => {}
        _ if is_quoted => draft.fields.set(name, FieldValue::Text(value)),
        _ => draft.fields.set(name, logfmt::scalar(value)),
    }
}

/// `123 "router@docker" "http://172.17.0.3:80" 0ms`
fn traefik(draft: &mut Draft<'_>, tail: &str) -> bool {
    let read = || {
        let mut scan = Scan::new(tail);
        scan.digits()?;
        scan.spaces();
        let router = scan.quoted()?;
        scan.spaces();
        let upstream = scan.quoted()?;
        let took = scan.spaces().rest.strip_suffix("ms")?;
        Some((router, upstream, duration::milliseconds(took, MILLISECONDS)))
    };
    let Some((router, upstream, ms)) = read() else { return false };
    draft.format = Some("traefik_access");
    draft.text_field("router", router);
    draft.text_field("upstream", upstream);
    if let Some(ms) = ms {
        draft.http_duration(ms);
    }
    true
}

/// nginx as a Kubernetes ingress: `502 0.001 [upstream] [] ip:port 13 0.000 200 reqid`
fn ingress(draft: &mut Draft<'_>, tail: &str) -> bool {
    let read = || {
        let mut scan = Scan::new(tail);
        scan.number()?;
        scan.spaces();
        let seconds = scan.word()?;
        let upstream = scan.spaces().within("[", "]")?;
        scan.spaces().within("[", "]")?;
        Some((fraction_ms(seconds)?, upstream, scan))
    };
    let Some((ms, upstream, mut scan)) = read() else { return false };
    draft.http_duration(ms);
    draft.text_field("upstream", upstream);
    // Of a request that was tried again, each is a list between commas.
    let list = |scan: &mut Scan<'_>| {
        let from = scan.spaces().rest;
        while scan.spaces().word().is_some_and(|word| word.ends_with(',')) {}
        (from.len() - scan.rest.len(), from.len())
    };
    let text = tail;
    let mut columns = [""; 5];
    for column in &mut columns {
        let (len, behind) = list(&mut scan);
        let from = text.len() - behind;
        *column = text.get(from..from + len).unwrap_or_default();
    }
    let [address, _bytes, _seconds, status, id] = columns;
    draft.text_field("upstream_addr", address);
    if let Some(status) = status.rsplit(' ').next().and_then(status_of) {
        draft.integer("upstream_status", status);
    }
    draft.text_field("request_id", id);
    true
}
