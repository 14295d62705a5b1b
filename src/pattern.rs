//! Name patterns with `*` and `?`: text to [`Pattern`], which says whether a name matches.

use std::fmt;
use std::str::FromStr;

/// What [`Pattern`] is made of, for messages.
pub const FORM: &str = "letters, digits, _ . and -, with * for any run of characters and ? for one";

/// A pattern over a whole name: `*` stands for any run of characters, also none, and `?` for
/// exactly one. Case matters. Characters that no project or container name holds are refused,
/// since such a pattern could never match.
///
/// ```
/// use foghorn::pattern::Pattern;
/// let pattern: Pattern = "shop-*".parse().unwrap();
/// assert!(pattern.matches("shop-web-1"));
/// assert!(!pattern.matches("my-shop-web-1"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// A text that is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a pattern, expected {FORM}")]
pub struct PatternError;

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-*?".contains(&byte);
        if text.is_empty() || !text.bytes().all(fits) { Err(PatternError) } else { Ok(Self(text.to_owned())) }
    }
}

impl Pattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` matches. At worst pattern length times name length steps.
    pub fn matches(&self, name: &str) -> bool {
        // The pattern is ASCII, so bytes will do, except that `?` has to take a whole character.
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Behind the last star: where the pattern goes on, and up to where the star has eaten.
        // Only the last star ever has to give way, because an earlier one took the shortest run.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    p += 1;
                    star = Some((p, n));
                }
                Some(b'?') => {
                    p += 1;
                    n = after_character(name, n);
                }
                Some(byte) if *byte == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((behind, eaten)) = star else { return false };
                    let eaten = after_character(name, eaten);
                    star = Some((behind, eaten));
                    (p, n) = (behind, eaten);
                }
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The index behind the UTF-8 character that starts at `at`.
fn after_character(bytes: &[u8], at: usize) -> usize {
    let continues = bytes[at + 1..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
    at + 1 + continues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        let table = [
            ("web", "web", true),
            ("web", "web1", false),
            ("web", "Web", false),
            ("web", "", false),
            ("*", "", true),
            ("*", "anything", true),
            ("**", "", true),
            ("?", "", false),
            ("?", "a", true),
            ("?", "ü", true),
            ("??", "ü", false),
            ("*?", "ü", true),
            ("shop-*", "shop-", true),
            ("shop-*", "shop-web-1", true),
            ("shop-*", "shop", false),
            ("*-1", "shop-web-1", true),
            ("*-1", "shop-web-11", false),
            ("*-1", "shop-1-1", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abbbc", true),
            ("a*b*c", "acb", false),
            ("*web*", "shop-web-1", true),
            ("*web*", "shop-wob-1", false),
            ("web-?", "web-1", true),
            ("web-?", "web-12", false),
            ("a.c", "abc", false),
        ];
        for (pattern, name, expected) in table {
            let compiled: Pattern = pattern.parse().unwrap();
            assert_eq!(compiled.matches(name), expected, "{pattern} over {name:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let pattern: Pattern = "*a*a*a*a*a*a*a*a*a*a*a*a*b".parse().unwrap();
        assert!(!pattern.matches(&"a".repeat(5_000)));
    }

    #[test]
    fn refuses_what_no_name_holds() {
        for text in ["", " ", "/web", "shop/*", "{a,b}", "[ab]", "a b", "a,b", "ü", "!web", "^web$"] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError), "{text:?}");
        }
    }
}
