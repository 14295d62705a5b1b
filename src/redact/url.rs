//! The password in `scheme://user:password@host`.

use super::MASK;
use super::scan::Scan;
use super::value::is_none;

/// How far a password that has a `/` in it is looked for.
const MAX_ODD_BYTES: usize = 128;

/// Masks the password of every URL.
pub(super) fn find(scan: &mut Scan<'_>) {
    scan.floor = 0;
    let mut at = 0;
    while let Some(colon) = memchr::memchr(b':', &scan.bytes[at.min(scan.bytes.len())..]) {
        let colon = at + colon;
        at = colon + 1;
        if let Some(authority) = authority(scan, colon) {
            at = authority.max(mask_password(scan, authority));
        }
    }
}

/// Where the authority begins when `://`, perhaps escaped as in JSON, stands at `colon`.
fn authority(scan: &Scan<'_>, colon: usize) -> Option<usize> {
    let slash = |at: usize| {
        let escapes = scan.bytes[at.min(scan.bytes.len())..].iter().take(4).take_while(|byte| **byte == b'\\').count();
        (scan.byte(at + escapes) == b'/').then_some(at + escapes + 1)
    };
    let scheme = colon >= 2
        && scan.bytes[colon - 2..colon].iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if scheme { slash(slash(colon + 1)?) } else { None }
}

/// Masks the password of the authority at `start`; the answer is where to go on.
fn mask_password(scan: &mut Scan<'_>, start: usize) -> usize {
    let (mut end, mut colon, mut sign) = (start, None, None);
    let mut odd = None;
    while end < scan.bytes.len() {
        let (byte, len) = scan.unit(end);
        match byte {
            0..=b' ' | 0x7f | b'"' | b'\'' | b'`' => break,
            b'<' | b'>' if colon.is_none() => break,
            b'/' | b'?' | b'#' if odd.is_none() => {
                // `host:8080/@x` has a port; `user:pa/ss@host` has none there.
                let Some(colon) = colon else { break };
                let port: &[u8] = &scan.bytes[colon + 1..end];
                let is_port = port.iter().all(u8::is_ascii_digit) && port.len() <= 5;
                if sign.is_some() || is_port || scan.bytes[start] == b'[' {
                    break;
                }
                odd = Some(end);
            }
            // The colon of a mask parts no user from a password.
            b':' if scan.bytes[start..=end].ends_with(MASK.as_bytes()) => {}
            b':' if colon.is_none() => colon = Some(end),
            b':' if odd.is_some() && scan.byte(end + 1) == b'/' => break,
            b'@' => {
                sign = Some(end);
                if odd.is_some() {
                    break;
                }
            }
            _ => {}
        }
        if odd.is_some_and(|from| end - from > MAX_ODD_BYTES) {
            break;
        }
        end += len;
    }
    let (Some(colon), Some(sign)) = (colon, sign) else { return odd.unwrap_or(end) };
    let host = scan.byte(sign + 1);
    if colon < sign && !host.is_ascii_whitespace() && host != 0 && !is_none(&scan.bytes[colon + 1..sign]) {
        return scan.mask(colon + 1, sign, "url-password");
    }
    odd.unwrap_or(end)
}
