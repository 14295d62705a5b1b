//! Regular expressions that users write: from a text to a compiled expression of bounded size, or
//! one line that says what is wrong with it.

use regex::{Regex, RegexBuilder};

/// How much memory one expression may take, compiled.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The longest text of an expression.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// An expression looks at this much of a text, from its beginning.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Compiles an expression.
///
/// # Errors
/// What is wrong with it and where, in one line.
///
/// ```
/// use foghorn::expression::compile;
/// assert!(compile(r"order=(?<id>\d+)").unwrap().is_match("order=7"));
/// assert_eq!(compile("a(b").unwrap_err(), "unclosed group, at character 2");
/// ```
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("it is longer than {} KiB", MAX_PATTERN_BYTES / 1024));
    }
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).build().map_err(|error| explain(pattern, &error))
}

/// What an expression looks at.
pub fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// How far the regex crate's pictures are indented.
const INDENT: usize = 4;

/// The regex crate draws a picture of several lines; what is wrong stands in the last, and where
/// under a copy of the pattern.
fn explain(pattern: &str, error: &regex::Error) -> String {
    let regex::Error::Syntax(picture) = error else {
        return match error {
            regex::Error::CompiledTooBig(_) => {
                format!("it takes more than {} MiB of memory, expected a simpler one", MAX_COMPILED_BYTES >> 20)
            }
            other => other.to_string(),
        };
    };
    let what = picture.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(picture).trim();
    let is_mark = |line: &&str| line.contains('^') && line.chars().all(|c| c == ' ' || c == '^');
    // A pattern of several lines is drawn otherwise.
    let mark = picture.lines().find(is_mark).filter(|_| !pattern.contains('\n'));
    // Of two places the later one is wrong.
    let start = |line: &str| line.trim_end_matches('^').len().checked_sub(INDENT);
    match mark.map(str::trim_end).and_then(start) {
        Some(at) => format!("{what}, at character {}", at + 1),
        None => what.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_in_one_line_with_its_place() {
        for (pattern, expected) in [
            ("(", "unclosed group, at character 1"),
            ("ä[", "unclosed character class, at character 2"),
            ("a{2,1}", "invalid repetition count range, the start must be <= the end, at character 2"),
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported, at character 1"),
            ("(?<a>.)(?<a>.)", "duplicate capture group name, at character 11"),
            (r"\q", "unrecognized escape sequence, at character 1"),
            ("\n(", "unclosed group"),
            (r"(?:\w{50}){50}", "it takes more than 1 MiB of memory, expected a simpler one"),
        ] {
            let found = compile(pattern).unwrap_err();
            assert!(found.starts_with(expected) && !found.contains('\n'), "{pattern:?}: {found:?}");
        }
        assert_eq!(compile(&"a".repeat(MAX_PATTERN_BYTES + 1)).unwrap_err(), "it is longer than 64 KiB");
    }

    #[test]
    fn only_the_beginning_of_a_text_is_looked_at() {
        assert_eq!(beginning("é"), "é");
        assert_eq!(beginning(&"é".repeat(MAX_TEXT_BYTES)).len(), MAX_TEXT_BYTES);
        assert_eq!(beginning(&format!("x{}", "é".repeat(MAX_TEXT_BYTES))).len(), MAX_TEXT_BYTES - 1);
    }
}
