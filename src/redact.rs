//! Masks the credentials that applications print into their logs: from a text to the same text
//! with `[redacted:KIND]` in the place of each.
//!
//! Most lines hold none, so a packed search for fixed hints (`pass`, `oken`, `eyJ`, `ghp_`, …)
//! decides whether anything else runs. Around each hint stand hand-written checks that look at a
//! bounded piece of text, or at one that they then mask, which keeps the whole linear. There is
//! deliberately no general entropy search: a git hash or a trace id is no secret.

mod ansi;
mod card;
mod header;
mod hint;
mod key;
mod scan;
#[cfg(test)]
mod tests;
mod token;
mod url;
mod value;
mod webhook;

use std::borrow::Cow;

use regex::Regex;
use thiserror::Error;

use self::ansi::Plain;
use self::hint::Hints;
use self::scan::{Scan, Span};
use crate::expression;

/// How every mask begins; a kind and `]` follow.
const MASK: &str = "[redacted:";

/// The most bytes of a rule's name.
const MAX_NAME_BYTES: usize = 32;

/// Finds and masks credentials. Building one compiles the rules; it is then shared by reference.
///
/// ```
/// use foghorn::redact::{Redactor, Rule};
///
/// let rule = Rule { name: "badge".into(), pattern: r"badge (?<secret>\d{6})".into() };
/// let redactor = Redactor::new(&[rule])?;
/// let masked = redactor.redact("badge 123456, DB_PASSWORD=hunter2").expect("two secrets");
/// assert_eq!(masked.text, "badge [redacted:badge], DB_PASSWORD=[redacted:password]");
/// assert_eq!(masked.masks, 2);
/// assert!(redactor.redact("password authentication failed for user \"app\"").is_none());
/// # Ok::<(), foghorn::redact::RedactError>(())
/// ```
#[derive(Debug)]
pub struct Redactor {
    hints: Hints,
    rules: Vec<CompiledRule>,
}

/// A user's own rule: what `pattern` matches is masked as `[redacted:NAME]`; when the pattern has
/// a group named `secret`, only that group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kind in the mask: 1 to 32 of `a-z`, `0-9`, `_` and `-`.
    pub name: String,
    /// A regular expression in the syntax of the regex crate. It must not match the empty text.
    pub pattern: String,
}

/// Why a rule is not accepted.
#[derive(Debug, Error)]
pub enum RedactError {
    /// The name would not make a readable mask.
    #[error("redaction rule {name:?}: a name is 1 to {MAX_NAME_BYTES} of a-z, 0-9, _ and -")]
    Name {
        /// The name as it was given.
        name: String,
    },
    /// The pattern does not compile.
    #[error("redaction rule {name}: pattern {pattern:?} is no regular expression: {problem}")]
    Pattern {
        /// The rule's name.
        name: String,
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The pattern, or its group `secret`, matches the empty text, so it would match everywhere.
    #[error("redaction rule {name}: pattern {pattern:?} matches the empty text; it must need at least one character")]
    Empty {
        /// The rule's name.
        name: String,
        /// The pattern as it was given.
        pattern: String,
    },
}

/// A text with its credentials masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text with the masks in it.
    pub text: String,
    /// How many masks were put in, at least 1.
    pub masks: usize,
}

#[derive(Debug)]
struct CompiledRule {
    name: String,
    regex: Regex,
    /// The index of the group `secret`; 0, the whole match, without one.
    group: usize,
}

impl Default for Redactor {
    fn default() -> Self {
        Self { hints: Hints::new(), rules: Vec::new() }
    }
}

impl Redactor {
    /// A redactor with the built-in detectors and these rules beside them.
    pub fn new(rules: &[Rule]) -> Result<Self, RedactError> {
        let rules = rules.iter().map(CompiledRule::new).collect::<Result<_, _>>()?;
        Ok(Self { hints: Hints::new(), rules })
    }

    /// The text with every credential masked; `None`, without an allocation, when it has none.
    pub fn redact(&self, text: &str) -> Option<Redacted> {
        // A mask can part what hid a second secret from its detector, so a masked text is looked
        // at again: it is rare, and redacting twice must change nothing. Not so a huge one, where
        // the time counts for more.
        const MAX_AGAIN_BYTES: usize = 128 * 1024;
        // As much as is looked at again in all: one mask can part the next, and so on.
        let mut budget: usize = 4 << 20;
        let mut spans: Vec<Span<'_>> = self.built_in(text);
        for rule in &self.rules {
            rule.spans(text, &mut spans);
        }
        let mut redacted = mask(text, spans)?;
        while redacted.text.len() <= MAX_AGAIN_BYTES.min(budget) {
            budget -= redacted.text.len();
            let Some(again) = mask(&redacted.text, self.built_in(&redacted.text)) else { break };
            redacted = Redacted { masks: redacted.masks + again.masks, ..again };
        }
        Some(redacted)
    }

    fn built_in(&self, text: &str) -> Vec<Span<'static>> {
        let bytes = text.as_bytes();
        let hints = self.hints.of(bytes);
        let has_at_sign = memchr::memchr(b'@', bytes).is_some();
        if hints.is_empty() && !has_at_sign {
            if !card::may_have(bytes) {
                return Vec::new();
            }
            let mut scan = Scan::new(bytes);
            card::find(&mut scan);
            return scan.spans;
        }
        match ansi::strip(bytes) {
            Plain::Same => Scan::new(bytes).run(hints, has_at_sign),
            Plain::Stripped(plain) => {
                let bytes = plain.bytes();
                let mut spans = Scan::new(bytes).run(self.hints.of(bytes), has_at_sign);
                for span in &mut spans {
                    (span.start, span.end) = plain.original(span.start, span.end);
                }
                spans
            }
        }
    }
}

impl CompiledRule {
    fn new(rule: &Rule) -> Result<Self, RedactError> {
        let Rule { name, pattern } = rule;
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(fits) {
            return Err(RedactError::Name { name: name.clone() });
        }
        let regex = expression::compile(pattern).map_err(|problem| RedactError::Pattern {
            name: name.clone(),
            pattern: pattern.clone(),
            problem,
        })?;
        if regex.is_match("") {
            return Err(RedactError::Empty { name: name.clone(), pattern: pattern.clone() });
        }
        let group = regex.capture_names().position(|group| group == Some("secret")).unwrap_or(0);
        Ok(Self { name: name.clone(), regex, group })
    }

    fn spans<'t>(&'t self, text: &str, spans: &mut Vec<Span<'t>>) {
        let mut push = |found: regex::Match<'_>| {
            if !found.is_empty() && !in_mask(text, found.start(), found.end()) {
                spans.push(Span { start: found.start(), end: found.end(), kind: &self.name, wrap: "" });
            }
        };
        if self.group == 0 {
            self.regex.find_iter(text).for_each(push);
        } else {
            self.regex.captures_iter(text).filter_map(|captures| captures.get(self.group)).for_each(&mut push);
        }
    }
}

/// Whether these bytes lie in a mask that an earlier pass put there.
fn in_mask(text: &str, start: usize, end: usize) -> bool {
    let from = start.saturating_sub(MASK.len() + MAX_NAME_BYTES);
    let to = (start + MASK.len()).min(text.len());
    let Some(begin) = memchr::memmem::rfind(&text.as_bytes()[from..to], MASK.as_bytes()) else { return false };
    let begin = from + begin;
    let close = memchr::memchr(b']', &text.as_bytes()[begin..]).map_or(0, |close| begin + close + 1);
    begin <= start && end <= close
}

/// The text with these spans masked, those that overlap as one; `None` when there are none.
fn mask(text: &str, mut spans: Vec<Span<'_>>) -> Option<Redacted> {
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    spans.dedup_by(|span, last| {
        let overlap = span.start < last.end;
        if overlap {
            last.end = last.end.max(span.end);
        }
        overlap
    });
    Some(assemble(text, &spans))
}

fn assemble(text: &str, spans: &[Span<'_>]) -> Redacted {
    let masked: usize = spans.iter().map(|span| span.end - span.start).sum();
    let masks: usize = spans.iter().map(|span| MASK.len() + span.kind.len() + 1 + 2 * span.wrap.len()).sum();
    let bytes = text.len() - masked + masks;
    // Only a rule that matches every character can come here: then one mask stands for them all.
    let one;
    let spans: Cow<'_, [Span<'_>]> = match (spans.first(), spans.last()) {
        (Some(first), Some(last)) if bytes > 4 * text.len() + 64 => {
            one = [Span { end: last.end, ..*first }];
            Cow::Borrowed(&one)
        }
        _ => Cow::Borrowed(spans),
    };
    let mut out = String::with_capacity(bytes.min(4 * text.len() + 64));
    let mut at = 0;
    for span in spans.iter() {
        out.push_str(&text[at..span.start]);
        for part in [span.wrap, MASK, span.kind, "]", span.wrap] {
            out.push_str(part);
        }
        at = span.end;
    }
    out.push_str(&text[at..]);
    Redacted { text: out, masks: spans.len() }
}
