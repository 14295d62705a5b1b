//! The password in `scheme://user:password@host`.

use std::collections::BTreeMap;

use super::MASK;
use super::scan::Scan;
use super::value::is_none;

/// How far a password that has a `/` in it is looked for.
const MAX_ODD_BYTES: usize = 128;

/// Where a mask begins, where it ends, and how long it will be.
type Masks = BTreeMap<usize, (usize, usize)>;

/// Masks the password of every URL, from the last to the first: a mask can be the end of the password
/// before it.
pub(super) fn find(scan: &mut Scan<'_>) {
    const KIND: &str = "url-password";
    let len = |kind: &str| MASK.len() + kind.len() + 1;
    scan.floor = 0;
    let mut masks: Masks = scan.spans.iter().map(|span| (span.start, (span.end, len(span.kind)))).collect();
    for colon in memchr::memrchr_iter(b':', scan.bytes) {
        if let Some((start, end)) = authority(scan, colon).and_then(|start| password(scan, start, &masks)) {
            scan.mask(start, end, KIND);
            masks.insert(start, (end, len(KIND)));
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

/// Whether the scheme before the authority at `start` is one whose paths may have an `@`.
fn is_web(scan: &Scan<'_>, start: usize) -> bool {
    let scheme = scan.bytes[..start].trim_ascii_end();
    let scheme = &scheme[..scheme.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1)];
    let begin = scheme.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |last| last + 1);
    let has = |names: &[&str]| names.iter().any(|name| scheme[begin..].eq_ignore_ascii_case(name.as_bytes()));
    has(&["http", "https", "ws", "wss", "ftp", "ftps", "sftp", "ssh", "git", "svn", "smb"])
}

/// Whether a host with a port or a path behind it stands at `at`.
fn is_host(scan: &Scan<'_>, at: usize) -> bool {
    const MAX_BYTES: usize = 128;
    let rest = &scan.bytes[at.min(scan.bytes.len())..];
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let len = rest.iter().take(MAX_BYTES).take_while(is_part).count();
    len > 0
        && match rest.get(len) {
            Some(b':') => rest.get(len + 1).is_some_and(u8::is_ascii_digit),
            next => next == Some(&b'/'),
        }
}

/// The password of the authority at `start`.
fn password(scan: &Scan<'_>, start: usize, masks: &Masks) -> Option<(usize, usize)> {
    let (mut end, mut colon, mut sign) = (start, None, None);
    // How far behind the first odd byte it is, in the masked text.
    let mut odd: Option<usize> = None;
    let mut mask = masks.range(start..).next();
    while end < scan.bytes.len() {
        if let Some((&from, &(to, len))) = mask.filter(|(from, _)| **from <= end) {
            mask = masks.range(end.max(to)..).next();
            if from == end {
                end = to;
                odd = odd.map(|odd| odd + len);
            }
            continue;
        }
        let (byte, len) = scan.unit(end);
        match byte {
            0..=b' ' | 0x7f | b'"' | b'\'' | b'`' => break,
            b'<' | b'>' if colon.is_none() => break,
            b'/' | b'?' | b'#' if odd.is_none() => {
                // `host:8080/@x` has a port; `user:pa/ss@host` has none there.
                let colon = colon?;
                let port: &[u8] = &scan.bytes[colon + 1..end];
                let is_port = port.iter().all(u8::is_ascii_digit) && port.len() <= 5;
                // A database's path has no `@`, so that of `user:p@ss/word@db` belongs to a password.
                let may_go_on = byte == b'/' && !is_web(scan, start);
                if sign.is_some() && !may_go_on || is_port || scan.bytes[start] == b'[' {
                    break;
                }
                odd = Some(0);
            }
            b'?' | b'#' | b';' | b'(' | b')' | b'|' | b'[' | b']' | b'<' | b'>' | b',' if sign.is_some() => break,
            // The colon of a mask parts no user from a password.
            b':' if scan.bytes[start..=end].ends_with(MASK.as_bytes()) => {}
            b':' if colon.is_none() => colon = Some(end),
            b':' if odd.is_some() && scan.byte(end + 1) == b'/' => break,
            // Only a host goes on with a port or a path.
            b'@' if odd.is_some() && sign.is_some() && !is_host(scan, end + 1) => {}
            b'@' => {
                sign = Some(end);
                if odd.is_some() {
                    break;
                }
            }
            _ => {}
        }
        if odd.is_some_and(|odd| odd > MAX_ODD_BYTES) {
            break;
        }
        end += len;
        odd = odd.map(|odd| odd + len);
    }
    let (colon, sign) = (colon?, sign?);
    let host = scan.byte(sign + 1);
    let is_masked = masks.get(&(colon + 1)).is_some_and(|(end, _)| *end == sign);
    let is_one = colon < sign && !host.is_ascii_whitespace() && host != 0;
    (is_one && !is_masked && !is_none(&scan.bytes[colon + 1..sign])).then_some((colon + 1, sign))
}
