//! One value on its way into the configuration: [`Input`] as it was written, by a key's [`Kind`],
//! to [`Value`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::{self, Endpoint};
use super::level::{self, LogLevel};
use super::{duration, size};
use crate::pattern::{self, Pattern};

/// Where a value comes from, in rising precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// A line, from 1, of a configuration file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line of the value.
        line: usize,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag of the command line, with its dashes.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What a key holds, with its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration.
    Duration {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// A number of bytes.
    Size {
        /// The smallest.
        least: u64,
        /// The largest; `u64::MAX` for none.
        most: u64,
    },
    /// A whole number.
    Integer {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// `true` or `false`.
    Boolean,
    /// A path of the file system.
    Path,
    /// Name patterns.
    Patterns,
    /// An address to listen on.
    Address,
    /// Where the engine is.
    Endpoint,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A log level.
    Level,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The text of a variable, a flag or a default.
    Text(String),
    /// A string of the file.
    String(String),
    /// An integer of the file, in decimal digits where they could be read.
    Integer(String),
    /// A boolean of the file.
    Boolean(bool),
    /// An array of the file that holds only strings.
    List(Vec<String>),
    /// Anything else.
    Other,
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// See [`Kind::Duration`].
    Duration(Duration),
    /// See [`Kind::Size`] and [`Kind::Integer`].
    Number(u64),
    /// See [`Kind::Boolean`].
    Boolean(bool),
    /// See [`Kind::Path`].
    Path(PathBuf),
    /// See [`Kind::Patterns`].
    Patterns(Vec<Pattern>),
    /// See [`Kind::Address`].
    Address(SocketAddr),
    /// See [`Kind::Endpoint`].
    Endpoint(Endpoint),
    /// See [`Kind::Choice`].
    Choice(&'static str),
    /// See [`Kind::Level`].
    Level(LogLevel),
}

/// Why an input is no value of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The end of a sentence that begins with the input, such as `is not a duration`.
    pub problem: String,
    /// The accepted form.
    pub expected: String,
}

impl Kind {
    /// Reads an input.
    pub fn read(self, input: &Input) -> Result<Value, Refusal> {
        let value = match (self, input) {
            (Self::Duration { .. }, Input::Text(text) | Input::String(text)) => {
                duration::parse(text).ok().map(Value::Duration)
            }
            (Self::Size { .. }, Input::Text(text) | Input::String(text) | Input::Integer(text)) => {
                size::parse(text).ok().map(Value::Number)
            }
            (Self::Integer { .. }, Input::Text(text) | Input::Integer(text)) => number(text).map(Value::Number),
            (Self::Boolean, Input::Text(text)) => text.parse().ok().map(Value::Boolean),
            (Self::Boolean, Input::Boolean(value)) => Some(Value::Boolean(*value)),
            (Self::Patterns, Input::Text(text)) if text.trim().is_empty() => Some(Value::Patterns(Vec::new())),
            (Self::Patterns, Input::Text(text)) => patterns(text.split(',').map(str::trim)),
            (Self::Patterns, Input::List(texts)) => patterns(texts.iter().map(String::as_str)),
            (Self::Path, Input::Text(text) | Input::String(text)) => {
                // Nothing but a shell knows `~`, and a directory of that name surprises.
                (!text.is_empty() && !text.starts_with('~')).then(|| Value::Path(text.into()))
            }
            (Self::Address, Input::Text(text) | Input::String(text)) => text.parse().ok().map(Value::Address),
            (Self::Endpoint, Input::Text(text) | Input::String(text)) => match text.parse() {
                Ok(endpoint) => Some(Value::Endpoint(endpoint)),
                Err(error) => return Err(self.refusal(format!("{error}"))),
            },
            (Self::Choice(words), Input::Text(text) | Input::String(text)) => {
                words.iter().find(|word| *word == text).map(|word| Value::Choice(word))
            }
            (Self::Level, Input::Text(text) | Input::String(text)) => text.parse().ok().map(Value::Level),
            _ => None,
        };
        let value = value.ok_or_else(|| self.refusal(format!("is not {}", self.noun())))?;
        if self.holds(&value) {
            Ok(value)
        } else {
            Err(Refusal { problem: "is out of range".to_owned(), expected: self.range() })
        }
    }

    /// What is accepted, for documentation: the noun and its range.
    pub fn accepts(self) -> String {
        match self {
            Self::Duration { .. } | Self::Size { .. } | Self::Integer { .. } => {
                format!("{}, {}", self.noun(), self.range())
            }
            Self::Patterns => "a list of patterns".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Boolean | Self::Choice(_) | Self::Address | Self::Endpoint | Self::Level => self.form(),
        }
    }

    /// The word for a value in a usage line.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Duration { .. } => "DURATION",
            Self::Size { .. } => "SIZE",
            Self::Integer { .. } => "NUMBER",
            Self::Boolean => "BOOLEAN",
            Self::Path => "PATH",
            Self::Patterns => "PATTERNS",
            Self::Address => "ADDRESS",
            Self::Endpoint => "ENDPOINT",
            Self::Choice(_) => "WORD",
            Self::Level => "LEVEL",
        }
    }

    fn refusal(self, problem: String) -> Refusal {
        Refusal { problem, expected: self.form() }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Duration { .. } => "a duration",
            Self::Size { .. } => "a size",
            Self::Integer { .. } => "a whole number",
            Self::Boolean => "a boolean",
            Self::Path => "a usable path",
            Self::Patterns => "a list of patterns",
            Self::Address => "a socket address",
            Self::Endpoint => "an endpoint",
            Self::Choice(_) => "one of the choices",
            Self::Level => "a log level",
        }
    }

    fn form(self) -> String {
        match self {
            Self::Duration { .. } => duration::FORM.to_owned(),
            Self::Size { .. } => size::FORM.to_owned(),
            Self::Integer { .. } => format!("a whole number {}", self.range()),
            Self::Boolean => "true or false".to_owned(),
            Self::Path => "a path that is not empty and does not begin with ~".to_owned(),
            Self::Patterns => {
                format!(
                    "a list such as [\"shop-*\", \"db\"] in the file, shop-*,db elsewhere, each of {}",
                    pattern::FORM
                )
            }
            Self::Address => "an address and port such as 127.0.0.1:3644 or [::]:3644".to_owned(),
            Self::Endpoint => endpoint::FORM.to_owned(),
            Self::Choice(words) => match words {
                [words @ .., last] => format!("{} or {last}", words.join(", ")),
                [] => unreachable!("a choice has words"),
            },
            Self::Level => level::FORM.to_owned(),
        }
    }

    fn range(self) -> String {
        match self {
            Self::Duration { least, most } => {
                format!("{} to {}", duration::format(least), duration::format(most))
            }
            Self::Size { least, most: u64::MAX } => format!("at least {}", size::format(least)),
            Self::Size { least, most } => format!("{} to {}", size::format(least), size::format(most)),
            Self::Integer { least, most } => format!("{least} to {most}"),
            _ => self.form(),
        }
    }

    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Duration { least, most }, Value::Duration(duration)) => (least..=most).contains(duration),
            (Self::Size { least, most } | Self::Integer { least, most }, Value::Number(number)) => {
                (least..=most).contains(number)
            }
            _ => true,
        }
    }

    /// The value as text that [`Kind::read`] reads again from a variable or a flag.
    pub fn text(self, value: &Value) -> String {
        match value {
            Value::Duration(duration) => duration::format(*duration),
            Value::Number(bytes) if matches!(self, Self::Size { .. }) => size::format(*bytes),
            Value::Number(number) => number.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::Path(path) => path.display().to_string(),
            Value::Patterns(patterns) => patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(","),
            Value::Address(address) => address.to_string(),
            Value::Endpoint(endpoint) => endpoint.to_string(),
            Value::Choice(word) => (*word).to_owned(),
            Value::Level(level) => level.to_string(),
        }
    }

    /// A value's text as the file would hold it.
    pub fn literal(self, text: &str) -> String {
        // Control characters are escaped as TOML wants them; Rust's own form is another.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Integer { .. } | Self::Boolean => text.to_owned(),
            Self::Patterns if text.is_empty() => "[]".to_owned(),
            Self::Patterns => format!("[{}]", text.split(',').map(quoted).collect::<Vec<_>>().join(", ")),
            _ => quoted(text),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn patterns<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Value> {
    texts.map(|text| text.parse().ok()).collect::<Option<_>>().map(Value::Patterns)
}

/// Values by key. The typed readers panic when the table gives the key another kind, which
/// `Config::default` would show in every test.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<&'static str, (Value, Source)>);

impl Values {
    /// Sets a key's value, over any that it had.
    pub fn set(&mut self, key: &'static str, value: Value, source: Source) {
        self.0.insert(key, (value, source));
    }

    /// A key's value and where it came from; none where the key has no value.
    pub fn get(&self, key: &str) -> Option<(&Value, &Source)> {
        self.0.get(key).map(|(value, source)| (value, source))
    }

    /// A duration.
    pub fn duration(&self, key: &str) -> Duration {
        let Value::Duration(value) = self.value(key) else { other_kind(key) };
        *value
    }

    /// A size in bytes or a whole number.
    pub fn number(&self, key: &str) -> u64 {
        let Value::Number(value) = self.value(key) else { other_kind(key) };
        *value
    }

    /// A boolean.
    pub fn boolean(&self, key: &str) -> bool {
        let Value::Boolean(value) = self.value(key) else { other_kind(key) };
        *value
    }

    /// A path.
    pub fn path(&self, key: &str) -> PathBuf {
        let Value::Path(value) = self.value(key) else { other_kind(key) };
        value.clone()
    }

    /// Patterns.
    pub fn patterns(&self, key: &str) -> Vec<Pattern> {
        let Value::Patterns(value) = self.value(key) else { other_kind(key) };
        value.clone()
    }

    /// A socket address.
    pub fn address(&self, key: &str) -> SocketAddr {
        let Value::Address(value) = self.value(key) else { other_kind(key) };
        *value
    }

    /// An endpoint.
    pub fn endpoint(&self, key: &str) -> Endpoint {
        let Value::Endpoint(value) = self.value(key) else { other_kind(key) };
        value.clone()
    }

    /// A word of a choice.
    pub fn choice(&self, key: &str) -> &'static str {
        let Value::Choice(value) = self.value(key) else { other_kind(key) };
        value
    }

    /// A log level.
    pub fn level(&self, key: &str) -> LogLevel {
        let Value::Level(value) = self.value(key) else { other_kind(key) };
        value.clone()
    }

    fn value(&self, key: &str) -> &Value {
        self.get(key).expect("every key read without asking has a default").0
    }
}

fn other_kind(key: &str) -> ! {
    unreachable!("the key table gives {key} another kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Kind = Kind::Duration { least: Duration::from_millis(500), most: Duration::from_mins(1) };

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    fn string(text: &str) -> Input {
        Input::String(text.to_owned())
    }

    #[test]
    fn reads_by_kind_and_writes_back() {
        let size = Kind::Size { least: 0, most: u64::MAX };
        let integer = Kind::Integer { least: 1, most: 9 };
        let choice = Kind::Choice(&["text", "json"]);
        let list = |texts: &[&str]| Input::List(texts.iter().map(|text| (*text).to_owned()).collect());
        let table = [
            (SECONDS, text("1000ms"), "1s", "\"1s\""),
            (SECONDS, string("60s"), "1m", "\"1m\""),
            (size, Input::Integer("2048".to_owned()), "2KiB", "\"2KiB\""),
            (size, string("2048"), "2KiB", "\"2KiB\""),
            (integer, text("9"), "9", "9"),
            (Kind::Boolean, text("true"), "true", "true"),
            (Kind::Boolean, Input::Boolean(false), "false", "false"),
            (Kind::Path, text("a \"b\"\\c"), "a \"b\"\\c", r#""a \"b\"\\c""#),
            (Kind::Patterns, text(" "), "", "[]"),
            (Kind::Patterns, text("a*, b"), "a*,b", r#"["a*", "b"]"#),
            (Kind::Patterns, list(&["a*", "b"]), "a*,b", r#"["a*", "b"]"#),
            (Kind::Patterns, list(&[]), "", "[]"),
            (Kind::Address, text("[::]:1"), "[::]:1", "\"[::]:1\""),
            (Kind::Endpoint, string("http://a:1"), "tcp://a:1", "\"tcp://a:1\""),
            (choice, text("json"), "json", "\"json\""),
            (Kind::Level, text("warn"), "warn", "\"warn\""),
        ];
        for (kind, input, expected, literal) in table {
            let value = kind.read(&input).unwrap();
            assert_eq!(kind.text(&value), expected, "{input:?}");
            assert_eq!(kind.literal(expected), literal, "{input:?}");
            assert_eq!(kind.read(&text(expected)), Ok(value), "{expected} does not survive its text");
        }
    }

    #[test]
    fn refuses_the_wrong_shape_and_range() {
        let size = Kind::Size { least: 1024, most: u64::MAX };
        let integer = Kind::Integer { least: 1, most: 9 };
        let table = [
            (SECONDS, text("5"), "is not a duration", "a number with a unit"),
            (SECONDS, Input::Integer("5".to_owned()), "is not a duration", "a number with a unit"),
            (SECONDS, text("499ms"), "is out of range", "500ms to 1m"),
            (SECONDS, text("61s"), "is out of range", "500ms to 1m"),
            (size, text("1023"), "is out of range", "at least 1KiB"),
            (size, text("1 MB"), "is not a size", "a number of bytes"),
            (integer, string("5"), "is not a whole number", "a whole number 1 to 9"),
            (integer, text("+5"), "is not a whole number", "a whole number 1 to 9"),
            (integer, text("10"), "is out of range", "1 to 9"),
            (Kind::Boolean, string("true"), "is not a boolean", "true or false"),
            (Kind::Boolean, text("1"), "is not a boolean", "true or false"),
            (Kind::Path, text(""), "is not a usable path", "a path that"),
            (Kind::Path, text("~/data"), "is not a usable path", "does not begin with ~"),
            (Kind::Patterns, string("a,b"), "is not a list of patterns", "in the file"),
            (Kind::Patterns, text("a,,b"), "is not a list of patterns", "shop-*,db"),
            (Kind::Address, text("localhost:1"), "is not a socket address", "127.0.0.1:3644"),
            (Kind::Endpoint, text("ssh://a"), "asks for ssh", "tcp://host:port"),
            (Kind::Choice(&["a", "b", "c"]), text("d"), "is not one of the choices", "a, b or c"),
            (Kind::Level, text("loud"), "is not a log level", "off, error"),
            (Kind::Level, Input::Other, "is not a log level", "off, error"),
        ];
        for (kind, input, problem, expected) in table {
            let refusal = kind.read(&input).unwrap_err();
            assert!(refusal.problem.starts_with(problem), "{input:?}: {refusal:?}");
            assert!(refusal.expected.contains(expected), "{input:?}: {refusal:?}");
        }
    }
}
