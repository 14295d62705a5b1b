//! The fixed texts without which no detector can match, and the search that finds them.

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};

/// What a hint may be the beginning or the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// `pass`, of password, passwd, passphrase, passcode or pass.
    Pass,
    /// `pwd`.
    Pwd,
    /// `ecret`, of secret.
    Secret,
    /// `oken`, of token.
    Token,
    /// `pi_k` and the like, of api_key.
    ApiKey,
    /// `DENTIFIED BY` of SQL.
    Identified,
    /// `uthoriz`, of authorization.
    Authorization,
    /// `earer `, of Bearer.
    Bearer,
    /// `ookie`, of cookie.
    Cookie,
    /// `PRIVATE KEY` in the first line of a PEM block.
    PrivateKey,
    /// `eyJ`, of a JSON object in base64.
    Jwt,
    /// `ccountKey` and `dAccessKey`, of Azure's connection strings.
    AzureKey,
    /// `/bot`, `webhooks/` and `services/T`, of addresses that are secrets.
    Webhook,
    /// The prefix of a vendor's token, or what stands this many bytes after its beginning.
    Vendor(usize),
}

/// Each text in the cases that are written, without the letter whose case varies most. Only four
/// bytes or more, and fewer than 64: the packed search then drops most places at once.
const LONG: &[(&str, Hint)] = &[
    ("pass", Hint::Pass),
    ("Pass", Hint::Pass),
    ("PASS", Hint::Pass),
    ("ecret", Hint::Secret),
    ("ECRET", Hint::Secret),
    ("oken", Hint::Token),
    ("OKEN", Hint::Token),
    ("pi_k", Hint::ApiKey),
    ("pi-k", Hint::ApiKey),
    ("pi k", Hint::ApiKey),
    ("pi-K", Hint::ApiKey),
    ("piKe", Hint::ApiKey),
    ("pike", Hint::ApiKey),
    ("PI_K", Hint::ApiKey),
    ("PI-K", Hint::ApiKey),
    ("PI K", Hint::ApiKey),
    ("PI k", Hint::ApiKey),
    ("PIKE", Hint::ApiKey),
    ("PIKe", Hint::ApiKey),
    ("DENTIFIED BY", Hint::Identified),
    ("uthoriza", Hint::Authorization),
    ("UTHORIZA", Hint::Authorization),
    ("earer ", Hint::Bearer),
    ("ookie", Hint::Cookie),
    ("OOKIE", Hint::Cookie),
    ("PRIVATE KEY", Hint::PrivateKey),
    ("AKIA", Hint::Vendor(0)),
    ("ASIA", Hint::Vendor(0)),
    ("ghp_", Hint::Vendor(0)),
    ("gho_", Hint::Vendor(0)),
    ("ghu_", Hint::Vendor(0)),
    ("ghs_", Hint::Vendor(0)),
    ("ghr_", Hint::Vendor(0)),
    ("github_pat_", Hint::Vendor(0)),
    ("glpat-", Hint::Vendor(0)),
    ("gldt-", Hint::Vendor(0)),
    ("glrt-", Hint::Vendor(0)),
    ("glptt-", Hint::Vendor(0)),
    ("xapp-", Hint::Vendor(0)),
    ("k_live_", Hint::Vendor(1)),
    ("k_test_", Hint::Vendor(1)),
    ("AIza", Hint::Vendor(0)),
    ("npm_", Hint::Vendor(0)),
    ("pypi-", Hint::Vendor(0)),
    ("_v1_", Hint::Vendor(3)),
    ("glsa_", Hint::Vendor(0)),
    ("glc_", Hint::Vendor(0)),
    ("hvs.", Hint::Vendor(0)),
    ("whsec_", Hint::Vendor(0)),
    ("dckr_pat_", Hint::Vendor(0)),
    ("tskey-", Hint::Vendor(0)),
    ("shpat_", Hint::Vendor(0)),
    ("ccountKey", Hint::AzureKey),
    ("dAccessKey", Hint::AzureKey),
    ("/bot", Hint::Webhook),
    ("webhooks/", Hint::Webhook),
    ("services/T", Hint::Webhook),
    // As JSON may escape them.
    ("webhooks\\/", Hint::Webhook),
    ("services\\/T", Hint::Webhook),
];

/// The shorter ones, which would cost the others that advantage.
const SHORT: &[(&str, Hint)] = &[
    ("pwd", Hint::Pwd),
    ("Pwd", Hint::Pwd),
    ("PWD", Hint::Pwd),
    ("eyJ", Hint::Jwt),
    ("xox", Hint::Vendor(0)),
    ("sk-", Hint::Vendor(0)),
    ("hf_", Hint::Vendor(0)),
    ("SG.", Hint::Vendor(0)),
];

/// The search for all hints.
#[derive(Debug)]
pub(super) struct Hints {
    searches: [Search; 2],
}

/// The hints of a text in their order.
#[derive(Debug)]
pub(super) struct Found<'h> {
    hints: &'h Hints,
    /// The next hit of each search. It is kept until the scan has passed it, which keeps a text
    /// of one search's hints linear in the other.
    next: [Option<Hit>; 2],
}

/// A hint and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub hint: Hint,
    pub start: usize,
    pub end: usize,
}

#[derive(Debug)]
enum Search {
    /// SIMD; about four times as fast.
    Packed(Searcher, &'static [(&'static str, Hint)]),
    /// Where the processor has no SIMD that the packed search knows.
    Automaton(Box<AhoCorasick>, &'static [(&'static str, Hint)]),
}

impl Hints {
    pub(super) fn new() -> Self {
        Self { searches: [Search::new(LONG), Search::new(SHORT)] }
    }

    /// The hints of `bytes`.
    pub(super) fn of(&self, bytes: &[u8]) -> Found<'_> {
        let [long, short] = &self.searches;
        Found { hints: self, next: [long.find(bytes, 0), short.find(bytes, 0)] }
    }
}

impl Found<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.next[0].is_none() && self.next[1].is_none()
    }

    /// The first hint at or after `from`, which never goes back.
    pub(super) fn at_or_after(&mut self, bytes: &[u8], from: usize) -> Option<Hit> {
        for (next, search) in self.next.iter_mut().zip(&self.hints.searches) {
            if next.is_some_and(|hit| hit.start < from) {
                *next = search.find(bytes, from);
            }
        }
        match self.next {
            [Some(long), Some(short)] => Some(if short.start < long.start { short } else { long }),
            [long, short] => long.or(short),
        }
    }
}

impl Search {
    fn new(hints: &'static [(&'static str, Hint)]) -> Self {
        let texts = hints.iter().map(|(text, _)| text);
        match packed::Config::new().builder().extend(texts.clone()).build() {
            Some(searcher) => Self::Packed(searcher, hints),
            None => Self::automaton(hints),
        }
    }

    fn automaton(hints: &'static [(&'static str, Hint)]) -> Self {
        let texts = hints.iter().map(|(text, _)| text);
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(texts);
        Self::Automaton(Box::new(automaton.expect("a few short texts fit the automaton")), hints)
    }

    fn find(&self, bytes: &[u8], from: usize) -> Option<Hit> {
        let (found, hints) = match self {
            Self::Packed(searcher, hints) => (searcher.find_in(bytes, (from..bytes.len()).into())?, hints),
            Self::Automaton(automaton, hints) => (automaton.find(Input::new(bytes).range(from..))?, hints),
        };
        let hint = hints[found.pattern().as_usize()].1;
        Some(Hit { hint, start: found.start(), end: found.end() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_searches_find_the_same() {
        let texts: Vec<_> = LONG.iter().chain(SHORT).map(|(text, _)| *text).collect();
        let text = texts.join(" x ");
        let text = text.as_bytes();
        for hints in [LONG, SHORT] {
            let (search, automaton) = (Search::new(hints), Search::automaton(hints));
            let mut from = 0;
            while let Some(hit) = automaton.find(text, from) {
                assert_eq!(search.find(text, from).map(|hit| (hit.start, hit.end)), Some((hit.start, hit.end)));
                from = hit.end;
            }
            assert!(search.find(text, from).is_none());
        }
    }

    #[test]
    fn the_long_ones_are_long() {
        assert!(LONG.len() <= 64 && LONG.iter().all(|(text, _)| text.len() >= 4));
    }
}
