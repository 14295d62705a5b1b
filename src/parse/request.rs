//! Access lines of other shapes: uvicorn, morgan, Next.js, Gin and HAProxy.

use super::access::looks_like_addresses;
use super::draft::{Draft, before_port, is_method, split_method, status_of};
use super::duration::{self, MILLISECONDS};
use super::scan::Scan;
use super::time;
use crate::record::{FieldValue, Level};

/// `INFO:     127.0.0.1:36588 - "GET /boom HTTP/1.1" 500 Internal Server Error`, behind a time or
/// not, and with the level in other places.
pub(super) fn uvicorn(draft: &mut Draft<'_>) -> Option<()> {
    let at = memchr::memchr(b'"', draft.head.as_bytes())?.checked_sub(3)?;
    if !draft.head.get(at..)?.starts_with(" - ") {
        return None;
    }
    let (before, rest) = draft.head.split_at(at);
    let mut scan = Scan::new(&rest[3..]);
    let request = scan.quoted()?;
    let (method, target) = split_method(request)?;
    let (target, protocol) = target.rsplit_once(' ').filter(|(_, protocol)| protocol.starts_with("HTTP/"))?;
    scan.spaces();
    let status = scan.number()?;
    let client = before.rsplit([' ', '\t']).next()?;
    if !before.contains("INFO") && (client.is_empty() || before.contains('[')) {
        return None;
    }
    draft.log_time(draft.lead);
    draft.text_field("http.client", before_port(client));
    draft.request(method, target);
    draft.text_field("protocol", protocol);
    draft.status(status);
    draft.level_of_status();
    draft.message = Some(request);
    Some(())
}

/// `GET /ok 200 1 - 17.895 ms`, `GET /ok 200 1.766 ms - 1`, `::1 - GET /ok HTTP/1.1 200 1 - 1.766 ms`
pub(super) fn morgan(draft: &mut Draft<'_>) -> Option<()> {
    let (mut client, mut user, mut request) = ("", "", draft.head);
    if split_method(request).is_none() {
        // `client user GET …`
        let mut scan = Scan::new(draft.head);
        client = scan.word()?;
        // The user may be left out.
        if split_method(scan.spaces().rest).is_none() {
            user = scan.word()?;
        } else if !looks_like_addresses(client) {
            return None;
        }
        request = scan.spaces().rest;
    }
    let (method, rest) = split_method(request)?;
    let mut scan = Scan::new(rest);
    let target = scan.word().filter(|target| target.starts_with(['/', '*']) || target.contains("://"))?;
    let mut end = method.len() + 1 + target.len();
    let mut protocol = "";
    if scan.spaces().rest.starts_with("HTTP/") {
        protocol = scan.word()?;
        end += 1 + protocol.len();
    }
    let status = scan.spaces().word()?;
    if status != "-" {
        status_of(status)?;
    }
    let rest = scan.spaces().rest;
    if !rest.ends_with(" ms") && !rest.contains(" ms ") && !rest.ends_with("- -") && !rest.ends_with(" -") {
        return None;
    }
    draft.client(client);
    draft.text_field("user", user);
    draft.request(method, target);
    draft.text_field("protocol", protocol);
    if let Some(status) = status_of(status) {
        draft.status(status);
    }
    draft.level_of_status();
    draft.message = request.get(..end);
    let words: Vec<&str> = rest.split(' ').take(8).collect();
    match *words.as_slice() {
        // tiny and short: `bytes - 1.766 ms`
        [bytes, "-", ms, "ms"] => {
            draft.bytes(bytes);
            if let Some(ms) = duration::milliseconds(ms, MILLISECONDS) {
                draft.http_duration(ms);
            }
        }
        // dev: `1.766 ms - bytes`
        [ms, "ms", "-", bytes] => {
            if let Some(ms) = duration::milliseconds(ms, MILLISECONDS) {
                draft.http_duration(ms);
            }
            draft.bytes(bytes);
        }
        [ms, "ms"] => {
            if let Some(ms) = duration::milliseconds(ms, MILLISECONDS) {
                draft.http_duration(ms);
            }
        }
        _ => {}
    }
    Some(())
}

/// ` GET /boom 500 in 154ms (next.js: 27ms, application-code: 127ms)`
pub(super) fn nextjs(draft: &mut Draft<'_>) -> Option<()> {
    let line = draft.head.trim_start();
    let (method, rest) = split_method(line)?;
    let mut scan = Scan::new(rest);
    let target = scan.word().filter(|target| target.starts_with('/') || target.contains("://"))?;
    let status = status_of(scan.spaces().word()?)?;
    scan.spaces().literal("in ")?;
    let took = duration::leading(scan.rest);
    if took.is_none() && !scan.rest.contains("ms") {
        return None;
    }
    draft.request(method, target);
    draft.status(status);
    draft.level_of_status();
    if let Some((ms, _)) = took {
        draft.http_duration(ms);
    }
    draft.message = line.get(..method.len() + 1 + target.len());
    Some(())
}

/// `[GIN] 2022/02/07 - 10:49:33 | 401 | 505.317µs | 10.1.2.3 | POST "/client"` and the columns of
/// Fiber, `10:49:33 | 401 | 1ms | 10.0.0.1 | GET | /x | -`.
pub(super) fn gin(draft: &mut Draft<'_>) -> Option<()> {
    let (before, columns) = draft.head.split_once('|')?;
    let mut columns = columns.split('|').map(str::trim);
    // Without a status, Gin pads a zero.
    let status = columns.next().filter(|status| *status == "0" || status_of(status).is_some())?;
    let took = columns.next()?;
    let client = columns.next()?;
    let request = columns.next()?;
    let method_end = request.bytes().take_while(u8::is_ascii_uppercase).count();
    let method = &request[..method_end];
    if !is_method(method) {
        return None;
    }
    let target = request[method_end..].trim().trim_matches('"');
    let target = if target.is_empty() { columns.next().unwrap_or_default() } else { target };
    // Gin's own time has a dash in the middle.
    let before = before.trim().trim_start_matches("[GIN]").trim_start();
    let (date, clock) = before.split_once(" - ").unwrap_or((before, ""));
    let stamp = format!("{date} {clock}");
    draft.log_time(time::leading(&stamp, draft.time_ns));
    draft.request(method, target);
    draft.status(status.parse().unwrap_or_default());
    draft.level_of_status();
    if let Some(ms) = duration::whole(took) {
        draft.http_duration(ms);
    }
    draft.client(client);
    let message = format!("{method} {target}");
    draft.text_field("message", &message);
    Some(())
}

/// php-fpm's: `172.18.0.5 -  21/Nov/2026:01:02:06 +0000 "GET /index.php" 200`
pub(super) fn fpm(draft: &mut Draft<'_>) -> Option<()> {
    let mut scan = Scan::new(draft.head);
    let client = scan.until(" - ").filter(|client| !client.contains(' '))?;
    // The user may be empty.
    let before = scan.until("/")?;
    let day = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let from = draft.head.len() - scan.rest.len() - 1 - day;
    let stamp = draft.head.get(from..)?;
    let time = time::leading(stamp, draft.time_ns)?;
    let mut scan = Scan::new(&stamp[time.len..]);
    let request = scan.spaces().quoted()?;
    let (method, target) = split_method(request)?;
    let status = status_of(scan.spaces().word()?)?;
    draft.format = Some("access");
    draft.log_time(Some(time));
    draft.client(client);
    draft.request(method, target.split(' ').next().unwrap_or_default());
    draft.status(status);
    draft.level_of_status();
    draft.message = Some(request);
    Some(())
}

/// HAProxy's HTTP and TCP logs: `ip:port [time] frontend backend/server timers status bytes …`
pub(super) fn haproxy(draft: &mut Draft<'_>) -> Option<()> {
    haproxy_in(draft, draft.head)
}

/// The same in this part of the line.
pub(super) fn haproxy_in<'a>(draft: &mut Draft<'a>, text: &'a str) -> Option<()> {
    let mut scan = Scan::new(text);
    let client = scan.until(" [").filter(|client| !client.contains(' ') && client.contains(':'))?;
    let stamp = scan.until("] ")?;
    let time = time::leading(stamp, draft.time_ns).filter(|time| time.len == stamp.len())?;
    let message = scan.rest;
    let frontend = scan.word()?;
    let (backend, server) = scan.spaces().word()?.split_once('/')?;
    let timers = scan.spaces().word()?;
    let count = timers.split('/').count();
    let is_timer = |timer: &str| {
        timer.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit()) && !timer.is_empty()
    };
    if !(2..=5).contains(&count) || !timers.split('/').all(is_timer) {
        return None;
    }
    draft.log_time(Some(time));
    draft.text_field("frontend", frontend.trim_end_matches('~'));
    draft.text_field("backend", backend);
    draft.text_field("server", server);
    draft.level = Some(Level::Info);
    draft.message = Some(message);
    if count < 4 {
        // Bytes and how it ended.
        draft.fields.push("client", FieldValue::Text(before_port(client)));
        scan.spaces().word();
        draft.fields.push("termination_state", FieldValue::Text(scan.spaces().word().unwrap_or_default()));
        return Some(());
    }
    draft.fields.push("http.client", FieldValue::Text(before_port(client)));
    draft.has_http = true;
    if let Some(status) = scan.spaces().word().and_then(status_of) {
        draft.status(status);
    }
    if let Some(bytes) = scan.spaces().word() {
        draft.bytes(bytes.trim_start_matches('+'));
    }
    let total = timers.rsplit('/').next().unwrap_or_default();
    if let Some(ms) = duration::milliseconds(total.trim_start_matches('+'), MILLISECONDS) {
        draft.http_duration(ms);
    }
    for name in ["", "", "termination_state"] {
        let word = scan.spaces().word().unwrap_or_default();
        if !name.is_empty() {
            draft.text_field(name, word);
        }
    }
    if let Some(at) = scan.rest.find('"') {
        let mut request = Scan::new(&scan.rest[at..]);
        let request = request.quoted().unwrap_or_else(|| scan.rest[at + 1..].trim_end());
        draft.message = Some(request);
        if let Some((method, rest)) = split_method(request) {
            let target = rest.split(' ').next().unwrap_or_default();
            draft.request(method, target);
            draft.text_field("protocol", rest.split(' ').nth(1).unwrap_or_default());
        }
    }
    draft.level_of_status();
    Some(())
}
