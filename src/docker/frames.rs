//! Bytes of a log response → messages: multiplexed frames, or the raw text of a TTY.
//!
//! The engine frames each message as `[stream, 0, 0, 0, length: u32 big-endian]` and, asked for
//! timestamps, puts an RFC 3339 time and a space before the text (moby's `pkg/stdcopy` and
//! `daemon/logs.go`). A container with a TTY has no frames: each message starts with its time,
//! and ends with a newline, after 16 KiB, or where the next time stands.

use memchr::memchr;

use crate::record::{Stream, read_time};

/// The engine splits lines into messages of this many bytes (moby's `copier.go`).
pub const MESSAGE_BYTES: usize = 16 * 1024;

/// A frame longer than this is no frame: some drivers cache messages of up to 1 MiB.
const MAX_FRAME_BYTES: usize = 4 << 20;

/// `2026-11-21T03:59:26.123456789Z `
const TIME_BYTES: usize = 31;

/// How the body is framed; `Config.Tty` of inspect decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Frames with a header of eight bytes.
    Multiplexed,
    /// The raw text of a TTY.
    Raw,
}

/// What the engine said instead of a log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// An error frame (type 3) in the middle of a response that began as a success.
    #[error("the engine stopped with {0:?}")]
    Engine(String),
    /// The bytes are not a log stream.
    #[error("the log stream is damaged: {0}")]
    Damaged(String),
}

/// One message as the engine sent it: stream, time and bytes, the newline included.
pub type Message<'a> = (Stream, i64, &'a [u8]);

/// Splits a body, handed over in pieces of any size, into messages.
///
/// Holds at most one unfinished frame, 4 MiB; memory is otherwise constant.
#[derive(Debug)]
pub struct FrameDecoder {
    framing: Framing,
    /// The beginning of a message whose end has not arrived.
    carry: Vec<u8>,
    /// Raw framing: the time of the message that is being read.
    raw_time_ns: Option<i64>,
    /// Raw framing: how much of that message was handed on.
    raw_bytes: usize,
}

impl FrameDecoder {
    /// A decoder at the start of a body.
    pub fn new(framing: Framing) -> Self {
        Self { framing, carry: Vec::new(), raw_time_ns: None, raw_bytes: 0 }
    }

    /// Takes the next bytes of the body and hands each finished message to `sink`.
    ///
    /// # Errors
    /// [`FrameError`] where the engine reports one or the bytes make no sense; messages before
    /// were handed over, and the decoder is of no further use.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Message<'_>)) -> Result<(), FrameError> {
        if self.carry.is_empty() {
            let used = self.decode(bytes, &mut sink)?;
            self.carry.extend_from_slice(&bytes[used..]);
        } else {
            self.carry.extend_from_slice(bytes);
            let carry = std::mem::take(&mut self.carry);
            let used = self.decode(&carry, &mut sink)?;
            self.carry = carry;
            self.carry.drain(..used);
        }
        if self.carry.capacity() > 4 * MESSAGE_BYTES && self.carry.len() < MESSAGE_BYTES {
            self.carry.shrink_to(2 * MESSAGE_BYTES);
        }
        Ok(())
    }

    /// The body ended: hands over what a TTY left without a newline.
    ///
    /// # Errors
    /// [`FrameError::Damaged`] where the end cut a frame in two.
    pub fn finish(&mut self, mut sink: impl FnMut(Message<'_>)) -> Result<(), FrameError> {
        let rest = std::mem::take(&mut self.carry);
        match (self.framing, rest.is_empty()) {
            (_, true) => Ok(()),
            (Framing::Multiplexed, false) => {
                Err(FrameError::Damaged(format!("it ended {} bytes into a frame", rest.len())))
            }
            (Framing::Raw, false) => {
                let (time_ns, text) = match self.raw_time_ns {
                    Some(time_ns) => (time_ns, &rest[..]),
                    None => split_time(&rest)?,
                };
                sink((Stream::Stdout, time_ns, text));
                self.raw_time_ns = None;
                Ok(())
            }
        }
    }

    fn decode(&mut self, bytes: &[u8], sink: &mut impl FnMut(Message<'_>)) -> Result<usize, FrameError> {
        match self.framing {
            Framing::Multiplexed => decode_frames(bytes, sink),
            Framing::Raw => self.decode_raw(bytes, sink),
        }
    }

    fn decode_raw(&mut self, bytes: &[u8], sink: &mut impl FnMut(Message<'_>)) -> Result<usize, FrameError> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let time_ns = match self.raw_time_ns {
                Some(time_ns) => time_ns,
                None if rest.len() < TIME_BYTES + 8 && memchr(b' ', rest).is_none() => return Ok(used),
                None => {
                    let (time_ns, text) = split_time(rest)?;
                    used += rest.len() - text.len();
                    self.raw_time_ns = Some(time_ns);
                    self.raw_bytes = 0;
                    continue;
                }
            };
            let room = MESSAGE_BYTES.saturating_sub(self.raw_bytes);
            let window = &rest[..rest.len().min(room)];
            let end = memchr(b'\n', window).map(|at| at + 1);
            let text = &window[..end.unwrap_or(window.len())];
            if let Some(at) = embedded_time(text, time_ns) {
                sink((Stream::Stdout, time_ns, &text[..at]));
                used += at;
            } else if end.is_some() || window.len() == room {
                sink((Stream::Stdout, time_ns, text));
                used += text.len();
            } else {
                return Ok(used);
            }
            self.raw_time_ns = None;
        }
    }
}

fn decode_frames(bytes: &[u8], sink: &mut impl FnMut(Message<'_>)) -> Result<usize, FrameError> {
    let mut used = 0;
    while let Some((header, rest)) = bytes[used..].split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        if header[1..4] != [0, 0, 0] || length > MAX_FRAME_BYTES {
            return Err(FrameError::Damaged(format!("{header:?} is not a frame header")));
        }
        let Some(payload) = rest.get(..length) else { break };
        used += 8 + length;
        let stream = match header[0] {
            // Type 0 is standard input echoed; the engine never logs it, Podman may.
            0 | 1 => Stream::Stdout,
            2 => Stream::Stderr,
            3 => {
                let text = String::from_utf8_lossy(payload);
                return Err(FrameError::Engine(text.trim().chars().take(500).collect()));
            }
            other => return Err(FrameError::Damaged(format!("{other} is not a stream type"))),
        };
        let (time_ns, text) = split_time(payload)?;
        sink((stream, time_ns, text));
    }
    Ok(used)
}

/// Where in `text`, a message of `time_ns`, the next message's time stands: an unterminated
/// prompt is followed by it. Only the engine's own form counts, and only a later time, so that
/// an application's own timestamps stay text.
fn embedded_time(text: &[u8], time_ns: i64) -> Option<usize> {
    memchr::memchr_iter(b'T', text).filter(|&at| at >= 10).map(|at| at - 10).find(|&at| {
        text.get(at..at + TIME_BYTES).is_some_and(|time| {
            time[TIME_BYTES - 2..] == *b"Z " && time[19] == b'.' && read_time(time).is_some_and(|t| t > time_ns)
        })
    })
}

/// Cuts the leading time off a message.
fn split_time(message: &[u8]) -> Result<(i64, &[u8]), FrameError> {
    if message.len() >= TIME_BYTES
        && message[TIME_BYTES - 2] == b'Z'
        && message[TIME_BYTES - 1] == b' '
        && let Some(time_ns) = read_time(message)
    {
        return Ok((time_ns, &message[TIME_BYTES..]));
    }
    // Podman prints local offsets and as many digits as it has.
    let head = &message[..message.len().min(64)];
    let end = memchr(b' ', head).unwrap_or(head.len());
    std::str::from_utf8(&head[..end])
        .ok()
        .and_then(|text| chrono::DateTime::parse_from_rfc3339(text.trim_end_matches(['\r', '\n'])).ok())
        .and_then(|time| time.timestamp_nanos_opt())
        .map(|time_ns| (time_ns, message.get(end + 1..).unwrap_or_default()))
        .ok_or_else(|| FrameError::Damaged(format!("{:?} is not a timestamp", String::from_utf8_lossy(&head[..end]))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = Vec<(Stream, i64, Vec<u8>)>;

    fn frame(stream: u8, text: &[u8]) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text);
        frame
    }

    fn decode(framing: Framing, body: &[u8], piece: usize) -> Result<Owned, FrameError> {
        let mut decoder = FrameDecoder::new(framing);
        let mut messages = Vec::new();
        for bytes in body.chunks(piece) {
            decoder.feed(bytes, |(s, t, b)| messages.push((s, t, b.to_vec())))?;
        }
        decoder.finish(|(s, t, b)| messages.push((s, t, b.to_vec())))?;
        Ok(messages)
    }

    const T1: &str = "2026-11-21T03:59:26.123456789Z";
    const T1_NS: i64 = 1_795_233_566_123_456_789;

    #[test]
    fn frames_of_both_streams_in_pieces_of_any_size() {
        let mut body = frame(1, format!("{T1} one\n").as_bytes());
        body.extend(frame(2, format!("{T1} \u{fffd}\0two\r\n").as_bytes()));
        body.extend(frame(1, format!("{T1} \n").as_bytes()));
        let expected = vec![
            (Stream::Stdout, T1_NS, b"one\n".to_vec()),
            (Stream::Stderr, T1_NS, "\u{fffd}\0two\r\n".as_bytes().to_vec()),
            (Stream::Stdout, T1_NS, b"\n".to_vec()),
        ];
        for piece in 1..=body.len() {
            assert_eq!(decode(Framing::Multiplexed, &body, piece).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn an_error_frame_is_an_error_and_no_line() {
        let mut body = frame(1, format!("{T1} one\n").as_bytes());
        body.extend(frame(3, b"Error grabbing logs: unexpected EOF\n"));
        assert_eq!(
            decode(Framing::Multiplexed, &body, 7),
            Err(FrameError::Engine("Error grabbing logs: unexpected EOF".into()))
        );
    }

    #[test]
    fn damage_is_said_and_never_a_line() {
        for body in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            &frame(7, b"x"),
            &frame(1, b"yesterday hello\n"),
            &[1, 0, 0, 0, 255, 255, 255, 255],
        ] {
            assert!(matches!(decode(Framing::Multiplexed, body, 5), Err(FrameError::Damaged(_))), "{body:?}");
        }
        let cut = &frame(1, format!("{T1} one\n").as_bytes())[..20];
        assert!(matches!(decode(Framing::Multiplexed, cut, 5), Err(FrameError::Damaged(_))));
    }

    #[test]
    fn a_tty_is_split_at_newlines_at_16_kib_and_at_the_next_time() {
        let t2 = "2026-11-21T03:59:27.000000000Z";
        let long = "x".repeat(MESSAGE_BYTES);
        let body = format!("{T1} one\r\n{T1} prompt> {t2} answer\r\n{t2} {long}{t2} rest\r\n{t2} open");
        let expected: Owned = [
            (T1_NS, "one\r\n"),
            (T1_NS, "prompt> "),
            (T1_NS + 876_543_211, "answer\r\n"),
            (T1_NS + 876_543_211, &long),
            (T1_NS + 876_543_211, "rest\r\n"),
            (T1_NS + 876_543_211, "open"),
        ]
        .into_iter()
        .map(|(t, b)| (Stream::Stdout, t, b.as_bytes().to_vec()))
        .collect();
        for piece in [1, 2, 3, 30, 31, 32, 100, 20_000] {
            assert_eq!(decode(Framing::Raw, body.as_bytes(), piece).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn an_applications_own_time_stays_text() {
        let body = format!("{T1} 2026-11-21T03:59:26.100000000Z INFO at 2026-11-21T03:59:26.100000000Z hello\n");
        let messages = decode(Framing::Raw, body.as_bytes(), 1000).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].2, body.as_bytes()[TIME_BYTES..].to_vec());
    }

    #[test]
    fn podman_times_have_offsets_and_fewer_digits() {
        let body = frame(1, b"2026-11-21T04:59:26.5+01:00 one\n");
        assert_eq!(decode(Framing::Multiplexed, &body, 100).unwrap()[0].1, T1_NS - 123_456_789 + 500_000_000);
    }

    proptest! {
        #[test]
        fn the_fast_time_equals_chronos(time_ns in 0_i64..4_102_444_800_000_000_000) {
            prop_assert_eq!(read_time(crate::record::time_text(time_ns).as_bytes()), Some(time_ns));
        }

        #[test]
        fn hostile_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300), piece in 1_usize..50, raw: bool) {
            let framing = if raw { Framing::Raw } else { Framing::Multiplexed };
            let _ = decode(framing, &body, piece);
        }
    }
}
