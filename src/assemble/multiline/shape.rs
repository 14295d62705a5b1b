//! What one line looks like, from its first bytes: a header of its own, or a part of a record.
//!
//! Nothing here knows the lines before; that is `block`'s. Escape sequences are looked through,
//! and never more than the first [`HEAD_BYTES`] of a line are searched.

use memchr::{memchr, memchr_iter};

use super::bytes::{ESC, HEAD_BYTES, digits, has, last_visible, near, without_escapes};
use super::sentences::sentence;
use super::time::{begins_time, is_clf_time, is_clock_alone};
use super::words::{begins_request, is_access, is_art, is_exception, is_request, is_symbol, level, severity};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing that is visible.
    Blank,
    /// Begins a record, which may go on: a timestamp, a level, a logger's tag.
    Header,
    /// The same, and begins with a level and no time.
    Level,
    /// The first of `java.util.logging`'s two lines.
    Jul,
    /// A whole record: a finished request of an access log, a JSON object.
    Complete,
    /// A JSON text that goes on in the next line.
    Json,
    /// Ends with `-----BEGIN …-----`.
    Pem,
    /// `-----END …-----`.
    PemEnd,
    /// `Traceback (most recent call last):`, also of an exception group.
    Traceback,
    /// `File "…", line 1, in f`, and loguru's `> File`.
    PyFrame,
    /// The sentence between two tracebacks of a chain.
    Chain,
    /// Python's `path.py:1: SomeWarning: text`; the source line follows.
    PyWarning,
    /// `"""`, around the traceback of another process.
    Quotes,
    /// `SomeError: text`, `java.lang.SomeException`.
    Exception,
    /// The same where nobody caught it: `Exception in thread "main" …`, `PHP Fatal error:  Uncaught …`.
    Uncaught,
    /// `Caused by`, `Suppressed:`.
    Cause,
    /// A frame, `... 2 more`, `--- End of …`.
    Frame,
    /// PHP's and Dart's `#0 frame`; at the margin, as others are not.
    NumberedFrame,
    /// Announces frames or notes, after an error: `Stack trace:`, `note: run with …`.
    Mark,
    /// The same, in words that others use, too: `State:`, `Location:`, SQLAlchemy's `[SQL: …]`.
    WeakMark,
    /// Source with its line number: `> 12 | code`.
    Code,
    /// `thread 'main' panicked at src/main.rs:1:2:`, and the message is to come.
    RustPanic,
    /// The same before Rust 1.73: with its message.
    RustPanicOld,
    /// `panic: `, `fatal error: `.
    GoPanic,
    /// `goroutine 1 [running]:`.
    Goroutine,
    /// `main.f(0x1)`, `created by`, `exit status 2` and what else stands in Go's dumps.
    GoFrame,
    /// `/app/a.js:12`, above the source line that threw.
    NodeSource,
    /// What Node says last: `Node.js v20.20.2`, ``(Use `node --trace-… ``.
    NodeEnd,
    /// PostgreSQL's `DETAIL:  ` and the like, without a line prefix.
    Detail,
    /// `# Time:` of MySQL's slow log.
    SlowTime,
    /// `# User@Host:` of MySQL's slow log.
    SlowUser,
    /// `prisma:error`.
    Prisma,
    /// `** (RuntimeError) text`.
    Elixir,
    /// Only carets and tildes, at the margin.
    Caret,
    /// Begins with `}`, `]` or `)`.
    Closer,
    /// Drawn with punctuation: a banner or a table.
    Art,
    /// Begins with white space.
    Indented,
    /// Anything else.
    Text,
}

impl Shape {
    /// Whether the line begins a record wherever it stands, but in a few documented places.
    pub fn is_header(self) -> bool {
        matches!(self, Self::Header | Self::Level | Self::Jul | Self::Complete)
    }
}

/// A line, looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub shape: Shape,
    /// How many white-space characters it begins with.
    pub indent: usize,
    /// What is visible, without the white space around it; its beginning where it has escapes.
    pub head: &'a [u8],
    /// The last visible byte.
    pub last: u8,
}

impl<'a> Look<'a> {
    /// Looks at a line; `is_cut` where its end is missing. The buffer is for a line with escapes.
    pub fn new(text: &'a str, is_cut: bool, buffer: &'a mut [u8; HEAD_BYTES]) -> Self {
        let bytes = text.as_bytes();
        let visible: &[u8] = if memchr(ESC, near(bytes)).is_some() { without_escapes(bytes, buffer) } else { bytes };
        let from_start = visible.trim_ascii_start();
        let indent = visible.len() - from_start.len();
        let head = from_start.trim_ascii_end();
        let last = last_visible(bytes);
        let shape = match head.first() {
            None => Shape::Blank,
            Some(_) if indent > 0 => indented(head, indent, visible[0] == b'\t'),
            Some(_) => at_margin(head, last, is_cut),
        };
        Self { shape, indent, head, last }
    }

    /// Whether it ends by opening a bracket.
    pub fn opens(&self) -> bool {
        matches!(self.last, b'{' | b'[' | b'(')
    }

    /// Whether it begins by closing a bracket.
    pub fn closes(&self) -> bool {
        matches!(self.head.first(), Some(b'}' | b']' | b')'))
    }
}

fn indented(head: &[u8], indent: usize, is_tab: bool) -> Shape {
    let starts = |part: &[u8]| head.starts_with(part);
    match head[0] {
        b'a' if starts(b"at ") => return Shape::Frame,
        b'f' if starts(b"from ") => return Shape::Frame,
        b'F' if starts(b"File \"") => return Shape::PyFrame,
        b'.' if starts(b"... ") => return Shape::Frame,
        b'(' if is_tab || indent == 4 => return Shape::Frame,
        b'#' if head.get(1).is_some_and(u8::is_ascii_digit) => return Shape::Frame,
        b'-' if starts(b"--- End of") => return Shape::Frame,
        b'+' if starts(b"+ Exception Group Traceback (most") => return Shape::Traceback,
        b'/' if is_tab => return Shape::Frame,
        b'0'..=b'9' if !is_tab && indent > 1 => {
            let digits = digits(head);
            if head[digits..].starts_with(b": ") {
                return Shape::Frame;
            }
        }
        _ => {}
    }
    if is_tab || indent > 4 {
        // rich leaves a time out that is the one of the line before, and pads the level.
        let is_padded = |end: usize| end < 9 && head.get(end..9).is_some_and(|gap| gap.iter().all(|b| *b == b' '));
        let is_level = !is_tab && indent >= 8 && head[0].is_ascii_uppercase() && level(head).is_some_and(is_padded);
        return if is_level { Shape::Level } else { Shape::Indented };
    }
    if begins_time(head) {
        return Shape::Header;
    }
    if indent <= 2 {
        if head[0].is_ascii_uppercase() {
            if is_request(head) {
                return Shape::Complete;
            }
            if head.get(1).is_some_and(u8::is_ascii_uppercase) && level(head).is_some() {
                return Shape::Level;
            }
        }
        if indent == 1 && (is_symbol(head) || starts(b"* ")) {
            return Shape::Header;
        }
        // koa's logger, and debug, which says at the end how long ago its last line was.
        let is_koa = starts(b"<-- ") || starts(b"--> ") || starts(b"xxx ");
        if indent == 2 && (is_koa && begins_request(&head[4..]) || is_ago(head)) {
            return Shape::Header;
        }
    }
    Shape::Indented
}

/// Whether it ends with `+12ms`, `+3s`, `+1m` or `+1h`.
fn is_ago(head: &[u8]) -> bool {
    let end = &head[head.len().saturating_sub(16)..];
    let Some(at) = memchr::memrchr(b'+', end).filter(|at| *at > 0 && end[at - 1] == b' ') else { return false };
    let digits = digits(&end[at + 1..]);
    let unit = &end[at + 1 + digits..];
    let name = head.iter().take(64).take_while(|byte| **byte != b' ').any(|byte| *byte == b':');
    digits > 0 && (unit == b"ms" || name && matches!(unit, b"s" | b"m" | b"h"))
}

fn at_margin(head: &[u8], last: u8, is_cut: bool) -> Shape {
    let starts = |part: &[u8]| head.starts_with(part);
    if last == b'-' && head.ends_with(b"-----") {
        if starts(b"-----END ") {
            return Shape::PemEnd;
        }
        if has(&head[head.len().saturating_sub(HEAD_BYTES)..], b"-----BEGIN ") {
            return Shape::Pem;
        }
    }
    match head[0] {
        b'{' => brace(head, last, is_cut),
        b'[' => bracket(head, last),
        b'}' | b']' | b')' => Shape::Closer,
        b'0'..=b'9' => number(head),
        b':' if is_access(head) => Shape::Complete,
        b'<' if is_syslog(head) => Shape::Header,
        b'#' if starts(b"# Time: ") => Shape::SlowTime,
        b'#' if starts(b"# User@Host: ") => Shape::SlowUser,
        b'#' if head.get(1).is_some_and(u8::is_ascii_digit) => Shape::NumberedFrame,
        b'.' if starts(b"... ") => Shape::Frame,
        b'.' if starts(b"...additional frames elided") => Shape::GoFrame,
        b'-' if starts(b"--- End of") => Shape::Frame,
        b'-' if starts(b"----- Native stack trace") => Shape::Mark,
        b'*' if starts(b"** (") => Shape::Elixir,
        b'>' if starts(b"> File \"") => Shape::PyFrame,
        b'>' if code(head[1..].trim_ascii_start()) => Shape::Code,
        b'"' if head == b"\"\"\"" => Shape::Quotes,
        b'"' if starts(b"\"}") => Shape::Mark,
        b'^' | b'~' if near(head).iter().all(|byte| matches!(byte, b'^' | b'~' | b' ')) => Shape::Caret,
        b'(' if starts(b"(Use `node ") => Shape::NodeEnd,
        b'(' if starts(b"(Background on this error at") => Shape::Mark,
        b'(' if starts(b"(node:") => Shape::Header,
        b'=' if head.ends_with(b"===") && has(head, b" REPORT==") => Shape::Header,
        0xc2..=0xf4 => wide(head),
        b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'@' | b'$' | b'/' => word(head, last),
        _ if is_art(head) => Shape::Art,
        _ => Shape::Text,
    }
}

fn brace(head: &[u8], last: u8, is_cut: bool) -> Shape {
    if head.len() == 1 {
        return Shape::Json;
    }
    if head[1..].trim_ascii_start().first() != Some(&b'"') {
        return Shape::Text;
    }
    if last == b'}' || is_cut { Shape::Complete } else { Shape::Json }
}

fn bracket(head: &[u8], last: u8) -> Shape {
    let starts = |part: &[u8]| head.starts_with(part);
    let inner = head[1..].trim_ascii_start();
    let Some(&first) = inner.first() else { return Shape::Json };
    if matches!(first, b'{' | b'"') && head.len() - inner.len() == 1 {
        return if last == b']' { Shape::Text } else { Shape::Json };
    }
    if first.is_ascii_digit() {
        if is_clf_time(inner) {
            let end = memchr(b']', near(head)).unwrap_or(0);
            return if head[end..].starts_with(b"] \"") { Shape::Complete } else { Shape::Header };
        }
        // A clock since the start (`[0.005s][info][gc]`), a pid (`[1] 29 Aug`), Chromium's.
        let rest = &inner[digits(inner)..];
        let is_tagged = |rest: &[u8]| rest.starts_with(b"] ") && begins_time(&rest[2..]);
        let is_chromium = rest.first() == Some(&b':')
            && rest.get(1).is_some_and(u8::is_ascii_digit)
            && memchr(b']', near(rest)).is_some_and(|end| memchr(b':', &rest[1..end]).is_some());
        let is_clock = matches!(rest.first(), Some(b'.' | b',')) && memchr(b']', &rest[..rest.len().min(16)]).is_some();
        if begins_time(inner) || is_clock || is_tagged(rest) || is_chromium {
            return Shape::Header;
        }
    }
    if starts(b"[SQL: ") || starts(b"[parameters: ") {
        return Shape::WeakMark;
    }
    if starts(b"[stacktrace]") || starts(b"[previous exception]") {
        return Shape::Mark;
    }
    if starts(b"[signal SIG") || starts(b"[recovered]") {
        return Shape::GoFrame;
    }
    if starts(b"[GIN] ") || starts(b"[pid: ") && has(head, b"|app: ") {
        return Shape::Complete;
    }
    if starts(b"[eval]:") {
        return Shape::NodeSource;
    }
    if begins_time(inner) || level(inner).is_some() {
        return Shape::Header;
    }
    // A tag: one word in brackets, and then text.
    let tag = near(inner).iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.:/#@".contains(byte)).count();
    let is_tag = (first.is_ascii_alphabetic() || tag >= 16)
        && tag <= 48
        && (inner[tag..].starts_with(b"] ") || inner[tag..].starts_with(b"][") || tag >= 16 && inner[tag..] == *b"]");
    if is_tag { Shape::Header } else { Shape::Text }
}

fn number(head: &[u8]) -> Shape {
    if begins_time(head) {
        return Shape::Header;
    }
    if code(head) {
        return Shape::Code;
    }
    // V8's native frames, `10: 0xb8d0a3 node::Abort() [node]`.
    if let Some(address) = head[digits(head)..].strip_prefix(b": 0x")
        && address.iter().take_while(|byte| byte.is_ascii_hexdigit()).count() >= 5
    {
        return Shape::NumberedFrame;
    }
    if is_access(head) { Shape::Complete } else { Shape::Text }
}

/// `<3>` with or without a version, and a time.
fn is_syslog(head: &[u8]) -> bool {
    let digits = digits(&head[1..]);
    (1..=3).contains(&digits) && head.get(1 + digits) == Some(&b'>')
}

/// `12 | code`, the number perhaps without code behind.
fn code(head: &[u8]) -> bool {
    let digits = digits(head);
    digits > 0 && digits < 8 && {
        let rest = head[digits..].trim_ascii_start();
        (rest.starts_with(b"|") || rest.starts_with("│".as_bytes())) && rest.len() < head.len() - digits
    }
}

fn wide(head: &[u8]) -> Shape {
    if is_symbol(head) {
        return Shape::Header;
    }
    if head.starts_with("→ ".as_bytes()) && code(head["→ ".len()..].trim_ascii_start()) {
        return Shape::Code;
    }
    let is_arrow_line = head.starts_with("→ ".as_bytes()) && digits(&head["→ ".len()..]) > 0;
    let starts_box = ["╭", "╷", "┌", "╔"].iter().any(|c| head.starts_with(c.as_bytes()));
    // rich draws a box around a traceback.
    if head.starts_with("╭".as_bytes()) && has(head, b"Traceback (most recent call last)") {
        return Shape::Traceback;
    }
    let is_box = head[0] == 0xe2 && matches!(head.get(1), Some(0x94 | 0x95)) && !starts_box;
    match () {
        () if is_arrow_line => Shape::Code,
        () if is_box => Shape::Art,
        () => Shape::Text,
    }
}

fn word(head: &[u8], last: u8) -> Shape {
    let first = head[0];
    if let Some(shape) = sentence(head) {
        return shape;
    }
    if first == b't' && head.starts_with(b"thread '") && has(head, b"panicked at ") {
        return if has(head, b"panicked at '") { Shape::RustPanicOld } else { Shape::RustPanic };
    }
    if first.is_ascii_alphabetic() {
        if begins_time(head) {
            return if is_jul(head) { Shape::Jul } else { Shape::Header };
        }
        if let Some(end) = level(head) {
            return if is_access(head[end..].trim_ascii_start()) { Shape::Complete } else { Shape::Level };
        }
        if is_request(head) {
            return Shape::Complete;
        }
        // Ruby's `I, [2024-06-26T17:00:04.497736 #126554]  INFO -- : text`.
        if head[1..].starts_with(b", [") && begins_time(&head[4..]) {
            return Shape::Header;
        }
    }
    let key = near(head).iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(byte)).count();
    if head.get(key) == Some(&b'=') && KEYS.contains(&&head[..key]) {
        return Shape::Header;
    }
    if is_exception(head) {
        return Shape::Exception;
    }
    if matches!(head.get(key), Some(b' ' | b':' | b'.')) && is_access(head) {
        return Shape::Complete;
    }
    match path(head, key, last) {
        Shape::Text if is_late_header(head) => Shape::Header,
        shape => shape,
    }
}

/// Whether a clock and a level in capitals stand behind a logger's name: `app.db 21-Nov-26 17:17:55 ERROR`.
fn is_late_header(head: &[u8]) -> bool {
    let near = &head[..head.len().min(64)];
    let is_clock = |at: usize| is_clock_alone(&near[at - 2..]) && near.get(at.wrapping_sub(3)) == Some(&b' ');
    let Some(at) = memchr_iter(b':', near).find(|at| *at > 2 && is_clock(*at)) else { return false };
    let mut words = near[at..].split(|byte| *byte == b' ').skip(1).take(2);
    words.any(|word| word.len() >= 4 && word[0].is_ascii_uppercase() && level(word) == Some(word.len()))
}

/// Keys that a line of `key=value` pairs begins with.
const KEYS: &[&[u8]] = &[
    b"time",
    b"ts",
    b"t",
    b"at",
    b"timestamp",
    b"@timestamp",
    b"level",
    b"lvl",
    b"severity",
    b"msg",
    b"message",
    b"logger",
    b"caller",
    b"source",
    b"event",
    b"component",
    b"service",
    b"app",
    b"name",
    b"host",
    b"method",
    b"request_id",
];

/// The line begins with a path, or with something of one word.
fn path(head: &[u8], key: usize, last: u8) -> Shape {
    let near = near(head);
    if last.is_ascii_digit() && head.len() == near.len() && memchr(b' ', near).is_none() {
        let line_digits = near.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (file, _) = near.split_at(near.len() - line_digits);
        let is_script = [b".js:".as_slice(), b".mjs:", b".cjs:", b".ts:", b".mts:", b".tsx:", b".jsx:"]
            .iter()
            .any(|e| file.ends_with(e));
        if is_script || (file.starts_with(b"node:") && file.ends_with(b":")) {
            return Shape::NodeSource;
        }
    }
    // A script of Ruby's need not end in `.rb`.
    if near[0] == b'/' && last == b'\'' && (has(near, b":in `") || has(near, b":in '")) {
        return Shape::NumberedFrame;
    }
    for at in memchr_iter(b'.', near) {
        let rest = &near[at..];
        if rest.starts_with(b".py:") && has(rest, b"Warning: ") {
            return Shape::PyWarning;
        }
        if rest.starts_with(b".rb:") && has(rest, b":in ") {
            return if has(rest, b"': ") { Shape::Exception } else { Shape::NumberedFrame };
        }
    }
    // `main.f(0x1, …)`, `main.(*T).f`: names with a point, and no space before the arguments.
    let symbol = near.iter().take_while(|byte| !matches!(byte, b' ' | b'(' | b':' | b'=' | b',')).count();
    let after = near.get(symbol);
    if memchr(b'.', &near[..symbol]).is_some()
        && (after == Some(&b'(') || symbol == head.len())
        && near[0] != b'.'
        && last != b'.'
    {
        return Shape::GoFrame;
    }
    // Registers of a Go dump: `rax    0x0`, `PC=0x45 m=0 sigcode=0`.
    if (1..=8).contains(&key) && (head[key..].trim_ascii_start().starts_with(b"0x") || head.starts_with(b"PC=0x")) {
        return Shape::GoFrame;
    }
    Shape::Text
}

/// `Nov 21, 2026 1:48:21 AM M main`, without a level: that is on the next line.
fn is_jul(head: &[u8]) -> bool {
    let date = &head[..head.len().min(14)];
    let has_half =
        [&b" AM "[..], b" PM ", "\u{202f}AM ".as_bytes(), "\u{202f}PM ".as_bytes()].iter().any(|half| has(head, half));
    has(date, b", 2") && has_half && severity(head).is_none()
}
