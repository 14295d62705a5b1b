//! Card numbers: a network's prefix and length, and the check digit of ISO/IEC 7812 (Luhn).

use super::scan::Scan;
use super::value::Quote;

/// The fewest digits of a card number, and so the fewest bytes of digits and separators.
const MIN_DIGITS: usize = 13;
const MAX_DIGITS: usize = 19;

/// Prefixes from and to, with as many digits, and the lengths. Where a network allows 16 to 19
/// digits, 17 and 18 are left out: no issuer is known to use them, and ids have them.
const NETWORKS: [(u32, u32, &[usize]); 17] = [
    (4, 4, &[13, 16, 19]),   // Visa
    (51, 55, &[16]),         // Mastercard
    (2221, 2720, &[16]),     // Mastercard
    (34, 34, &[15]),         // American Express
    (37, 37, &[15]),         // American Express
    (6011, 6011, &[16, 19]), // Discover
    (644, 649, &[16, 19]),   // Discover
    (65, 65, &[16, 19]),     // Discover
    (300, 305, &[14]),       // Diners Club
    (36, 36, &[14]),         // Diners Club
    (38, 39, &[14]),         // Diners Club
    (3528, 3589, &[16]),     // JCB
    (62, 62, &[16, 19]),     // UnionPay
    (5018, 5018, &[16]),     // Maestro
    (5020, 5020, &[16]),     // Maestro
    (5038, 5038, &[16]),     // Maestro
    (6759, 6763, &[16]),     // Maestro
];

/// How cards are printed in groups.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

fn fits(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

/// The bytes that are looked at together, and how far apart: of 13 bytes in a row some eight that
/// begin at a multiple of six are among them.
const WINDOW: usize = 8;
const STEP: usize = MIN_DIGITS - WINDOW + 1;

/// A window as one word.
fn window(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |window| u64::from_le_bytes(*window))
}

/// A bit for each of the 64 windows from `from` on that has only digits and separators. No branch
/// depends on a byte here: in a log's mix of words and digits each would be a guess.
fn windows(bytes: &[u8], from: usize) -> u64 {
    /// As many windows as are looked at without a check of where the text ends.
    const TOGETHER: usize = 4;
    let mut rest = &bytes[from..bytes.len().min(from + 63 * STEP + WINDOW)];
    let (mut bits, mut at) = (0, 0);
    while let Some(chunk) = rest.first_chunk::<{ (TOGETHER - 1) * STEP + WINDOW }>() {
        for window_at in 0..TOGETHER {
            bits |= u64::from(all_fit(window(&chunk[window_at * STEP..]))) << at;
            at += 1;
        }
        rest = &rest[TOGETHER * STEP..];
    }
    for window_at in rest.windows(WINDOW).step_by(STEP) {
        bits |= u64::from(all_fit(window(window_at))) << at;
        at += 1;
    }
    bits
}

/// Whether each byte of a word is a digit or a separator: for each class a word whose byte has
/// its high bit set where the byte is not in the class.
fn all_fit(word: u64) -> bool {
    const HIGH: u64 = u64::from_le_bytes([0x80; WINDOW]);
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; WINDOW])
    }
    let low = word & !HIGH;
    let digit = (low ^ all(b'0')) + all(0x80 - 10);
    let space = (low ^ all(b' ')) + all(0x7f);
    let dash = (low ^ all(b'-')) + all(0x7f);
    (digit & space & dash | word) & HIGH == 0
}

/// The runs of digits and separators that are long enough for a card number.
fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let (mut bits, mut base, mut next, mut done) = (0_u64, 0, 0, 0);
    std::iter::from_fn(move || {
        loop {
            while bits == 0 {
                if next >= bytes.len() {
                    return None;
                }
                (bits, base) = (windows(bytes, next), next);
                next += 64 * STEP;
            }
            let at = base + bits.trailing_zeros() as usize * STEP;
            bits &= bits - 1;
            if at < done {
                continue;
            }
            let mut start = at;
            while start > done && fits(bytes[start - 1]) {
                start -= 1;
            }
            let mut end = at + WINDOW;
            while end < bytes.len() && fits(bytes[end]) {
                end += 1;
            }
            done = end;
            let digits = bytes[start..end].iter().filter(|byte| byte.is_ascii_digit()).count();
            if digits >= MIN_DIGITS {
                return Some((start, end));
            }
        }
    })
}

/// Whether a text has a number that is long enough.
pub(super) fn may_have(bytes: &[u8]) -> bool {
    runs(bytes).next().is_some()
}

/// Masks every card number.
pub(super) fn find(scan: &mut Scan<'_>) {
    scan.floor = 0;
    let mut strings = Strings { at: 0, inside: false };
    for (start, end) in runs(scan.bytes) {
        in_run(scan, start, end, &mut strings);
    }
}

/// Looks at every number of a run of digits and separators.
fn in_run(scan: &mut Scan<'_>, start: usize, end: usize, strings: &mut Strings) {
    let mut at = start;
    while at < end {
        let digits = digits_at(scan.bytes, at);
        if digits == 0 {
            at += 1;
            continue;
        }
        let next = at + digits;
        at = match number_end(scan, at, digits) {
            Some(number) if begins(scan, at) && ends(scan, number) => {
                mask(scan, at, number, strings);
                number
            }
            _ => next,
        };
    }
}

fn digits_at(bytes: &[u8], at: usize) -> usize {
    bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The end of the card number at `at`, where `digits` digits stand.
fn number_end(scan: &Scan<'_>, at: usize, digits: usize) -> Option<usize> {
    if (MIN_DIGITS..=MAX_DIGITS).contains(&digits) {
        return is_card(&scan.bytes[at..at + digits]).then_some(at + digits);
    }
    if digits != 4 {
        return None;
    }
    let separator = scan.byte(at + 4);
    GROUPS.iter().find_map(|groups| {
        let mut end = at;
        let (mut number, mut len) = ([0; MAX_DIGITS], 0);
        for (index, group) in groups.iter().enumerate() {
            if index > 0 {
                if scan.byte(end) != separator {
                    return None;
                }
                end += 1;
            }
            if scan.bytes[end.min(scan.bytes.len())..].iter().take(8).take_while(|byte| byte.is_ascii_digit()).count()
                != *group
            {
                return None;
            }
            number[len..len + group].copy_from_slice(&scan.bytes[end..end + group]);
            len += group;
            end += group;
        }
        let goes_on = separator == b'-' && scan.byte(end) == b'-' && scan.byte(end + 1).is_ascii_alphanumeric();
        (!goes_on && is_card(&number[..len])).then_some(end)
    })
}

fn is_card(number: &[u8]) -> bool {
    let network = NETWORKS.iter().any(|(from, to, lengths)| {
        let places = from.ilog10() as usize + 1;
        let prefix = number[..places].iter().fold(0, |prefix, digit| prefix * 10 + u32::from(digit - b'0'));
        (*from..=*to).contains(&prefix) && lengths.contains(&number.len())
    });
    let sum: u32 = number.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
        let digit = u32::from(digit - b'0') << (place % 2);
        sum + if digit > 9 { digit - 9 } else { digit }
    });
    network && sum.is_multiple_of(10)
}

/// Whether a number may begin at `at`: not in a word, a decimal or an id, and not as the value of
/// a key such as `message_id`, where one id in ten passes the check digit.
fn begins(scan: &Scan<'_>, at: usize) -> bool {
    let before = scan.before(at);
    if !scan.word_begins(at) || matches!(before, b'-' | b'+' | b'.') || before >= 0x80 {
        return false;
    }
    let head = &scan.bytes[at.saturating_sub(8)..at];
    let is_link = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b':' | b'=');
    let key = head.iter().rposition(|byte| !is_link(byte)).map_or(&[][..], |last| &head[..=last]);
    let linked = head.len() > key.len() && head[key.len()..].iter().any(|byte| matches!(byte, b':' | b'='));
    !(linked && [&b"_id"[..], b"-id", b".id", b"Id", b"ID"].iter().any(|id| key.ends_with(id)))
}

fn ends(scan: &Scan<'_>, end: usize) -> bool {
    let (byte, next) = (scan.byte(end), scan.byte(end + 1));
    let goes_on = matches!(byte, b'-' | b'.') && next.is_ascii_alphanumeric();
    !(byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 || goes_on)
}

/// Masks a number; where it stands in JSON as a number, the mask is a string.
fn mask(scan: &mut Scan<'_>, start: usize, end: usize, strings: &mut Strings) {
    scan.mask(start, end, "card");
    let bytes = scan.bytes;
    let before = bytes[..start].trim_ascii_end();
    let wrap = match before.last() {
        Some(b':') => {
            let quote = scan.quote_before(before.len() - 1);
            // In `":4` a quote may as well open the string that the number is in.
            let mut inside = |quote: &Quote| scan.json && quote.slashes == 0 && strings.inside_at(bytes, start);
            quote.filter(|quote| !inside(quote)).map_or("", Quote::text)
        }
        Some(b'[' | b',') if scan.json && !strings.inside_at(bytes, start) => "\"",
        _ => "",
    };
    if let Some(span) = scan.spans.last_mut() {
        span.wrap = wrap;
    }
}

/// Whether a place in JSON lies in a string; asked in order, so the text is walked once.
struct Strings {
    at: usize,
    inside: bool,
}

impl Strings {
    fn inside_at(&mut self, bytes: &[u8], place: usize) -> bool {
        while self.at < place {
            match bytes[self.at] {
                b'\\' => self.at += 1,
                b'"' => self.inside = !self.inside,
                _ => {}
            }
            self.at += 1;
        }
        self.inside
    }
}
