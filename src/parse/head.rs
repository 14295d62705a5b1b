//! The head of a plain line: from where words stand before the message to a level, and to what it
//! says behind it.
//!
//! A line begins with a preamble: times, process ids, brackets, dashes. A level counts in it where
//! it stands as levels do (`[warn]`, `WARN`, `warn:`, `| warn |`), and no longer once the sentence
//! has begun, since words in a message, a path or quotes say nothing of the line.

use super::draft::Draft;
use super::level::{of_letter, of_name};
use super::reason::Reason;
use super::speaker;
use super::time;
use super::trace::is_exception;
use crate::record::Level;

/// A line that begins with a level in no arrangement that has a reader of its own.
pub(super) fn leveled(draft: &mut Draft<'_>) -> Option<()> {
    let head = draft.head;
    let (level, at, names) = found(head)?;
    let mut stamp = speaker::stamp(draft);
    let said = &head[..at];
    // `error: 0` and `WARNING: 0 errors` are counts.
    let count = head[at..].trim_start_matches([':', ' ']);
    let is_count = stamp.is_none()
        && !said.starts_with('[')
        && (!count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit())
            || count.starts_with("0 errors")
            || count.starts_with("0 warnings"));
    if is_count || is_said(said, stamp.is_some()) {
        return None;
    }
    draft.level = Some(level);
    let mut rest = head[at..].trim_start_matches([':', '|', ']', ')', ' ', '\t']);
    rest = rest.strip_prefix("- ").unwrap_or(rest);
    // V8's.
    rest = rest.strip_prefix("ERROR: ").filter(|_| said == "FATAL").unwrap_or(rest);
    if stamp.is_none()
        && let Some(time) = time::leading(rest, draft.time_ns)
    {
        stamp = Some(time);
        rest = rest[time.len..].trim_start_matches([']', ':', ' ', '\t']);
        rest = rest.strip_prefix("- ").unwrap_or(rest);
    }
    draft.log_time(stamp);
    // Elixir's metadata stands before the level.
    if let Some((_, id)) = said.split_once("request_id=") {
        draft.text_field("request_id", id.split(' ').next().unwrap_or_default());
    }
    rest = speaker::find(draft, said, &head[at..], rest, stamp.is_some());
    draft.message = Some(rest);
    if names > 0 && !draft.has("logger") {
        match speaker::before_level(said, names) {
            Some(name) if name.contains("Thread") => draft.text_field("thread", name),
            Some(name) => draft.logger(name),
            // Words that name nobody belong to what it says.
            None if speaker::words(said).next().is_some() => {
                draft.message = Some(draft.behind_time().unwrap_or(head).trim_start());
            }
            None => {}
        }
    }
    // rich puts the place at the line's end.
    if let Some((message, place)) =
        rest.rsplit_once("  ").filter(|(_, place)| draft.rest.is_empty() && speaker::is_source(place))
    {
        draft.text_field("caller", place);
        draft.message = Some(message.trim_end());
    }
    Some(())
}

/// A line that fits nothing, where a word that it begins with tells how bad it is and yet belongs to
/// what it says.
pub(super) fn said(draft: &mut Draft<'_>) -> Option<()> {
    let head = draft.head;
    let (level, at, _) = found(head)?;
    let stamp = speaker::stamp(draft);
    let said = &head[..at];
    if !is_said(said, stamp.is_some()) {
        return None;
    }
    draft.level = Some(level);
    draft.reason = is_error(said).then_some(Reason::Word);
    draft.log_time(stamp);
    draft.message = Some(draft.behind_time().map_or(head, |rest| rest.trim_start_matches([':', ' ', '\t'])));
    Some(())
}

/// Whether what stands before the message, with its level, is the beginning of the message: the
/// name of an error, or that of a program.
fn is_said(said: &str, has_time: bool) -> bool {
    let is_named = said.split(' ').next().is_some_and(|word| {
        word.len() < said.len() && word.ends_with(':') && of_name(word.trim_end_matches(':')).is_none() && !has_time
    });
    is_named || is_error(said) || said.starts_with("***")
}

fn is_error(said: &str) -> bool {
    let name = said.trim_end_matches(':').rsplit([' ', '\t']).next().unwrap_or_default();
    matches!(name, "Error" | "panic")
        || said.starts_with("fatal error")
        || is_exception(name) && of_name(name).is_none()
}

/// The level of lines that are the beginning of a crash.
pub(super) fn failure(line: &str) -> Option<Level> {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| line.starts_with(beginning));
    // Go's runtime ends the process after these; a thread's panic need not.
    if begins(&["panic: ", "fatal error: ", "Fatal Python error: "]) {
        return Some(Level::Fatal);
    }
    // Next.js marks its lines.
    if line.trim_start().starts_with('⚠') {
        return Some(Level::Warn);
    }
    // What a shell or the kernel says of a process that was ended.
    let ended = line == "Killed"
        || begins(&["Segmentation fault", "Aborted (core dumped)", "Bus error", "Illegal instruction"]);
    let crashed = ended
        || line.starts_with('[') && line.contains("Out of memory: Killed process")
        || begins(&[
            "Traceback (most recent call last):",
            "Exception in thread ",
            "Exception in callback ",
            "Task exception was never retrieved",
            "Future exception was never retrieved",
        ])
        || ["Uncaught ", "Unhandled "].iter().filter_map(|word| line.strip_prefix(word)).any(|rest| {
            // `Uncaught exceptions will be reported` tells of none.
            let word = rest.split([' ', ':']).next().unwrap_or_default();
            !word.ends_with('s')
        })
        || (line.starts_with("thread '") && line.contains(" panicked at"));
    crashed.then_some(Level::Error)
}

/// The level by the line's preamble, where the words that say it end, and how many words that are no
/// preamble's stand before it; none where none stands there.
fn found(line: &str) -> Option<(Level, usize, usize)> {
    if let Some(level) = lettered(line) {
        return Some((level, line.find(' ').unwrap_or(line.len()), 0));
    }
    let mut walk = Walk {
        rest: line,
        before: Before::Nothing,
        words: 0,
        sentence: 0,
        preamble: 0,
        numbers: 0,
        is_named: false,
        is_glued: false,
    };
    // More would be a sentence; a preamble has never been seen so long.
    while walk.words < 16 && walk.sentence < 4 {
        let before = walk.rest.trim_start();
        match walk.step() {
            Step::On => {}
            Step::Found(level) => {
                let found = &before[..before.len() - walk.rest.len()];
                let end = line.len() - walk.rest.len();
                let names = walk.sentence;
                return Some((walk.unless_contradicted(level, found), end, names))
                    .filter(|(level, ..)| *level != Level::Unknown);
            }
            Step::End => break,
        }
    }
    None
}

/// Headers in which one sign is the level.
fn lettered(line: &str) -> Option<Level> {
    let (first, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match first.as_bytes() {
        // Ruby: `I, [2024-06-26T17:00:04.497736 #126554]  INFO -- : …`
        [b'A'..=b'Z', b','] if rest.starts_with('[') && rest.contains(']') => of_letter(&first[..1]),
        // CockroachDB's: `I240101 12:00:00.000000 1 file.go:1 …`
        [b'A'..=b'Z', digits @ ..]
            if digits.len() == 6 && digits.iter().all(u8::is_ascii_digit) && starts_with_digit(rest) =>
        {
            of_letter(&first[..1])
        }
        // Redis: `1:M 29 Aug 2023 13:47:38.984 * …`
        [b'0'..=b'9', .., b':', b'M' | b'S' | b'C' | b'X'] if starts_with_digit(rest) => {
            rest.split(' ').take(6).find_map(|mark| match mark {
                "." | "-" => Some(Level::Debug),
                "*" => Some(Level::Info),
                "#" => Some(Level::Warn),
                _ => None,
            })
        }
        _ => None,
    }
}

/// What stood before the next word, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Tab,
    Dash,
    Pipe,
    /// A word that ended in a colon, such as a program's name.
    Colon,
}

enum Step {
    On,
    Found(Level),
    End,
}

struct Walk<'a> {
    rest: &'a str,
    before: Before,
    /// Steps so far.
    words: usize,
    /// Words that belong to no preamble.
    sentence: usize,
    /// Words of the preamble, and how many of them stand right before the next word.
    preamble: usize,
    numbers: usize,
    /// The last word of the sentence looks like a name, and not like language.
    is_named: bool,
    /// No space stands before the next word.
    is_glued: bool,
}

impl Walk<'_> {
    fn step(&mut self) -> Step {
        let spaces = self.rest.len() - self.rest.trim_start().len();
        self.is_glued = spaces == 0;
        if self.rest[..spaces].contains('\t') {
            self.before = Before::Tab;
        }
        self.rest = &self.rest[spaces..];
        self.words += 1;
        match self.rest.as_bytes() {
            [] | [b'"' | b'\'' | b'`', ..] => Step::End,
            [b'|', ..] => self.skip(1, Before::Pipe),
            [b'[', ..] => self.group(']', bracketed),
            [b'(', ..] => self.group(')', of_letter),
            [b'<', ..] => self.group('>', of_name),
            _ => self.word(),
        }
    }

    fn skip(&mut self, bytes: usize, before: Before) -> Step {
        self.rest = &self.rest[bytes..];
        self.before = before;
        Step::On
    }

    /// What stands in brackets; one word of a sentence, such as a program's name, can precede it.
    fn group(&mut self, close: char, level: impl FnOnce(&str) -> Option<Level>) -> Step {
        let Some((content, rest)) = self.rest[1..].split_once(close) else { return Step::End };
        let is_glued = self.is_glued && close == ']';
        self.rest = rest;
        // `nsd[632]: error: …`, unbound's `unbound[296:0] error: …`
        self.before = if self.sentence == 1 && is_glued { Before::Colon } else { Before::Nothing };
        if content.starts_with(|c: char| c.is_ascii_digit()) && self.sentence == 0 {
            self.preamble += 2;
            self.numbers += 2;
        }
        match level(content.trim()) {
            Some(level) if self.sentence <= 1 => Step::Found(level),
            _ => Step::On,
        }
    }

    fn word(&mut self) -> Step {
        let end = self.rest.find(|c: char| c.is_whitespace() || matches!(c, '|' | '[')).unwrap_or(self.rest.len());
        let whole = self.rest;
        let (word, rest) = whole.split_at(end);
        self.rest = rest;
        let before = std::mem::replace(&mut self.before, Before::Nothing);
        // Logback's own: `|-WARN in a.b.C - text`.
        let word = word.strip_prefix('-').filter(|_| before == Before::Pipe).unwrap_or(word);
        if !word.contains(char::is_alphanumeric) {
            self.before = match word {
                "-" => Before::Dash,
                ":" => before,
                _ => Before::Nothing,
            };
            return Step::On;
        }
        // Behind a time, or behind who speaks where a time stands before that.
        // Other names of levels are words, too: `GitHub ALERT received`.
        let is_usual = || {
            ["DEBUG", "INFO", "WARN", "WARNI", "WARNING", "ERROR", "CRITI", "CRITICAL", "TRACE"]
                .contains(&word.split(':').next().unwrap_or_default())
        };
        let is_behind_header = (self.sentence == 1 && self.numbers >= 2
            || self.is_named && self.preamble >= 2 && self.sentence <= 2)
            && is_usual()
            && !rest.trim().is_empty();
        let may_be_header = self.sentence == 0 || before == Before::Colon || is_behind_header;
        // `Handshake failure: error:0A000126` is a sentence, and `Caused by: java.io.IOException` is an error.
        let is_far = self.sentence > 1 && !is_behind_header;
        let found = match word.split_once(':') {
            Some((name, more)) if may_be_header => {
                let found = self.before_colon(name, more).filter(|_| !is_far || is_exception(name));
                // What follows the colon at once is the message's or a name.
                if found.is_some() && of_name(name).is_some() {
                    self.rest = &whole[name.len() + 1..];
                }
                found
            }
            None if (may_be_header || before == Before::Pipe && self.sentence == 0) && is_upper(word) => {
                of_header_name(word)
            }
            None if self.is_enclosed(before) => of_name(word),
            None if self.numbers > 0 && self.sentence == 0 && is_lettered_column(word, rest) => {
                if word == "N" {
                    Some(Level::Info)
                } else {
                    of_letter(word)
                }
            }
            None if self.numbers > 1 && self.sentence == 0 && rest.trim_start().starts_with(": ") => of_name(word),
            _ => None,
        };
        if let Some(level) = found {
            return Step::Found(level);
        }
        if self.sentence == 0 && rest.is_empty() && self.words == 1 && is_exception(word) {
            return Step::Found(Level::Error);
        }
        if is_preamble(word, self.words) {
            self.preamble += 1;
            self.numbers += 1;
        } else {
            self.sentence += 1;
            self.numbers = 0;
            self.is_named = is_identifier(word) || rest.starts_with('[');
            self.before = if word.ends_with(':') { Before::Colon } else { Before::Nothing };
        }
        Step::On
    }

    /// `ERROR:`, `WARNING:root:`, `local.ERROR:`, `prisma:error`, `ValueError:`
    fn before_colon(&self, name: &str, more: &str) -> Option<Level> {
        let dotted = || name.rsplit_once('.').map(|(_, name)| name).filter(|name| is_upper(name));
        let namespaced = || Some(more).filter(|_| self.words == 1 && !name.contains('/'));
        of_name(name)
            .or_else(|| of_header_name(name).filter(|_| is_upper(name)))
            .or_else(|| is_exception(name).then(|| if name.ends_with("Warning") { Level::Warn } else { Level::Error }))
            .or_else(|| dotted().and_then(of_name))
            .or_else(|| namespaced().and_then(of_name))
    }

    /// Whether the word stood between two of the same: `| warn |`, ` - warn - `, tabs.
    fn is_enclosed(&self, before: Before) -> bool {
        let next = self.rest.trim_start_matches(' ');
        match before {
            Before::Pipe => next.starts_with('|'),
            Before::Dash => next.starts_with("- "),
            Before::Tab => next.starts_with('\t'),
            Before::Nothing | Before::Colon => false,
        }
    }

    /// The level that was found in this, unless another one stands right behind in the same form.
    fn unless_contradicted(mut self, level: Level, found: &str) -> Level {
        let next = self.rest.trim_start();
        let same_form = if found.starts_with('[') {
            next.starts_with('[')
        } else {
            is_upper(found) && next.split(' ').next().is_some_and(is_upper)
        };
        match self.step() {
            Step::Found(other) if same_form && other != level => Level::Unknown,
            _ => level,
        }
    }
}

/// etcd's before 3.4: `C | etcdmain: text`.
fn is_lettered_column(word: &str, rest: &str) -> bool {
    word.len() == 1 && rest.starts_with(" | ")
}

/// Whether the word is one that programs make, and no language has: `app.db`, `MainThread`, `vm-1`.
fn is_identifier(word: &str) -> bool {
    word.trim_end_matches([',', '.', ':']).bytes().skip(1).any(|byte| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() || matches!(byte, b'.' | b'_' | b'/' | b'[' | b':')
    })
}

/// `error`, `core:error`, `2024-01-01 00:00:00,123: WARNING/MainProcess`, `E 240101 12:00:00`
fn bracketed(content: &str) -> Option<Level> {
    let whole = match content {
        // MySQL's own two.
        "Note" | "System" => Some(Level::Info),
        _ => of_name(content).or_else(|| of_letter(content)),
    };
    let module = || content.split_once(':').and_then(|(_, name)| of_name(name));
    let lettered = || {
        let (letter, time) = content.split_once(' ')?;
        of_letter(letter).filter(|_| time.starts_with(|c: char| c.is_ascii_digit()))
    };
    let parts = || content.split([' ', ':', '/', ',', '|']).filter(|part| is_upper(part)).find_map(of_name);
    whole.or_else(module).or_else(lettered).or_else(parts)
}

/// The level that a name in capitals stands for at the head of a line.
fn of_header_name(name: &str) -> Option<Level> {
    // PostgreSQL's own.
    if name == "LOG" { Some(Level::Info) } else { of_name(name) }
}

fn is_upper(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether the word can stand before a level without being a sentence's: numbers and times, names
/// of days, months and zones.
pub(super) fn is_preamble(word: &str, words: usize) -> bool {
    const NAMES: [&str; 19] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed", "Thu",
        "Fri", "Sat", "Sun",
    ];
    let is_zone = || words > 1 && word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    word.trim_start_matches(['+', '-', '#']).starts_with(|c: char| c.is_ascii_digit())
        || NAMES.contains(&word.trim_end_matches(','))
        || is_zone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Level) {
        let found = failure(line).or_else(|| found(line).map(|(level, ..)| level));
        assert_eq!(found.unwrap_or_default(), expected, "{line:?}");
    }

    #[test]
    fn a_level_counts_where_levels_stand() {
        for (line, expected) in [
            ("", Level::Unknown),
            ("WARNING:root:disk low", Level::Warn),
            ("2026-11-21 01:30:04,592 - app.db - INFO - connected", Level::Info),
            ("2026-11-21 01:30:04 [info     ] request_finished", Level::Info),
            ("2026-11-21 01:30:04.1 | WARNING  | __main__:<module>:22 - hello", Level::Warn),
            ("[2026-11-21 01:30:08,484] ERROR in app: Exception on /boom [GET]", Level::Error),
            ("[2024-01-01T00:00:00,000][INFO ][o.e.n.Node] [x] started", Level::Info),
            ("[2024-01-01T00:00:00Z ERROR app] boom", Level::Error),
            ("[Tue Apr 04 06:28:08.605341 2017] [core:error] [pid 17962] AH00135", Level::Error),
            ("[Nest] 7  - 08/02/2023, 7:32:47 PM    WARN [Auth] x", Level::Warn),
            ("2024-01-01T00:00:00.000Z\tinfo\tserver/main.go:1\tup", Level::Info),
            ("INFO[0000] started", Level::Info),
            ("2024-01-01 00:00:00 [myid:] - WARN  [main:Quorum@1] - x", Level::Warn),
            ("app [ERROR] boom", Level::Error),
            ("nginx: warning: low", Level::Warn),
            ("[W 240101 12:00:00 web:1] 404", Level::Warn),
            ("I240101 12:00:00.000000 1 file.go:1 up", Level::Info),
            ("E, [2024-06-26T17:00:04.497736 #126554] boom", Level::Error),
            ("7:S 29 Aug 2023 13:47:38.984 - x", Level::Debug),
            ("npm:warn deprecated", Level::Warn),
            ("2023-01-01 00:00:00.000 UTC [1] LOG kernel limit", Level::Info),
            ("Caused by: java.io.IOException: x", Level::Error),
            ("KeyError", Level::Error),
            ("fatal error: all goroutines are asleep - deadlock!", Level::Fatal),
            ("thread 'main' (9340) panicked at src/main.rs:1:1:", Level::Error),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn a_word_of_a_sentence_a_path_or_a_quote_is_no_level() {
        for line in [
            "3 errors found",
            "no error",
            "an error: none of these",
            "we saw an ERROR in it",
            "found it [ERROR] twice",
            "\"error\": x",
            "'error' is a word",
            "/var/log/error: rotated",
            "https://error: x",
            "error handling is on",
            "2024-01-01 00:00:00 error handling is on",
            "[error handling] x",
            "[ERROR",
            "Log: x",
            "I, for one",
            "E0806 boom",
            "1:M up * and # running",
            "thread 'a' is not panicked",
            "ErrorBoundary: mounted",
            "terror: x",
            "a | error of | b",
        ] {
            check(line, Level::Unknown);
        }
    }

    #[test]
    fn two_levels_in_equally_good_places_are_none() {
        check("[info] [error] x", Level::Unknown);
        check("INFO ERROR x", Level::Unknown);
        check("[error] [error] x", Level::Error);
        check("[info] ERROR x", Level::Info);
        check("INFO [error] x", Level::Info);
        check("WARNING: ERROR x", Level::Warn);
    }
}
