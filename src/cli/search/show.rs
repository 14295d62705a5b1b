//! Records → lines of a terminal, or JSON.

use std::borrow::Cow;
use std::io::{self, Write};

use super::client::Record;
use crate::text;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
/// Colours that services are told apart by; red and yellow are for levels.
const SERVICES: [&str; 6] = ["\x1b[36m", "\x1b[32m", "\x1b[34m", "\x1b[35m", "\x1b[96m", "\x1b[92m"];
/// The widest name that lines are lined up for.
const MAX_NAME_CHARS: usize = 24;

/// Writes records, one after the other.
pub(super) struct Printer<W> {
    is_json: bool,
    is_coloured: bool,
    /// The longest name so far.
    name_chars: usize,
    out: W,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(is_json: bool, is_coloured: bool, out: W) -> Self {
        Self { is_json, is_coloured, name_chars: 0, out }
    }

    pub(super) fn print(&mut self, record: &Record) -> io::Result<()> {
        if self.is_json {
            return writeln!(self.out, "{}", record.json);
        }
        let name = if record.container.is_empty() { &record.service } else { &record.container };
        let name = visible(name);
        self.name_chars = self.name_chars.max(name.chars().count()).min(MAX_NAME_CHARS);
        let (dim, reset) = if self.is_coloured { (DIM, RESET) } else { ("", "") };
        let of_service = if self.is_coloured { colour_of(&record.service) } else { "" };
        let of_level = if self.is_coloured { colour_of_level(&record.level) } else { "" };
        let level = if record.level == "unknown" { "" } else { &record.level };
        write!(
            self.out,
            "{dim}{}{reset} {of_service}{name:width$}{reset} {of_level}{:5}{reset} ",
            local(&record.time),
            level.to_uppercase(),
            width = self.name_chars,
        )?;
        let of_line = if matches!(record.level.as_str(), "error" | "fatal") { of_level } else { "" };
        for line in record.line.lines().map(visible) {
            writeln!(self.out, "{of_line}{line}{}", if of_line.is_empty() { "" } else { reset })?;
        }
        if record.line.is_empty() {
            writeln!(self.out)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What a terminal only shows: a line could otherwise move its cursor, or write to its clipboard.
fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c.is_control() && c != '\t';
    match text::without_escapes(text) {
        plain if plain.contains(is_hidden) => plain.replace(is_hidden, "\u{fffd}").into(),
        plain => plain,
    }
}

/// The time where we are, to the millisecond.
fn local(time: &str) -> String {
    match chrono::DateTime::parse_from_rfc3339(time) {
        Ok(time) => time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => visible(time).into_owned(),
    }
}

fn colour_of(service: &str) -> &'static str {
    // FNV-1a, which keeps a service's colour from one search to the next.
    let hash = service
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    SERVICES[(hash % SERVICES.len() as u64) as usize]
}

fn colour_of_level(level: &str) -> &'static str {
    match level {
        "fatal" => "\x1b[1;31m",
        "error" => "\x1b[31m",
        "warn" => "\x1b[33m",
        "info" => "\x1b[32m",
        _ => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: &str, line: &str) -> Record {
        Record {
            id: "1".into(),
            time: "no time".into(),
            service: "web".into(),
            container: "shop-web-1".into(),
            level: level.into(),
            line: line.into(),
            json: serde_json::value::to_raw_value(&serde_json::json!({"line": line})).unwrap(),
        }
    }

    fn printed(is_json: bool, is_coloured: bool, record: &Record) -> String {
        let mut out = Vec::new();
        Printer::new(is_json, is_coloured, &mut out).print(record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_says_when_who_and_what() {
        assert_eq!(printed(false, false, &record("warn", "slow\n  at x")), "no time shop-web-1 WARN  slow\n  at x\n");
        assert_eq!(printed(false, false, &record("unknown", "")), "no time shop-web-1       \n");
        assert_eq!(printed(true, true, &record("warn", "a\nb")), "{\"line\":\"a\\nb\"}\n");
        let red = printed(false, true, &record("error", "boom"));
        assert!(red.contains("\x1b[31mERROR\x1b[0m \x1b[31mboom\x1b[0m\n"), "{red:?}");
    }

    #[test]
    fn a_line_cannot_drive_the_terminal() {
        let hostile = record("info", "a\x1b]52;c;aGk=\x07b\x1b[2Jc\u{9b}31md\re\tf");
        let shown = printed(false, false, &hostile);
        assert!(!shown.contains(|c: char| c.is_control() && c != '\t' && c != '\n'), "{shown:?}");
        assert!(shown.contains('\t'), "{shown:?}");
    }
}
