//! The engine's log copier: from the bytes that a container writes to one stream to lines and
//! fragments of lines, as a log driver keeps them.

use bytes::Bytes;

/// A line is handed on in pieces of this many bytes (`defaultBufSize` in the engine's `copier.go`).
pub(super) const FRAGMENT_BYTES: usize = 16 * 1024;

/// Where a container writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output, which is all that a container with a terminal has.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a driver keeps what is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    pub(super) invalid_utf8: InvalidUtf8,
    pub(super) split_line_end: SplitLineEnd,
}

/// What becomes of bytes that are not UTF-8.
#[derive(Debug, Clone, Copy)]
pub(super) enum InvalidUtf8 {
    /// json-file: U+FFFD for each.
    Replaced,
    Kept,
}

/// What becomes of the `\n` of a line that was split.
#[derive(Debug, Clone, Copy)]
pub(super) enum SplitLineEnd {
    Kept,
    /// The local driver before 23.0.
    Dropped,
}

/// What one stream has written of its current line; never a whole fragment.
#[derive(Debug, Default)]
pub(super) struct OpenLine {
    buffer: Vec<u8>,
    /// The time of the first fragment, when the line has been split.
    split_ns: Option<i64>,
}

impl OpenLine {
    /// Takes what is written and emits what it ends, with the time: that of the line's end, or of
    /// its first fragment.
    pub(super) fn write(
        &mut self,
        keeping: Keeping,
        bytes: &[u8],
        stamp: &mut dyn FnMut() -> i64,
        emit: &mut dyn FnMut(i64, Bytes),
    ) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = FRAGMENT_BYTES - self.buffer.len();
            let window = &rest[..rest.len().min(room)];
            if let Some(at) = window.iter().position(|byte| *byte == b'\n') {
                self.buffer.extend_from_slice(&window[..at]);
                rest = &rest[at + 1..];
                let split_ns = self.split_ns.take();
                if split_ns.is_none() || matches!(keeping.split_line_end, SplitLineEnd::Kept) {
                    self.buffer.push(b'\n');
                }
                let time_ns = split_ns.unwrap_or_else(&mut *stamp);
                self.emit(keeping, time_ns, emit);
            } else {
                self.buffer.extend_from_slice(window);
                rest = &rest[window.len()..];
                if self.buffer.len() == FRAGMENT_BYTES {
                    let time_ns = *self.split_ns.get_or_insert_with(&mut *stamp);
                    self.emit(keeping, time_ns, emit);
                }
            }
        }
    }

    /// Emits what there is without a `\n`, as at the end of the stream.
    pub(super) fn flush(&mut self, keeping: Keeping, stamp: &mut dyn FnMut() -> i64, emit: &mut dyn FnMut(i64, Bytes)) {
        let split_ns = self.split_ns.take();
        if !self.buffer.is_empty() {
            let time_ns = split_ns.unwrap_or_else(stamp);
            self.emit(keeping, time_ns, emit);
        }
    }

    fn emit(&mut self, keeping: Keeping, time_ns: i64, emit: &mut dyn FnMut(i64, Bytes)) {
        let bytes = match keeping.invalid_utf8 {
            InvalidUtf8::Kept => Bytes::copy_from_slice(&self.buffer),
            InvalidUtf8::Replaced => replace_invalid(&self.buffer),
        };
        self.buffer.clear();
        emit(time_ns, bytes);
    }
}

/// Go's JSON encoder writes U+FFFD for every invalid byte, where Rust's lossy conversion writes one
/// for a run of them.
fn replace_invalid(bytes: &[u8]) -> Bytes {
    if std::str::from_utf8(bytes).is_ok() {
        return Bytes::copy_from_slice(bytes);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPING: Keeping = Keeping { invalid_utf8: InvalidUtf8::Kept, split_line_end: SplitLineEnd::Kept };

    /// Time, length, ends in `\n`.
    type Emitted = (i64, usize, bool);

    /// Writes the parts, ends the stream, and compares what is emitted.
    fn check(keeping: Keeping, parts: &[&[u8]], expected: &[Emitted]) {
        let mut line = OpenLine::default();
        let mut time_ns = 0;
        let mut stamp = || {
            time_ns += 1;
            time_ns
        };
        let mut emitted = Vec::new();
        let mut emit = |time_ns, bytes: Bytes| {
            emitted.push((time_ns, bytes.len(), bytes.ends_with(b"\n")));
        };
        for part in parts {
            line.write(keeping, part, &mut stamp, &mut emit);
        }
        line.flush(keeping, &mut stamp, &mut emit);
        assert_eq!(expected, emitted);
    }

    #[test]
    fn splits_as_the_copier_does() {
        let exact = [b'x'; FRAGMENT_BYTES];
        let long = vec![b'x'; 2 * FRAGMENT_BYTES + 5];
        let table: [(&[&[u8]], &[Emitted]); 7] = [
            (&[b"one\ntwo\n"], &[(1, 4, true), (2, 4, true)]),
            (&[b"on", b"e\n\n"], &[(1, 4, true), (2, 1, true)]),
            (&[b"left"], &[(1, 4, false)]),
            // An exact 16,384-byte line gives a frame plus a lone `\n`.
            (&[&exact, b"\n"], &[(1, FRAGMENT_BYTES, false), (1, 1, true)]),
            (&[&exact[1..], b"\n"], &[(1, FRAGMENT_BYTES, true)]),
            (
                &[&long, b"\nnext\n"],
                &[(1, FRAGMENT_BYTES, false), (1, FRAGMENT_BYTES, false), (1, 6, true), (2, 5, true)],
            ),
            (&[&exact, b"cut"], &[(1, FRAGMENT_BYTES, false), (1, 3, false)]),
        ];
        for (parts, expected) in table {
            check(KEEPING, parts, expected);
        }
    }

    #[test]
    fn the_old_local_driver_drops_the_end_of_split_lines() {
        let keeping = Keeping { split_line_end: SplitLineEnd::Dropped, ..KEEPING };
        let exact = [b'x'; FRAGMENT_BYTES];
        let expected = [(1, FRAGMENT_BYTES, false), (1, 1, false), (2, 2, true)];
        check(keeping, &[&exact, b"y\nz\n"], &expected);
    }

    #[test]
    fn json_file_replaces_each_invalid_byte() {
        for (bytes, expected) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            // A cut three-byte sequence is two replacements, unlike in Rust's lossy conversion.
            (b"\xe2\x82x", "\u{fffd}\u{fffd}x"),
            (b"nul\0 \r\n", "nul\0 \r\n"),
            ("ä€".as_bytes(), "ä€"),
        ] {
            assert_eq!(expected.as_bytes(), replace_invalid(bytes));
        }
    }
}
