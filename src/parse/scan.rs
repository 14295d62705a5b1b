//! A cursor over a line: small steps that each take something or take nothing.

/// What is left of a line. Each step answers none and takes nothing where it does not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    pub rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Exactly this text.
    pub(super) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Spaces and tabs; none is fine.
    pub(super) fn spaces(&mut self) -> &mut Self {
        let spaces = self.rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[spaces..];
        self
    }

    /// One space or more.
    pub(super) fn some_spaces(&mut self) -> Option<()> {
        self.rest.starts_with([' ', '\t']).then(|| {
            self.spaces();
        })
    }

    /// Everything before the text, which is taken, too.
    pub(super) fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(before)
    }

    /// What is not white space, at least one character.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// ASCII digits, at least one.
    pub(super) fn digits(&mut self) -> Option<&'a str> {
        self.take_while(|byte| byte.is_ascii_digit())
    }

    /// A whole number without a sign.
    pub(super) fn number(&mut self) -> Option<i64> {
        let mut ahead = *self;
        let number = ahead.digits()?.parse().ok()?;
        *self = ahead;
        Some(number)
    }

    /// Bytes that pass, at least one. Passing must not end within a character.
    pub(super) fn take_while(&mut self, passes: impl Fn(u8) -> bool) -> Option<&'a str> {
        let end = self.rest.bytes().position(|byte| !passes(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).filter(|(taken, _)| !taken.is_empty())?;
        self.rest = rest;
        Some(taken)
    }

    /// What stands between two marks, such as brackets.
    pub(super) fn within(&mut self, open: &str, close: &str) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.literal(open)?;
        let content = ahead.until(close)?;
        *self = ahead;
        Some(content)
    }

    /// What stands in brackets, which may hold others.
    pub(super) fn group(&mut self) -> Option<&'a str> {
        let mut depth = 0_usize;
        for (at, byte) in self.rest.bytes().enumerate().take(512) {
            match byte {
                b'[' => depth += 1,
                b']' if depth == 1 => {
                    let content = &self.rest[1..at];
                    self.rest = &self.rest[at + 1..];
                    return Some(content);
                }
                b']' => depth = depth.saturating_sub(1),
                _ if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// What stands in double quotes, without them and with its escapes.
    pub(super) fn quoted(&mut self) -> Option<&'a str> {
        let (content, rest) = quoted(self.rest.get(1..).filter(|_| self.rest.as_bytes()[0] == b'"')?)?;
        self.rest = rest;
        Some(content)
    }
}

/// Splits behind the quote that ends the text.
pub(super) fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes()[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_does_not_fit_takes_nothing() {
        let mut scan = Scan::new("é[12] \"a\\\"b\" 7x");
        assert_eq!(scan.digits(), None);
        assert_eq!(scan.within("[", "]"), None);
        assert_eq!(scan.literal("é"), Some(()));
        assert_eq!(scan.within("[", ")"), None);
        assert_eq!(scan.within("[", "]"), Some("12"));
        assert_eq!(scan.some_spaces(), Some(()));
        assert_eq!(scan.quoted(), Some("a\\\"b"));
        assert_eq!(scan.quoted(), None);
        assert_eq!(scan.spaces().number(), Some(7));
        assert_eq!((scan.number(), scan.word(), scan.word()), (None, Some("x"), None));
        assert_eq!(Scan::new("99999999999999999999").number(), None);
    }
}
