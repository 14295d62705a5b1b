//! Takes ANSI escapes out of a text and maps places in what is left back to the text.

const ESC: u8 = 0x1b;

/// The bytes of ESC where a JSON string holds it.
const JSON_ESC: &[u8] = b"\\u001b[";

/// A text without its escapes.
pub(super) enum Plain {
    /// There are none.
    Same,
    Stripped(Stripped),
}

/// The rest of a text, and where each piece of it came from.
pub(super) struct Stripped {
    bytes: Vec<u8>,
    /// Pairs of a place in the rest and the place in the text that it came from, one a piece.
    pieces: Vec<(usize, usize)>,
}

/// `bytes` without escapes. Only whole escapes go, so the rest is as valid UTF-8 as the text.
pub(super) fn strip(bytes: &[u8]) -> Plain {
    let has_json = memchr::memmem::find(bytes, JSON_ESC).is_some();
    if !has_json && memchr::memchr(ESC, bytes).is_none() {
        return Plain::Same;
    }
    let mut stripped = Stripped { bytes: Vec::with_capacity(bytes.len()), pieces: Vec::new() };
    let mut at = 0;
    while at < bytes.len() {
        let next = if has_json { memchr::memchr2(ESC, b'\\', &bytes[at..]) } else { memchr::memchr(ESC, &bytes[at..]) };
        let mut stop = next.map_or(bytes.len(), |next| at + next);
        let after = match bytes.get(stop) {
            Some(&ESC) => escape_end(bytes, stop),
            Some(_) if bytes[stop..].starts_with(JSON_ESC) && !odd_before(bytes, stop) => {
                csi_end(bytes, stop + JSON_ESC.len())
            }
            Some(_) => {
                stop += 1;
                stop
            }
            None => stop,
        };
        if at < stop {
            stripped.pieces.push((stripped.bytes.len(), at));
            stripped.bytes.extend_from_slice(&bytes[at..stop]);
        }
        at = after;
    }
    Plain::Stripped(stripped)
}

impl Stripped {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a span of the rest, which is not empty, lies in the text: from its first byte to
    /// its last, with the escapes between them.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let map = |place: usize| {
            let piece = self.pieces.partition_point(|(rest, _)| *rest <= place).saturating_sub(1);
            let (rest, text) = self.pieces[piece];
            text + (place - rest)
        };
        (map(start), map(end - 1) + 1)
    }
}

/// Whether the backslash here is itself escaped by the one before.
fn odd_before(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The end of the escape that begins at `at`.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at + 1) {
        Some(b'[') => csi_end(bytes, at + 2),
        // An OSC ends at BEL or ST; at any other control too, so that a cut one costs no rescan.
        Some(b']') => {
            let mut end = at + 2;
            while bytes.get(end).is_some_and(|byte| *byte >= 0x20) {
                end += 1;
            }
            match bytes.get(end) {
                Some(7) => end + 1,
                Some(&ESC) if bytes.get(end + 1) == Some(&b'\\') => end + 2,
                _ => end,
            }
        }
        Some(byte) if (0x20..0x7f).contains(byte) => at + 2,
        _ => at + 1,
    }
}

/// The end of a control sequence whose parameters begin at `at`.
fn csi_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while bytes.get(end).is_some_and(|byte| (0x20..0x40).contains(byte)) {
        end += 1;
    }
    if bytes.get(end).is_some_and(|byte| (0x40..0x7f).contains(byte)) { end + 1 } else { end }
}
