//! Values of the headers Authorization, Cookie and Set-Cookie, in HTTP's form and in those that
//! programs print them in.

use super::MASK;
use super::hint::Hit;
use super::key::{Link, Separator, Value, each_in_list, escape_tail, is_bare_json, link, value};
use super::scan::Scan;
use super::value::{Shape, has_shape, is_key_byte, is_none};

/// The schemes after which one word or a list of parameters is the credential.
const SCHEMES: [&str; 13] = [
    "bearer",
    "basic",
    "token",
    "digest",
    "negotiate",
    "ntlm",
    "apikey",
    "api-key",
    "hawk",
    "oauth",
    "key",
    "aws4-hmac-sha256",
    "jwt",
];

/// What stands after a scheme's name where a sentence goes on.
const WORDS: [&str; 18] = [
    "token",
    "tokens",
    "auth",
    "authentication",
    "authorization",
    "required",
    "scheme",
    "header",
    "is",
    "not",
    "missing",
    "or",
    "and",
    "failed",
    "invalid",
    "expired",
    "was",
    "credentials",
];

/// Attributes of a cookie that are no values of it (RFC 6265, 5.2).
const ATTRIBUTES: [&str; 8] = ["path", "domain", "expires", "max-age", "samesite", "version", "priority", "comment"];

/// The fewest bytes of a cookie's value that can be a credential: `theme=1` is none.
const MIN_COOKIE_BYTES: usize = 4;

const AUTHORIZATION: &str = "authorization";
const COOKIE: &str = "cookie";

/// Masks the credential in the header around a hint; the answer is where to go on.
pub(super) fn authorization(scan: &mut Scan<'_>, hit: Hit) -> usize {
    if !scan.before(hit.start).eq_ignore_ascii_case(&b'a') || !scan.at_fold(hit.start - 1, AUTHORIZATION) {
        return hit.end;
    }
    let end = hit.start - 1 + AUTHORIZATION.len();
    let next = scan.byte(end);
    if next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-' | b'.') {
        return hit.end;
    }
    let link = link(scan, end);
    let Some((separator, at)) = link.value else { return hit.end };
    let at = behind_bracket(scan, link, at);
    match value(scan, link, at) {
        Value::Quoted(start, end) => quoted_credential(scan, start, end).unwrap_or(hit.end),
        Value::List(first) => each_in_list(scan, first, |scan, start, end| {
            quoted_credential(scan, start, end);
        }),
        Value::Bare(start) if is_bare_json(scan, link, start) => hit.end,
        Value::Bare(start) => bare_credential(scan, separator, start).unwrap_or(hit.end),
    }
}

/// Where the value at `at` begins: Go prints a header's list of values in brackets.
fn behind_bracket(scan: &Scan<'_>, link: Link, at: usize) -> usize {
    let is_list = link.key_quote.is_none()
        && scan.byte(at) == b'['
        && scan.quote(at + 1).is_none()
        && !scan.bytes[at..].starts_with(MASK.as_bytes());
    at + usize::from(is_list)
}

/// Masks what stands after `Bearer` outside of a header.
pub(super) fn bearer(scan: &mut Scan<'_>, hit: Hit) -> usize {
    if !scan.before(hit.start).eq_ignore_ascii_case(&b'b') || !scan.word_begins(hit.start - 1) {
        return hit.end;
    }
    let start = scan.skip_spaces(hit.end);
    // `token_type=Bearer token_ttl=3600` goes on with the next pair.
    let is_pair = |end: &usize| {
        let token = &scan.bytes[start..*end];
        memchr::memchr(b'=', token).is_some_and(|at| !token[at..].iter().all(|byte| *byte == b'='))
    };
    match scan.shaped_end(start, Shape::Colon).filter(|end| !is_pair(end)) {
        Some(end) => scan.mask(start, end, AUTHORIZATION),
        None => hit.end,
    }
}

/// The name of the scheme at `at`, and where the credential after it begins.
fn scheme(scan: &Scan<'_>, at: usize) -> Option<(usize, usize)> {
    let len =
        scan.bytes[at..].iter().take(24).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    let rest = scan.skip_spaces(at + len);
    (len > 1 && scan.bytes[at].is_ascii_alphabetic() && rest > at + len).then_some((len, rest))
}

fn is_known(scan: &Scan<'_>, at: usize, len: usize) -> bool {
    SCHEMES.iter().any(|scheme| scheme.len() == len && scan.at_fold(at, scheme))
}

fn quoted_credential(scan: &mut Scan<'_>, start: usize, end: usize) -> Option<usize> {
    let mut from = start;
    if let Some((len, rest)) = scheme(scan, start).filter(|(_, rest)| *rest < end) {
        let language = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b' ' | b',' | b'.');
        let known = is_known(scan, start, len);
        if !known && scan.bytes[rest..end].iter().all(language) {
            return None;
        }
        from = rest;
    }
    (!is_none(&scan.bytes[from..end])).then(|| scan.mask(from, end, AUTHORIZATION))
}

fn bare_credential(scan: &mut Scan<'_>, separator: Separator, start: usize) -> Option<usize> {
    let Some((len, rest)) = scheme(scan, start) else {
        let end = match separator {
            Separator::Equals => Some(scan.word_end(start)).filter(|end| !is_none(&scan.bytes[start..*end])),
            Separator::Colon => scan.shaped_end(start, Shape::Colon),
        };
        return end.map(|end| scan.mask(start, end, AUTHORIZATION));
    };
    let known = is_known(scan, start, len);
    if known {
        let end = scan.word_end(rest);
        if let Some(end) = parameters_end(scan, rest) {
            return Some(scan.mask(rest, end, AUTHORIZATION));
        }
        let word = &scan.bytes[rest..end];
        let is_word = WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
        return (!is_word && !is_none(word)).then(|| scan.mask(rest, end, AUTHORIZATION));
    }
    let first = start..start + len;
    if separator == Separator::Equals {
        return (!is_none(&scan.bytes[first.clone()])).then(|| scan.mask(first.start, first.end, AUTHORIZATION));
    }
    if has_shape(&scan.bytes[first.clone()], Shape::Colon) {
        return Some(scan.mask(first.start, first.end, AUTHORIZATION));
    }
    scan.shaped_end(rest, Shape::Colon).map(|end| scan.mask(rest, end, AUTHORIZATION))
}

/// The end of `name=value, name="value"`, as Digest and AWS have it; none when it is no such list.
fn parameters_end(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let (mut at, mut end) = (start, None);
    loop {
        let name = scan.bytes[at..].iter().take(32).take_while(|byte| is_key_byte(**byte)).count();
        let from = at + name + 1;
        let next = scan.byte(from);
        // The padding of base64 is no parameter.
        if name == 0 || scan.byte(from - 1) != b'=' || matches!(next, 0..=b' ' | b'=') {
            return end;
        }
        let stop = match scan.quote(from).filter(|quote| quote.byte == b'"' && !(scan.json && quote.slashes == 0)) {
            Some(quote) => {
                let stop = scan.quoted_end(from + quote.len(), quote);
                if scan.quote(stop) == Some(quote) { stop + quote.len() } else { stop }
            }
            None => scan.word_end(from),
        };
        if stop <= from {
            return end;
        }
        end = Some(stop);
        if scan.byte(stop) != b',' {
            return end;
        }
        at = scan.skip_spaces(stop + 1);
        if at >= scan.bytes.len() {
            return end;
        }
    }
}

/// Masks the values in the cookie header around a hint; the answer is where to go on.
pub(super) fn cookie(scan: &mut Scan<'_>, hit: Hit) -> usize {
    if !scan.before(hit.start).eq_ignore_ascii_case(&b'c') {
        return hit.end;
    }
    let word = hit.start - 1;
    let mut end = hit.end;
    end += usize::from(matches!(scan.byte(end), b's' | b'S'));
    let next = scan.byte(end);
    if next.is_ascii_alphanumeric() || matches!(next, b'_' | b'-' | b'.') {
        return hit.end;
    }
    let mut start = word;
    while start > scan.floor && word - start < 64 && is_key_byte(scan.bytes[start - 1]) {
        start -= 1;
    }
    start += escape_tail(scan, start, word);
    if scan.bytes[..start].ends_with(MASK.as_bytes()) {
        return hit.end;
    }
    let link = link(scan, end);
    let Some((separator, at)) = link.value else { return hit.end };
    let at = behind_bracket(scan, link, at);
    match value(scan, link, at) {
        Value::Quoted(start, end) => quoted_cookies(scan, start, end),
        Value::List(first) => each_in_list(scan, first, |scan, start, end| {
            quoted_cookies(scan, start, end);
        }),
        Value::Bare(start) if is_bare_json(scan, link, start) => hit.end,
        Value::Bare(start) => {
            let end = pairs(scan, start, scan.bytes.len());
            if end > start || separator == Separator::Colon {
                return end.max(hit.end);
            }
            scan.shaped_end(start, Shape::Colon).map_or(hit.end, |end| scan.mask(start, end, COOKIE))
        }
    }
}

fn quoted_cookies(scan: &mut Scan<'_>, start: usize, end: usize) -> usize {
    let stop = pairs(scan, start, end);
    // A value that stands for itself.
    if stop == start && end - start >= MIN_COOKIE_BYTES && has_shape(&scan.bytes[start..end], Shape::Colon) {
        return scan.mask(start, end, COOKIE);
    }
    stop
}

/// Masks the values of `name=value; name=value` up to `limit`; the answer is the end of the list,
/// `start` when there is none.
fn pairs(scan: &mut Scan<'_>, start: usize, limit: usize) -> usize {
    let (mut at, mut end) = (start, start);
    while at < limit {
        let name = scan.bytes[at..limit].iter().take(64).take_while(|byte| is_cookie_name(**byte)).count();
        let after = at + name;
        if scan.byte(after) == b';' && name > 0 && after < limit && end > start {
            end = after;
        } else if scan.byte(after) == b'=' && name > 0 && after < limit {
            end = cookie_value(scan, at, after + 1, limit);
        } else {
            break;
        }
        if end >= limit || scan.byte(end) != b';' {
            break;
        }
        at = scan.skip_spaces(end + 1);
    }
    end.min(limit)
}

fn is_cookie_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&*+-.^_|~".contains(&byte)
}

/// Masks one value of a cookie, which begins at `start`; the answer is its end.
fn cookie_value(scan: &mut Scan<'_>, name: usize, start: usize, limit: usize) -> usize {
    let name = &scan.bytes[name..start - 1];
    let attribute = ATTRIBUTES.iter().any(|attribute| name.eq_ignore_ascii_case(attribute.as_bytes()));
    let mut end = start;
    // A date has spaces.
    let dated = attribute && name.eq_ignore_ascii_case(b"expires");
    let quote = scan
        .quote(start)
        .filter(|quote| quote.byte == b'"' && start + quote.len() < limit && !(scan.json && quote.slashes == 0));
    if let Some(quote) = quote {
        end = scan.quoted_end(start + quote.len(), quote);
        if scan.quote(end) == Some(quote) && end < limit {
            end += quote.len();
        }
    } else {
        while end < limit {
            let (byte, len) = scan.unit(end);
            let space = byte == b' ' || byte == b',' && scan.byte(end + len) == b' ';
            if matches!(byte, 0..=0x1f | b';' | b'"' | b'\'') || space && !(dated && end - start < 40) {
                break;
            }
            end += len;
        }
    }
    end = end.min(limit);
    if !attribute && end - start >= MIN_COOKIE_BYTES && !is_none(&scan.bytes[start..end]) {
        scan.mask(start, end, COOKIE);
    }
    end
}
