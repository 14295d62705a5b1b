//! What can be configured: a file, the environment and flags to [`Config`].
//!
//! [`keys::KEYS`] is the only list of keys. Everything outside comes in as arguments, so a test
//! never touches the process's environment.

pub mod duration;
pub mod endpoint;
mod error;
mod file;
pub mod keys;
pub mod level;
mod reference;
mod rules;
mod sections;
mod services;
pub mod size;
pub mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use crate::pattern::Pattern;
pub use endpoint::Endpoint;
pub use error::ConfigError;
pub use level::LogLevel;
pub use reference::{example, reference};
pub use rules::RulesConfig;
pub use sections::{
    ClientFiles, DockerConfig, DockerMode, HttpConfig, LineConfig, LiveConfig, LogConfig, LogFormat, MultilineConfig,
    RedactConfig, RetentionConfig, StoreConfig, TlsFiles,
};
pub use value::Source;

use file::Written;
use keys::{KEYS, Key, Variable};
use services::ServiceAge;
use value::{Input, Kind, Values};

/// Everything configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which engine is read, how, and which of its containers.
    pub docker: DockerConfig,
    /// What becomes of a line.
    pub line: LineConfig,
    /// Which lines are one record.
    pub multiline: MultilineConfig,
    /// Secrets.
    pub redact: RedactConfig,
    /// Where records are kept.
    pub store: StoreConfig,
    /// When records are deleted.
    pub retention: RetentionConfig,
    /// The web page and the API.
    pub http: HttpConfig,
    /// Following records as they arrive.
    pub live: LiveConfig,
    /// What Foghorn says of itself.
    pub log: LogConfig,
    /// The user's own formats, fields, durations and secrets.
    pub rules: RulesConfig,
    entries: Vec<Entry>,
    file: Option<PathBuf>,
}

/// Reads an environment variable; none for one that is not set, or not UTF-8.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// Texts by key name, such as `("http.listen", "[::]:80")`; of two for one key the later counts.
    pub values: Vec<(String, String)>,
}

/// A key with its value in force; shown as a line that the file could hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's name.
    pub key: String,
    kind: Kind,
    /// The value as a variable or a flag would give it, masked where the key is secret; none where
    /// the key has no value.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// Where a file is looked for when none is named.
const FILES: [&str; 2] = ["foghorn.toml", "/etc/foghorn/foghorn.toml"];

const MASK: &str = "********";

impl Config {
    /// Loads the configuration: defaults, then the file, then the environment, then `args`.
    /// `names` are the names of all environment variables, to find those that set nothing.
    ///
    /// # Errors
    /// The first mistake: see [`ConfigError`]. Nothing is ever ignored.
    pub fn load(args: &Overrides, env: Env<'_>, names: impl IntoIterator<Item = String>) -> Result<Self, ConfigError> {
        Self::load_with(args, env, names, &FILES.map(Path::new))
    }

    /// The same with other files to look for.
    fn load_with(
        args: &Overrides,
        env: Env<'_>,
        names: impl IntoIterator<Item = String>,
        files: &[&Path],
    ) -> Result<Self, ConfigError> {
        check_variables(env, names)?;
        let file = find_file(args, env, files)?;
        let file::File { mut written, rules, services } = match &file {
            Some((path, text)) => file::read(text, path)?,
            None => file::File::default(),
        };
        written.extend(KEYS.iter().filter_map(|key| {
            let variable = key.variable();
            env(&variable).map(|text| given(key, text, Source::Variable(variable)))
        }));
        for (name, text) in &args.values {
            let key = keys::find(name).ok_or_else(|| ConfigError::UnknownOverride {
                name: name.clone(),
                nearest: keys::nearest(KEYS, |key| key.name.to_owned(), name).name,
            })?;
            written.push(given(key, text.clone(), Source::Flag(format!("--{}", key.flag()))));
        }
        let values = in_force(written, env)?;
        let mut entries: Vec<Entry> = KEYS.iter().map(|key| entry(key, &values)).collect();
        let behind = entries.iter().rposition(|entry| entry.key.starts_with("retention.")).map_or(0, |at| at + 1);
        entries.splice(behind..behind, services.iter().map(ServiceAge::entry));
        let mut config = Self::from_values(&values, rules, entries, file.map(|(path, _)| path))?;
        config.retention.services = services.into_iter().map(|service| (service.name, service.age)).collect();
        Ok(config)
    }

    /// The values in force, in the order of the table, as they were loaded.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file that was read, if there was one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn from_values(
        values: &Values,
        rules: RulesConfig,
        entries: Vec<Entry>,
        file: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let host = values.endpoint("docker.host");
        let tls = tls_files(&host, values)?;
        Ok(Self {
            docker: DockerConfig {
                host,
                tls,
                mode: DockerMode::from_name(values.choice("docker.mode")),
                poll_interval: values.duration("docker.poll_interval"),
                resync_interval: values.duration("docker.resync_interval"),
                include_projects: values.patterns("docker.include_projects"),
                exclude_projects: values.patterns("docker.exclude_projects"),
                include_names: values.patterns("docker.include_names"),
                exclude_names: values.patterns("docker.exclude_names"),
                include_self: values.boolean("docker.include_self"),
            },
            line: LineConfig { max_bytes: values.number("line.max_bytes") },
            multiline: MultilineConfig {
                enabled: values.boolean("multiline.enabled"),
                timeout: values.duration("multiline.timeout"),
                max_lines: values.number("multiline.max_lines"),
                max_bytes: values.number("multiline.max_bytes"),
            },
            redact: RedactConfig { enabled: values.boolean("redact.enabled") },
            store: StoreConfig {
                path: values.path("store.path"),
                commit_interval: values.duration("store.commit_interval"),
                commit_records: values.number("store.commit_records"),
                commit_bytes: values.number("store.commit_bytes"),
            },
            retention: RetentionConfig {
                max_age: values.duration("retention.max_age"),
                services: BTreeMap::new(),
                max_bytes: values.number("retention.max_bytes"),
                min_free_bytes: values.number("retention.min_free_bytes"),
            },
            http: HttpConfig {
                listen: values.address("http.listen"),
                query_timeout: values.duration("http.query_timeout"),
                max_limit: values.number("http.max_limit"),
            },
            live: LiveConfig {
                buffer_batches: values.number("live.buffer_batches"),
                max_readers: values.number("live.max_readers"),
            },
            log: LogConfig {
                level: values.level("log.level"),
                format: LogFormat::from_name(values.choice("log.format")),
            },
            rules,
            entries,
            file,
        })
    }
}

/// What holds when there is no file, no variable and no flag.
impl Default for Config {
    fn default() -> Self {
        Self::load_with(&Overrides::default(), &|_| None, [], &[]).expect("the defaults are valid")
    }
}

impl Overrides {
    /// The same with `key` set to `text`; a key that does not exist is an error when it is loaded.
    #[must_use]
    pub fn with(mut self, key: &str, text: &str) -> Self {
        self.values.push((key.to_owned(), text.to_owned()));
        self
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {}  # {}", self.key, self.kind.literal(value), self.source),
            None => write!(f, "# {} has no value", self.key),
        }
    }
}

fn check_variables(env: Env<'_>, names: impl IntoIterator<Item = String>) -> Result<(), ConfigError> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    for name in names {
        match keys::variable(&name) {
            Some(Variable::Unknown(key)) => {
                return Err(ConfigError::UnknownVariable { name, nearest: key.variable(), key: key.name });
            }
            Some(Variable::Key) if env(&name).is_none() => return Err(ConfigError::NotText { name }),
            _ => {}
        }
    }
    Ok(())
}

/// The file to read, with its text.
fn find_file(args: &Overrides, env: Env<'_>, files: &[&Path]) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let variable = || env("FOGHORN_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = match &args.file {
        Some(path) => Some((path.clone(), ", named by --config")),
        None => variable().map(|path| (path, ", named by FOGHORN_CONFIG")),
    };
    if let Some((path, named)) = named {
        return match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some((path, text))),
            Err(error) => Err(ConfigError::File { path, named, error }),
        };
    }
    for path in files {
        match std::fs::read_to_string(path) {
            Ok(text) => return Ok(Some((path.to_path_buf(), text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ConfigError::File { path: path.to_path_buf(), named: "", error }),
        }
    }
    Ok(None)
}

/// A value from a variable or a flag.
fn given(key: &'static Key, text: String, source: Source) -> Written {
    Written { key, shown: format!("{text:?}"), input: Input::Text(text), source }
}

/// Reads every written value, also those that a later one covers, and finds the defaults of the
/// rest.
fn in_force(written: Vec<Written>, env: Env<'_>) -> Result<Values, ConfigError> {
    let mut values = Values::default();
    for written in written {
        set(&mut values, written)?;
    }
    for key in KEYS {
        if values.get(key.name).is_some() {
            continue;
        }
        let default = match key.default {
            keys::Default::Fixed(text) => Some((text.to_owned(), Source::Default)),
            keys::Default::Found { find, otherwise, .. } => {
                find(&values, env).or(otherwise.map(|text| (text.to_owned(), Source::Default)))
            }
        };
        if let Some((text, source)) = default {
            set(&mut values, given(key, text, source))?;
        }
    }
    Ok(values)
}

fn set(values: &mut Values, written: Written) -> Result<(), ConfigError> {
    let Written { key, input, shown, source } = written;
    match key.kind.read(&input) {
        Ok(value) => {
            values.set(key.name, value, source);
            Ok(())
        }
        Err(refusal) => Err(ConfigError::Value {
            key: key.name.into(),
            shown: masked(key, shown),
            place: source,
            problem: refusal.problem,
            expected: refusal.expected,
        }),
    }
}

fn masked(key: &Key, text: String) -> String {
    if key.secret { MASK.to_owned() } else { text }
}

fn entry(key: &Key, values: &Values) -> Entry {
    let (value, source) = match values.get(key.name) {
        Some((value, source)) => (Some(masked(key, key.kind.text(value))), source.clone()),
        None => (None, Source::Default),
    };
    Entry { key: key.name.to_owned(), kind: key.kind, value, source }
}

/// The files for TLS, which have to exist; none where the connection is plain.
fn tls_files(host: &Endpoint, values: &Values) -> Result<Option<TlsFiles>, ConfigError> {
    let refuse = |name: &'static str, problem: &str, expected: &str| {
        let key = keys::find(name).expect("the key is in the table");
        let (value, source) = values.get(name).expect("the key has a value");
        ConfigError::Value {
            key: name.into(),
            shown: masked(key, format!("{:?}", key.kind.text(value))),
            place: source.clone(),
            problem: problem.to_owned(),
            expected: expected.to_owned(),
        }
    };
    if !values.boolean("docker.tls_verify") {
        return Ok(None);
    }
    if let Endpoint::Unix(_) = host {
        // Docker's own variable is often set for a shell; only who asked Foghorn for TLS is told.
        let asked = values.get("docker.tls_verify").is_some_and(|(_, source)| {
            !matches!(source, Source::Default) && *source != Source::Variable("DOCKER_TLS_VERIFY".to_owned())
        });
        let problem = format!("asks for TLS, and docker.host is {host}");
        return if asked { Err(refuse("docker.tls_verify", &problem, "a tcp:// endpoint")) } else { Ok(None) };
    }
    if values.get("docker.cert_path").is_none() {
        return Err(ConfigError::NoCertPath);
    }
    let directory = values.path("docker.cert_path");
    let file = |name: &str| Some(directory.join(name)).filter(|path| path.is_file());
    let ca = file("ca.pem").ok_or_else(|| {
        refuse("docker.cert_path", "holds no ca.pem", "a directory with it as docker.tls_verify is on")
    })?;
    let client = match (file("cert.pem"), file("key.pem")) {
        (Some(cert), Some(key)) => Some(ClientFiles { cert, key }),
        (None, None) => None,
        _ => {
            let problem = "holds one of cert.pem and key.pem";
            return Err(refuse("docker.cert_path", problem, "both for a client certificate, or neither"));
        }
    };
    Ok(Some(TlsFiles { ca, client }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    /// A directory that is removed with the value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(files: &[(&str, &str)]) -> Self {
            use std::sync::atomic::{AtomicU32, Ordering};
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("foghorn-config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).unwrap();
            for (name, text) in files {
                std::fs::write(path.join(name), text).unwrap();
            }
            Self(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn load(args: &Overrides, variables: &[(&str, &str)], files: &[&Path]) -> Result<Config, String> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let env = |name: &str| variables.get(name).map(|text| (*text).to_owned());
        let names = variables.keys().map(|name| (*name).to_owned());
        Config::load_with(args, &env, names, files).map_err(|error| error.to_string())
    }

    fn load_env(variables: &[(&str, &str)]) -> Result<Config, String> {
        load(&Overrides::default(), variables, &[])
    }

    fn source(config: &Config, key: &str) -> String {
        config.entries().iter().find(|entry| entry.key == key).unwrap().source.to_string()
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = Config::default();
        let docker = &config.docker;
        assert_eq!(docker.host, Endpoint::Unix("/var/run/docker.sock".into()));
        assert_eq!((&docker.tls, docker.mode, docker.include_self), (&None, DockerMode::Auto, false));
        assert_eq!(
            (docker.poll_interval, docker.resync_interval),
            (Duration::from_millis(500), Duration::from_secs(30))
        );
        assert_eq!(config.line.max_bytes, 1 << 20);
        let multiline = config.multiline;
        assert_eq!((multiline.enabled, multiline.timeout), (true, Duration::from_secs(1)));
        assert_eq!((multiline.max_lines, multiline.max_bytes), (1000, 1 << 20));
        assert!(config.redact.enabled);
        assert_eq!(
            (config.store.path.to_str(), config.store.commit_interval),
            (Some("./data"), Duration::from_secs(5))
        );
        assert_eq!((config.store.commit_records, config.store.commit_bytes), (25_000, 16 << 20));
        assert_eq!((config.retention.max_age, config.retention.max_bytes), (Duration::from_hours(14 * 24), 10 << 30));
        assert_eq!((config.http.listen.to_string().as_str(), config.http.max_limit), ("127.0.0.1:3644", 5_000));
        assert_eq!(config.http.query_timeout, Duration::from_secs(10));
        assert_eq!((config.live.buffer_batches, config.live.max_readers), (1_024, 100));
        assert_eq!((config.log.level.as_str(), config.log.format), ("info", LogFormat::Text));
        assert!(config.entries().iter().all(|entry| entry.source == Source::Default));
        assert_eq!(config.file(), None);
    }

    #[test]
    fn the_later_place_wins() {
        let directory = Directory::new(&[(
            "foghorn.toml",
            "[live]\nbuffer_batches = 20\nmax_readers = 20\n[http]\nmax_limit = 20\n",
        )]);
        let file = directory.path("foghorn.toml");
        let variables = [("FOGHORN_LIVE_MAX_READERS", "30"), ("FOGHORN_HTTP_MAX_LIMIT", "30")];
        let args = Overrides::default().with("http.max_limit", "40");
        let config = load(&args, &variables, &[&file]).unwrap();
        assert_eq!((config.live.buffer_batches, config.live.max_readers, config.http.max_limit), (20, 30, 40));
        assert_eq!(source(&config, "live.buffer_batches"), format!("{}:2", file.display()));
        assert_eq!(source(&config, "live.max_readers"), "FOGHORN_LIVE_MAX_READERS");
        assert_eq!(source(&config, "http.max_limit"), "--http-max-limit");
        assert_eq!(source(&config, "log.level"), "default");
        assert_eq!(config.file(), Some(file.as_path()));
    }

    #[test]
    fn a_covered_value_still_has_to_be_right() {
        let args = Overrides::default().with("http.max_limit", "40");
        let message = load(&args, &[("FOGHORN_HTTP_MAX_LIMIT", "many")], &[]).unwrap_err();
        assert!(message.starts_with("http.max_limit: \"many\" in FOGHORN_HTTP_MAX_LIMIT"), "{message}");
    }

    #[test]
    fn the_file_is_the_named_one_then_the_first_found() {
        let directory = Directory::new(&[("a.toml", "log.level = 'warn'"), ("b.toml", "log.level = 'error'")]);
        let (a, b, missing) = (directory.path("a.toml"), directory.path("b.toml"), directory.path("c.toml"));
        let named = |path: &Path| Overrides { file: Some(path.to_owned()), ..Overrides::default() };
        let none = Overrides::default();
        let (a_text, missing_text) = (a.to_str().unwrap(), missing.to_str().unwrap());
        let level = |args: &Overrides, variables: &[(&str, &str)], files: &[&Path]| {
            load(args, variables, files).map(|config| config.log.level.to_string())
        };
        assert_eq!(level(&none, &[], &[&missing]).as_deref(), Ok("info"));
        assert_eq!(level(&none, &[], &[&missing, &b, &a]).as_deref(), Ok("error"));
        assert_eq!(level(&none, &[("FOGHORN_CONFIG", a_text)], &[&b]).as_deref(), Ok("warn"));
        assert_eq!(level(&none, &[("FOGHORN_CONFIG", "")], &[&b]).as_deref(), Ok("error"));
        assert_eq!(level(&named(&b), &[("FOGHORN_CONFIG", a_text)], &[]).as_deref(), Ok("error"));

        let error = level(&named(&missing), &[], &[&a]).unwrap_err();
        assert!(error.starts_with(&format!("cannot read {missing_text}, named by --config: ")), "{error}");
        let error = level(&none, &[("FOGHORN_CONFIG", missing_text)], &[&a]).unwrap_err();
        assert!(error.starts_with(&format!("cannot read {missing_text}, named by FOGHORN_CONFIG: ")), "{error}");
        // One that is there and cannot be read is never passed over.
        let error = level(&none, &[], &[&directory.0, &a]).unwrap_err();
        assert!(error.starts_with(&format!("cannot read {}: ", directory.0.display())), "{error}");
    }

    #[test]
    fn a_wrong_value_says_key_place_value_and_form() {
        let directory = Directory::new(&[("f.toml", "\n[store]\ncommit_interval = 5\n")]);
        let file = directory.path("f.toml");
        let form = "is not a duration, expected a number with a unit such as 500ms, 5s, 10m, 2h or 14d";
        let none = Overrides::default();
        assert_eq!(
            load(&none, &[("FOGHORN_STORE_COMMIT_INTERVAL", "5")], &[]).unwrap_err(),
            format!("store.commit_interval: \"5\" in FOGHORN_STORE_COMMIT_INTERVAL {form}")
        );
        assert_eq!(
            load(&none, &[], &[&file]).unwrap_err(),
            format!("store.commit_interval: 5 in {}:3 {form}", file.display())
        );
        assert_eq!(
            load(&none.clone().with("store.commit_interval", "6m"), &[], &[]).unwrap_err(),
            "store.commit_interval: \"6m\" in --store-commit-interval is out of range, expected 100ms to 5m"
        );
        assert_eq!(
            load(&none.with("docker.mode", "fast"), &[], &[]).unwrap_err(),
            "docker.mode: \"fast\" in --docker-mode is not one of the choices, expected auto, poll or follow"
        );
    }

    #[test]
    fn unknown_names_stop_the_start() {
        assert_eq!(
            load_env(&[("FOGHORN_STORE_COMIT_INTERVAL", "5s")]).unwrap_err(),
            "the environment variable FOGHORN_STORE_COMIT_INTERVAL sets nothing, \
             the nearest is FOGHORN_STORE_COMMIT_INTERVAL for store.commit_interval"
        );
        assert!(load_env(&[("FOGHORN_TEST_X", "1"), ("FOGHORN_BLESS", "1"), ("FOG", "1")]).is_ok());
        let error = load(&Overrides::default().with("log.lvl", "info"), &[], &[]).unwrap_err();
        assert_eq!(error, "log.lvl is not a key, the nearest is log.level");
        let error = Config::load_with(&Overrides::default(), &|_| None, ["FOGHORN_LOG_LEVEL".to_owned()], &[]);
        assert_eq!(error.unwrap_err().to_string(), "the environment variable FOGHORN_LOG_LEVEL is not valid UTF-8");
    }

    #[test]
    fn dockers_own_variables_are_defaults() {
        let config = load_env(&[("DOCKER_HOST", "tcp://docker:2375")]).unwrap();
        assert_eq!(config.docker.host, Endpoint::Tcp { host: "docker".to_owned(), port: 2375 });
        assert_eq!(source(&config, "docker.host"), "DOCKER_HOST");
        let config = load_env(&[("DOCKER_HOST", "")]).unwrap();
        assert_eq!(config.docker.host, Config::default().docker.host);
        let args = Overrides::default().with("docker.host", "unix:///run/d.sock");
        let config = load(&args, &[("DOCKER_HOST", "ssh://ignored")], &[]).unwrap();
        assert_eq!(config.docker.host, Endpoint::Unix("/run/d.sock".into()));
        let error = load_env(&[("DOCKER_HOST", "ssh://root@nas")]).unwrap_err();
        assert!(error.starts_with("docker.host: \"ssh://root@nas\" in DOCKER_HOST asks for ssh"), "{error}");
    }

    #[test]
    fn tls_needs_its_files() {
        let ca = ("ca.pem", "");
        let full = Directory::new(&[ca, ("cert.pem", ""), ("key.pem", "")]);
        let (only_ca, half, empty) =
            (Directory::new(&[ca]), Directory::new(&[ca, ("cert.pem", "")]), Directory::new(&[]));
        let tls = |directory: &Directory| {
            let path = directory.0.to_str().unwrap();
            load_env(&[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", path)])
                .map(|config| config.docker.tls)
        };
        let client = ClientFiles { cert: full.path("cert.pem"), key: full.path("key.pem") };
        assert_eq!(tls(&full), Ok(Some(TlsFiles { ca: full.path("ca.pem"), client: Some(client) })));
        assert_eq!(tls(&only_ca), Ok(Some(TlsFiles { ca: only_ca.path("ca.pem"), client: None })));
        assert_eq!(
            tls(&half).unwrap_err(),
            format!(
                "docker.cert_path: {:?} in DOCKER_CERT_PATH holds one of cert.pem and key.pem, \
                 expected both for a client certificate, or neither",
                half.0
            )
        );
        let error = tls(&empty).unwrap_err();
        assert!(error.contains("in DOCKER_CERT_PATH holds no ca.pem, expected"), "{error}");
    }

    #[test]
    fn tls_is_off_unless_asked_for_and_never_on_a_socket() {
        let home = Directory::new(&[]);
        std::fs::create_dir(home.path(".docker")).unwrap();
        std::fs::write(home.path(".docker/ca.pem"), "").unwrap();
        let home_text = home.0.to_str().unwrap();
        let tcp = ("DOCKER_HOST", "tcp://a:1");
        let tls = |variables: &[(&str, &str)]| load_env(variables).map(|config| config.docker.tls.map(|tls| tls.ca));

        assert_eq!(tls(&[tcp, ("DOCKER_CERT_PATH", "/nowhere")]), Ok(None));
        assert_eq!(tls(&[tcp, ("DOCKER_TLS_VERIFY", "")]), Ok(None));
        assert_eq!(tls(&[tcp, ("DOCKER_TLS_VERIFY", "1"), ("FOGHORN_DOCKER_TLS_VERIFY", "false")]), Ok(None));
        let in_home = Ok(Some(home.path(".docker/ca.pem")));
        assert_eq!(tls(&[tcp, ("DOCKER_TLS_VERIFY", "1"), ("HOME", home_text)]), in_home);
        assert!(tls(&[tcp, ("DOCKER_TLS_VERIFY", "1")]).unwrap_err().starts_with("docker.cert_path: has no value"));

        assert_eq!(tls(&[("DOCKER_TLS_VERIFY", "1"), ("HOME", home_text)]), Ok(None));
        assert_eq!(
            tls(&[("FOGHORN_DOCKER_TLS_VERIFY", "true"), ("HOME", home_text)]).unwrap_err(),
            "docker.tls_verify: \"true\" in FOGHORN_DOCKER_TLS_VERIFY asks for TLS, \
             and docker.host is unix:///var/run/docker.sock, expected a tcp:// endpoint"
        );
    }

    #[test]
    fn containers_are_selected_by_project_and_name() {
        let table = [
            (["", "", "", ""], "shop", "shop-web-1", true),
            (["shop", "", "", ""], "shop", "shop-web-1", true),
            (["shop", "", "", ""], "", "web", false),
            (["*", "", "", ""], "", "web", true),
            (["shop", "", "*-db-?", ""], "shop", "shop-web-1", false),
            (["shop", "", "*-db-?", ""], "shop", "shop-db-1", true),
            (["other", "", "*-db-?", ""], "shop", "shop-db-1", false),
            (["", "shop", "", ""], "shop", "shop-db-1", false),
            (["", "shop", "", ""], "", "db", true),
            (["shop", "", "", "*-db-*"], "shop", "shop-db-1", false),
        ];
        let keys = ["include_projects", "exclude_projects", "include_names", "exclude_names"];
        for (patterns, project, name, expected) in table {
            let args = keys
                .iter()
                .zip(patterns)
                .fold(Overrides::default(), |args, (key, text)| args.with(&format!("docker.{key}"), text));
            let config = load(&args, &[], &[]).unwrap();
            assert_eq!(config.docker.selects(project, name), expected, "{patterns:?} over {project:?} {name:?}");
        }
    }

    #[test]
    fn entries_show_what_the_file_could_hold() {
        let args = Overrides::default().with("docker.include_names", "a*,b").with("http.max_limit", "7");
        let config = load(&args, &[], &[]).unwrap();
        let lines: Vec<String> = config.entries().iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), KEYS.len());
        for line in [
            "docker.include_names = [\"a*\", \"b\"]  # --docker-include-names",
            "http.max_limit = 7  # --http-max-limit",
            "store.commit_interval = \"5s\"  # default",
            "# docker.cert_path has no value",
        ] {
            assert!(lines.iter().any(|shown| shown == line), "{line} is missing from {lines:#?}");
        }
        let written = file::read(&lines.join("\n"), Path::new("f.toml")).unwrap().written;
        assert_eq!(written.len(), KEYS.len() - 1);
    }

    #[test]
    fn a_secret_is_never_shown() {
        const SECRET: Key = Key { secret: true, ..KEYS[0] };
        let mut values = Values::default();
        set(&mut values, given(&SECRET, "tcp://hunter2:1".to_owned(), Source::Default)).unwrap();
        assert_eq!(entry(&SECRET, &values).value.as_deref(), Some("********"));
        let error = set(&mut values, given(&SECRET, "hunter2".to_owned(), Source::Default)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert!(error.to_string().starts_with("docker.host: ******** in default is not an endpoint"), "{error}");
    }
}
