//! The beginning of a line, and how it is searched.

use memchr::memchr_iter;

/// As much of a line as decides what it is.
pub(super) const HEAD_BYTES: usize = 256;

/// The part of a line that is searched.
pub(super) fn near(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(HEAD_BYTES)]
}

/// Where `part` stands in what is searched. A searcher of `memmem` costs more than it saves in a
/// text this short, when the first byte of the part is a rare one.
pub(super) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let near = near(bytes);
    memchr_iter(*part.first()?, near).find(|at| near[*at..].starts_with(part))
}

/// Whether `part` stands in what is searched.
pub(super) fn has(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

pub(super) const ESC: u8 = 0x1b;

/// The first visible bytes, as far as the buffer reaches. A head has fewer escapes than would fill
/// it sixteen times.
pub(super) fn without_escapes<'b>(bytes: &[u8], buffer: &'b mut [u8; HEAD_BYTES]) -> &'b [u8] {
    let bytes = &bytes[..bytes.len().min(16 * HEAD_BYTES)];
    let (mut at, mut used) = (0, 0);
    while let Some(&byte) = bytes.get(at).filter(|_| used < HEAD_BYTES) {
        if byte == ESC {
            at = escape_end(bytes, at);
        } else {
            buffer[used] = byte;
            (at, used) = (at + 1, used + 1);
        }
    }
    &buffer[..used]
}

/// Where the control sequence at `at` ends.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) != Some(&b'[') {
        return at + 1;
    }
    // Longer parameters than these are no terminal's, and counting them costs every byte after.
    let parameters = bytes[at + 2..].iter().take(32).take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    at + 3 + parameters
}

pub(super) fn last_visible(bytes: &[u8]) -> u8 {
    let mut rest = bytes.trim_ascii_end();
    // A colour is reset in one or two sequences.
    for _ in 0..4 {
        let from = rest.len().saturating_sub(8);
        match rest.last() {
            Some(b'm') => match memchr::memrchr(ESC, &rest[from..]) {
                Some(at) if escape_end(rest, from + at) == rest.len() => rest = rest[..from + at].trim_ascii_end(),
                _ => break,
            },
            _ => break,
        }
    }
    rest.last().copied().unwrap_or_default()
}

/// How many digits it begins with.
pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
