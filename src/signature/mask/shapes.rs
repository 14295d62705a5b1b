//! From bytes to what they look like: numbers, addresses, hosts, times.

use memchr::memmem;

/// How letters and digits alternate in a word.
pub(super) struct Shape {
    /// Bytes before the first digit.
    pub before: usize,
    /// Digits of the first run of them.
    pub digits: usize,
    /// Bytes after it.
    pub after: usize,
    /// Runs of digits.
    pub runs: usize,
}

impl Shape {
    /// The end of the word that `bytes` begin with, and its shape.
    pub fn of(bytes: &[u8]) -> (usize, Self) {
        let mut shape = Self { before: 0, digits: 0, after: 0, runs: 0 };
        let mut was_digit = false;
        let mut len = 0;
        for byte in bytes.iter().take_while(|byte| is_word(**byte)) {
            let is_digit = byte.is_ascii_digit();
            shape.runs += usize::from(is_digit && !was_digit);
            match shape.runs {
                0 => shape.before += 1,
                1 if is_digit => shape.digits += 1,
                _ => shape.after += 1,
            }
            was_digit = is_digit;
            len += 1;
        }
        (len, shape)
    }

    /// Whether a word that begins with a digit is a number, alone or with its unit: `12`, `12ms`,
    /// `1h30m`.
    pub fn is_number(&self, word: &[u8]) -> bool {
        if self.runs > 1 {
            return word.iter().all(|byte| byte.is_ascii_digit() || b"hmsdun".contains(byte));
        }
        self.after <= 3
            && !(word.len() >= 8 && self.after > 0 && word.iter().all(u8::is_ascii_hexdigit))
            && !(word.len() > 2 && word.starts_with(b"0x"))
    }
}

/// The length of a further part of a number, such as `.25s`.
pub(super) fn more_number(bytes: &[u8]) -> Option<usize> {
    let [b'.', digit, ..] = bytes else { return None };
    if !digit.is_ascii_digit() {
        return None;
    }
    let (len, shape) = Shape::of(&bytes[1..]);
    shape.is_number(&bytes[1..=len]).then_some(len + 1)
}

/// `-8` of `utf-8`, which says no quantity.
pub(super) fn is_standard(bytes: &[u8], start: usize, at: usize) -> bool {
    at >= start + 4
        && bytes[at - 1] == b'-'
        && [b"utf", b"sha"].iter().any(|name| bytes[at - 4..at - 1].eq_ignore_ascii_case(*name))
        && !(at >= start + 5 && is_word(bytes[at - 5]))
}

/// Words that a number belongs to.
pub(super) fn is_known(word: &[u8]) -> bool {
    const WORDS: [&str; 30] = [
        "http", "https", "utf", "sha", "ipv", "tls", "tlsv", "ssl", "sslv", "base", "int", "uint", "float", "oauth",
        "arm", "amd", "aes", "rsa", "crc", "win", "python", "log", "iso", "vec", "blake", "argon", "java", "jdk",
        "gzip", "layer",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

pub(super) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && !bytes.get(36).is_some_and(|byte| is_word(*byte))
}

pub(super) fn is_ipv4(bytes: &[u8]) -> bool {
    let mut parts = 0;
    let fits = bytes.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        matches!(part, [a] | [_, a] | [b'0'..=b'2', _, a] if a.is_ascii_digit()) && part.iter().all(u8::is_ascii_digit)
    });
    fits && parts == 4
}

pub(super) fn is_ipv6(bytes: &[u8]) -> bool {
    if bytes.len() > 64 || !bytes.iter().any(u8::is_ascii_digit) {
        return false;
    }
    let zone = memchr::memchr(b'%', bytes).unwrap_or(bytes.len());
    let bytes = &bytes[..zone];
    let (mut groups, mut gaps) = (0, 0);
    for part in bytes.split(|byte| *byte == b':') {
        match part {
            [] => gaps += 1,
            _ if part.len() <= 4 && part.iter().all(u8::is_ascii_hexdigit) || is_ipv4(part) => groups += 1,
            _ => return false,
        }
    }
    match gaps {
        0 => groups == 8,
        1 => groups <= 7 && memmem::find(bytes, b"::").is_some(),
        2 => groups <= 7 && (bytes.starts_with(b"::") || bytes.ends_with(b"::")),
        _ => false,
    }
}

pub(super) fn is_mac(bytes: &[u8]) -> bool {
    let pairs = bytes.chunks(3).all(|pair| match pair {
        [a, b] | [a, b, b':'] => a.is_ascii_hexdigit() && b.is_ascii_hexdigit(),
        _ => false,
    });
    bytes.len() == 17 && pairs
}

/// A name with a dot and a port, or one that ends as names on the net do.
pub(super) fn is_host(bytes: &[u8]) -> bool {
    const TOPS: [&str; 6] = ["com", "net", "org", "local", "internal", "lan"];
    const FILES: [&str; 38] = [
        "c", "cc", "cjs", "cpp", "cs", "css", "cts", "erl", "ex", "exs", "go", "h", "html", "java", "js", "json",
        "jsx", "kt", "log", "lua", "mjs", "mts", "php", "pl", "py", "pyx", "rb", "rs", "scala", "sh", "sql", "swift",
        "toml", "ts", "tsx", "vue", "xml", "yml",
    ];
    let (name, port) = split_port(bytes);
    let mut labels = name.rsplit(|byte| *byte == b'.');
    let Some(top) = labels.next().filter(|top| top.len() < name.len() && top.len() >= 2) else { return false };
    let known = |list: &[&str]| list.iter().any(|known| known.as_bytes() == top);
    (port || known(&TOPS))
        && !known(&FILES)
        && top.iter().all(u8::is_ascii_alphabetic)
        && name[0].is_ascii_alphanumeric()
        && name.iter().all(|byte| is_host_byte(*byte))
        && memmem::find(name, b"..").is_none()
}

pub(super) fn is_localhost(bytes: &[u8]) -> bool {
    split_port(bytes) == (b"localhost", true)
}

/// A name without its port, and whether it had one.
fn split_port(bytes: &[u8]) -> (&[u8], bool) {
    match memchr::memrchr(b':', bytes) {
        Some(colon)
            if (1..=5).contains(&(bytes.len() - colon - 1)) && bytes[colon + 1..].iter().all(u8::is_ascii_digit) =>
        {
            (&bytes[..colon], true)
        }
        _ => (bytes, false),
    }
}

/// A date, a time of day with seconds, or both.
pub(super) fn is_time(bytes: &[u8]) -> bool {
    if !(7..=40).contains(&bytes.len()) || !bytes[0].is_ascii_digit() {
        return false;
    }
    if let Some(rest) = date(bytes) {
        return match rest {
            [] | [b'Z'] => true,
            [b'T' | b't' | b':' | b'_' | b'-', rest @ ..] => is_clock(rest),
            _ => false,
        };
    }
    is_clock(bytes)
}

/// What follows the date: `2026-11-21`, `2026/11/21`, `21/Nov/2026`.
fn date(bytes: &[u8]) -> Option<&[u8]> {
    let digits = |range: &[u8]| range.iter().all(u8::is_ascii_digit);
    let year_first = bytes.len() >= 10
        && digits(&bytes[..4])
        && matches!(bytes[4], b'-' | b'/' | b'.')
        && digits(&bytes[5..7])
        && bytes[7] == bytes[4]
        && digits(&bytes[8..10]);
    if year_first {
        return Some(&bytes[10..]);
    }
    let day_first = bytes.len() >= 11
        && digits(&bytes[..2])
        && matches!(bytes[2], b'-' | b'/')
        && bytes[3..6].iter().all(u8::is_ascii_alphabetic)
        && bytes[6] == bytes[2]
        && digits(&bytes[7..11]);
    day_first.then(|| &bytes[11..])
}

/// `1:30:04`, with a fraction and a zone.
fn is_clock(bytes: &[u8]) -> bool {
    let take = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = bytes;
    for part in 0..3 {
        let len = take(rest);
        if !(len == 2 || len == 1 && part == 0) {
            return false;
        }
        rest = &rest[len..];
        if part < 2 {
            let Some(after) = rest.strip_prefix(b":") else { return false };
            rest = after;
        }
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = take(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    match rest {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', zone @ ..] => {
            matches!(zone.len(), 2 | 4 | 5) && zone.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')
        }
        _ => false,
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    matches!(CLASS[usize::from(byte)], LETTER | DIGIT)
}

/// A byte that a quote after it does not open, and one before it does not close.
pub(super) fn is_name(byte: u8) -> bool {
    is_word(byte) || byte == b'_'
}

pub(super) fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

pub(super) fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+.-:".contains(&byte)
}

pub(super) fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || b"'\"`<>(){}[]|\\".contains(&byte)
}

pub(super) const LETTER: u8 = 1;
pub(super) const DIGIT: u8 = 2;
pub(super) const DOT: u8 = 4;
pub(super) const SLASH: u8 = 8;
pub(super) const COLON: u8 = 16;
pub(super) const AT: u8 = 32;
/// Of a chunk, and of no use to tell what it is.
pub(super) const OTHER: u8 = 64;
/// `<`, which can open a placeholder.
pub(super) const OPEN: u8 = 128;
/// Between chunks.
pub(super) const BREAK: u8 = 0;
pub(super) const QUOTE: u8 = LETTER | DIGIT;

/// What a byte is: one of the above. Every byte beyond ASCII is a letter.
pub(super) const CLASS: [u8; 256] = {
    let mut table = [BREAK; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | 128.. => LETTER,
            b'.' => DOT,
            b'/' | b'\\' => SLASH,
            b':' => COLON,
            b'@' => AT,
            b'<' => OPEN,
            b'\'' | b'"' | b'`' => QUOTE,
            b'_' | b'+' | b'-' | b'%' | b'#' | b'&' | b'~' | b'*' | b'!' | b'?' | b'$' | b'^' => OTHER,
            _ => BREAK,
        };
        byte += 1;
    }
    table
};
