//! Work that is no request: from a message such as `[resume] completed repo=7 duration=1.23s` to
//! its name, its outcome and how long it took.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::draft::Outcome;
use super::duration;

/// What a message says of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation<'a> {
    /// As it was written; empty where nothing names it.
    pub name: &'a str,
    pub outcome: Outcome,
    pub ms: Option<f64>,
}

/// The operation that the message tells of.
pub(super) fn of_message(message: &str) -> Option<Operation<'_>> {
    let message = message.split('\n').next().unwrap_or_default().trim_start();
    // Longer than a sentence, and it is about something else.
    let message = &message[..message.floor_char_boundary(1024)];
    match tag(message) {
        Some((name, rest)) => tagged(name, rest),
        None => sentence(message),
    }
}

/// `[resume] started …`
fn tag(message: &str) -> Option<(&str, &str)> {
    let (name, rest) = message.strip_prefix('[')?.split_once("] ")?;
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b' '));
    // `[Errno 98]` and `[app.py:12]` name no work.
    let mut separator = false;
    let is_number = |byte: u8| {
        let follows = separator && (byte.is_ascii_digit() || byte == b' ');
        separator = matches!(byte, b' ' | b':');
        follows
    };
    let is_name = is_name && !name.bytes().any(is_number);
    is_name.then_some((name, rest.trim_start()))
}

fn tagged<'a>(name: &'a str, rest: &'a str) -> Option<Operation<'a>> {
    let word = rest.split([' ', ':', ',']).next()?;
    let ms = duration_in(rest);
    let outcome = match verb(word) {
        Some(outcome) => outcome,
        // Without a verb, only what took time was done.
        None if ms.is_some() => sentence_outcome(rest),
        None => return None,
    };
    Some(Operation { name, outcome, ms: ms.filter(|_| outcome != Outcome::Started) })
}

/// `cache warmed in 180ms`, `Import finished in 3.0s`, `job completed took=1.2s`
fn sentence(message: &str) -> Option<Operation<'_>> {
    let ms = duration_in(message)?;
    let end =
        ["in ", "took", "elapsed", "duration", "after "].iter().filter_map(|key| find_word(message, key)).min()?;
    let before = message[..end].trim_end_matches([' ', ':', ',', '-', '(']);
    let is_verb =
        |word: &str| verb(word.trim_end_matches([',', ':', '.'])).is_some_and(|outcome| outcome != Outcome::Started);
    // The name stands before the verb.
    let mut at = 0;
    let found = before.split(' ').find_map(|word| {
        let start = at;
        at += word.len() + 1;
        is_verb(word).then(|| (start, verb(word.trim_end_matches([',', ':', '.'])).unwrap_or(Outcome::Success)))
    });
    let (name, outcome) =
        found.map_or((before, sentence_outcome(before)), |(start, outcome)| (&before[..start], outcome));
    Some(Operation { name: short_name(name), outcome, ms: Some(ms) })
}

/// The name as it is counted: in lower case.
pub(super) fn named(name: &str) -> std::borrow::Cow<'_, str> {
    if name.chars().any(char::is_uppercase) { name.to_lowercase().into() } else { name.into() }
}

/// At most five words without digits; else it is no name.
pub(super) fn short_name(text: &str) -> &str {
    let text = text
        .trim_matches([' ', ':', ',', '.', '-', '!', '…', '"', '\'', '✓', '✔', '✗', '✘', '✖', '○', '●', '»', '*', '>']);
    let words = text.split(' ').count();
    let is_name = text.contains(char::is_alphabetic)
        && words <= 5
        && text.len() <= 64
        && !text.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'=' | b'{' | b'"' | b'[' | b'|'));
    if is_name { text } else { "" }
}

/// The name that a message gives to work of which other fields tell: without the verb that it ends
/// with; a verb alone is no name.
pub(super) fn name_of(message: &str) -> &str {
    let message = message.split('\n').next().unwrap_or_default().trim();
    let is_verb = |word: &str| verb(word.trim_matches([',', ':', '.', '!'])).is_some();
    match message.rsplit_once(' ') {
        Some((name, word)) if is_verb(word) => short_name(name),
        None if is_verb(message) => "",
        _ => short_name(message),
    }
}

/// Whether a short message ends with a word for failure.
pub(super) fn says_failure(message: &str) -> bool {
    message.len() <= 200 && message.rsplit(' ').next().and_then(verb) == Some(Outcome::Failure)
}

fn sentence_outcome(text: &str) -> Outcome {
    let is_failure = text.split([' ', ',', ':']).any(|word| verb(word) == Some(Outcome::Failure));
    if is_failure { Outcome::Failure } else { Outcome::Success }
}

/// What the word says of an operation.
pub(super) fn verb(word: &str) -> Option<Outcome> {
    let mut buffer = [0; 12];
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"start" | b"started" | b"starting" | b"begin" | b"began" | b"beginning" => Outcome::Started,
        b"complete" | b"completed" | b"finish" | b"finished" | b"succeeded" | b"success" | b"done" | b"ended" => {
            Outcome::Success
        }
        b"fail" | b"failed" | b"failure" | b"aborted" | b"crashed" | b"error" | b"errored" => Outcome::Failure,
        _ => return None,
    })
}

/// The place of a word that stands alone, followed by what the key ends with.
fn find_word(text: &str, key: &str) -> Option<usize> {
    let finder = memchr::memmem::find_iter(text.as_bytes(), key.as_bytes());
    let stands_alone = |at: &usize| {
        let before = text.as_bytes().get(at.wrapping_sub(1));
        let after = text.as_bytes().get(at + key.len());
        before.is_none_or(|byte| matches!(byte, b' ' | b'(' | b',' | b'|' | b'[' | b'\t'))
            && (key.ends_with(' ') || after.is_none_or(|byte| matches!(byte, b' ' | b'=' | b':' | b'_')))
    };
    finder.into_iter().find(stands_alone)
}

/// How long it took, by the words: `duration=1.23s`, `took 3 seconds`, `in 180ms`, `elapsed: 1s`.
/// What is said of a time to come, `retry in 5s`, is none.
fn duration_in(text: &str) -> Option<f64> {
    for key in ["duration", "took", "elapsed"] {
        let Some(at) = find_word(text, key) else { continue };
        let rest = &text[at + key.len()..];
        // `duration_ms=7.8`: the name says the unit.
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with(['=', ':']) {
            let name = &text[at..at + key.len() + end];
            let value = rest[end + 1..].trim_start();
            let len = value.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(value.len());
            if let Some(duration::Named::In(unit)) = duration::named(name) {
                return duration::milliseconds(&value[..len], unit);
            }
            return None;
        }
        let value = rest.trim_start_matches(['=', ':', ' ']);
        if value.len() < rest.len()
            && let Some((ms, _)) = duration::leading(value)
        {
            return Some(ms);
        }
    }
    // `in 5m` alone may be the future; behind a verb it is the past.
    let at = find_word(text, "in ")?;
    let (ms, _) = duration::leading(&text[at + 3..])?;
    let word = text[..at].trim_end().rsplit(' ').next().unwrap_or_default();
    if text[..at].split(' ').any(is_coming) {
        return None;
    }
    let is_past = verb(word).is_some_and(|outcome| outcome != Outcome::Started) || word.ends_with("ed");
    is_past.then_some(ms).filter(|_| at > 0)
}

/// Words of what has not happened.
fn is_coming(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    [
        "retry",
        "retrying",
        "expires",
        "expire",
        "will",
        "again",
        "scheduled",
        "restart",
        "restarting",
        "next",
        "timeout",
        "due",
        "reconnecting",
        "reconnect",
        "sleeping",
        "waiting",
        "wait",
        "trying",
        "delayed",
    ]
    .iter()
    .any(|coming| word.eq_ignore_ascii_case(coming))
}

/// A message that tells of an operation has one of these, or a tag.
static HINTS: LazyLock<[Finder<'static>; 4]> =
    LazyLock::new(|| [" in ", "took", "elapsed", "duration"].map(Finder::new));

/// Whether a message can tell of an operation at all: most cannot, and are not looked at closely.
pub(super) fn may_be(message: &str) -> bool {
    let bytes = message.as_bytes();
    bytes.first() == Some(&b'[') || HINTS.iter().any(|hint| hint.find(bytes).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: Option<(&str, Outcome, Option<f64>)>) {
        let found = if may_be(message) { of_message(message) } else { None };
        assert_eq!(found.map(|o| (o.name, o.outcome, o.ms)), expected, "{message}");
    }

    #[test]
    fn work_that_was_done_is_told_from_what_only_sounds_so() {
        use Outcome::{Failure, Started, Success};
        check("[resume] started repo=241 trigger=cron", Some(("resume", Started, None)));
        check("[resume] starting", Some(("resume", Started, None)));
        check("[resume] completed repo=7 duration=1.23s", Some(("resume", Success, Some(1230.0))));
        check("[resume] failed repo=7 duration=0.5s error=x", Some(("resume", Failure, Some(500.0))));
        check("[sync] took 3 seconds", Some(("sync", Success, Some(3000.0))));
        check("job completed in 180ms", Some(("job", Success, Some(180.0))));
        check("Import of users finished in 3.0s", Some(("Import of users", Success, Some(3000.0))));
        check("cache warmed elapsed=3.0s", Some(("cache warmed", Success, Some(3000.0))));
        check("invoice rendered, took 12 ms", Some(("invoice rendered", Success, Some(12.0))));
        check("backup failed after 3s duration=3s", Some(("backup", Failure, Some(3000.0))));
        check("17 images resized in 1.5s", Some(("", Success, Some(1500.0))));
        check("✓ Compiled in 1.5s", Some(("Compiled", Success, Some(1500.0))));
        check("step done duration_ms=7.8", Some(("step", Success, Some(7.8))));
        for none in [
            "retention duration=15d",
            "timeout set to 30s",
            "done duration=12",
            "he took over leadership",
            "in 3 seconds we will retry",
            "session expires in 5m",
            "retrying in 5s",
            "Ready in 5s",
            "[main] listening on port 80",
            "[info] all is well",
            "listening in background",
            "error_count=0 ok=17 took=12",
        ] {
            check(none, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_message_is_read_without_a_panic(message in "\\PC{0,60}|(\\[|\\]|in|took|duration|elapsed|=|:| |ms|s|[0-9.é]){0,14}") {
            let _ = of_message(&message);
        }
    }
}
