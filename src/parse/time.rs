//! The time that a line begins with: from the usual ways of writing one to nanoseconds since the
//! epoch, UTC. It is shown and imported by; order and cursors never trust it.

use chrono::{DateTime, Datelike, NaiveDate};

use super::epoch;

/// A time at the beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Nanoseconds since the epoch; none where it has no date, or a zone that is not known.
    pub ns: Option<i64>,
    /// Its length in bytes.
    pub len: usize,
}

const SECOND_NS: i64 = 1_000_000_000;
/// Three letters each.
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const DAYS: &[u8; 21] = b"MonTueWedThuFriSatSun";

/// Zones by their usual abbreviations, in minutes east of Greenwich. Where one has several
/// meanings, the most common in servers' logs.
const ZONES: [(&str, i64); 27] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("UT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("IST", 330),
    ("HKT", 480),
    ("SGT", 480),
    ("JST", 540),
    ("KST", 540),
    ("AEST", 600),
    ("AEDT", 660),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
];

/// The time that the text begins with. `near_ns`, the record's own time, gives the year where a
/// format has none.
pub(super) fn leading(text: &str, near_ns: i64) -> Option<Stamp> {
    let bytes = text.as_bytes();
    let reader = Reader { text, bytes, at: 0 };
    match bytes.first()? {
        b'0'..=b'9' => reader.number_first(near_ns),
        b'A'..=b'Z' => reader.name_first(near_ns),
        _ => None,
    }
}

/// klog's header behind its letter, `0806 14:55:55.980915`.
pub(super) fn klog(text: &str, near_ns: i64) -> Option<Stamp> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    let (month, day) = (reader.fixed(2)?, reader.fixed(2)?);
    reader.skip(b' ')?;
    let clock = reader.clock()?;
    Some(reader.stamp(near_year(near_ns, month, day, clock)))
}

/// Chromium's, `0115/164125.919187`.
pub(super) fn chromium(text: &str, near_ns: i64) -> Option<Stamp> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    let (month, day) = (reader.fixed(2)?, reader.fixed(2)?);
    reader.skip(b'/')?;
    let (hour, minute, second) = (reader.fixed(2)?, reader.fixed(2)?, reader.fixed(2)?);
    let clock = clock_ns(hour, minute, second, reader.fraction());
    Some(reader.stamp(near_year(near_ns, month, day, clock)))
}

fn at(year: i64, month: i64, day: i64, clock_ns: i64, zone_minutes: i64) -> Option<i64> {
    if clock_ns == NO_CLOCK {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?;
    // 1970-01-01 is day 719,163 of the common era.
    let days = i64::from(date.num_days_from_ce()) - 719_163;
    days.checked_mul(86_400 * SECOND_NS)?.checked_add(clock_ns)?.checked_sub(zone_minutes * 60 * SECOND_NS)
}

/// A clock with impossible numbers: the shape of a time that tells none.
const NO_CLOCK: i64 = i64::MIN;

fn clock_ns(hour: i64, minute: i64, second: i64, fraction: i64) -> i64 {
    // A leap second is 60.
    let is_clock = hour < 24 && minute < 60 && second <= 60;
    if is_clock { ((hour * 60 + minute) * 60 + second) * SECOND_NS + fraction } else { NO_CLOCK }
}

/// A day without a year: that of the year which brings it nearest.
fn near_year(near_ns: i64, month: i64, day: i64, clock: i64) -> Option<i64> {
    let year = i64::from(DateTime::from_timestamp_nanos(near_ns).year());
    let near = |ns: &i64| ns.abs_diff(near_ns);
    [year - 1, year, year + 1].into_iter().filter_map(|year| at(year, month, day, clock, 0)).min_by_key(near)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_any(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// So many digits, exactly.
    fn fixed(&mut self, digits: usize) -> Option<i64> {
        let taken = self.bytes.get(self.at..self.at + digits)?;
        let mut value = 0;
        for byte in taken {
            value = value * 10 + i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        self.at += digits;
        Some(value)
    }

    /// One or two digits; one can follow a space that pads it.
    fn padded(&mut self) -> Option<i64> {
        if self.peek() == Some(b' ') {
            self.at += 1;
            return self.fixed(1);
        }
        self.fixed(2).or_else(|| self.fixed(1))
    }

    fn digits(&self) -> usize {
        self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A month by its name; three other letters are one that does not exist.
    fn month(&mut self) -> Option<i64> {
        self.name(MONTHS).or_else(|| {
            let is_name = self.bytes.get(self.at..self.at + 3)?.iter().all(u8::is_ascii_alphabetic);
            is_name.then(|| self.at += 3)?;
            Some(0)
        })
    }

    /// A name of three letters from a list of them, from 1.
    fn name(&mut self, names: &[u8]) -> Option<i64> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        let place = names.chunks_exact(3).position(|known| known == name)?;
        self.at += 3;
        Some(place as i64 + 1)
    }

    /// `.123`, `,123`: nanoseconds; nothing is none.
    fn fraction(&mut self) -> i64 {
        let is_fraction =
            matches!(self.peek(), Some(b'.' | b',')) && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit);
        if !is_fraction {
            return 0;
        }
        self.at += 1;
        let digits = self.digits();
        let mut ns = 0;
        for place in 0..9 {
            let digit = if place < digits { i64::from(self.bytes[self.at + place] - b'0') } else { 0 };
            ns = ns * 10 + digit;
        }
        self.at += digits;
        ns
    }

    /// `14:55:55.980915`, `5:13:12`, `14:55`
    fn clock(&mut self) -> Option<i64> {
        let hour = self.padded()?;
        self.skip(b':')?;
        let minute = self.fixed(2)?;
        let second = if self.peek() == Some(b':') {
            self.at += 1;
            self.fixed(2)?
        } else {
            0
        };
        // winston's `HH:mm:ss:SSS`.
        let rest = &self.bytes[self.at..];
        let is_millis = rest.first() == Some(&b':')
            && rest.len() >= 4
            && rest[1..4].iter().all(u8::is_ascii_digit)
            && rest.get(4).is_none_or(|byte| matches!(byte, b' ' | b']' | b'Z' | b'\t'));
        if is_millis {
            self.at += 1;
            let millis = self.fixed(3)?;
            return Some(clock_ns(hour, minute, second, millis * 1_000_000));
        }
        Some(clock_ns(hour, minute, second, self.fraction()))
    }

    /// One space, which newer Java and Node print as a narrow one.
    fn skip_space(&mut self) {
        if self.text[self.at..].starts_with('\u{202f}') {
            self.at += '\u{202f}'.len_utf8();
        } else {
            self.skip_any(b" ");
        }
    }

    /// `AM` and `PM` behind a clock of twelve hours.
    fn half_day(&mut self, clock: i64) -> Option<i64> {
        let noon = 12 * 3600 * SECOND_NS;
        let mark = self.bytes.get(self.at..self.at + 2)?;
        let is_afternoon = match mark {
            b"AM" | b"am" => false,
            b"PM" | b"pm" => true,
            _ => return None,
        };
        self.at += 2;
        if clock == NO_CLOCK {
            return Some(clock);
        }
        // Twelve is zero.
        Some(clock % noon + if is_afternoon { noon } else { 0 })
    }

    /// A zone behind the time: `Z`, ` UTC`, `+0100`, ` +01:00`, `+01`. None where there is one
    /// that is not known; without one it is UTC.
    fn zone(&mut self) -> Option<i64> {
        let start = self.at;
        if self.peek() == Some(b' ') {
            self.at += 1;
        }
        match self.peek() {
            Some(sign @ (b'+' | b'-')) if self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) => {
                self.at += 1;
                let digits = self.digits();
                if digits != 2 && digits != 4 {
                    self.at = start;
                    return Some(0);
                }
                let hours = self.fixed(2)?;
                if self.peek() == Some(b':') && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
                    self.at += 1;
                }
                let minutes = if self.digits() >= 2 { self.fixed(2)? } else { 0 };
                let offset = hours * 60 + minutes;
                Some(if sign == b'-' { -offset } else { offset })
            }
            Some(b'A'..=b'Z') => {
                let end = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
                let name = &self.text[self.at..self.at + end];
                let is_word = self.bytes.get(self.at + end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
                if let Some((_, minutes)) = ZONES.iter().find(|(known, _)| *known == name).filter(|_| is_word) {
                    self.at += end;
                    Some(*minutes)
                } else {
                    self.at = start;
                    Some(0)
                }
            }
            _ => {
                self.at = start;
                Some(0)
            }
        }
    }

    fn stamp(&self, ns: Option<i64>) -> Stamp {
        Stamp { ns, len: self.at }
    }

    fn number_first(mut self, near_ns: i64) -> Option<Stamp> {
        match self.digits() {
            4 => self.year_first(),
            1 | 2 => {
                let separator = *self.bytes.get(self.digits())?;
                match separator {
                    b':' => self.clock_only(),
                    b'/' => self.slashes(),
                    b' ' | b'-' => self.day_first(near_ns),
                    b'.' => self.dots(),
                    _ => None,
                }
            }
            // `20261121 14:04:05`, newer glog's
            8 => {
                let (year, month, day) = (self.fixed(4)?, self.fixed(2)?, self.fixed(2)?);
                self.skip_any(b" T-")?;
                let clock = self.clock()?;
                let zone = self.zone();
                Some(self.stamp(zone.and_then(|zone| at(year, month, day, clock, zone))))
            }
            // `1795269845: `, Mosquitto's, and with decimals
            10 => self.epoch_first(),
            // `240101 12:00:00`
            6 => {
                let (year, month, day) = (2000 + self.fixed(2)?, self.fixed(2)?, self.fixed(2)?);
                self.skip(b' ')?;
                let clock = self.clock()?;
                Some(self.stamp(at(year, month, day, clock, 0)))
            }
            _ => None,
        }
    }

    /// Seconds since the epoch: a number with decimals, or one with a colon behind it, since others
    /// count something.
    fn epoch_first(mut self) -> Option<Stamp> {
        self.at = self.digits();
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.at += self.digits();
        }
        let has_decimals = self.at > whole + 1;
        let is_end = match self.peek() {
            Some(b']') => true,
            Some(b':') => self.bytes.get(self.at + 1) == Some(&b' '),
            Some(b' ') => has_decimals,
            _ => false,
        };
        let ns = epoch::of_text(&self.text[..self.at]).filter(|_| is_end && self.at != whole + 1)?;
        Some(self.stamp(Some(ns)))
    }

    /// `2026-11-21T01:30:04,592Z`, `2026-11-21 01:30:04 +0000`, `2022/05/14 07:08:37`, ClickHouse's
    /// `2026.11.21 01:30:04.123`
    fn year_first(mut self) -> Option<Stamp> {
        let year = self.fixed(4)?;
        let separator = self.skip_any(b"-/.")?;
        let month = self.fixed(2)?;
        self.skip(separator)?;
        let day = self.fixed(2)?;
        // RocksDB and Ceph write a dash between them.
        self.skip_any(if separator == b'/' { b"T _-" } else { b"T _:" })?;
        // MySQL pads the hour with a space.
        let clock = self.clock()?;
        let zone = self.zone();
        Some(self.stamp(zone.and_then(|zone| at(year, month, day, clock, zone))))
    }

    /// `21.11.2026 01:30:08`, which is written in countries that put the day first.
    fn dots(mut self) -> Option<Stamp> {
        let day = self.padded()?;
        self.skip(b'.')?;
        let month = self.padded()?;
        self.skip(b'.')?;
        let year = self.fixed(4)?;
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        self.skip(b' ')?;
        let clock = self.clock()?;
        let zone = self.zone();
        Some(self.stamp(zone.and_then(|zone| at(year, month, day, clock, zone))))
    }

    /// `21/Nov/2026:01:30:08 +0000`, `08/02/2023, 7:32:47 PM`
    fn slashes(mut self) -> Option<Stamp> {
        let first = self.padded()?;
        self.skip(b'/')?;
        if let Some(month) = self.name(MONTHS) {
            self.skip(b'/')?;
            let year = self.fixed(4)?;
            self.skip_any(b": ")?;
            let clock = self.clock()?;
            let zone = self.zone();
            return Some(self.stamp(zone.and_then(|zone| at(year, month, first, clock, zone))));
        }
        // The American order, which is the one that has AM and PM.
        let day = self.padded()?;
        self.skip(b'/')?;
        let year = self.fixed(4)?;
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        self.skip(b' ')?;
        let clock = self.clock()?;
        let before = self.at;
        self.skip_space();
        let Some(clock) = self.half_day(clock) else {
            // Day or month first: nobody knows.
            self.at = before;
            return Some(self.stamp(None));
        };
        Some(self.stamp(at(year, first, day, clock, 0)))
    }

    /// `29 Aug 2023 13:47:38.984`, `21-Nov-2026 01:02:03.004`
    fn day_first(mut self, near_ns: i64) -> Option<Stamp> {
        let day = self.padded()?;
        let separator = self.skip_any(b" -")?;
        let month = self.month()?;
        self.skip(separator)?;
        if separator == b'-' && self.digits() == 2 {
            // As Python's documentation writes it: `21-Nov-26 17:17:55`.
            let year = 2000 + self.fixed(2)?;
            self.skip(b' ')?;
            let clock = self.clock()?;
            return Some(self.stamp(at(year, month, day, clock, 0)));
        }
        if separator == b' ' && self.digits() == 2 {
            // Redis before version 3: without a year.
            let clock = self.clock()?;
            return Some(self.stamp(near_year(near_ns, month, day, clock)));
        }
        let year = self.fixed(4)?;
        self.skip(b' ')?;
        let clock = self.clock()?;
        let zone = self.zone();
        Some(self.stamp(zone.and_then(|zone| at(year, month, day, clock, zone))))
    }

    /// `10:11:12.345`, `3:04PM`
    fn clock_only(mut self) -> Option<Stamp> {
        let colons = self.bytes.iter().take(9).filter(|byte| **byte == b':').count();
        let clock = self.clock()?;
        let half = self.half_day(clock);
        // `12:34` may be anything.
        (half.is_some() || colons >= 2).then(|| self.stamp(None))
    }

    /// `Jan  1 00:00:00`, `Nov 21, 2026 1:48:21 AM`, `Tue Apr 04 06:28:08.605341 2017`,
    /// `Mon, 02 Jan 2006 15:04:05 MST`
    fn name_first(mut self, near_ns: i64) -> Option<Stamp> {
        if self.name(DAYS).is_some() {
            let comma = self.skip(b',');
            self.skip(b' ')?;
            if comma.is_some() {
                return self.day_first(near_ns);
            }
            let month = self.month()?;
            self.skip(b' ')?;
            let day = self.padded()?;
            self.skip(b' ')?;
            let clock = self.clock()?;
            let zone = self.zone()?;
            self.skip(b' ')?;
            let year = self.fixed(4)?;
            return Some(self.stamp(at(year, month, day, clock, zone)));
        }
        let month = self.name(MONTHS)?;
        self.skip(b' ')?;
        let day = self.padded()?;
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip(b' ')?;
            let year = self.fixed(4)?;
            self.skip_any(b" ,");
            self.skip_any(b" ");
            let clock = self.clock()?;
            let before = self.at;
            self.skip_space();
            let clock = self.half_day(clock).unwrap_or_else(|| {
                self.at = before;
                clock
            });
            return Some(self.stamp(at(year, month, day, clock, 0)));
        }
        self.skip(b' ')?;
        if self.digits() == 4 {
            let year = self.fixed(4)?;
            self.skip(b' ')?;
            let clock = self.clock()?;
            return Some(self.stamp(at(year, month, day, clock, 0)));
        }
        let clock = self.clock()?;
        Some(self.stamp(near_year(near_ns, month, day, clock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::time_text;

    /// 2026-11-21T12:00:00Z
    const NEAR_NS: i64 = 1_795_262_400 * SECOND_NS;

    #[track_caller]
    fn check(text: &str, time: &str, rest: &str) {
        let stamp = leading(text, NEAR_NS).unwrap_or_else(|| panic!("{text:?} begins with no time"));
        assert_eq!(stamp.ns.map(time_text).unwrap_or_default(), time, "{text:?}");
        assert_eq!(&text[stamp.len..], rest, "{text:?}");
    }

    #[test]
    fn the_usual_ways_to_write_a_time() {
        for (text, time, rest) in [
            ("2026-11-21T01:48:21.157979Z x", "2026-11-21T01:48:21.157979000Z", " x"),
            ("2026-11-21 01:30:04,592 - app", "2026-11-21T01:30:04.592000000Z", " - app"),
            ("2026-11-21 01:30:06 +0000] x", "2026-11-21T01:30:06.000000000Z", "] x"),
            ("2026-11-21T01:30:06+01:00 x", "2026-11-21T00:30:06.000000000Z", " x"),
            ("2026-11-21 01:30:06-0330", "2026-11-21T05:00:06.000000000Z", ""),
            ("2026-11-21 01:30:06+00 x", "2026-11-21T01:30:06.000000000Z", " x"),
            ("2021-12-03 07:14:48.591 UTC [4913]", "2021-12-03T07:14:48.591000000Z", " [4913]"),
            ("2021-12-03 07:14:48 CET [4913]", "2021-12-03T06:14:48.000000000Z", " [4913]"),
            ("2021-12-03 07:14:48 INFO x", "2021-12-03T07:14:48.000000000Z", " INFO x"),
            ("2021-11-09  5:13:12 8 [Warning]", "2021-11-09T05:13:12.000000000Z", " 8 [Warning]"),
            ("2022/05/14 07:08:37 [crit]", "2022-05-14T07:08:37.000000000Z", " [crit]"),
            ("2022/02/07 - 10:49:33", "none", ""),
            ("21/Nov/2026:01:30:08 +0000] x", "2026-11-21T01:30:08.000000000Z", "] x"),
            ("21/Nov/2026 01:33:03] x", "2026-11-21T01:33:03.000000000Z", "] x"),
            ("15/Jan/2024:10:00:00.123] x", "2024-01-15T10:00:00.123000000Z", "] x"),
            ("08/02/2023, 7:32:47 PM   LOG", "2023-08-02T19:32:47.000000000Z", "   LOG"),
            ("08/02/2023, 12:00:00 AM", "2023-08-02T00:00:00.000000000Z", ""),
            ("08/02/2023 19:32:47 x", "", " x"),
            ("29 Aug 2023 13:47:38.984 * x", "2023-08-29T13:47:38.984000000Z", " * x"),
            ("29 Aug 13:47:38.984 * x", "2026-08-29T13:47:38.984000000Z", " * x"),
            ("21-Nov-2026 01:02:03.004 SEVERE", "2026-11-21T01:02:03.004000000Z", " SEVERE"),
            ("21-Nov-2026 01:02:03 UTC] x", "2026-11-21T01:02:03.000000000Z", "] x"),
            ("Tue Apr 04 06:28:08.605341 2017] x", "2017-04-04T06:28:08.605341000Z", "] x"),
            ("Mon, 02 Jan 2006 15:04:05 GMT x", "2006-01-02T15:04:05.000000000Z", " x"),
            ("Nov 21, 2026 1:48:21 AM M main", "2026-11-21T01:48:21.000000000Z", " M main"),
            ("Nov 21, 2026 1:48:21\u{202f}PM M main", "2026-11-21T13:48:21.000000000Z", " M main"),
            ("Jan  1 00:00:00 host", "2027-01-01T00:00:00.000000000Z", " host"),
            ("Dec 31 23:59:59 host", "2026-12-31T23:59:59.000000000Z", " host"),
            ("240101 12:00:00 web:1", "2024-01-01T12:00:00.000000000Z", " web:1"),
            ("10:11:12.345 [error] x", "", " [error] x"),
            ("3:04PM INF x", "", " INF x"),
            ("2024-02-30 10:00:00 x", "", " x"),
            ("99:99:99 x", "", " x"),
            ("2024-01-02 77:08:37 x", "", " x"),
            ("Tue Xyz 44 96:28:08.605341 2017] x", "", "] x"),
            ("32 Foo 2023 99:99:99.999 * x", "", " * x"),
            ("2026-11-21T01:30:06.1234567891234Z", "2026-11-21T01:30:06.123456789Z", ""),
        ] {
            if time == "none" {
                assert_eq!(leading(text, NEAR_NS), None, "{text}");
            } else {
                check(text, time, rest);
            }
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "1", "12:34", "2026", "2026-11-21", "1.2.3.4 - -", "Monday", "Jan", "127.0.0.1", "é", "2026-1"]
        {
            assert_eq!(leading(text, NEAR_NS), None, "{text:?}");
        }
    }

    #[test]
    fn times_without_a_year_and_numbers() {
        let text = |ns: Option<i64>| ns.map(time_text).unwrap_or_default();
        assert_eq!(text(klog("0806 14:55:55.980915  1 x", NEAR_NS).unwrap().ns), "2026-08-06T14:55:55.980915000Z");
        assert_eq!(text(chromium("0115/164125.919187:E", NEAR_NS).unwrap().ns), "2027-01-15T16:41:25.919187000Z");
        assert_eq!(text(chromium("0101/000000.000000:E", NEAR_NS).unwrap().ns), "2027-01-01T00:00:00.000000000Z");
        assert_eq!(text(epoch::of_integer(1_795_225_700_420)), "2026-11-21T01:48:20.420000000Z");
        assert_eq!(text(epoch::of_number(1_693_840_791.75)), "2023-09-04T15:19:51.750000000Z");
        assert_eq!((epoch::of_number(12.5), epoch::of_number(f64::NAN), epoch::of_integer(30)), (None, None, None));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}|[0-9A-Za-z:/ .,T+-]{0,40}") {
            if let Some(stamp) = leading(&text, NEAR_NS) {
                proptest::prop_assert!(text.is_char_boundary(stamp.len));
            }
        }
    }
}
