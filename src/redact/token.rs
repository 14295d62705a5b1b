//! Credentials that show what they are: tokens with a vendor's prefix, JWTs and PEM blocks.

use super::hint::Hit;
use super::scan::Scan;

/// The characters of a token after its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// `A-Z`, `0-9`.
    Upper,
    /// `A-Z`, `a-z`, `0-9`.
    Alnum,
    /// And `_`.
    Word,
    /// And `-`.
    Url,
    /// And `.`.
    Dotted,
    /// `A-Z`, `a-z`, `0-9`, `+`, `/`, `=`.
    Base64,
    /// `A-Z`, `a-z`, `0-9`, `-`.
    Dashed,
    /// `0-9`, `a-f`.
    Hex,
}

/// What a vendor documents of its tokens.
#[derive(Debug)]
struct Vendor {
    prefix: &'static str,
    set: Set,
    /// The fewest and the most characters after the prefix.
    length: (usize, usize),
    kind: &'static str,
}

const fn vendor_token(prefix: &'static str, set: Set, min: usize, max: usize, kind: &'static str) -> Vendor {
    Vendor { prefix, set, length: (min, max), kind }
}

/// A longer prefix stands before a shorter one that it begins with. Lengths are the documented
/// ones, with room above where the vendor announces longer tokens.
const VENDORS: [Vendor; 51] = [
    // docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    vendor_token("AKIA", Set::Upper, 16, 16, "aws-access-key"),
    vendor_token("ASIA", Set::Upper, 16, 16, "aws-access-key"),
    // github.blog/2021-04-05-behind-githubs-new-authentication-token-formats
    vendor_token("ghp_", Set::Alnum, 36, 251, "github-token"),
    vendor_token("gho_", Set::Alnum, 36, 251, "github-token"),
    vendor_token("ghu_", Set::Alnum, 36, 251, "github-token"),
    vendor_token("ghs_", Set::Dotted, 36, 1024, "github-token"),
    vendor_token("ghr_", Set::Alnum, 36, 251, "github-token"),
    vendor_token("github_pat_", Set::Word, 36, 244, "github-token"),
    // docs.gitlab.com/security/tokens/#token-prefixes
    vendor_token("glpat-", Set::Dotted, 20, 300, "gitlab-token"),
    vendor_token("gldt-", Set::Dotted, 20, 300, "gitlab-token"),
    vendor_token("glrt-", Set::Dotted, 20, 300, "gitlab-token"),
    vendor_token("glptt-", Set::Dotted, 20, 300, "gitlab-token"),
    // docs.slack.dev/authentication/tokens
    vendor_token("xoxb-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxp-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxa-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxr-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxs-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxc-", Set::Dashed, 20, 300, "slack-token"),
    vendor_token("xoxd-", Set::Url, 20, 500, "slack-token"),
    vendor_token("xoxe-", Set::Dashed, 20, 500, "slack-token"),
    vendor_token("xoxe.xoxb-", Set::Dashed, 20, 500, "slack-token"),
    vendor_token("xoxe.xoxp-", Set::Dashed, 20, 500, "slack-token"),
    vendor_token("xapp-", Set::Dashed, 20, 300, "slack-token"),
    // docs.stripe.com/keys; the publishable pk_ is public
    vendor_token("sk_live_", Set::Alnum, 16, 247, "stripe-key"),
    vendor_token("rk_live_", Set::Alnum, 16, 247, "stripe-key"),
    vendor_token("sk_test_", Set::Alnum, 16, 247, "stripe-key"),
    vendor_token("rk_test_", Set::Alnum, 16, 247, "stripe-key"),
    // Secret scanning patterns of docs.github.com: anthropic_api_key, openai_api_key
    vendor_token("sk-ant-", Set::Url, 24, 300, "anthropic-key"),
    vendor_token("sk-proj-", Set::Url, 20, 300, "openai-key"),
    vendor_token("sk-svcacct-", Set::Url, 20, 300, "openai-key"),
    vendor_token("sk-admin-", Set::Url, 20, 300, "openai-key"),
    vendor_token("sk-None-", Set::Url, 20, 300, "openai-key"),
    vendor_token("sk-or-v1-", Set::Hex, 64, 64, "openrouter-key"),
    vendor_token("sk-", Set::Alnum, 32, 64, "openai-key"),
    // cloud.google.com/docs/authentication/api-keys
    vendor_token("AIza", Set::Url, 35, 35, "google-api-key"),
    // docs.npmjs.com/about-access-tokens
    vendor_token("npm_", Set::Alnum, 36, 36, "npm-token"),
    // pypi.org/help/#apitoken, a macaroon: version 2 and the location
    vendor_token("pypi-AgE", Set::Url, 50, 1024, "pypi-token"),
    // huggingface.co/docs/hub/security-tokens
    vendor_token("hf_", Set::Alnum, 30, 64, "huggingface-token"),
    // SG.<22>.<43>
    vendor_token("SG.", Set::Dotted, 66, 66, "sendgrid-key"),
    // docs.digitalocean.com/reference/api/create-personal-access-token
    vendor_token("dop_v1_", Set::Hex, 64, 64, "digitalocean-token"),
    vendor_token("doo_v1_", Set::Hex, 64, 64, "digitalocean-token"),
    vendor_token("dor_v1_", Set::Hex, 64, 64, "digitalocean-token"),
    // grafana.com/docs: service accounts; 32 characters, `_`, a checksum of 8
    vendor_token("glsa_", Set::Word, 41, 41, "grafana-token"),
    vendor_token("glc_", Set::Base64, 32, 500, "grafana-token"),
    // developer.hashicorp.com/vault/docs/concepts/tokens: service tokens
    vendor_token("hvs.", Set::Url, 24, 300, "vault-token"),
    // docs.stripe.com/webhooks: the secret that signs; Svix writes it in base64
    vendor_token("whsec_", Set::Base64, 24, 128, "webhook-secret"),
    // docs.docker.com/security/access-tokens
    vendor_token("dckr_pat_", Set::Url, 20, 64, "docker-token"),
    // tailscale.com/docs/reference/key-prefixes
    vendor_token("tskey-auth-", Set::Dashed, 20, 128, "tailscale-key"),
    vendor_token("tskey-api-", Set::Dashed, 20, 128, "tailscale-key"),
    vendor_token("tskey-client-", Set::Dashed, 20, 128, "tailscale-key"),
    // shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    vendor_token("shpat_", Set::Alnum, 32, 64, "shopify-token"),
];

impl Set {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Dashed => byte.is_ascii_alphanumeric() || byte == b'-',
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        }
    }
}

/// Masks the vendor's token that begins at `start`; the answer is where to go on.
pub(super) fn vendor(scan: &mut Scan<'_>, start: usize) -> usize {
    if !scan.word_begins(start) {
        return start + 1;
    }
    // Words that dashes join, `task-sk-risk`, are no keys of `sk-`.
    if scan.before(start) == b'-' && scan.byte(start + 2) == b'-' && !matches!(scan.before(start - 1), 0..=b' ' | b'-')
    {
        return start + 1;
    }
    let before = if scan.escape_before(start) { 0 } else { scan.before(start) };
    let Some((vendor, end)) = vendor_at(scan.bytes, start, before) else { return start + 1 };
    scan.mask(start, end, vendor.kind)
}

/// The kind of a value that is a token as a whole.
pub(super) fn kind_of(value: &[u8]) -> Option<&'static str> {
    // The shortest is AWS's.
    const MIN_BYTES: usize = 20;
    if value.len() < MIN_BYTES {
        return None;
    }
    if value.starts_with(b"eyJ") {
        return (jwt_end(value, 0) == Some(value.len())).then_some("jwt");
    }
    vendor_at(value, 0, 0).filter(|(_, end)| *end == value.len()).map(|(vendor, _)| vendor.kind)
}

/// The token at `start`, and its end. After a dash or dot that may be in the token it is the end
/// of a longer word, which was looked at where that begins.
fn vendor_at(bytes: &[u8], start: usize, before: u8) -> Option<(&'static Vendor, usize)> {
    let rest = bytes.get(start..)?;
    let first = rest.first()?;
    let in_word = |vendor: &Vendor| matches!(before, b'-' | b'.') && vendor.set.has(before);
    let begins = |vendor: &&Vendor| vendor.prefix.as_bytes()[0] == *first && rest.starts_with(vendor.prefix.as_bytes());
    VENDORS.iter().filter(begins).filter(|vendor| !in_word(vendor)).find_map(|vendor| {
        let (min, max) = vendor.length;
        let body = &rest[vendor.prefix.len()..];
        let mut len = body.iter().take(max + 1).take_while(|byte| vendor.set.has(**byte)).count();
        // The full stop of a sentence is no part of the token.
        while len > 0 && vendor.set == Set::Dotted && matches!(body[len - 1], b'.' | b'-') {
            len -= 1;
        }
        let next = body.get(len).copied().unwrap_or(0);
        let ends = !(next.is_ascii_alphanumeric() || next == b'_');
        ((min..=max).contains(&len) && ends).then(|| (vendor, start + vendor.prefix.len() + len))
    })
}

/// Masks the JWT, or the old Grafana key, that begins at `start`; the answer is where to go on.
pub(super) fn base64_object(scan: &mut Scan<'_>, start: usize) -> usize {
    // `{"k":"` in base64, as Grafana's API keys before service accounts began.
    const GRAFANA: &[u8] = b"eyJrIjoi";
    // One run of characters is looked at once: no hint inside it begins a word.
    let before = scan.before(start);
    if !scan.word_begins(start) || matches!(before, b'-' | b'.' | b'+') {
        return start + 1;
    }
    if let Some(end) = jwt_end(scan.bytes, start) {
        return scan.mask(start, end, "jwt");
    }
    if scan.bytes[start..].starts_with(GRAFANA) {
        let len = run(scan.bytes, start, Set::Base64);
        if (60..=400).contains(&len) {
            return scan.mask(start, start + len, "grafana-token");
        }
    }
    start + 1
}

/// Masks the key in `AccountKey=…` of an Azure connection string; the answer is where to go on.
pub(super) fn azure(scan: &mut Scan<'_>, hit: Hit) -> usize {
    // 64 bytes in base64 for storage, 32 for a bus.
    const MIN_BYTES: usize = 40;
    const MAX_BYTES: usize = 128;
    // `=`, and `: ` with quotes around.
    let link = scan.bytes[hit.end..].iter().take(8).take_while(|byte| b"=:\"' \\".contains(byte)).count();
    let start = hit.end + link;
    let rest = &scan.bytes[start..];
    let len = rest.iter().take(MAX_BYTES).take_while(|byte| Set::Base64.has(**byte)).count();
    let is_one = link > 0 && len >= MIN_BYTES;
    if is_one { scan.mask(start, start + len, "azure-key") } else { hit.end }
}

fn run(bytes: &[u8], start: usize, set: Set) -> usize {
    bytes[start.min(bytes.len())..].iter().take_while(|byte| set.has(**byte)).count()
}

/// The end of the JWT at `start`: a header that begins as JSON, a payload and, when it was not
/// cut off, a signature (RFC 7519); an encrypted one has five parts (RFC 7516).
fn jwt_end(bytes: &[u8], start: usize) -> Option<usize> {
    const MIN_PART: usize = 10;
    let header = run(bytes, start, Set::Url);
    let mut end = start + header;
    if header < MIN_PART || bytes.get(end) != Some(&b'.') {
        return None;
    }
    let payload = run(bytes, end + 1, Set::Url);
    let encrypted = payload == 0 && bytes.get(end + 1) == Some(&b'.');
    if payload < MIN_PART && !encrypted {
        return None;
    }
    end += 1 + payload;
    for _ in 0..3 {
        if bytes.get(end) != Some(&b'.') {
            break;
        }
        let part = run(bytes, end + 1, Set::Url);
        if part == 0 {
            break;
        }
        end += 1 + part;
    }
    Some(end)
}

/// Masks the PEM block of a private key around a hint in its first line; the answer is where to
/// go on. The body is read by its grammar, so a block that was cut off ends where base64 ends.
pub(super) fn private_key(scan: &mut Scan<'_>, hit: Hit) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const MAX_LABEL_BYTES: usize = 24;
    let from = hit.start.saturating_sub(BEGIN.len() + MAX_LABEL_BYTES).max(scan.floor);
    let Some(begin) = memchr::memmem::rfind(&scan.bytes[from..hit.start], BEGIN) else { return hit.end };
    let start = from + begin;
    let label = &scan.bytes[start + BEGIN.len()..hit.start];
    if !label.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ') {
        return hit.end;
    }
    let mut end = hit.end;
    if scan.bytes[end..].starts_with(b" BLOCK") {
        end += b" BLOCK".len();
    }
    if !scan.bytes[end..].starts_with(b"-----") {
        return hit.end;
    }
    end += b"-----".len();
    let end = pem_end(scan, end);
    scan.mask(start, end, "private-key")
}

/// The end of the body of a PEM block and of its last line.
fn pem_end(scan: &Scan<'_>, body: usize) -> usize {
    // Lines have 64 characters, so a shorter piece in the middle of a line is a word.
    const MIN_CHUNK: usize = 16;
    let mut end = body;
    loop {
        let mut at = end;
        let mut line_begins = false;
        while at < scan.bytes.len() {
            let (byte, len) = scan.unit(at);
            match byte {
                b'\n' | b'\r' => line_begins = true,
                b' ' | b'\t' => {}
                _ => break,
            }
            at += len;
        }
        if scan.bytes[at.min(scan.bytes.len())..].starts_with(b"-----END ") {
            let rest = &scan.bytes[at + b"-----END ".len()..];
            let label =
                rest.iter().take(48).take_while(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9'));
            let stop = at + b"-----END ".len() + label.count();
            let dashes = scan.bytes[stop..].iter().take(5).take_while(|byte| **byte == b'-').count();
            return stop + dashes;
        }
        let mut chunk = run(scan.bytes, at, Set::Base64);
        let header = ["Proc-Type:", "DEK-Info:", "Version:", "Comment:"].iter().any(|name| scan.at_fold(at, name));
        if header {
            let line = &scan.bytes[at..];
            chunk =
                line.iter().take(128).take_while(|byte| !matches!(byte, b'\n' | b'\r' | b'\\' | b'"' | b'\'')).count();
            // A cut at the limit must not divide a character.
            while scan.bytes.get(at + chunk).is_some_and(|byte| byte & 0xc0 == 0x80) {
                chunk -= 1;
            }
        }
        let next = scan.unit(at + chunk).0;
        let whole_line =
            line_begins && (at + chunk >= scan.bytes.len() || matches!(next, b'\n' | b'\r' | b'"' | b'\''));
        let last = scan.bytes[scan.skip_spaces(at + chunk)..].starts_with(b"-----END ");
        if chunk == 0 || !(chunk >= MIN_CHUNK || whole_line || last || header) {
            return end;
        }
        end = at + chunk;
    }
}
