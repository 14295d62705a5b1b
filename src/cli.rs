//! The command line: arguments and environment to a [`Command`] with its [`Config`].
//!
//! Every flag is made from [`KEYS`], and so is `--help`.

pub mod check;
pub mod delete;
pub mod healthcheck;
pub mod import;
mod input;
pub mod parse;
pub mod search;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Arg, ArgMatches};

use crate::config::keys::{Default, KEYS, Key, SECTIONS};
use crate::config::{Config, ConfigError, Env, Overrides};

/// What to do, and how it is configured.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read, keep and serve; also when no command is given.
    Serve(Config),
    /// Show the configuration and ask the engine: [`check::run`].
    Check(Config),
    /// Ask a running Foghorn how it is: [`healthcheck::run`].
    Healthcheck(Config),
    /// Show what lines become: [`parse::run`].
    Parse(Config, parse::Options),
    /// Store the lines of files: [`import::run`].
    Import(Config, import::Options),
    /// Delete a service's records: [`delete::run`].
    Delete(Config, delete::Options),
    /// Ask a running Foghorn for records: [`search::run`].
    Search(Config, search::Options),
}

/// Why there is nothing to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Arguments that are not understood; also what `--help` and `--version` answer.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// No usable configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl CliError {
    /// What the process exits with: 0 for help and version, 2 for every mistake.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(error) if !error.use_stderr() => 0,
            Self::Usage(_) | Self::Config(_) => 2,
        }
    }

    /// Prints help and version to standard output, every mistake to standard error.
    pub fn print(&self) -> io::Result<()> {
        match self {
            Self::Usage(error) => error.print(),
            Self::Config(error) => {
                use io::Write as _;
                writeln!(io::stderr(), "foghorn: {error}")
            }
        }
    }
}

/// Reads the command line and loads the configuration. `args` begins with the program's name;
/// `names` are the names of all environment variables.
///
/// # Errors
/// Wrong arguments, help and version, and whatever [`Config::load`] finds wrong.
pub fn parse<A: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = A>,
    env: Env<'_>,
    names: impl IntoIterator<Item = String>,
) -> Result<Command, CliError> {
    let matches = command().try_get_matches_from(args)?;
    let (name, matches) = matches.subcommand().unwrap_or(("serve", &matches));
    let config = Config::load(&overrides(matches), env, names)?;
    Ok(match name {
        "check" => Command::Check(config),
        "healthcheck" => Command::Healthcheck(config),
        "parse" => Command::Parse(config, parse::Options::of(matches)),
        "import" => Command::Import(config, import::Options::of(matches)),
        "delete" => Command::Delete(config, delete::Options::of(matches)),
        "search" => Command::Search(config, search::Options::of(matches)),
        _ => Command::Serve(config),
    })
}

/// The same with the process's own arguments and environment.
pub fn parse_process() -> Result<Command, CliError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    parse(std::env::args_os(), &|name| std::env::var(name).ok(), names)
}

fn overrides(matches: &ArgMatches) -> Overrides {
    let given = |key: &Key| Some((key.name.to_owned(), matches.get_one::<String>(key.name)?.clone()));
    Overrides { file: matches.get_one::<PathBuf>(FILE).cloned(), values: KEYS.iter().filter_map(given).collect() }
}

const FILE: &str = "config";

/// The flags' names, which clap wants for as long as the program runs.
static FLAGS: LazyLock<Vec<String>> = LazyLock::new(|| KEYS.iter().map(Key::flag).collect());

fn command() -> clap::Command {
    let subcommand = |name, about| clap::Command::new(name).about(about);
    clap::Command::new("foghorn")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Observability agent for Docker Compose stacks")
        .after_help(AFTER_HELP)
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
        .subcommand(subcommand("serve", "Read, keep and serve logs; what is done when no command is given"))
        .subcommand(subcommand(
            "check",
            "Show the configuration in force and ask the engine; exits 1 if it does not answer",
        ))
        .subcommand(subcommand("healthcheck", "Ask a running Foghorn how it is; exits 1 unless it is well"))
        .subcommand(parse::command("Show what lines of files, or of standard input, become: a JSON object a record"))
        .subcommand(search::command("Search what a running Foghorn keeps; exits 1 if nothing is found"))
        .subcommand(import::command("Store the lines of files, each once, while no Foghorn uses the store"))
        .subcommand(delete::command("Delete a service's records for good, while no Foghorn uses the store"))
        .arg(Arg::new(FILE).long(FILE).value_name("PATH").value_parser(clap::value_parser!(PathBuf)).global(true).help(
            "The configuration file, which has to exist [default: ./foghorn.toml, else /etc/foghorn/foghorn.toml]",
        ))
        .args(KEYS.iter().zip(FLAGS.iter()).map(|(key, flag)| argument(key, flag)))
}

fn argument(key: &'static Key, flag: &'static str) -> Arg {
    let help = format!("{} ({}) [default: {}]", key.help, key.kind.accepts(), default_text(key));
    let section = SECTIONS.iter().find(|section| section.name == key.section());
    Arg::new(key.name)
        .long(flag)
        .value_name(key.kind.placeholder())
        .global(true)
        .help(help)
        .help_heading(section.map(|section| section.name))
}

/// A key's default as its flag would give it.
fn default_text(key: &Key) -> &'static str {
    match key.default {
        Default::Fixed("") => "none",
        Default::Fixed(text) | Default::Found { rule: text, .. } => text,
    }
}

const AFTER_HELP: &str = "\
Each flag is a key of the configuration file and an environment variable, too: --store-commit-interval 5s is
FOGHORN_STORE_COMMIT_INTERVAL=5s, and commit_interval = \"5s\" in the table [store] of foghorn.toml. A flag wins over a
variable, and a variable over the file. Durations have a unit: ms, s, m, h, d or w. Sizes are bytes or have a unit: B,
KB, MB, GB, TB, KiB, MiB, GiB or TiB. Lists of patterns are separated by commas.";

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Command, CliError> {
        parse(["foghorn"].iter().chain(args), &|_| None, [])
    }

    #[test]
    fn the_flags_are_sound() {
        command().debug_assert();
        assert_eq!(command().get_arguments().count(), KEYS.len() + 1);
    }

    #[test]
    fn names_the_command() {
        let name = |args: &[&str]| match run(args).unwrap() {
            Command::Serve(_) => "serve",
            Command::Check(_) => "check",
            Command::Healthcheck(_) => "healthcheck",
            Command::Parse(..) => "parse",
            Command::Import(..) => "import",
            Command::Search(..) => "search",
            Command::Delete(..) => "delete",
        };
        for (args, expected) in [
            (&[][..], "serve"),
            (&["serve"], "serve"),
            (&["check"], "check"),
            (&["healthcheck"], "healthcheck"),
            (&["parse"], "parse"),
            (&["import", "a.log"], "import"),
            (&["search"], "search"),
            (&["delete", "--service", "api"], "delete"),
            (&["search", "level:>=warn", "--json", "--", "-health"], "search"),
        ] {
            assert_eq!(name(args), expected, "{args:?}");
        }
    }

    #[test]
    fn files_and_their_options_are_read() {
        let args = ["parse", "--format", "json", "--explain", "a.log", "-", "--redact-enabled", "false"];
        let Command::Parse(config, options) = run(&args).unwrap() else { panic!("that is parse") };
        let files = vec!["a.log".into(), "-".into()];
        assert_eq!(options, parse::Options { format: Some("json"), explain: true, files });
        assert!(!config.redact.enabled);
        let Command::Import(_, options) = run(&["import", "--again", "--service", "web", "-"]).unwrap() else {
            panic!("that is import")
        };
        assert_eq!(options, import::Options { service: Some("web".into()), again: true, files: vec!["-".into()] });
        let error = run(&["parse", "--format", "jason"]).unwrap_err().to_string();
        assert!(error.contains("access, apache_error, ") && error.contains(", zerolog"), "{error}");
    }

    #[test]
    fn flags_stand_before_or_behind_the_command() {
        for args in [
            &["--http-listen", "127.0.0.1:1", "serve"][..],
            &["serve", "--http-listen", "127.0.0.1:1"],
            &["--http-listen=127.0.0.1:1"],
        ] {
            let Command::Serve(config) = run(args).unwrap() else { panic!("{args:?} is serve") };
            assert_eq!(config.http.listen.to_string(), "127.0.0.1:1", "{args:?}");
        }
    }

    #[test]
    fn every_key_has_a_flag_that_wins_over_its_variable() {
        for key in KEYS {
            let flag = format!("--{}", key.flag());
            let wrong = |name: &str| (name == key.variable()).then(String::new);
            // `~` is no value of any kind, so the message tells which place was read last.
            let from_flag = run(&[&flag, "~"]).unwrap_err().to_string();
            assert!(from_flag.contains(&format!("{}: \"~\" in {flag} ", key.name)), "{from_flag}");
            if key.kind.read(&crate::config::value::Input::Text(String::new())).is_err() {
                let from_variable = parse(["foghorn"], &wrong, []).unwrap_err().to_string();
                assert!(
                    from_variable.contains(&format!("{}: \"\" in {} ", key.name, key.variable())),
                    "{from_variable}"
                );
            }
        }
    }

    #[test]
    fn the_named_file_has_to_exist() {
        let error = run(&["check", "--config", "no/such/file.toml"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with("cannot read no/such/file.toml, named by --config: "), "{error}");
    }

    #[test]
    fn mistakes_exit_with_2_and_help_with_0() {
        let table = [
            (&["--help"][..], 0),
            (&["--version"], 0),
            (&["serve", "--help"], 0),
            (&["--nonsense"], 2),
            (&["nonsense"], 2),
            (&["--http-listen"], 2),
            (&["parse", "--format", "jason"], 2),
            (&["import"], 2),
            (&["search", "--lines", "many"], 2),
            (&["import", "--service", "", "a.log"], 2),
            (&["--http-listen", "nowhere"], 2),
            (&["--log-level", "info", "--log-level", "warn"], 2),
        ];
        for (args, code) in table {
            assert_eq!(run(args).unwrap_err().exit_code(), code, "{args:?}");
        }
    }

    #[test]
    fn help_shows_every_key_with_its_default() {
        let help = run(&["--help"]).unwrap_err().to_string();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for key in KEYS {
            let shown = format!(
                "--{} <{}> {} ({}) [default: {}]",
                key.flag(),
                key.kind.placeholder(),
                key.help,
                key.kind.accepts(),
                default_text(key)
            );
            assert!(words.contains(&shown), "{shown} is missing from\n{help}");
        }
        for section in SECTIONS {
            assert!(help.contains(&format!("\n{}:\n", section.name)), "{} is no heading", section.name);
        }
    }
}
