//! How much Foghorn says of itself: text such as `info` or `foghorn=debug` to [`LogLevel`].

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

/// What [`LogLevel`] is read from, for messages.
pub const FORM: &str = "off, error, warn, info, debug, trace, or directives such as info,foghorn::docker=debug";

const NAMES: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level for everything, or directives by module, as [`EnvFilter`] reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

/// A text that is neither a level nor a list of directives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a log level, expected {FORM}")]
pub struct LogLevelError;

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // EnvFilter takes any bare word for a module's name, so a misspelt level would silence
        // everything without a word; here it has to be a level. `module=` would mean trace.
        let known = |part: &str| NAMES.contains(&part) || (part.contains(['=', '[', ']']) && !part.ends_with('='));
        if text.split(',').all(known) && EnvFilter::builder().parse(text).is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(LogLevelError)
        }
    }
}

impl LogLevel {
    /// The directives as they were written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The filter that they stand for.
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::builder().parse(&self.0).expect("a log level was parsed when it was made")
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_levels_and_directives() {
        let table = [
            ("off", "off"),
            ("trace", "trace"),
            ("foghorn=debug", "foghorn=debug"),
            ("info,foghorn::docker=trace", "foghorn::docker=trace,info"),
            ("foghorn[read]=debug", "foghorn[read]=debug"),
        ];
        for (text, filter) in table {
            let level: LogLevel = text.parse().unwrap();
            assert_eq!((level.as_str(), level.filter().to_string().as_str()), (text, filter));
        }
    }

    #[test]
    fn refuses_what_would_silence_everything() {
        for text in ["", "verbose", "INFOO", "inf", "foghorn", "info,", "info,debg", "foghorn=verbose", "foghorn="] {
            assert_eq!(text.parse::<LogLevel>(), Err(LogLevelError), "{text:?}");
        }
    }
}
