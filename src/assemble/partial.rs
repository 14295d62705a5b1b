//! Frames → lines: the engine sends a line of over 16 KiB in pieces.
//!
//! All pieces of a line repeat its first timestamp, and a piece that is not the last is a full
//! 16 KiB without a newline (moby's `daemon/logger/copier.go`). Pieces of the two streams
//! interleave, so each stream has a buffer of its own. The `local` driver before engine 23.0
//! drops the newline of a split line's last piece: a short piece or a new timestamp ends a line,
//! too.

use super::decode;
use crate::record::{Frame, Line, Position, Stream};

/// A piece shorter than this is a line's last: the engine splits at this size. Drivers with a
/// larger buffer split later, never earlier.
const PIECE_BYTES: usize = 16 * 1024;

#[derive(Debug)]
struct Open {
    start: Position,
    end: Position,
    bytes: Vec<u8>,
    cut_bytes: u64,
}

/// Joins pieces, at most `max_bytes` a line and two lines at a time; what a line has beyond that
/// is cut off and counted in the line.
#[derive(Debug)]
pub struct Assembler {
    max_bytes: usize,
    open: [Option<Open>; 2],
}

impl Assembler {
    /// An assembler that cuts lines at `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, open: [None, None] }
    }

    /// Where the line of `stream` began that waits for its end.
    pub fn open_at(&self, stream: Stream) -> Option<Position> {
        self.open[index(stream)].as_ref().map(|open| open.start)
    }

    /// Takes the next frame and hands over each line that it finishes: none, one or two.
    pub fn push(&mut self, frame: Frame<'_>, mut sink: impl FnMut(Line)) {
        let slot = &mut self.open[index(frame.stream)];
        if let Some(open) = slot.take_if(|open| open.start.time_ns != frame.position.time_ns) {
            sink(open.line(frame.stream));
        }
        let (bytes, is_ended) = match frame.bytes.split_last() {
            Some((b'\n', bytes)) => (bytes, true),
            _ => (frame.bytes, frame.bytes.len() < PIECE_BYTES),
        };
        match slot {
            None if is_ended => {
                let mut open = Open { start: frame.position, end: frame.position, bytes: Vec::new(), cut_bytes: 0 };
                open.append(bytes, self.max_bytes);
                sink(open.line(frame.stream));
            }
            None => {
                let mut open = Open {
                    start: frame.position,
                    end: frame.position,
                    bytes: Vec::with_capacity(2 * PIECE_BYTES),
                    cut_bytes: 0,
                };
                open.append(bytes, self.max_bytes);
                *slot = Some(open);
            }
            Some(open) => {
                open.end = frame.position;
                open.append(bytes, self.max_bytes);
                if is_ended && let Some(open) = slot.take() {
                    sink(open.line(frame.stream));
                }
            }
        }
    }

    /// The container exited: what is open is all there will be.
    pub fn finish(&mut self, mut sink: impl FnMut(Line)) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(open) = self.open[index(stream)].take() {
                sink(open.line(stream));
            }
        }
    }
}

impl Open {
    fn append(&mut self, bytes: &[u8], max_bytes: usize) {
        let room = max_bytes.saturating_sub(self.bytes.len());
        let kept = if bytes.len() > room { floor_char_boundary(bytes, room) } else { bytes.len() };
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.cut_bytes += (bytes.len() - kept) as u64;
    }

    fn line(self, stream: Stream) -> Line {
        Line { stream, start: self.start, end: self.end, text: decode::text(self.bytes), cut_bytes: self.cut_bytes }
    }
}

/// The last place at or before `at` that does not split a character of valid UTF-8.
fn floor_char_boundary(bytes: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at).rev().find(|&i| bytes.get(i).is_none_or(|b| b & 0xC0 != 0x80)).unwrap_or(at)
}

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: usize = 1 << 20;

    fn assemble(frames: &[(Stream, i64, &[u8])], max_bytes: usize) -> (Vec<(Stream, i64, String, u64)>, Assembler) {
        let mut assembler = Assembler::new(max_bytes);
        let mut lines = Vec::new();
        let mut before: [Option<Position>; 2] = [None, None];
        for &(stream, time_ns, bytes) in frames {
            let last = &mut before[index(stream)];
            let ordinal = last.filter(|p| p.time_ns == time_ns).map_or(1, |p| p.ordinal + 1);
            let position = Position { time_ns, ordinal };
            *last = Some(position);
            assembler.push(Frame { stream, position, bytes }, |line| {
                lines.push((line.stream, line.start.time_ns, line.text, line.cut_bytes));
            });
        }
        (lines, assembler)
    }

    fn piece(c: u8) -> Vec<u8> {
        vec![c; PIECE_BYTES]
    }

    const O: Stream = Stream::Stdout;
    const E: Stream = Stream::Stderr;

    #[test]
    fn short_lines_pass_as_they_are() {
        let (lines, _) = assemble(&[(O, 1, b"one\n"), (E, 1, b"\n"), (O, 2, b"two\r\n"), (O, 3, b"prompt> ")], CAP);
        let expected = [(O, 1, "one"), (E, 1, ""), (O, 2, "two\r"), (O, 3, "prompt> ")];
        assert_eq!(lines, expected.map(|(s, t, l)| (s, t, l.to_owned(), 0)));
    }

    #[test]
    fn pieces_are_joined_per_stream() {
        let (a, b) = (piece(b'a'), piece(b'b'));
        let (lines, assembler) = assemble(&[(O, 1, &a), (E, 1, &b), (O, 1, b"end\n"), (E, 1, b"\n"), (O, 5, &a)], CAP);
        let text = |p: &[u8], end: &str| String::from_utf8(p.to_vec()).unwrap() + end;
        assert_eq!(lines, [(O, 1, text(&a, "end"), 0), (E, 1, text(&b, ""), 0)]);
        assert_eq!((assembler.open_at(O), assembler.open_at(E)), (Some(Position { time_ns: 5, ordinal: 1 }), None));
    }

    #[test]
    fn a_lost_newline_ends_a_line_at_a_short_piece_or_a_new_time() {
        let a = piece(b'a');
        let (lines, _) = assemble(&[(O, 1, &a), (O, 1, b"end"), (O, 2, &a), (O, 3, b"next\n")], CAP);
        let ends: Vec<_> = lines.iter().map(|l| (l.1, l.2.len())).collect();
        assert_eq!(ends, [(1, PIECE_BYTES + 3), (2, PIECE_BYTES), (3, 4)]);
    }

    #[test]
    fn a_line_beyond_the_cap_is_cut_counted_and_consumed() {
        let a = piece(b'a');
        let (lines, _) = assemble(&[(O, 1, &a), (O, 1, &a), (O, 1, b"end\n"), (O, 2, b"next\n")], 20_000);
        assert_eq!((lines[0].2.len(), lines[0].3), (20_000, 2 * 16_384 + 3 - 20_000));
        assert_eq!(lines[1].2, "next");
        // Never inside a character.
        let (lines, _) = assemble(&[(O, 1, "aé\n".as_bytes())], 2);
        assert_eq!((lines[0].2.as_str(), lines[0].3), ("a", 2));
    }

    #[test]
    fn the_end_finishes_what_is_open() {
        let a = piece(b'a');
        let (_, mut assembler) = assemble(&[(E, 1, &a), (O, 2, &a)], CAP);
        let mut times = Vec::new();
        assembler.finish(|line| times.push((line.stream, line.start.time_ns)));
        assert_eq!(times, [(O, 2), (E, 1)]);
        assert_eq!(assembler.open_at(O), None);
    }
}
