//! Tracebacks and panics in a record's text: from its lines to the error's type, its message and
//! its stack.

use crate::record::place_in;

/// An error as its own lines tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace<'a> {
    /// Where the stack begins in the text.
    pub start: usize,
    pub kind: &'a str,
    /// It may go over several lines.
    pub message: &'a str,
    /// The line that names type and message, as it was written.
    pub title: &'a str,
    /// The process ended by it.
    pub is_fatal: bool,
}

/// The error that the text tells of; none where it tells of none.
pub(super) fn find(text: &str) -> Option<Trace<'_>> {
    if !text.contains('\n') {
        return rust(text).or_else(|| single(text));
    }
    python(text)
        .or_else(|| python_fatal(text))
        .or_else(|| rust(text))
        .or_else(|| go(text))
        .or_else(|| elixir(text))
        .or_else(|| frames(text))
        // What follows it without a frame is no stack.
        .or_else(|| single(first_line(text)).map(|trace| Trace { start: text.len(), ..trace }))
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// The lines of a text with their places.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line.trim_end_matches('\r'))
    })
}

/// A type's name is not longer.
const MAX_NAME_BYTES: usize = 200;

/// `ValueError`, `java.lang.NullPointerException`, `My::Error`, `System.IO.IOException`
pub(super) fn is_exception(name: &str) -> bool {
    const ENDINGS: [&str; 8] = ["Error", "Exception", "Throwable", "Warning", "Fault", "Interrupt", "Exit", "Timeout"];
    if name.len() > MAX_NAME_BYTES {
        return false;
    }
    let name = name.rsplit_once('$').map_or(name, |(outer, inner)| if inner.is_empty() { outer } else { inner });
    let last = name.rsplit(['.', ':', '\\']).next().unwrap_or(name);
    last.starts_with(char::is_uppercase)
        && ENDINGS.iter().any(|ending| last.ends_with(ending))
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | ':' | '\\' | '/'))
}

/// A line `Type: message` or `Type` of one dotted name.
fn titled(line: &str) -> Option<(&str, &str)> {
    let end = line.find(": ").or_else(|| line.strip_suffix(':').map(str::len)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'/'));
    is_name.then(|| (name, rest.trim_start_matches(':').trim_start()))
}

const TRACEBACK: &str = "Traceback (most recent call last):";

/// The part of an exception group's line behind its bars.
fn behind_bars(line: &str) -> (&str, usize) {
    let inner = line.trim_start_matches(' ');
    match inner.strip_prefix("| ").or_else(|| inner.strip_prefix("+ ")) {
        Some(rest) => (rest, line.len() - rest.len()),
        None if inner == "|" => ("", line.len()),
        None => (line, 0),
    }
}

/// rich draws a box around it.
fn is_box(line: &str) -> bool {
    line.starts_with('╭') && line.contains("Traceback (most recent call last) ")
}

/// What the interpreter says of its own end.
fn python_fatal(text: &str) -> Option<Trace<'_>> {
    const KIND: &str = "Fatal Python error";
    let line = first_line(text);
    let message = line.strip_prefix(KIND)?.strip_prefix(": ")?;
    Some(Trace { start: 0, kind: KIND, message, title: line, is_fatal: true })
}

fn python(text: &str) -> Option<Trace<'_>> {
    let (start, first) = lines(text).find(|(_, line)| line.contains(TRACEBACK) || is_box(line))?;
    // Some indent the whole of it.
    let margin = first.len() - first.trim_start_matches(' ').len();
    let margin = if first[margin..].starts_with(TRACEBACK) { margin } else { 0 };
    let behind_margin = |line: &'_ str| margin.min(line.len() - line.trim_start_matches(' ').len());
    // Type, title and message.
    let mut found: Option<(&str, &str, &str)> = None;
    // Depth of the bars of the traceback that is being read.
    let mut bars = None;
    for (at, line) in lines(text).skip_while(|(at, _)| *at < start) {
        let skipped = behind_margin(line);
        let (at, line) = (at + skipped, &line[skipped..]);
        let (inner, indent) = behind_bars(line);
        if inner.contains(TRACEBACK) || is_box(inner) {
            // A group's parts lie deeper; what ended it is the group itself.
            if bars.is_none_or(|depth| indent <= depth) {
                bars = Some(indent);
                found = None;
            }
            continue;
        }
        if bars != Some(indent) && !(indent == 0 && bars.is_none()) {
            continue;
        }
        match &mut found {
            // Where the logging call stands is no part of it.
            Some(_) if indent == 0 && (line.starts_with("Stack (most recent call") || line == "Call stack:") => {
                bars = Some(usize::MAX);
            }
            // The message goes on until a blank line.
            Some((.., message)) if indent == 0 && !line.is_empty() => {
                if !is_chain(line) {
                    let begins = place_in(text, message);
                    *message = begins.and_then(|begins| text.get(begins..at + line.len())).unwrap_or(message);
                }
            }
            // Behind it only a chain goes on, which begins anew.
            Some(_) if line.is_empty() => bars = Some(usize::MAX),
            Some(_) => {}
            None => {
                if !inner.starts_with([' ', '\t', '>', '|', '+'])
                    && !inner.is_empty()
                    && let Some((kind, message)) = titled(inner)
                {
                    found = Some((kind, inner, message));
                }
            }
        }
    }
    // One that was cut off names no error.
    let (kind, title, message) = found.unwrap_or(("", TRACEBACK, ""));
    Some(Trace { start, kind, message, title, is_fatal: false })
}

fn is_chain(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
}

fn rust(text: &str) -> Option<Trace<'_>> {
    let (start, line) = lines(text).find(|(_, line)| line.starts_with("thread '") && line.contains(" panicked at"))?;
    let rest = text.get(start + line.len() + 1..).unwrap_or_default();
    if let Some((_, message)) = line.split_once(" panicked at '") {
        // Before 1.73 the message stood in the line.
        let message = message.rsplit_once("', ").map_or(message, |(message, _)| message);
        return Some(Trace { start, kind: "panic", message, title: message, is_fatal: false });
    }
    let end = ["\nstack backtrace:", "\nnote: "].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    let message =
        if rest.starts_with("note: ") || rest.starts_with("stack backtrace:") { "" } else { rest[..end].trim_end() };
    let title = if message.is_empty() { line } else { message };
    Some(Trace { start, kind: "panic", message, title, is_fatal: false })
}

/// `** (RuntimeError) boom`
fn elixir(text: &str) -> Option<Trace<'_>> {
    let (start, line) = lines(text).find(|(_, line)| line.starts_with("** ("))?;
    let (kind, message) = line[4..].split_once(") ")?;
    Some(Trace { start, kind, message, title: line, is_fatal: false })
}

fn go(text: &str) -> Option<Trace<'_>> {
    // net/http survives a handler's panic.
    if let Some((at, line)) = lines(text).find(|(_, line)| line.contains("http: panic serving ")) {
        let (_, said) = line.split_once("http: panic serving ")?;
        let message = said.split_once(": ").map_or(said, |(_, message)| message);
        let start = text[at..].find("\ngoroutine ").map_or(text.len(), |found| at + found + 1);
        return Some(Trace { start, kind: "panic", message, title: line, is_fatal: false });
    }
    // Gin's recovery: a dump of the request may come first, then what was said, and where.
    if let Some((at, line)) = lines(text).find(|(_, line)| line.ends_with("panic recovered:")) {
        let behind = || lines(text).skip_while(move |(place, _)| *place <= at);
        let is_place = |line: &str| line.starts_with('/') && line.contains(".go:");
        let (start, _) = behind().find(|(_, line)| is_place(line)).unwrap_or((text.len(), ""));
        let said = behind().take_while(|(place, _)| *place < start).map(|(_, line)| line.trim());
        let message = said.filter(|line| !line.is_empty()).last().unwrap_or_default();
        return Some(Trace { start, kind: "panic", message, title: line, is_fatal: false });
    }
    let begins = |line: &str| line.starts_with("panic: ") || line.starts_with("fatal error: ");
    let (start, line) = lines(text).find(|(_, line)| begins(line))?;
    let (kind, message) = line.split_once(": ")?;
    Some(Trace { start, kind, message, title: line, is_fatal: true })
}

/// Java, Node, .NET, PHP, Ruby and anyhow: a line that names the error, and frames behind it.
fn frames(text: &str) -> Option<Trace<'_>> {
    // A line that only names a place belongs to what follows it: Node's report of what nobody caught.
    let is_place = |line: &str| {
        let (place, number) = line.rsplit_once(':').unwrap_or((line, ""));
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && place.contains(['/', ':'])
            && !place.contains(' ')
    };
    let is_frame = |line: &str| {
        let inner = line.trim_start();
        let is_indented = inner.len() < line.len();
        is_indented
            && (inner.starts_with("at ")
                || inner.starts_with("from ")
                || inner.starts_with("... ")
                || inner.starts_with("---> "))
            || is_ruby_frame(inner)
            || line.starts_with("#0 ")
            || line == "Stack trace:"
            || line == "[stacktrace]"
            || line == "Caused by:"
            || line.eq_ignore_ascii_case("stack backtrace:")
    };
    let (frame_at, _) = lines(text).find(|(_, line)| is_frame(line))?;
    // The line nearest before the frames that names a type at its beginning, else within.
    let before: Vec<(usize, &str)> = lines(&text[..frame_at]).filter(|(_, line)| !line.is_empty()).collect();
    let at_start = before.iter().rev().find_map(|&(start, line)| Some((start, line, named(line)?)));
    let (start, line, (kind, message)) = match at_start {
        Some(found) => found,
        None => before.iter().rev().find_map(|&(start, line)| Some((start, line, within(line)?)))?,
    };
    // The message may go over lines until the frames.
    let from = place_in(text, message).filter(|_| line.ends_with(message));
    let message = from.and_then(|from| text.get(from..frame_at)).map_or(message, str::trim_end);
    let message = message.strip_suffix(" {").unwrap_or(message);
    let start = if is_place(first_line(text)) { 0 } else { start };
    let mut title = line;
    if let Some(behind) = line.strip_prefix("Exception in thread \"") {
        title = behind.split_once("\" ").map_or(title, |(_, title)| title);
    }
    // PHP says in the message where it was thrown, and last what was thrown in the end.
    let is_php = text.contains("\n#0 ");
    let place_apart = |message: &'_ str| message.rfind(" in /").filter(|_| is_php).unwrap_or(message.len());
    let next = lines(text).filter_map(|(_, line)| line.strip_prefix("Next ")).filter(|_| is_php).last();
    let (kind, message) = next.and_then(titled_any).filter(|(kind, _)| is_exception(kind)).unwrap_or((kind, message));
    let message = &message[..place_apart(message)];
    Some(Trace { start, kind, message, title, is_fatal: false })
}

/// ``/app/a.rb:3:in `f'``
fn is_ruby_frame(line: &str) -> bool {
    line.ends_with('\'') && !line.contains("': ") && (line.contains(":in `") || line.contains(":in '"))
}

/// The error that a line names at its beginning, behind what usually introduces one.
fn named(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.trim_start();
    // Node prints an error that has no frames in brackets, its properties behind them.
    if let Some(inner) = rest.strip_prefix('[') {
        let inner = inner.trim_end().trim_end_matches('{').trim_end().strip_suffix(']')?;
        let (name, message) = titled_any(inner)?;
        return is_exception(name).then_some((name, message));
    }
    for lead in [
        "⨯ ",
        "Uncaught ",
        "Unhandled exception. ",
        "Unhandled Exception: ",
        "PHP Fatal error:  ",
        "Fatal error: ",
        "Uncaught ",
    ] {
        rest = rest.strip_prefix(lead).unwrap_or(rest);
    }
    if let Some(behind) = rest.strip_prefix("Exception in thread \"") {
        rest = behind.split_once("\" ").map_or(behind, |(_, rest)| rest);
    }
    let (name, message) = titled_any(rest)?;
    is_exception(name).then_some((name, message))
}

/// `Type: message`, where the type can be a Ruby or PHP name, or have a code: `Error [ERR_X]: `.
fn titled_any(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let near = &bytes[..bytes.len().min(MAX_NAME_BYTES + 2)];
    let end = near.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(near.len());
    // None where the word goes on.
    let word = text.get(..end).filter(|_| end <= MAX_NAME_BYTES + 1)?;
    if let Some(name) = word.strip_suffix(':') {
        return Some((name, text[end..].trim_start()));
    }
    // `Error [ERR_X]: `, and .NET's `SocketException (111): `.
    let coded = |open: &str, close: &str| text[end..].strip_prefix(open)?.split_once(close);
    if let Some((_, message)) = coded(" [", "]: ").or_else(|| coded(" (", "): ").filter(|(code, _)| code.len() <= 16)) {
        return Some((word, message));
    }
    (end == text.len()).then_some((word, &text[end..]))
}

/// `Failed: Error: net down`, `app.rb:1:in 'x': message (RuntimeError)`
fn within(line: &str) -> Option<(&str, &str)> {
    let is_ruby = line.contains(":in ");
    // `Errno::EADDRINUSE` has no usual ending.
    let is_class = |name: &str| {
        name.starts_with(char::is_uppercase)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_'))
    };
    if let Some((before, name)) = line
        .strip_suffix(')')
        .and_then(|line| line.rsplit_once(" ("))
        .filter(|(_, name)| is_exception(name) || is_ruby && is_class(name))
    {
        let message = before.split_once(": ").map_or(before, |(_, message)| message);
        return Some((name, message));
    }
    let names = || {
        line.match_indices(": ").filter_map(|(at, _)| {
            let name = line[..at].rsplit([' ', '\t', '"', '(']).next()?;
            Some((name, line[at + 2..].trim_start()))
        })
    };
    names().find(|(name, _)| is_exception(name)).or_else(|| names().find(|(name, _)| *name == "error"))
}

/// One line that is the whole of an error.
fn single(line: &str) -> Option<Trace<'_>> {
    if let Some((kind, message)) = ["panic: ", "fatal error: "]
        .iter()
        .find_map(|lead| line.strip_prefix(lead).map(|message| (lead.trim_end_matches(": "), message)))
    {
        return Some(Trace { start: line.len(), kind, message, title: line, is_fatal: true });
    }
    // Ruby's, and no search of any other line.
    let is_ruby = || line.ends_with(')') && (line.contains(":in `") || line.contains(":in '"));
    let (kind, message) = named(line).or_else(|| if is_ruby() { within(line) } else { None })?;
    if kind.ends_with("Warning") || kind.ends_with("Exit") {
        return None;
    }
    Some(Trace { start: line.len(), kind, message, title: line, is_fatal: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: &str, message: &str, start: &str) {
        let trace = find(text).unwrap_or_else(|| panic!("no error in {text:?}"));
        assert_eq!((trace.kind, trace.message), (kind, message), "{text:?}");
        assert!(text[trace.start..].starts_with(start), "{text:?} from {}", trace.start);
    }

    #[test]
    fn what_ended_it_is_found() {
        let frames = "  File \"/app/a.py\", line 1, in f\n    g()\n";
        check(&format!("boom\n{TRACEBACK}\n{frames}ValueError: bad"), "ValueError", "bad", TRACEBACK);
        check(&format!("{TRACEBACK}\n{frames}pkg.mod.MyError: a\nb\nc"), "pkg.mod.MyError", "a\nb\nc", TRACEBACK);
        check(&format!("{TRACEBACK}\n{frames}KeyboardInterrupt"), "KeyboardInterrupt", "", TRACEBACK);
        let chain = "\n\nDuring handling of the above exception, another exception occurred:\n\n";
        check(
            &format!("{TRACEBACK}\n{frames}KeyError: 'k'{chain}{TRACEBACK}\n{frames}RuntimeError: x"),
            "RuntimeError",
            "x",
            TRACEBACK,
        );
        let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"/app/tb.py\", line 7, in <module>\n  |     raise X\n  | ExceptionGroup: grp (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | TypeError: t\n    +------------------------------------";
        check(group, "ExceptionGroup", "grp (2 sub-exceptions)", "  + Exception");
        check(
            &format!("{TRACEBACK}\n{frames}KeyError: 'k'{chain}{group}"),
            "ExceptionGroup",
            "grp (2 sub-exceptions)",
            TRACEBACK,
        );
        check(
            "bad\njava.lang.RuntimeException: r\n\tat M.main(M.java:3)",
            "java.lang.RuntimeException",
            "r",
            "java.lang",
        );
        check(
            "Exception in thread \"main\" a.B$CError: wrap\nline2\n\tat M.f(M.java:2)\nCaused by: x.YException: z",
            "a.B$CError",
            "wrap\nline2",
            "Exception in",
        );
        check("Failed: Error: net down\n    at f (/a.js:1:2) {\n  [cause]: Error: E", "Error", "net down", "Failed:");
        check("/a.js:12\nx\n  ^\n\nError: unhandled\n    at f (/a.js:1:2)", "Error", "unhandled", "/a.js:12");
        check("thread 'main' (1) panicked at src/main.rs:1:2:\nindex out\nnote: run", "panic", "index out", "thread");
        check("thread 'main' panicked at 'old', src/main.rs:1:2\nnote: run", "panic", "old", "thread");
        check("panic: boom [recovered]\n\ngoroutine 1 [running]:\nmain.f()", "panic", "boom [recovered]", "panic");
        check(
            "Unhandled exception. System.IO.IOException: disk\n   at A.B() in /a.cs:line 3",
            "System.IO.IOException",
            "disk",
            "Unhandled",
        );
        check("a.rb:1:in 'x': no (RuntimeError)\n\tfrom a.rb:2:in 'y'", "RuntimeError", "no", "a.rb");
        check("Error: outer\n\nCaused by:\n    inner", "Error", "outer", "Error: outer");
        check("TypeError [ERR_X]: bad\n    at f (node:fs:1)", "TypeError", "bad", "TypeError");
        check("panic: x", "panic", "x", "");
        check("java.lang.NullPointerException: x", "java.lang.NullPointerException", "x", "");
        check("Uncaught TypeError: x is not a function", "TypeError", "x is not a function", "");
    }

    #[test]
    fn what_tells_of_no_error() {
        for text in [
            "",
            "all is well",
            "at home\n  at work",
            "no error: none",
            "a\nb",
            "DeprecationWarning: old",
            "x\n    at y",
        ] {
            assert_eq!(find(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(\\PC{0,20}\n?){0,6}|([A-Za-z:' |+(){}#.\\t-]{0,20}\n){0,6}") {
            if let Some(trace) = find(&text) {
                proptest::prop_assert!(text.is_char_boundary(trace.start));
            }
        }
    }
}
