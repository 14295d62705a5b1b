//! From an error's type, stack trace and message to the signature that groups it with others of
//! its kind.
//!
//! Errors are grouped by type and by the application's frames; without frames by type and message,
//! its variable parts masked; without a type by the masked message, and by similarity for what
//! masking leaves apart. A signature is a pure function of the error, so it is the same after a
//! restart and on another machine, with one exception: a message that joined a group by similarity
//! has the signature of the group's first. After a restart its group has another first message, and
//! so another signature, unless the groups were kept: [`Signatures::known`] and
//! [`Signatures::restore`]. A signature made of what a template has in common would not do better:
//! it would change when the template grows, and two templates that begin alike would exchange
//! theirs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::record::Signature;
use cluster::{Template, Word};
use frames::{Frame, Trace};

mod cluster;
mod frames;
pub mod mask;

/// The longest text of a group, in bytes.
pub const MAX_TEXT_BYTES: usize = 200;

/// What is read of a message, in bytes: enough for any that a person wrote.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// What is used of a masked message, in bytes.
const MAX_MASKED_BYTES: usize = 512;

/// Templates of one leaf that a message is compared with.
const MAX_COMPARED: usize = 64;

/// What a signature is made from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// `ValueError`, `java.lang.IllegalStateException`; none where the error says none.
    pub error_type: Option<&'a str>,
    /// The stack trace as it was written.
    pub stack: Option<&'a str>,
    /// The error's message, or the record's; may be empty.
    pub message: &'a str,
    /// What wrote the record. Tells messages without a type apart.
    pub logger: Option<&'a str>,
}

/// The group that an error belongs to.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its id, for as long as the group is known.
    pub signature: Signature,
    /// `ValueError in bad (shop/ce.py)`, or the message with its variable parts masked; at most
    /// [`MAX_TEXT_BYTES`], on one line. The text of a group of messages becomes more general as
    /// more of them come.
    pub text: Arc<str>,
    /// Whether this is the first error of the group, or the first since it was forgotten.
    pub is_new: bool,
}

/// A group to keep for after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub signature: Signature,
    /// As in [`Group`].
    pub text: String,
    /// Of a group of messages by similarity: what they have in common.
    pub template: Option<String>,
    /// The hash of such a group's logger.
    pub logger: u64,
}

/// The groups of one service's errors: at most so many, and the one that was not seen for the
/// longest time makes room. About 3 KB each at most.
///
/// ```
/// use foghorn::signature::{Evidence, Signatures};
/// let mut signatures = Signatures::new(1_000);
/// let stack = "Traceback (most recent call last):\n  File \"/app/ce.py\", line 6, in bad\n    bad()\nValueError: 7";
/// let mut of = |stack| signatures.of(&Evidence { error_type: Some("ValueError"), stack, message: "7", logger: None });
/// let first = of(Some(stack));
/// assert_eq!(&*first.text, "ValueError in bad (ce.py)");
/// let elsewhere = stack.replace("line 6", "line 9");
/// let again = of(Some(&elsewhere));
/// assert!(again.signature == first.signature && first.is_new && !again.is_new);
/// assert_eq!(&*of(None).text, "ValueError: <num>");
/// ```
#[derive(Debug)]
pub struct Signatures {
    max: usize,
    slots: Vec<Slot>,
    by_signature: HashMap<Signature, u32>,
    /// Masked messages that joined another's group.
    joined: HashMap<Signature, Signature>,
    /// Clusters by the leaf of the tree that they are in.
    leaves: HashMap<u64, Vec<u32>>,
    /// The slots used last and longest ago.
    newest: u32,
    oldest: u32,
    evicted: u64,
    masked: String,
    words: Vec<Word>,
}

#[derive(Debug)]
struct Slot {
    signature: Signature,
    text: Arc<str>,
    template: Option<Template>,
    newer: u32,
    older: u32,
}

const NONE: u32 = u32::MAX;

impl Signatures {
    /// No group yet, and never more than `max`, which is at least one.
    pub fn new(max: usize) -> Self {
        Self {
            max: max.clamp(1, NONE as usize - 1),
            slots: Vec::new(),
            by_signature: HashMap::new(),
            joined: HashMap::new(),
            leaves: HashMap::new(),
            newest: NONE,
            oldest: NONE,
            evicted: 0,
            masked: String::new(),
            words: Vec::new(),
        }
    }

    /// The group of an error.
    pub fn of(&mut self, evidence: &Evidence<'_>) -> Group {
        let error_type = evidence.error_type.map(str::trim).filter(|error_type| !error_type.is_empty());
        let trace = evidence.stack.map(Trace::of).unwrap_or_default();
        if let Some(nearest) = trace.frames().first() {
            let signature = self.of_frames(error_type.unwrap_or_default(), &trace);
            return self.group(signature, None, || frames_text(error_type.unwrap_or("error"), nearest));
        }
        self.mask(evidence.message);
        if error_type.is_none() && trace.library.is_none() {
            return self.of_message(evidence.logger);
        }
        let error_type = error_type.unwrap_or("error");
        let mut digest = Digest::new(b"type");
        digest.part(error_type.as_bytes());
        cluster::digest(&self.masked, &mut digest);
        if let Some(library) = &trace.library {
            let mut function = String::new();
            frames::write_function(library.function, &mut function);
            digest.part(function.as_bytes());
        }
        let masked = std::mem::take(&mut self.masked);
        let group = self.group(Signature(digest.end()), None, || match one_line(&masked) {
            line if line.is_empty() => error_type.to_owned(),
            line => format!("{error_type}: {line}"),
        });
        self.masked = masked;
        group
    }

    /// Groups that are known.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no error was seen yet.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Groups that made room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The groups to keep for after a restart, the one not seen for the longest time first.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            next = slot.newer;
            let template = slot.template.as_ref();
            Some(Known {
                signature: slot.signature,
                text: slot.text.to_string(),
                template: template.map(|template| template.text.clone()),
                logger: template.map_or(0, |template| template.logger),
            })
        })
    }

    /// Takes in a group of before the restart, in the order that [`known`](Self::known) gives them.
    pub fn restore(&mut self, known: Known) {
        let template = known.template.map(|text| {
            cluster::words(&text, &mut self.words);
            Template::new(known.logger, &text, &self.words)
        });
        self.group(known.signature, template, || known.text);
    }

    fn mask(&mut self, message: &str) {
        self.masked.clear();
        mask::mask_some(cut(message, MAX_MESSAGE_BYTES), MAX_MASKED_BYTES, &mut self.masked);
        self.masked.truncate(cut(&self.masked, MAX_MASKED_BYTES).len());
    }

    fn of_frames(&mut self, error_type: &str, trace: &Trace<'_>) -> Signature {
        let mut digest = Digest::new(b"frames");
        digest.part(error_type.as_bytes());
        let name = &mut self.masked;
        for frame in trace.frames() {
            name.clear();
            frames::write_function(frame.function, name);
            digest.part(name.as_bytes());
            name.clear();
            frames::write_file(frame.file, name);
            digest.part(name.as_bytes());
        }
        digest.part(trace.root_cause.unwrap_or_default().as_bytes());
        Signature(digest.end())
    }

    /// The group of a message without a type.
    fn of_message(&mut self, logger: Option<&str>) -> Group {
        let mut digest = Digest::new(b"logger");
        digest.part(logger.unwrap_or_default().as_bytes());
        let logger = digest.end();
        digest = Digest::new(b"message");
        digest.number(logger);
        cluster::digest(&self.masked, &mut digest);
        let first = Signature(digest.end());
        let known = |signature: &Signature| self.by_signature.get(signature).copied();
        if let Some(slot) = known(&first).or_else(|| known(self.joined.get(&first)?)) {
            return self.seen(slot);
        }
        cluster::words(&self.masked, &mut self.words);
        let leaf = self.leaves.get(&cluster::leaf(logger, &self.words)).map_or(&[][..], Vec::as_slice);
        let near = leaf.iter().rev().take(MAX_COMPARED).filter_map(|slot| {
            let template = self.slots[*slot as usize].template.as_ref()?;
            Some((template.distance(&self.words)?, *slot))
        });
        if let Some((_, slot)) = near.min_by(|(a, _), (b, _)| a.total_cmp(b)) {
            if self.joined.len() >= 4 * self.max {
                self.joined.clear();
            }
            let found = &mut self.slots[slot as usize];
            if let Some(template) = &mut found.template
                && template.generalise(&self.words)
            {
                found.text = limited(&template.text).into();
            }
            self.joined.insert(first, found.signature);
            return self.seen(slot);
        }
        let template = Template::new(logger, &self.masked, &self.words);
        let text = if template.text.is_empty() { "(no message)".to_owned() } else { template.text.clone() };
        self.group(first, Some(template), || text)
    }

    /// The group of a signature, which is new where it is not known.
    fn group(&mut self, signature: Signature, template: Option<Template>, text: impl FnOnce() -> String) -> Group {
        if let Some(slot) = self.by_signature.get(&signature) {
            return self.seen(*slot);
        }
        let leaf = template.as_ref().map(|template| template.leaf);
        let fresh = Slot { signature, text: limited(&text()).into(), template, newer: NONE, older: NONE };
        let text = fresh.text.clone();
        let slot = if self.slots.len() < self.max {
            self.slots.push(fresh);
            self.slots.len() as u32 - 1
        } else {
            let slot = self.oldest;
            self.forget(slot);
            self.slots[slot as usize] = fresh;
            slot
        };
        if let Some(leaf) = leaf {
            self.leaves.entry(leaf).or_default().push(slot);
        }
        self.by_signature.insert(signature, slot);
        self.link(slot);
        Group { signature, text, is_new: true }
    }

    fn seen(&mut self, slot: u32) -> Group {
        if self.newest != slot {
            self.unlink(slot);
            self.link(slot);
        }
        let slot = &self.slots[slot as usize];
        Group { signature: slot.signature, text: slot.text.clone(), is_new: false }
    }

    fn forget(&mut self, slot: u32) {
        self.unlink(slot);
        let old = &self.slots[slot as usize];
        self.by_signature.remove(&old.signature);
        if let Some(template) = &old.template
            && let Some(leaf) = self.leaves.get_mut(&template.leaf)
        {
            leaf.retain(|other| *other != slot);
            if leaf.is_empty() {
                self.leaves.remove(&template.leaf);
            }
        }
        self.evicted += 1;
    }

    fn link(&mut self, slot: u32) {
        let older = std::mem::replace(&mut self.newest, slot);
        let linked = &mut self.slots[slot as usize];
        (linked.newer, linked.older) = (NONE, older);
        match self.slots.get_mut(older as usize) {
            Some(older) => older.newer = slot,
            None => self.oldest = slot,
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Slot { newer, older, .. } = self.slots[slot as usize];
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
    }
}

fn frames_text(error_type: &str, frame: &Frame<'_>) -> String {
    let mut text = format!("{error_type} in ");
    frames::write_function(frames::short_function(frame.function, frame.file), &mut text);
    if !frame.file.is_empty() {
        text.push_str(" (");
        frames::write_file(frame.file, &mut text);
        text.push(')');
    }
    text
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in text.split_ascii_whitespace() {
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(part);
    }
    line
}

/// At most [`MAX_TEXT_BYTES`] of a text; what was cut ends with `…`.
fn limited(text: &str) -> String {
    const MORE: &str = "…";
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    format!("{}{MORE}", cut(text, MAX_TEXT_BYTES - MORE.len()))
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// A hash that stays what it is: signatures outlive the process, and the standard library's hasher
/// may change. Eight bytes at a time, multiplied and folded as wyhash does.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Digest {
    /// For one purpose, so that equal parts of different ones are not equal.
    fn new(purpose: &[u8]) -> Self {
        let mut digest = Self::default();
        digest.part(purpose);
        digest
    }

    fn part(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        self.0 ^= (bytes.len() as u64).rotate_left(48);
        words.iter().for_each(|word| self.number(u64::from_le_bytes(*word)));
        if !rest.is_empty() || words.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.number(u64::from_le_bytes(last));
        }
    }

    fn number(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0xa076_1d64_78bd_642f;
        self.0 = (product as u64 ^ (product >> 64) as u64).wrapping_add(0xe703_7ed1_a0b4_28db);
    }

    fn end(self) -> u64 {
        let product = u128::from(self.0) * 0x8ebc_6af0_9c88_c6e3;
        product as u64 ^ (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(message: &str) -> Evidence<'_> {
        Evidence { message, ..Evidence::default() }
    }

    fn error<'a>(error_type: &'a str, message: &'a str, stack: &'a str) -> Evidence<'a> {
        Evidence { error_type: Some(error_type), stack: Some(stack), message, logger: None }
    }

    /// The part of a sample from a mark on.
    fn from<'a>(sample: &'a str, mark: &str) -> &'a str {
        &sample[sample.find(mark).expect("the sample has its mark")..]
    }

    #[track_caller]
    fn check_text(evidence: &Evidence<'_>, expected: &str) {
        assert_eq!(&*Signatures::new(9).of(evidence).text, expected);
    }

    #[test]
    fn texts_of_real_stacks() {
        const FLASK: &str = include_str!("../tests/corpus/samples/flask-3.1-werkzeug.stderr.log");
        const UVICORN: &str = include_str!("../tests/corpus/samples/uvicorn-0.54.stderr.log");
        const CELERY: &str = include_str!("../tests/corpus/samples/celery-5.7.stderr.log");
        const NEXT: &str = include_str!("../tests/corpus/samples/next-16.4-start.stderr.log");
        const NODE: &str = include_str!("../tests/corpus/samples/node-pino-winston-bunyan-morgan.log");
        let traceback = "Traceback (most";
        for (error_type, stack, expected) in [
            ("ValueError", from(FLASK, traceback), "ValueError in boom (fl.py)"),
            ("ValueError", from(UVICORN, traceback), "ValueError in boom (fa.py)"),
            ("ValueError", from(CELERY, traceback), "ValueError in bad (ce.py)"),
            (
                "KeyError",
                "Traceback (most recent call last):\n  File \"/app/py1.py\", line 6, in <module>\nKeyError: 'k'",
                "KeyError in <module> (py1.py)",
            ),
            ("TypeError", from(NODE, "TypeError: Cannot"), "TypeError in <anonymous> (n/a.js)"),
            ("Error", from(NODE, "Error: unhandled"), "Error in Timeout._onTimeout (n/a.js)"),
            ("Error", NEXT, "Error in <unknown> (ssr/[root-of-the-server]__._.js)"),
            ("panic", include_str!("../tests/corpus/samples/rust-panic.log"), "panic in rs::main (src/main.rs)"),
            ("Error", include_str!("../tests/corpus/samples/rust-anyhow.log"), "Error in rs::main (src/main.rs)"),
            (
                "java.lang.IllegalStateException",
                from(include_str!("../tests/corpus/samples/java17-jul-uncaught.stderr.log"), "java.lang.Ill"),
                "java.lang.IllegalStateException in M.f (M.java)",
            ),
        ] {
            check_text(&error(error_type, "x", stack), expected);
        }
    }

    #[test]
    fn texts_without_frames() {
        let library = "Traceback (most recent call last):\n  File \"/x/site-packages/a.py\", line 6, in get\nT: x";
        check_text(&error("T", "id 5\n in  7", library), "T: id <num> in <num>");
        check_text(&error("T", "", "no frames"), "T");
        check_text(&Evidence { error_type: Some("T"), message: "at 5", ..Evidence::default() }, "T: at <num>");
        check_text(&message("user 5 is gone"), "user <num> is gone");
        check_text(&message(""), "(no message)");
        let long = Signatures::new(1).of(&message(&"é a".repeat(200))).text;
        assert!(long.len() <= MAX_TEXT_BYTES && long.ends_with('…'), "{long}");
    }

    /// The same error has these for ever: what was kept of earlier ones refers to them.
    #[test]
    fn signatures_stay() {
        let stack =
            "Traceback (most recent call last):\n  File \"/app/ce.py\", line 6, in bad\n    bad()\nValueError: 7";
        let mut signatures = Signatures::new(9);
        let seen = [
            signatures.of(&error("ValueError", "7", stack)),
            signatures.of(&Evidence { stack: None, ..error("ValueError", "7", stack) }),
            signatures.of(&message("user 7 is gone")),
        ];
        let seen = seen.map(|group| group.signature.to_string());
        assert_eq!(seen, ["095f31428ab6b96a", "2c445c7ba8e007ce", "a595f3ed6d763e61"]);
    }

    fn same(a: &Evidence<'_>, b: &Evidence<'_>) -> bool {
        // In services of their own, so nothing is brought together by similarity.
        Signatures::new(9).of(a).signature == Signatures::new(9).of(b).signature
    }

    #[test]
    fn what_tells_errors_apart() {
        let at = |function: &str, file: &str, place: &str| {
            format!("Error: x\n    at {function} (/app/{file}:{place})\n    at f (/app/node_modules/f.js:1:{place})\n")
        };
        let stack = at("pay", "cart.js", "3:4");
        let first = error("Error", "x", &stack);
        for (function, file, place, message, error_type, expected) in [
            ("pay", "cart.js", "99:1", "something else", "Error", true),
            ("pay", "cart.js", "3:4", "x", "TypeError", false),
            ("buy", "cart.js", "3:4", "x", "Error", false),
            ("pay", "shop.js", "3:4", "x", "Error", false),
        ] {
            let stack = at(function, file, place);
            assert_eq!(same(&first, &error(error_type, message, &stack)), expected, "{function} {file} {error_type}");
        }
        let (a, b) = (".next/server/chunks/[root-of-the-server]__1o7e1r45mcnr3._.js:1:2", "/app/chunk-ABC123.js:1:2");
        for (stack, other) in
            [(a, ".next/server/chunks/[root-of-the-server]__02d51zqkedam8._.js:9:9"), (b, "/app/chunk-XYZ789.js:7:1")]
        {
            let (stack, other) = (format!("E: x\n    at P ({stack})"), format!("E: x\n    at P ({other})"));
            assert!(same(&error("E", "x", &stack), &error("E", "x", &other)), "{other}");
        }
        // The root cause's type.
        let caused = |cause: &str| format!("A: x\n\tat M.f(M.java:2)\nCaused by: {cause}: y\n\tat N.g(N.java:2)\n");
        assert!(!same(&error("A", "x", &caused("java.io.IOException")), &error("A", "x", &caused("b.C"))));
        // Library frames only: the message counts.
        let library = |line: u32| {
            format!("Traceback (most recent call last):\n  File \"/x/site-packages/a.py\", line {line}, in get\nT: x")
        };
        assert!(same(&error("T", "id 5", &library(1)), &error("T", "id 6", &library(2))));
        assert!(!same(&error("T", "id 5", &library(1)), &error("T", "user 5", &library(1))));
        // Who logged a message.
        let logger = |logger| Evidence { logger: Some(logger), ..message("failed") };
        assert!(!same(&logger("app.db"), &logger("app.mail")));
        // The id of digits alone.
        assert!(same(&message("job 7f3a91c4 died"), &message("job 12345678 died")));
    }

    #[test]
    fn far_callers_do_not_matter() {
        let stack = |caller: &str| {
            let near = (0..5).map(|n| format!("    at step{n} (/app/a.js:1:{n})\n")).collect::<Vec<_>>().concat();
            format!("Error: x\n{near}    at {caller} (/app/routes.js:1:1)\n")
        };
        assert!(same(&error("Error", "x", &stack("orders")), &error("Error", "x", &stack("users"))));
    }

    #[test]
    fn similar_messages_join() {
        let mut signatures = Signatures::new(9);
        let mut of = |text: &str| signatures.of(&message(text));
        let first = of("could not send mail to customer alice today");
        let second = of("could not send mail to customer bob today");
        assert!(first.is_new && !second.is_new);
        assert_eq!(second.signature, first.signature);
        assert_eq!(&*second.text, "could not send mail to customer <*> today");
        assert_eq!(of("could not send mail to customer alice today").signature, first.signature);
        for other in [
            "could not read file of customer alice today",
            "connect ECONNREFUSED 10.0.0.1",
            "connect ETIMEDOUT 10.0.0.1",
            "pod web was evicted: memory",
            "pod web was evicted: disk",
            "task failed",
            "mail failed",
        ] {
            assert!(of(other).is_new, "{other}");
        }
    }

    #[test]
    fn a_restart_keeps_what_was_known() {
        let mut before = Signatures::new(9);
        let first = before.of(&message("table orders_archive is locked")).signature;
        before.of(&message("table user_sessions is locked"));
        before.of(&error("E", "x", "E: x\n    at f (/app/a.js:1:1)"));
        let mut after = Signatures::new(9);
        before.known().for_each(|known| after.restore(known));
        let group = after.of(&message("table cart_items is locked"));
        assert_eq!((group.signature, group.is_new), (first, false));
        assert!(!after.of(&error("E", "x", "E: x\n    at f (/app/a.js:9:1)")).is_new);
        assert_eq!(before.known().map(|known| known.text).next().as_deref(), Some("table <*> is locked"));
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let mut signatures = Signatures::new(2);
        let mut of = |text: &str| signatures.of(&message(text)).is_new;
        assert!(of("alpha") && of("beta") && !of("alpha"));
        assert!(of("gamma"), "beta makes room");
        assert!(!of("alpha") && of("beta"));
        assert_eq!((signatures.len(), signatures.evicted()), (2, 2));
    }

    #[test]
    fn signature_as_text() {
        for text in ["0123456789abcdef", "ffffffffffffffff"] {
            assert_eq!(text.parse::<Signature>().expect("a signature").to_string(), text);
        }
        for text in ["", "0123456789ABCDEF", "+123456789abcdef", "0123456789abcdef0"] {
            assert!(text.parse::<Signature>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_more_than_max(max in 1_usize..8, texts in prop::collection::vec("[a-d]{1,2} [a-z]{1,3} [0-9]{0,2}", 0..80)) {
            let mut signatures = Signatures::new(max);
            for text in &texts {
                let group = signatures.of(&message(text));
                prop_assert!(signatures.len() <= max);
                let again = signatures.of(&message(text));
                prop_assert!(!again.is_new && again.signature == group.signature);
            }
            let kept: usize = signatures.leaves.values().map(Vec::len).sum();
            prop_assert_eq!(kept, signatures.len());
            prop_assert_eq!(signatures.known().count(), signatures.len());
            prop_assert!(signatures.joined.len() <= 4 * max);
        }

        #[test]
        fn numbers_and_lines_do_not_matter(a in any::<u64>(), b in any::<u64>(), typed: bool, framed: bool) {
            let texts = [a, b].map(|n| {
                let uuid = format!("{:08x}-{:04x}-4{:03x}-8000-{:012x}", n as u32, n as u16, n & 0xfff, n & 0xffff_ffff);
                (
                    format!("job {uuid} failed after {n}ms, retry={}", n % 7),
                    format!("E: x\n    at f (/app/a.js:{}:{})\n    at node:x:{}", n % 99, n % 9, n % 5),
                )
            });
            let [a, b] = texts.each_ref().map(|(message, stack)| Evidence {
                error_type: typed.then_some("E"),
                stack: framed.then_some(stack.as_str()),
                message,
                logger: None,
            });
            prop_assert!(same(&a, &b));
        }

        #[test]
        fn any_evidence_has_a_group(error_type in "\\PC{0,8}", stack in "(\\PC{0,20}|    at |#0 |   0: |\n|\t|File \"|:in |\\(|\\)|'){0,20}", text in "\\PC{0,60}") {
            let mut signatures = Signatures::new(3);
            prop_assert!(signatures.of(&error(&error_type, &text, &stack)).text.len() <= MAX_TEXT_BYTES);
            prop_assert!(signatures.of(&message(&stack)).text.len() <= MAX_TEXT_BYTES);
        }
    }
}
