//! From the text of a stack trace to the frames that tell the error apart: those of the
//! application nearest to where it was raised.
//!
//! Python, Java and Kotlin, Node, Go, Rust, .NET, PHP and Ruby, by the shape of each line.

use std::ops::ControlFlow;

use memchr::memmem;

/// So many frames of the application tell an error apart: the same one raised through another
/// endpoint is the same where its own code is that deep.
pub(super) const MAX_FRAMES: usize = 5;

/// Lines that are looked at; the rest of a longer trace is further from the error.
const MAX_LINES: usize = 400;

/// A function that was running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub function: &'a str,
    /// The path as written, without line and column; empty where there is none.
    pub file: &'a str,
}

/// What a stack trace says.
#[derive(Debug, Default)]
pub(super) struct Trace<'a> {
    frames: [Frame<'a>; MAX_FRAMES],
    len: usize,
    /// The library's frame nearest to the error.
    pub library: Option<Frame<'a>>,
    /// The type of the exception that caused the one that is reported, the last of them.
    pub root_cause: Option<&'a str>,
}

impl<'a> Trace<'a> {
    /// Reads a trace; one without frames where there are none.
    pub fn of(stack: &'a str) -> Self {
        let mut trace = Self::default();
        if find(stack, "Traceback (most recent call last)").is_some() {
            trace.python(stack);
        } else {
            let mut lines = Lines { trace, rust: None, before: "" };
            let mut start = 0;
            for _ in 0..MAX_LINES {
                let end = memchr::memchr(b'\n', &stack.as_bytes()[start..]).map_or(stack.len(), |len| start + len);
                if lines.read(&stack[start..end]).is_break() {
                    lines.trace.root_cause = root_cause(&stack[start..]).or(lines.trace.root_cause);
                    break;
                }
                start = end + 1;
                if start > stack.len() {
                    break;
                }
            }
            lines.end_rust();
            trace = lines.trace;
        }
        trace
    }

    /// The application's frames, the one nearest to the error first.
    pub fn frames(&self) -> &[Frame<'a>] {
        &self.frames[..self.len]
    }

    fn has_frames(&self) -> bool {
        self.len > 0 || self.library.is_some()
    }

    fn push(&mut self, function: &'a str, file: &'a str, is_library: bool) {
        let frame = Frame { function, file };
        if is_library {
            self.library.get_or_insert(frame);
        } else if self.len < MAX_FRAMES && !self.frames().contains(&frame) {
            self.frames[self.len] = frame;
            self.len += 1;
        }
    }

    /// The last traceback, which is that of the exception that is reported, from its end: the frame
    /// that raised is the last. Those of a group's exceptions come after the group's own.
    fn python(&mut self, stack: &'a str) {
        let mut end = stack.len();
        let is_group = find(stack, "+-+").is_some();
        for _ in 0..2 * MAX_LINES {
            let start = memchr::memrchr(b'\n', &stack.as_bytes()[..end]).map_or(0, |at| at + 1);
            let line = &stack[start..end];
            let body = line.bytes().position(|byte| !matches!(byte, b' ' | b'\t' | b'|' | b'>'));
            let body = body.map_or("", |at| &line[at..]);
            if let Some(frame) = body.strip_prefix("File \"") {
                let (path, rest) = frame.split_once('"').unwrap_or((frame, ""));
                let function = split(rest, ", in ").map_or("<module>", |(_, function)| function.trim_end());
                self.push(function, path, is_python_library(path));
            } else if body.starts_with("+-+") {
                *self = Self::default();
            } else if body.trim_end().ends_with("Traceback (most recent call last):")
                && !line[..line.len() - body.len()].contains('|')
            {
                break;
            }
            if start == 0 || self.len == MAX_FRAMES && !is_group {
                break;
            }
            end = start - 1;
        }
    }
}

/// The lines of a trace whose first frame is the nearest.
struct Lines<'a> {
    trace: Trace<'a>,
    /// The name of a Rust frame whose place is still to come.
    rust: Option<&'a str>,
    /// The line before: the function of a Go frame.
    before: &'a str,
}

impl<'a> Lines<'a> {
    fn read(&mut self, line: &'a str) -> ControlFlow<()> {
        let body = line.trim_ascii_start();
        let before = std::mem::replace(&mut self.before, line);
        match body.as_bytes() {
            [b'a', b't', b' ', ..] => match self.rust.take() {
                Some(name) => {
                    let path = without_position(body[3..].trim_ascii());
                    self.trace.push(rust_name(name), path, is_rust_library(name, path));
                }
                None if self.trace.len == MAX_FRAMES => {}
                None => self.at(body[3..].trim_ascii()),
            },
            [b'f', b'r', b'o', b'm', b' ', ..] => self.ruby(&body[5..]),
            [b'#', b'0'..=b'9', ..] => self.php(body),
            [b'0'..=b'9', ..] if line.starts_with(' ') => {
                let name = body.trim_start_matches(|c: char| c.is_ascii_digit());
                if let Some(name) = name.strip_prefix(": ") {
                    self.end_rust();
                    self.rust = Some(name.trim_ascii());
                }
            }
            [b'C', ..] if body.starts_with("Caused by: ") => return self.stop(),
            [b'S', ..] if body.starts_with("Suppressed: ") => return self.stop(),
            [b'[', ..] if body.starts_with("[cause]: ") => return self.stop(),
            [b'g', ..] if body.starts_with("goroutine ") => return self.stop(),
            // The frames so far were those of the exception inside.
            [b'-', ..] if body.starts_with("--- End of inner") => {
                self.trace = Trace { root_cause: self.trace.root_cause, ..Trace::default() };
            }
            [b'-', ..] if body.starts_with("---> ") => self.trace.root_cause = type_at(&body[5..]),
            _ if line.starts_with('\t') && !before.starts_with(['\t', ' ']) && before.ends_with(')') => {
                self.go(before, body);
            }
            _ => self.ruby(body),
        }
        ControlFlow::Continue(())
    }

    /// What follows are the frames of another exception or goroutine.
    fn stop(&self) -> ControlFlow<()> {
        if self.trace.has_frames() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A Rust frame that no place followed.
    fn end_rust(&mut self) {
        if let Some(name) = self.rust.take() {
            self.trace.push(rust_name(name), "", is_rust_library(name, ""));
        }
    }

    /// What follows `at`: a frame of Java, Node or .NET.
    fn at(&mut self, frame: &'a str) {
        let frame = frame.strip_suffix('{').map_or(frame, str::trim_ascii_end);
        if let Some((call, place)) = split(frame, " in ")
            && call.ends_with(')')
            && let Some((path, _)) = split(place, ":line ")
        {
            let function = before_parenthesis(call);
            self.trace.push(function, path, is_dotnet_library(function));
        } else if let Some((function, place)) = split(frame, " (")
            && let Some(place) = place.strip_suffix(')')
            && !function.contains('(')
        {
            self.node(function, place);
        } else if let Some((function, place)) = frame.split_once('(')
            && is_qualified(function)
            && let Some((place, _)) = place.rsplit_once(')')
        {
            let file = place.split(':').next().unwrap_or_default();
            let is_java =
                [".java", ".kt", ".scala", ".groovy", ".clj", "Native Method", "Unknown Source", "<generated>"]
                    .iter()
                    .any(|end| file.ends_with(end));
            if is_java {
                let function = function.rsplit_once('/').map_or(function, |(_, function)| function);
                let is_library = begins(function, &JAVA) || file == "<generated>";
                self.trace.push(
                    function,
                    if memchr::memchr2(b' ', b'<', file.as_bytes()).is_some() { "" } else { file },
                    is_library,
                );
            } else {
                self.trace.push(function, "", is_dotnet_library(function));
            }
        } else if frame.ends_with(|c: char| c.is_ascii_digit()) && frame.contains(':') {
            self.node("<anonymous>", frame);
        }
    }

    fn node(&mut self, function: &'a str, place: &'a str) {
        let function = function.strip_prefix("async ").unwrap_or(function);
        let function = split(function, " [as ").map_or(function, |(function, _)| function);
        let place = place.strip_prefix("async ").unwrap_or(place);
        let path = without_position(place);
        let is_library = ["node:", "internal/", "index "].iter().any(|start| path.starts_with(start))
            || matches!(path, "<anonymous>" | "native" | "")
            || has_folder(path, &["node_modules/", "webpack/bootstrap", "webpack-runtime"]);
        self.trace.push(function, path, is_library);
    }

    fn php(&mut self, frame: &'a str) {
        let Some((_, frame)) = frame.split_once(' ') else { return };
        let Some((place, call)) = split(frame, ": ") else { return };
        let path = place.split_once('(').map_or(place, |(path, _)| path);
        let path = if path == "[internal function]" || place.starts_with('[') { "" } else { path };
        self.trace.push(before_parenthesis(call), path, path.is_empty() || has_folder(path, &["vendor/"]));
    }

    fn ruby(&mut self, frame: &'a str) {
        let Some((place, rest)) = split(frame, ":in ") else { return };
        let Some((path, line)) = place.rsplit_once(':') else { return };
        if !line.bytes().all(|byte| byte.is_ascii_digit()) || !rest.starts_with(['\'', '`']) {
            return;
        }
        let name = rest.get(1..).unwrap_or_default();
        let name = name.split_once('\'').map_or(name, |(name, _)| name);
        let name = name.rsplit_once(" in ").map_or(name, |(_, name)| name);
        let is_library = has_folder(path, &["gems/", "lib/ruby/", "<internal:"]);
        self.trace.push(name, path, is_library);
    }

    fn go(&mut self, call: &'a str, place: &'a str) {
        let Some(path) = place.rsplit_once(':').map(|(path, _)| path) else { return };
        if call.starts_with("created by ") || ![".go", ".s"].iter().any(|end| path.ends_with(end)) {
            return;
        }
        let function = call.rsplit_once('(').map_or(call, |(function, _)| function);
        // What ran after the panic, to recover from it.
        if function == "panic" {
            self.trace = Trace::default();
        }
        let package = function.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '/');
        let is_standard = !path.starts_with('/') && {
            let package = package.map_or(function, |at| &function[..at]);
            package != "main" && path.starts_with(package)
        };
        let is_library = is_standard
            || ["panic", "runtime.", "runtime/", "net/http."].iter().any(|start| function.starts_with(start))
            || has_folder(path, &["usr/local/go/", "usr/lib/go", "pkg/mod/", "vendor/"])
            || find(path, "@v").is_some();
        self.trace.push(function, path, is_library);
    }
}

/// Where a part stands in a short text; the searchers of the library cost more to make than to use.
fn find(text: &str, part: &str) -> Option<usize> {
    let (bytes, part) = (text.as_bytes(), part.as_bytes());
    memchr::memchr_iter(*part.first()?, bytes).find(|at| bytes[*at..].starts_with(part))
}

/// What stands before and after a part.
fn split<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    find(text, part).map(|at| (&text[..at], &text[at + part.len()..]))
}

/// Whether a text begins with one of the parts; most do not even with the first letter of one.
fn begins(text: &str, parts: &[&str]) -> bool {
    let first = text.as_bytes().first();
    parts.iter().any(|part| part.as_bytes().first() == first && text.starts_with(part))
}

/// Whether one of the parts stands in a path where a name begins.
fn has_folder(path: &str, parts: &[&str]) -> bool {
    let mut slashes = memchr::memchr2_iter(b'/', b'\\', path.as_bytes());
    begins(path, parts) || slashes.any(|at| begins(&path[at + 1..], parts))
}

/// `file:12:3` without its numbers.
fn without_position(place: &str) -> &str {
    let mut path = place;
    for _ in 0..2 {
        match path.rsplit_once(':') {
            Some((rest, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                path = rest;
            }
            _ => break,
        }
    }
    path
}

fn before_parenthesis(call: &str) -> &str {
    call.split_once('(').map_or(call, |(function, _)| function)
}

/// A name such as `java.base/java.lang.Integer.parseInt`, and no path or sentence.
fn is_qualified(function: &str) -> bool {
    !function.starts_with('/') && memchr::memchr2(b' ', b':', function.as_bytes()).is_none()
}

const JAVA: [&str; 32] = [
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "jakarta.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.eclipse.jetty.",
    "org.postgresql.",
    "org.junit.",
    "io.netty.",
    "io.undertow.",
    "io.vertx.",
    "io.quarkus.",
    "io.micrometer.",
    "io.grpc.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "akka.",
    "groovy.",
    "reactor.",
    "rx.",
    "okhttp3.",
    "retrofit2.",
    "com.zaxxer.hikari.",
    "com.mysql.",
    "com.fasterxml.",
    "com.google.common.",
    "oracle.jdbc.",
];

fn is_dotnet_library(function: &str) -> bool {
    function.starts_with("System.") || function.starts_with("Microsoft.")
}

fn is_python_library(path: &str) -> bool {
    path.starts_with("<frozen ") || has_folder(path, &["site-packages", "dist-packages", "lib/python2", "lib/python3"])
}

fn is_rust_library(name: &str, path: &str) -> bool {
    const CRATES: [&str; 14] = [
        "core::",
        "std::",
        "alloc::",
        "tokio::",
        "hyper::",
        "hyper_util::",
        "axum::",
        "tower::",
        "futures_util::",
        "anyhow::",
        "actix_",
        "rayon::",
        "rayon_core::",
        "tracing::",
    ];
    const FOLDERS: [&str; 5] = ["rustc/", ".cargo/registry/", "registry/src/", ".cargo/git/", "csu/"];
    let inner = name.trim_start_matches(['<', '&', '(']);
    let inner = inner.strip_prefix("dyn ").unwrap_or(inner);
    // What is not of Rust: `_start`, `clone3`, and the `main` that calls Rust's.
    !name.contains("::") || name.starts_with("__rust") || begins(inner, &CRATES) || has_folder(path, &FOLDERS)
}

/// Without the hash of the compiler before 2024: `::h0123456789abcdef`.
fn rust_name(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => rest,
        _ => name,
    }
}

/// The type of the last cause in the rest of a trace.
fn root_cause(rest: &str) -> Option<&str> {
    let mark = if rest.trim_ascii_start().starts_with('[') { "[cause]: " } else { "Caused by: " };
    let at = memmem::find_iter(rest.as_bytes(), mark).last()?;
    type_at(&rest[at + mark.len()..])
}

/// The type that a text begins with.
fn type_at(text: &str) -> Option<&str> {
    let len = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(byte)).count();
    (len > 0).then(|| &text[..len])
}

/// Appends a function's name without what another build or run changes: the numbers of closures
/// and generated classes, and addresses.
pub(super) fn write_function(name: &str, out: &mut String) {
    let bytes = name.as_bytes();
    let (mut at, mut copied) = (0, 0);
    if !bytes.iter().any(u8::is_ascii_digit) {
        return out.push_str(name);
    }
    while at < bytes.len() {
        let byte = bytes[at];
        let before = &bytes[..at];
        let after_mark = before.ends_with(b"$") || before.ends_with(b"#") || before.ends_with(b"__");
        let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let len = if byte.is_ascii_digit() && (after_mark || before.ends_with(b".") || before.ends_with(b".func")) {
            let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if len >= 6 { len } else { digits(at) }
        } else if after_mark && byte.is_ascii_hexdigit() {
            // `$$EnhancerBySpringCGLIB$$ab12cd34`
            let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if len >= 6 && bytes[at..at + len].iter().any(u8::is_ascii_digit) { len } else { 0 }
        } else if bytes[at..].starts_with(b"/0x") {
            3 + bytes[at + 3..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
        } else {
            0
        };
        if len > 0 {
            out.push_str(&name[copied..at]);
            copied = at + len;
        }
        at += len.max(1);
    }
    out.push_str(&name[copied..]);
}

/// A function's name as people say it: without the package that its class or type stands in.
pub(super) fn short_function<'a>(name: &'a str, file: &str) -> &'a str {
    let is_of = |ends: &[&str]| ends.iter().any(|end| file.ends_with(end));
    if is_of(&[".go"]) {
        return name.rsplit_once('/').map_or(name, |(_, name)| name);
    }
    if file.is_empty() || is_of(&[".java", ".kt", ".scala", ".groovy", ".cs", ".fs", ".vb"]) {
        let dots = name.match_indices('.').rev().nth(1);
        return dots.map_or(name, |(at, _)| &name[at + 1..]);
    }
    name
}

/// Appends the file's name, and the folder that it is in where that is not where applications are
/// put, without the hashes of bundlers.
pub(super) fn write_file(path: &str, out: &mut String) {
    let path = &path[..memchr::memchr(b'?', path.as_bytes()).unwrap_or(path.len())];
    let last = |path: &'_ str| memchr::memrchr2(b'/', b'\\', path.as_bytes());
    let (folders, name) = last(path).map_or(("", path), |at| (&path[..at], &path[at + 1..]));
    let folder = last(folders).map_or(folders, |at| &folders[at + 1..]);
    let is_top = path.starts_with('/') && folder.len() + 1 >= folders.len();
    let says = folder.starts_with(|c: char| c.is_ascii_alphabetic()) && !folder.contains([':', '@']);
    if says && !is_top && !is_hash(folder.as_bytes()) {
        // `name-1.2.3`
        let version = folder.match_indices('-').map(|(at, _)| at);
        let version = version.into_iter().find(|at| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
        out.push_str(version.map_or(folder, |at| &folder[..at]));
        out.push('/');
    }
    let script = [".js", ".mjs", ".cjs", ".jsx", ".css"].iter().any(|end| name.ends_with(end));
    if !script {
        out.push_str(name);
        return;
    }
    let mut after_chunk = false;
    for part in name.split_inclusive(['-', '.', '_', '~']) {
        let (word, end) = match part.as_bytes().last() {
            Some(b'-' | b'.' | b'_' | b'~') => part.split_at(part.len() - 1),
            _ => (part, ""),
        };
        let is_hash = is_hash(word.as_bytes()) || after_chunk && word.len() >= 6;
        out.push_str(if is_hash { "" } else { word });
        out.push_str(end);
        after_chunk = word == "chunk" && end == "-";
    }
}

/// Whether a part of a name is made by a machine: digits alone, letters with digits, or the eight
/// letters of a bundler.
fn is_hash(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let turns = word.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let alone = digits == word.len() && !word.is_empty();
    let mixed = word.len() >= 6 && digits >= 1 && (digits >= 2 || word.len() >= 8) && digits < word.len();
    word.iter().all(u8::is_ascii_alphanumeric) && (alone || mixed || word.len() == 8 && turns >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames as `function (file)`, the nearest first.
    fn frames(stack: &str) -> Vec<String> {
        let shown = |frame: &Frame<'_>| {
            let mut text = String::new();
            write_function(frame.function, &mut text);
            text.push_str(" (");
            write_file(frame.file, &mut text);
            text + ")"
        };
        Trace::of(stack).frames().iter().map(shown).collect()
    }

    #[track_caller]
    fn check(stack: &str, expected: &[&str]) {
        assert_eq!(frames(stack), expected, "{stack}");
    }

    #[test]
    fn python() {
        check(
            "Traceback (most recent call last):\n  File \"/usr/local/lib/python3.11/site-packages/flask/app.py\", line \
             9, in wsgi\n    x()\n  File \"/app/shop/views.py\", line 4, in boom\n    at y(1)\nValueError: b",
            &["boom (shop/views.py)"],
        );
        // loguru
        check(
            "Traceback (most recent call last):\n\n> File \"/app/py1.py\", line 23, in <module>\n    try: 1/0\n\nX: y",
            &["<module> (py1.py)"],
        );
        // Recursion, each frame once.
        check(
            "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\n    g()\n  File \"/app/a.py\", line \
             2, in g\n    f()\n  File \"/app/a.py\", line 1, in f\n  [Previous line repeated 99 more times]\nR: x",
            &["f (a.py)", "g (a.py)"],
        );
        check(
            include_str!("../../tests/corpus/samples/python-chained-during-handling.stderr.log"),
            &["b (tb2.py)", "<module> (tb2.py)"],
        );
        check(
            include_str!("../../tests/corpus/samples/python-exceptiongroup-chained.stderr.log"),
            &["<module> (tb.py)"],
        );
        check(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"/app/a.py\", line 7, in run\n  | \
             ExceptionGroup: g (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent \
             call last):\n    |   File \"/app/b.py\", line 1, in inner\n    | TypeError: t\n    +-----------------",
            &["run (a.py)"],
        );
    }

    #[test]
    fn java() {
        let stack = "java.lang.IllegalStateException: wrap\nline2\n\tat M.f(M.java:2)\n\tat \
                     app//com.example.Shop.lambda$pay$0(Shop.kt:3) ~[shop.jar!/:1.2]\n\tat \
                     org.springframework.aop.X.y(X.java:1)\n\tat \
                     com.example.Shop$$EnhancerBySpringCGLIB$$ab12cd34.pay(<generated>)\n\tat \
                     java.base/java.lang.Thread.run(Thread.java:1583)\nCaused by: java.lang.NumberFormatException: For \
                     input\n\tat com.example.Other.x(Other.java:1)\n\t... 2 more\n";
        check(stack, &["M.f (M.java)", "com.example.Shop.lambda$pay$ (Shop.kt)"]);
        assert_eq!(Trace::of(stack).root_cause, Some("java.lang.NumberFormatException"));
        let sample = include_str!("../../tests/corpus/samples/java17-jul-uncaught.stderr.log");
        let uncaught = &sample[sample.find("Exception in").expect("the uncaught exception")..];
        check(uncaught, &["M.f (M.java)", "M.main (M.java)"]);
    }

    #[test]
    fn node() {
        check(
            "TypeError: x\n    at Object.eval [as get] (/app/src/db/pool.js:1:2)\n    at async handler \
             (file:///app/src/api.mjs:3:4)\n    at /app/n/a.js:11:60\n    at Array.map (<anonymous>)\n    at next \
             (/app/n/node_modules/router/index.js:2:3)\n    at node:internal/main/run_main_module:28:49 {\n  [cause]: \
             Error: y\n      at z (/app/z.js:1:1)\n}",
            &["Object.eval (db/pool.js)", "handler (src/api.mjs)", "<anonymous> (n/a.js)"],
        );
        check(
            "Error: r\n    at P (app/boom/page.js:2:35)\n  1 | x\n> 2 | export default function P(){at (x)}",
            &["P (boom/page.js)"],
        );
        check(
            "Error: r\n    at t (.next/server/chunks/[root-of-the-server]__02d51zqkedam8._.js:1:267)",
            &["t (chunks/[root-of-the-server]__._.js)"],
        );
        check(
            "Error: r\n    at a (/app/dist/main.4f3c2b1a.js:1:2)\n    at b (/app/dist/chunk-ABCDEF.js:1:2)\n    at c \
             (/app/.next/server/chunks/1234.js:1:2)\n    at d (webpack-internal:///(rsc)/./app/x/page.tsx:1:2)",
            &["a (dist/main..js)", "b (dist/chunk-.js)", "c (chunks/.js)", "d (x/page.tsx)"],
        );
    }

    #[test]
    fn go() {
        check(
            "panic: bad [recovered]\n\ngoroutine 7 [running]:\nmain.recoverer.func1()\n\t/app/main.go:9 +0x1d\n\
             panic({0x5d2e00?, 0x6a1b30?})\n\t/usr/local/go/src/runtime/panic.go:770 +0x132\n\
             github.com/x/shop/internal/api.(*Server).handle(0xc000012345, {0x1, 0x2})\n\t/app/internal/api/api.go:12 \
             +0x1d\nnet/http.HandlerFunc.ServeHTTP(0x0)\n\t/usr/local/go/src/net/http/server.go:2166 +0x29\n\
             main.main.func2()\n\t/app/main.go:30 +0x1d\ncreated by main.main in goroutine 1\n\t/app/main.go:3 \
             +0x1\n\ngoroutine 8 [select]:\nmain.other()\n\t/app/other.go:1 +0x1\n",
            &["github.com/x/shop/internal/api.(*Server).handle (api/api.go)", "main.main.func (main.go)"],
        );
    }

    #[test]
    fn rust() {
        for sample in [
            include_str!("../../tests/corpus/samples/rust-panic.log"),
            include_str!("../../tests/corpus/samples/rust-unwrap.log"),
            include_str!("../../tests/corpus/samples/rust-anyhow.log"),
        ] {
            check(sample, &["rs::main (src/main.rs)"]);
        }
        check(
            "   0: shop::cart::add::{closure#0}\n   1: tokio::runtime::x\n   2: shop::main::h0123456789abcdef\n   3: _start",
            &["shop::cart::add::{closure#} ()", "shop::main ()"],
        );
    }

    #[test]
    fn others() {
        // .NET prints the exception inside first.
        check(
            "System.InvalidOperationException: outer\n ---> System.FormatException: inner\n   at \
             Shop.Parser.Parse(String s) in /src/Parser.cs:line 3\n   --- End of inner exception stack trace ---\n   at \
             Shop.Cart.<Add>b__0(Int32 i) in /src/Cart.cs:line 12\n   at \
             Microsoft.AspNetCore.Mvc.X.Y(Object o)\n   at Shop.Program.Main(String[] args)",
            &["Shop.Cart.<Add>b__ (Cart.cs)", "Shop.Program.Main ()"],
        );
        // PHP
        check(
            "#0 /srv/src/Foo.php(12): App\\Foo->bar('x', Array)\n#1 /srv/vendor/x/Y.php(1): \
             Y::z()\n#2 [internal function]: App\\Foo->{closure}()\n#3 {main}",
            &["App\\Foo->bar (src/Foo.php)"],
        );
        // Ruby
        check(
            "/app/lib/a.rb:1:in 'A#x': bad (RuntimeError)\n\tfrom /usr/lib/ruby/gems/3.3.0/gems/rack-3/x.rb:3:in \
             `call'\n\tfrom /app/b.rb:7:in `block (2 levels) in run'\n",
            &["A#x (lib/a.rb)", "run (b.rb)"],
        );
        check("no frames at all\nat home", &[]);
    }

    #[test]
    fn at_most_five() {
        let stack = (0..9).map(|n| format!("    at f{n} (/app/a.js:{n}:1)")).collect::<Vec<_>>().join("\n");
        assert_eq!(frames(&stack).len(), MAX_FRAMES);
    }
}
