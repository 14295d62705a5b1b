//! The table of configuration keys: files, variables, flags, defaults, `--help` and
//! `docs/configuration.md` are all made from [`KEYS`].

use std::path::Path;
use std::time::Duration;

use super::value::{Kind, Source, Values};
use super::{DockerMode, Env, LogFormat};

/// One thing that can be configured.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.name`, in lower case with underscores.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it holds when nobody says.
    pub default: Default,
    /// What it means: one sentence without its full stop.
    pub help: &'static str,
    /// Its value is masked wherever it would be shown.
    pub secret: bool,
}

/// What a key holds when nobody says.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// This text, which the key's kind reads.
    Fixed(&'static str),
    /// What is found in the environment.
    Found {
        /// How it is found, for documentation.
        rule: &'static str,
        /// Finds it, knowing the values of the keys before this one in the table.
        find: fn(&Values, Env<'_>) -> Option<(String, Source)>,
        /// What holds when nothing is found; none leaves the key without a value.
        otherwise: Option<&'static str>,
    },
}

/// A group of keys.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The table's name in the file.
    pub name: &'static str,
    /// What its keys are about: one sentence without its full stop.
    pub help: &'static str,
}

/// Every section, in the order of the data path.
pub const SECTIONS: &[Section] = &[
    Section { name: "docker", help: "Which engine is read, how, and which of its containers" },
    Section { name: "line", help: "What becomes of a line on its way in" },
    Section {
        name: "multiline",
        help: "Which lines are one record: those of a traceback, a panic, a pretty JSON object",
    },
    Section { name: "redact", help: "Secrets in what is read" },
    Section { name: "store", help: "Where records are kept, and how often they are made durable" },
    Section { name: "retention", help: "When records are deleted; whichever limit is reached first counts" },
    Section { name: "http", help: "The web page and the API" },
    Section { name: "live", help: "Following records as they arrive" },
    Section { name: "log", help: "What Foghorn says of itself, on standard error" },
];

/// Every key, sorted by section.
pub const KEYS: &[Key] = &[
    key(
        "docker.host",
        Kind::Endpoint,
        Default::Found {
            rule: "$DOCKER_HOST, else unix:///var/run/docker.sock",
            find: docker_host,
            otherwise: Some("unix:///var/run/docker.sock"),
        },
        "Where the engine listens",
    ),
    key(
        "docker.tls_verify",
        Kind::Boolean,
        Default::Found {
            rule: "true when $DOCKER_TLS_VERIFY is set and not empty, else false",
            find: tls_verify,
            otherwise: Some("false"),
        },
        "Speak TLS to a tcp:// engine and verify its certificate",
    ),
    key(
        "docker.cert_path",
        Kind::Path,
        Default::Found {
            rule: "$DOCKER_CERT_PATH, else ~/.docker, where docker.tls_verify is true",
            find: cert_path,
            otherwise: None,
        },
        "Directory of ca.pem, and of cert.pem with key.pem where the engine asks for a client certificate",
    ),
    key(
        "docker.mode",
        Kind::Choice(&DockerMode::NAMES),
        Default::Fixed("auto"),
        "How logs are read: poll asks again and again, follow holds a connection for each container, auto polls \
         below engine 23.0 and follows from it",
    ),
    key(
        "docker.poll_interval",
        duration(Duration::from_millis(50), Duration::from_mins(1)),
        Default::Fixed("500ms"),
        "How often a container's log is asked for new lines when polling",
    ),
    key(
        "docker.resync_interval",
        duration(Duration::from_secs(1), Duration::from_hours(1)),
        Default::Fixed("30s"),
        "How often the containers are listed again, in case an event was missed",
    ),
    key(
        "docker.include_projects",
        Kind::Patterns,
        Default::Fixed(""),
        "Read only containers of these Compose projects; empty reads all",
    ),
    key(
        "docker.exclude_projects",
        Kind::Patterns,
        Default::Fixed(""),
        "Never read containers of these Compose projects",
    ),
    key(
        "docker.include_names",
        Kind::Patterns,
        Default::Fixed(""),
        "Read only containers of these names; empty reads all",
    ),
    key("docker.exclude_names", Kind::Patterns, Default::Fixed(""), "Never read containers of these names"),
    key(
        "docker.include_self",
        Kind::Boolean,
        Default::Fixed("false"),
        "Read the container that Foghorn itself runs in",
    ),
    key(
        "line.max_bytes",
        size(KIB, 16 * MIB),
        Default::Fixed("1MiB"),
        "The longest line that is kept whole; the end of a longer one is cut off and counted",
    ),
    key(
        "multiline.enabled",
        Kind::Boolean,
        Default::Fixed("true"),
        "Join lines that were printed as one thing; otherwise every line is a record",
    ),
    key(
        "multiline.timeout",
        duration(Duration::from_millis(10), Duration::from_mins(1)),
        Default::Fixed("1s"),
        "How long a record waits for a line that joins it; live tail shows it at once",
    ),
    key(
        "multiline.max_lines",
        Kind::Integer { least: 2, most: 100_000 },
        Default::Fixed("1000"),
        "The most lines of a record; a longer one is marked as truncated, and goes on in the next",
    ),
    key(
        "multiline.max_bytes",
        size(KIB, 16 * MIB),
        Default::Fixed("1MiB"),
        "The most text of a record; a longer one is marked as truncated, and goes on in the next",
    ),
    key(
        "redact.enabled",
        Kind::Boolean,
        Default::Fixed("true"),
        "Mask passwords, tokens, keys and the like before anything is indexed, shown, counted or sent",
    ),
    key("store.path", Kind::Path, Default::Fixed("./data"), "Directory of the index, created where it is missing"),
    key(
        "store.commit_interval",
        duration(Duration::from_millis(100), Duration::from_mins(5)),
        Default::Fixed("5s"),
        "The longest that a record waits before it is durable and can be found",
    ),
    key(
        "store.commit_records",
        Kind::Integer { least: 1, most: 1_000_000 },
        Default::Fixed("25000"),
        "Commit earlier when this many records wait",
    ),
    key(
        "store.commit_bytes",
        size(64 * KIB, 256 * MIB),
        Default::Fixed("16MiB"),
        "Commit earlier when this much text waits",
    ),
    key(
        "retention.max_age",
        duration(Duration::from_hours(24), Duration::from_hours(24 * 3650)),
        Default::Fixed("14d"),
        "How long records are kept",
    ),
    key(
        "retention.max_bytes",
        size(64 * MIB, u64::MAX),
        Default::Fixed("10GiB"),
        "How much disk the index may take; the oldest day goes first",
    ),
    key(
        "retention.min_free_bytes",
        size(0, u64::MAX),
        Default::Fixed("256MiB"),
        "How much of the disk is left free, but no more than a tenth of it; below that the oldest day goes, before new records have no room",
    ),
    key("http.listen", Kind::Address, Default::Fixed("127.0.0.1:3644"), "The address and port to listen on"),
    key(
        "http.query_timeout",
        duration(Duration::from_millis(100), Duration::from_mins(5)),
        Default::Fixed("10s"),
        "How long one query may take before it is given up",
    ),
    key(
        "http.max_limit",
        Kind::Integer { least: 1, most: 100_000 },
        Default::Fixed("5000"),
        "The most records that one answer holds",
    ),
    key(
        "live.buffer_batches",
        Kind::Integer { least: 16, most: 65_536 },
        Default::Fixed("1024"),
        "Batches kept for live readers that are slow; one that falls further behind loses lines and is told so",
    ),
    key(
        "live.max_readers",
        Kind::Integer { least: 1, most: 10_000 },
        Default::Fixed("100"),
        "The most live readers at one time",
    ),
    key("log.level", Kind::Level, Default::Fixed("info"), "How much is said"),
    key("log.format", Kind::Choice(&LogFormat::NAMES), Default::Fixed("text"), "Lines for people or JSON for machines"),
];

/// Variables that are not keys.
const OTHER_VARIABLES: [&str; 2] = ["FOGHORN_CONFIG", "FOGHORN_BLESS"];

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn key(name: &'static str, kind: Kind, default: Default, help: &'static str) -> Key {
    Key { name, kind, default, help, secret: false }
}

const fn duration(least: Duration, most: Duration) -> Kind {
    Kind::Duration { least, most }
}

const fn size(least: u64, most: u64) -> Kind {
    Kind::Size { least, most }
}

impl Key {
    /// The section's name.
    pub fn section(&self) -> &'static str {
        self.parts().0
    }

    /// The name within the section.
    pub fn leaf(&self) -> &'static str {
        self.parts().1
    }

    /// The environment variable, such as `FOGHORN_STORE_COMMIT_INTERVAL`.
    pub fn variable(&self) -> String {
        format!("FOGHORN_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// The flag without its dashes, such as `store-commit-interval`.
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The default as documentation shows it: a value in the file's form, or the rule.
    pub fn default_text(&self) -> String {
        match self.default {
            Default::Fixed(text) => self.kind.literal(text),
            Default::Found { rule, .. } => rule.to_owned(),
        }
    }

    fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').expect("a key's name has a section")
    }
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What a variable that begins with `FOGHORN_` is.
pub enum Variable {
    /// It sets a key.
    Key,
    /// It is read elsewhere, or is a test's own.
    Other,
    /// Nothing; the key whose variable is written most like it.
    Unknown(&'static Key),
}

/// Says what the variable is; none where it is not Foghorn's.
pub fn variable(name: &str) -> Option<Variable> {
    if !name.starts_with("FOGHORN_") {
        None
    } else if OTHER_VARIABLES.contains(&name) || name.starts_with("FOGHORN_TEST_") {
        Some(Variable::Other)
    } else if KEYS.iter().any(|key| key.variable() == name) {
        Some(Variable::Key)
    } else {
        Some(Variable::Unknown(nearest(KEYS, Key::variable, name)))
    }
}

/// The item whose text is written most like `name`; the first of several.
pub fn nearest<'a, T>(items: &'a [T], text: impl Fn(&T) -> String, name: &str) -> &'a T {
    items.iter().min_by_key(|item| strsim::levenshtein(&text(item), name)).expect("there is an item to suggest")
}

fn docker_host(_: &Values, env: Env<'_>) -> Option<(String, Source)> {
    variable_text(env, "DOCKER_HOST")
}

fn tls_verify(_: &Values, env: Env<'_>) -> Option<(String, Source)> {
    // Docker's own rule: any text switches it on, even `0`.
    let (_, source) = variable_text(env, "DOCKER_TLS_VERIFY")?;
    Some(("true".to_owned(), source))
}

fn cert_path(values: &Values, env: Env<'_>) -> Option<(String, Source)> {
    if !values.boolean("docker.tls_verify") {
        return None;
    }
    variable_text(env, "DOCKER_CERT_PATH").or_else(|| {
        let (home, _) = variable_text(env, "HOME")?;
        Some((Path::new(&home).join(".docker").to_str()?.to_owned(), Source::Default))
    })
}

fn variable_text(env: Env<'_>, name: &str) -> Option<(String, Source)> {
    let text = env(name).filter(|text| !text.is_empty())?;
    Some((text, Source::Variable(name.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_by_section_and_names_each_key_once() {
        let mut sections: Vec<_> = KEYS.iter().map(Key::section).collect();
        sections.dedup();
        assert_eq!(sections, SECTIONS.iter().map(|section| section.name).collect::<Vec<_>>());
        for (index, key) in KEYS.iter().enumerate() {
            let rest = &KEYS[index + 1..];
            assert!(rest.iter().all(|other| other.variable() != key.variable()), "{} is ambiguous", key.name);
            assert!(!key.help.ends_with('.') && !key.help.is_empty(), "{}", key.name);
        }
    }

    #[test]
    fn fixed_defaults_are_values_in_their_shortest_form() {
        for key in KEYS {
            if let Default::Fixed(text) = key.default {
                let value = key.kind.read(&super::super::value::Input::Text(text.to_owned())).unwrap();
                assert_eq!(key.kind.text(&value), text, "{}", key.name);
            }
        }
    }

    #[test]
    fn a_key_has_one_name_everywhere() {
        let key = find("store.commit_interval").unwrap();
        assert_eq!(key.variable(), "FOGHORN_STORE_COMMIT_INTERVAL");
        assert_eq!(key.flag(), "store-commit-interval");
        assert_eq!((key.section(), key.leaf()), ("store", "commit_interval"));
        assert!(find("store.commit-interval").is_none());
    }

    #[test]
    fn variables_are_known_exempt_or_near_to_a_key() {
        let table = [
            ("PATH", "none"),
            ("foghorn_log_level", "none"),
            ("FOGHORN_LOG_LEVEL", "key"),
            ("FOGHORN_CONFIG", "other"),
            ("FOGHORN_BLESS", "other"),
            ("FOGHORN_TEST_ENGINE", "other"),
            ("FOGHORN_LOGLEVEL", "log.level"),
            ("FOGHORN_RETENTION_MAX_AGES", "retention.max_age"),
            ("FOGHORN_TLS_VERIFY", "docker.tls_verify"),
        ];
        for (name, expected) in table {
            let found = match variable(name) {
                None => "none",
                Some(Variable::Key) => "key",
                Some(Variable::Other) => "other",
                Some(Variable::Unknown(nearest)) => nearest.name,
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
