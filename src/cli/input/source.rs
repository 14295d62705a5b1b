//! A file or standard input → its lines, unpacked, each with the offset at which it begins.
//!
//! Memory is bounded by the longest line that is kept, whatever is read.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The beginning of a file that tells it from another of the same name.
pub const HEAD_BYTES: usize = 4 * 1024;
/// What stands before the place where reading resumes, for the same reason.
const TAIL_BYTES: usize = 256;
/// How much is looked at to find out what kind of file it is.
const LOOK_BYTES: usize = 64 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Place {
    /// What an argument means: `-` is standard input.
    pub fn of(argument: &Path) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::File(argument.to_owned()) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What cannot be read, and why.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct SourceError {
    place: Place,
    reason: String,
}

/// An open file or standard input.
pub struct Source {
    place: Place,
    bytes: Box<dyn Read>,
    /// Bytes read of the file as it is packed.
    packed_bytes: Rc<Cell<u64>>,
    /// The file's own size; none where it is not known.
    pub size_bytes: Option<u64>,
    /// When the file was last written to; none for standard input.
    pub modified_ns: Option<i64>,
    buffer: Vec<u8>,
    /// How much of the buffer was taken; at most [`TAIL_BYTES`] before it are kept.
    taken: usize,
    /// The offset of what is taken next.
    offset_bytes: u64,
    is_ended: bool,
    failure: Option<io::Error>,
    max_line_bytes: usize,
}

/// Counts what is read through it.
struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + bytes as u64);
        Ok(bytes)
    }
}

impl Source {
    /// Opens it, and unpacks it where it is packed. A line's bytes behind `max_line_bytes` are
    /// dropped.
    ///
    /// # Errors
    /// It cannot be opened, or not be read from its very beginning.
    pub fn open(place: &Place, max_line_bytes: usize) -> Result<Self, SourceError> {
        let failed = |error: io::Error| SourceError { place: place.clone(), reason: error.to_string() };
        match place {
            Place::Stdin => Self::of(place.clone(), io::stdin(), max_line_bytes).map_err(failed),
            Place::File(path) => {
                let file = File::open(path).map_err(failed)?;
                let metadata = file.metadata().map_err(failed)?;
                let mut source = Self::of(place.clone(), file, max_line_bytes).map_err(failed)?;
                source.size_bytes = metadata.is_file().then_some(metadata.len());
                source.modified_ns = metadata
                    .modified()
                    .ok()
                    .map(|time| chrono::DateTime::<chrono::Utc>::from(time).timestamp_nanos_opt().unwrap_or_default());
                Ok(source)
            }
        }
    }

    /// The same of bytes that come from anywhere.
    pub(super) fn of(place: Place, bytes: impl Read + 'static, max_line_bytes: usize) -> io::Result<Self> {
        let packed_bytes = Rc::new(Cell::new(0));
        let mut bytes = Counted { inner: bytes, bytes: Rc::clone(&packed_bytes) };
        let mut magic = Vec::new();
        // Little by little: what is typed need not have four bytes.
        while magic.len() < 4 && !magic.contains(&b'\n') {
            let mut more = [0; 4];
            match bytes.read(&mut more[..4 - magic.len()]) {
                Ok(0) => break,
                Ok(read) => magic.extend_from_slice(&more[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let begin = io::Cursor::new(magic.clone());
        let bytes: Box<dyn Read> = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(begin.chain(bytes)))),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                Box::new(zstd::stream::read::Decoder::with_buffer(BufReader::new(begin.chain(bytes)))?)
            }
            _ => Box::new(begin.chain(bytes)),
        };
        Ok(Self {
            place,
            bytes,
            packed_bytes,
            size_bytes: None,
            modified_ns: None,
            buffer: Vec::new(),
            taken: 0,
            offset_bytes: 0,
            is_ended: false,
            failure: None,
            max_line_bytes,
        })
    }

    /// Where the lines come from.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether someone types, or a program writes as it goes.
    pub fn is_live(&self) -> bool {
        self.place == Place::Stdin
    }

    /// Bytes read so far of the file as it is packed.
    pub fn packed_bytes(&self) -> u64 {
        self.packed_bytes.get()
    }

    /// The offset of the next line.
    pub fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// What stopped the reading before the end, if anything did.
    pub fn failure(&mut self) -> Option<SourceError> {
        let error = self.failure.take()?;
        let reason = if error.kind() == io::ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame") {
            format!("it is cut off after {} unpacked bytes; what comes before was read", self.offset_bytes)
        } else {
            format!("reading failed after {} bytes: {error}", self.offset_bytes)
        };
        Some(SourceError { place: self.place.clone(), reason })
    }

    /// The first bytes, to find out what is in them: of standard input the first line at least,
    /// else up to 64 KiB. Only before the first line is taken.
    pub fn look(&mut self) -> &[u8] {
        let is_live = self.is_live();
        while self.buffer.len() < LOOK_BYTES && !(is_live && self.buffer.contains(&b'\n')) && self.fill() {}
        &self.buffer
    }

    /// The first 4 KiB, or all where there is less. Only before the first line is taken.
    pub fn head(&mut self) -> &[u8] {
        while self.buffer.len() < HEAD_BYTES && self.fill() {}
        &self.buffer[..self.buffer.len().min(HEAD_BYTES)]
    }

    /// The hash of the last bytes before the next line.
    pub fn tail_hash(&self) -> u64 {
        hash(&[&self.buffer[self.taken.saturating_sub(TAIL_BYTES)..self.taken]])
    }

    /// Whether the next line is not there yet, so that asking for it may take long.
    pub fn is_drained(&self) -> bool {
        !self.is_ended && memchr::memchr(b'\n', &self.buffer[self.taken..]).is_none()
    }

    /// Takes the next line, without its newline, into `line`; answers where it begins, and none at
    /// the end.
    pub fn next_line(&mut self, line: &mut Vec<u8>) -> Option<u64> {
        let start = self.offset_bytes;
        line.clear();
        let mut is_line = false;
        loop {
            let rest = &self.buffer[self.taken..];
            let end = memchr::memchr(b'\n', rest);
            let part = &rest[..end.unwrap_or(rest.len())];
            is_line |= !rest.is_empty();
            let room = self.max_line_bytes.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len() + usize::from(end.is_some());
            self.take(taken);
            if end.is_some() || !self.fill() {
                break;
            }
        }
        is_line.then_some(start)
    }

    /// Passes over what lies before `offset_bytes`; false where it ends before.
    pub fn skip_to(&mut self, offset_bytes: u64) -> bool {
        while self.offset_bytes < offset_bytes {
            let wanted = usize::try_from(offset_bytes - self.offset_bytes).unwrap_or(usize::MAX);
            let there = self.buffer.len() - self.taken;
            self.take(there.min(wanted));
            if there == 0 && !self.fill() {
                return false;
            }
        }
        true
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        self.offset_bytes += bytes as u64;
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> bool {
        if self.is_ended {
            return false;
        }
        if self.taken > TAIL_BYTES {
            self.buffer.drain(..self.taken - TAIL_BYTES);
            self.taken = TAIL_BYTES;
        }
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK_BYTES, 0);
        let read = loop {
            match self.bytes.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error);
                    break 0;
                }
                Ok(read) => break read,
            }
        };
        self.buffer.truncate(before + read);
        self.is_ended = read == 0;
        read > 0
    }
}

/// The path that a file has whatever name it was called by.
pub(super) fn canonical(place: &Place) -> PathBuf {
    match place {
        Place::Stdin => PathBuf::from("-"),
        Place::File(path) => fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
    }
}

/// The beginning of the SHA-256 of the parts, each ended.
pub fn hash(parts: &[&[u8]]) -> u64 {
    let digest = digest(parts);
    digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The SHA-256 of the parts in 64 hexadecimal digits.
pub(super) fn hex(parts: &[&[u8]]) -> String {
    use std::fmt::Write as _;
    digest(parts).as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string can be written to");
        text
    })
}

fn digest(parts: &[&[u8]]) -> ring::digest::Digest {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Hands out a few bytes at a time, as a pipe does.
    struct Slow(Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = buffer.len().min(self.0.len()).min(3);
            buffer[..bytes].copy_from_slice(&self.0[..bytes]);
            self.0.drain(..bytes);
            Ok(bytes)
        }
    }

    fn lines(bytes: &[u8], max_line_bytes: usize) -> (Vec<(u64, String)>, Option<String>) {
        let mut source = Source::of(Place::Stdin, Slow(bytes.to_vec()), max_line_bytes).unwrap();
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while let Some(start) = source.next_line(&mut line) {
            lines.push((start, String::from_utf8_lossy(&line).into_owned()));
        }
        (lines, source.failure().map(|error| error.to_string()))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_have_their_offsets() {
        let table: [(&[u8], &[(u64, &str)]); 6] = [
            (b"", &[]),
            (b"\n", &[(0, "")]),
            (b"a", &[(0, "a")]),
            (b"one\ntwo\n", &[(0, "one"), (4, "two")]),
            (b"one\n\nthree", &[(0, "one"), (4, ""), (5, "three")]),
            (b"longer than it may be\nx\n", &[(0, "longer t"), (22, "x")]),
        ];
        for (bytes, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(at, line)| (*at, (*line).to_owned())).collect();
            assert_eq!(lines(bytes, 8), (expected, None), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = "a line\n".repeat(10_000);
        let twice = [gzip(text.as_bytes()), gzip(b"more\n")].concat();
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for (packed, expected) in [(twice, 10_001), (zstd, 10_000)] {
            let (lines, failure) = lines(&packed, 100);
            assert_eq!((lines.len(), failure), (expected, None));
            assert_eq!(lines[1], (7, "a line".into()));
        }
    }

    #[test]
    fn what_is_cut_off_gives_what_it_has_and_says_so() {
        let text: String = (0..80_000).map(|n| format!("line {n} {}\n", n * 7919 % 1000)).collect::<Vec<_>>().concat();
        for packed in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
            let (lines, failure) = lines(&packed[..packed.len() / 2], 100);
            assert!(lines.len() > 1_000, "{} {failure:?} {:?}", lines.len(), &packed[..4]);
            assert!(lines[..1000].iter().enumerate().all(|(n, line)| line.1.starts_with(&format!("line {n} "))));
            let failure = failure.unwrap();
            assert!(failure.starts_with("standard input: it is cut off after "), "{failure}");
        }
    }

    #[test]
    fn skipping_leads_to_the_same_place_as_reading() {
        let text: String = (0..20_000).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
        let open = || Source::of(Place::Stdin, io::Cursor::new(text.clone().into_bytes()), 100).unwrap();
        let (mut read, mut line) = (open(), Vec::new());
        for _ in 0..15_000 {
            read.next_line(&mut line).unwrap();
        }
        let mut skipped = open();
        skipped.head();
        assert!(skipped.skip_to(read.offset_bytes()));
        assert_eq!(skipped.tail_hash(), read.tail_hash());
        skipped.next_line(&mut line).unwrap();
        assert_eq!(line, b"line 15000");
        assert!(!open().skip_to(text.len() as u64 + 1));
    }
}
