//! The pass over a text: from hint to hint, with what each detector found between them.

use super::hint::{Found, Hint, Hit};
use super::{card, header, key, token, url, webhook};

/// A piece of the text that is to be masked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'k> {
    pub start: usize,
    pub end: usize,
    pub kind: &'k str,
    /// What stands on both sides of the mask: quotes where a bare JSON number was.
    pub wrap: &'static str,
}

/// The state of a pass.
pub(super) struct Scan<'t> {
    pub bytes: &'t [u8],
    /// No detector looks back past this: it is where the last mask ended.
    pub floor: usize,
    pub spans: Vec<Span<'static>>,
    /// The text looks like one JSON object or array.
    pub json: bool,
}

impl<'t> Scan<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, floor: 0, spans: Vec::new(), json: is_json(bytes) }
    }

    /// Every span, in no order.
    pub(super) fn run(mut self, mut hints: Found<'_>, has_at_sign: bool) -> Vec<Span<'static>> {
        let mut from = 0;
        while let Some(hit) = hints.at_or_after(self.bytes, from) {
            let count = self.spans.len();
            from = self.check(hit).max(hit.end);
            if self.spans.len() > count {
                self.floor = self.spans.last().map_or(0, |span| span.end);
                from = from.max(self.floor);
            }
        }
        if has_at_sign {
            url::find(&mut self);
        }
        card::find(&mut self);
        self.spans
    }

    /// Looks around a hint; the answer is where to go on.
    fn check(&mut self, hit: Hit) -> usize {
        match hit.hint {
            Hint::Pass | Hint::Pwd | Hint::Secret | Hint::Token | Hint::ApiKey | Hint::Identified => {
                key::check(self, hit)
            }
            Hint::Authorization => header::authorization(self, hit),
            Hint::Bearer => header::bearer(self, hit),
            Hint::Cookie => header::cookie(self, hit),
            Hint::PrivateKey => token::private_key(self, hit),
            Hint::Jwt => token::base64_object(self, hit.start),
            Hint::AzureKey => token::azure(self, hit),
            Hint::Webhook => webhook::check(self, hit),
            Hint::Vendor(back) => token::vendor(self, hit.start.saturating_sub(back).max(self.floor)),
        }
    }

    /// The byte at `at`, 0 past the end.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte before `at`, 0 at the beginning of what may be looked at.
    pub(super) fn before(&self, at: usize) -> u8 {
        if at > self.floor { self.bytes[at - 1] } else { 0 }
    }

    /// Adds a span and answers with its end.
    pub(super) fn mask(&mut self, start: usize, end: usize, kind: &'static str) -> usize {
        debug_assert!(start < end, "a span has bytes");
        self.spans.push(Span { start, end, kind, wrap: "" });
        end
    }

    /// The place after the spaces and tabs at `at`; 64 of them at most.
    pub(super) fn skip_spaces(&self, at: usize) -> usize {
        at + self.bytes[at.min(self.bytes.len())..]
            .iter()
            .take(64)
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count()
    }

    /// Whether the bytes at `at` are `text`, in any case.
    pub(super) fn at_fold(&self, at: usize, text: &str) -> bool {
        self.bytes.get(at..at + text.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// Whether a word may begin at `at`: no letter, digit or `_` stands before, unless it belongs
    /// to an escape such as `\n` or `\u0026`.
    pub(super) fn word_begins(&self, at: usize) -> bool {
        let before = self.before(at);
        !(before.is_ascii_alphanumeric() || before == b'_') || self.escape_before(at)
    }

    /// Whether an escape of a JSON string ends at `at`.
    pub(super) fn escape_before(&self, at: usize) -> bool {
        let back = |count: usize| at.checked_sub(count).filter(|at| *at >= self.floor).map_or(0, |at| self.bytes[at]);
        matches!(back(1), b'n' | b'r' | b't') && back(2) == b'\\'
            || back(6) == b'\\' && back(5) == b'u' && (1..=4).all(|count| back(count).is_ascii_hexdigit())
            || back(3) == b'%' && (1..=2).all(|count| back(count).is_ascii_hexdigit())
    }
}

/// Whether the text begins and ends like a JSON object, or an array of more than a word.
fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    match (bytes.first(), bytes.last()) {
        (Some(b'{'), Some(b'}')) => bytes[1..].trim_ascii_start().first() == Some(&b'"'),
        (Some(b'['), Some(b']')) => true,
        _ => false,
    }
}
