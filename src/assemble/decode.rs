//! Bytes → text: invalid UTF-8 stays visible as U+FFFD, everything else stays as it is.

/// Makes text of a line's bytes. A valid line is copied once.
///
/// ```
/// assert_eq!(foghorn::assemble::decode::text(b"caf\xc3\xa9 \xff".to_vec()), "café \u{fffd}");
/// ```
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
