//! What can be wrong with a configuration: every message names the place, the input and what is
//! accepted.

use std::io;
use std::path::PathBuf;

use super::value::Source;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that its key does not take.
    #[error("{key}: {shown} in {place} {problem}, expected {expected}")]
    Value {
        /// The key's name.
        key: Box<str>,
        /// The value as it was written, masked where the key is secret.
        shown: String,
        /// Where it stands.
        place: Source,
        /// What is wrong, to be read after the value.
        problem: String,
        /// The accepted form.
        expected: String,
    },
    /// A file that cannot be read; one that was not named is allowed to be missing.
    #[error("cannot read {path}{named}: {error}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Who named it, with a comma before it; empty for one that was found.
        named: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A file that is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where it stops being TOML.
        place: Source,
        /// What was expected there.
        message: String,
    },
    /// A section of the file that does not exist.
    #[error("{place}: [{name}] is not a section, the nearest is [{nearest}]")]
    UnknownSection {
        /// Where it stands.
        place: Source,
        /// Its name.
        name: String,
        /// A section that exists.
        nearest: &'static str,
    },
    /// A section's name that has a value.
    #[error("{place}: {name} is a section and holds keys, expected [{name}] on a line of its own")]
    NotASection {
        /// Where it stands.
        place: Source,
        /// Its name.
        name: String,
    },
    /// A rule of the user's own that cannot be used.
    #[error("{place}: [[{list}]] {index}{name}: {problem}")]
    Rule {
        /// Where it stands.
        place: Source,
        /// The list that it is in.
        list: &'static str,
        /// Its place in the list, from 1.
        index: usize,
        /// Its name in quotes, a space before it; empty where it has none.
        name: String,
        /// Which key is wrong, why, and what is accepted.
        problem: String,
    },
    /// A list of rules that is something else.
    #[error("{place}: {name} is a list of tables, expected [[{name}]] on a line of its own")]
    NotAList {
        /// Where it stands.
        place: Source,
        /// Its name.
        name: &'static str,
    },
    /// A key of the file that does not exist.
    #[error("{place}: {name} is not a key, the nearest is {nearest}")]
    UnknownKey {
        /// Where it stands.
        place: Source,
        /// Its name.
        name: String,
        /// A key that exists.
        nearest: &'static str,
    },
    /// A variable that looks like Foghorn's and sets nothing.
    #[error("the environment variable {name} sets nothing, the nearest is {nearest} for {key}")]
    UnknownVariable {
        /// Its name.
        name: String,
        /// A variable that exists.
        nearest: String,
        /// What that one sets.
        key: &'static str,
    },
    /// A variable whose value is no text.
    #[error("the environment variable {name} is not valid UTF-8")]
    NotText {
        /// Its name.
        name: String,
    },
    /// An override of a key that does not exist: a mistake of the calling code.
    #[error("{name} is not a key, the nearest is {nearest}")]
    UnknownOverride {
        /// Its name.
        name: String,
        /// A key that exists.
        nearest: &'static str,
    },
    /// TLS is on, and nothing says where its files are.
    #[error("docker.cert_path: has no value, expected one as docker.tls_verify is on and HOME is not set")]
    NoCertPath,
}
