//! Whether a line begins with a time, in any of the usual ways to write one.

use super::bytes::digits;

/// Whether `head` begins with a time. A date alone is none: prose begins with dates, too.
pub(super) fn begins_time(head: &[u8]) -> bool {
    match head.first() {
        Some(b'0'..=b'9') => begins_with_number(head),
        Some(b'A'..=b'Z') => begins_with_name(head),
        _ => false,
    }
}

/// `21/Nov/2026:01:30:08` and `21/Nov/2026 01:33:03`.
pub(super) fn is_clf_time(head: &[u8]) -> bool {
    let digits = digits(head);
    (1..=2).contains(&digits)
        && head.len() > digits + 10
        && head[digits] == b'/'
        && is_month(&head[digits + 1..])
        && head[digits + 4] == b'/'
        && head[digits + 5].is_ascii_digit()
}

fn is_month(head: &[u8]) -> bool {
    matches!(
        head.first_chunk(),
        Some(b"Jan" | b"Feb" | b"Mar" | b"Apr" | b"May" | b"Jun" | b"Jul" | b"Aug" | b"Sep" | b"Oct" | b"Nov" | b"Dec")
    )
}

fn is_day(head: &[u8]) -> bool {
    matches!(head.first_chunk(), Some(b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun"))
}

/// `01:30`, with a space before a single digit or none; what follows is not looked at.
fn is_clock(head: &[u8]) -> bool {
    let digits = digits(head);
    (1..=2).contains(&digits)
        && head.get(digits) == Some(&b':')
        && head.get(digits + 1).is_some_and(u8::is_ascii_digit)
        && head.get(digits + 2).is_some_and(u8::is_ascii_digit)
}

/// What stands between a date and its clock: `T`, `t`, `_`, `:`, `-`, `,` and spaces.
fn clock_after_date(rest: &[u8]) -> bool {
    let gap =
        rest.iter().take(4).take_while(|byte| matches!(byte, b'T' | b't' | b' ' | b'_' | b':' | b'-' | b',')).count();
    (1..=3).contains(&gap) && is_clock(&rest[gap..])
}

fn begins_with_number(head: &[u8]) -> bool {
    let count = digits(head);
    let rest = &head[count..];
    let Some(&separator) = rest.first() else { return false };
    match count {
        4 => {
            matches!(separator, b'-' | b'/' | b'.') && rest.len() > 6 && (1..=2).contains(&digits(&rest[1..])) && {
                let rest = &rest[1 + digits(&rest[1..])..];
                let day = digits(rest.get(1..).unwrap_or_default());
                rest.first() == Some(&separator) && (1..=2).contains(&day) && clock_after_date(&rest[1 + day..])
            }
        }
        // `20240101 12:34:56`, `20240101T123456`.
        8 => {
            let clock = digits(rest.get(1..).unwrap_or_default());
            matches!(separator, b' ' | b'T' | b'-') && (clock == 6 || is_clock(&rest[1..]))
        }
        // Seconds or milliseconds since 1970, in this century.
        10 | 13 if head[0] == b'1' => match separator {
            b' ' | b'\t' => true,
            // Mosquitto.
            b':' => count == 10 && rest.get(1) == Some(&b' '),
            b'.' => {
                let fraction = digits(&rest[1..]);
                fraction > 0 && matches!(rest.get(1 + fraction), Some(b' ' | b'\t' | b':'))
            }
            _ => false,
        },
        1 | 2 => match separator {
            b':' => is_clock_alone(head) || is_redis(rest),
            b' ' | b'-' if is_month(&rest[1..]) => day_first(&rest[4..]),
            b'/' if is_clf_time(head) => true,
            b'/' | b'.' | b'-' => {
                let month = digits(&rest[1..]);
                let rest = &rest[1 + month..];
                // Without a year: `11-21 17:17`.
                if count == 2 && month == 2 && separator != b'.' && rest.first() == Some(&b' ') {
                    return is_clock(&rest[1..]);
                }
                let year = digits(rest.get(1..).unwrap_or_default());
                (1..=2).contains(&month)
                    && rest.first() == Some(&separator)
                    && matches!(year, 2 | 4)
                    && clock_after_date(&rest[1 + year..])
            }
            _ => false,
        },
        3..=10 if separator == b':' => is_redis(rest),
        _ => false,
    }
}

/// Behind day and month: `-2026 01:48:21`, ` 2023 13:47:38`, ` 13:47:38`.
fn day_first(rest: &[u8]) -> bool {
    let Some(rest) = rest.get(1..) else { return false };
    let year = digits(rest);
    is_clock(rest) || (year == 4 && clock_after_date(&rest[year..]))
}

/// `12:34:56` and `3:04PM`, ended by something.
pub(super) fn is_clock_alone(head: &[u8]) -> bool {
    if !is_clock(head) {
        return false;
    }
    let rest = &head[digits(head) + 3..];
    match rest {
        [b':', a, b, rest @ ..] => {
            a.is_ascii_digit()
                && b.is_ascii_digit()
                && !rest.first().is_some_and(|c| c.is_ascii_alphanumeric() && *c != b'Z')
        }
        [b'A' | b'P', b'M', b' ', ..] => true,
        _ => false,
    }
}

/// Redis: the pid, then `:M 29 Aug`.
fn is_redis(rest: &[u8]) -> bool {
    matches!(rest, [b':', b'M' | b'S' | b'C' | b'X', b' ', day, ..] if day.is_ascii_digit())
}

fn begins_with_name(head: &[u8]) -> bool {
    // klog: `E0806 14:55:55`, glog: `I20240101 12:34:56`.
    if matches!(head[0], b'I' | b'W' | b'E' | b'F' | b'D') && matches!(digits(&head[1..]), 4 | 8) {
        let rest = &head[1 + digits(&head[1..])..];
        return rest.first() == Some(&b' ') && is_clock(&rest[1..]);
    }
    let rest = if is_day(head) {
        let rest = head[3..].strip_prefix(b",").unwrap_or(&head[3..]);
        let Some(rest) = rest.strip_prefix(b" ") else { return false };
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return begins_with_number(rest);
        }
        rest
    } else {
        head
    };
    if !is_month(rest) {
        return false;
    }
    let rest = &rest[3..];
    let spaces = rest.iter().take(3).take_while(|byte| **byte == b' ').count();
    let day = digits(&rest[spaces..]);
    if !(1..=2).contains(&spaces) || !(1..=2).contains(&day) {
        return false;
    }
    let rest = &rest[spaces + day..];
    match rest {
        [b' ', rest @ ..] => is_clock(rest) || (digits(rest) == 4 && clock_after_date(&rest[4..])),
        [b',', b' ', rest @ ..] => digits(rest) == 4 && clock_after_date(&rest[4..]),
        _ => false,
    }
}
