//! Addresses whose path is the secret: bots of Telegram, webhooks of Discord and Slack, which whoever
//! knows them can post to.

use super::hint::Hit;
use super::scan::Scan;

/// Masks the token in the path that a hint is in; the answer is where to go on.
pub(super) fn check(scan: &mut Scan<'_>, hit: Hit) -> usize {
    let found = match &scan.bytes[hit.start..hit.end] {
        // core.telegram.org/bots/api#authorizing-your-bot
        b"/bot" => telegram(scan, hit.end),
        b"webhooks/" | b"webhooks\\/" => discord(scan, hit.end),
        _ => slack(scan, hit.end),
    };
    let Some((start, end, kind)) = found else { return hit.end };
    scan.mask(start, end, kind)
}

fn run(scan: &Scan<'_>, at: usize, most: usize, fits: impl Fn(u8) -> bool) -> usize {
    scan.bytes[at.min(scan.bytes.len())..].iter().take(most).take_while(|byte| fits(**byte)).count()
}

/// Behind a slash, which JSON may escape.
fn behind_slash(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let at = at + usize::from(scan.byte(at) == b'\\');
    (scan.byte(at) == b'/').then_some(at + 1)
}

/// Whether it was drawn, and is no words.
fn is_drawn(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let has = |fits: fn(&u8) -> bool| scan.bytes[start..end].iter().any(fits);
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// `123456789:AAH…`, whose second part has 35 characters.
fn telegram(scan: &Scan<'_>, at: usize) -> Option<(usize, usize, &'static str)> {
    let id = run(scan, at, 12, |byte| byte.is_ascii_digit());
    let colon = if scan.byte(at + id) == b':' { 1 } else { 3 * usize::from(scan.at_fold(at + id, "%3a")) };
    let start = at + id + colon;
    let len = run(scan, start, 64, is_token);
    (id >= 6 && colon > 0 && (30..=50).contains(&len)).then(|| (at, start + len, "telegram-token"))
}

/// `<id>/<token>`: about 18 digits, and 68 characters.
fn discord(scan: &Scan<'_>, at: usize) -> Option<(usize, usize, &'static str)> {
    let id = run(scan, at, 24, |byte| byte.is_ascii_digit());
    let start = behind_slash(scan, at + id)?;
    let len = run(scan, start, 128, is_token);
    (id >= 15 && len >= 40 && is_drawn(scan, start, start + len)).then(|| (start, start + len, "discord-webhook"))
}

/// Behind `services/T`: `<team>/B<channel>/<token>`.
fn slack(scan: &Scan<'_>, at: usize) -> Option<(usize, usize, &'static str)> {
    let is_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let team = run(scan, at, 16, is_id);
    let channel_at = behind_slash(scan, at + team)?;
    let channel = run(scan, channel_at, 16, is_id);
    let start = behind_slash(scan, channel_at + channel)?;
    let len = run(scan, start, 64, |byte| byte.is_ascii_alphanumeric());
    let is_one = team >= 6 && scan.byte(channel_at) == b'B' && channel >= 6 && (16..=48).contains(&len);
    is_one.then(|| (start, start + len, "slack-webhook"))
}
