//! `foghorn delete`: a service's name → a store without its records, when a person says so.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, ArgMatches};

use crate::app;
use crate::config::Config;
use crate::record::Container;
use crate::store::{Store, StoreError};

/// What is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The service.
    pub service: String,
    /// The Compose project; none for each that has such a service.
    pub project: Option<String>,
    /// Nobody is asked.
    pub yes: bool,
}

/// The command's own arguments.
pub(super) fn command(about: &'static str) -> clap::Command {
    clap::Command::new("delete").about(about).args([
        Arg::new("service")
            .long("service")
            .value_name("NAME")
            .required(true)
            .value_parser(NonEmptyStringValueParser::new())
            .help("The service whose records are deleted, written as it is"),
        Arg::new("project")
            .long("project")
            .value_name("NAME")
            .help("Only those of this Compose project; '' for none [default: every project]"),
        Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("Do not ask"),
    ])
}

impl Options {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        Self {
            service: matches.get_one("service").cloned().unwrap_or_default(),
            project: matches.get_one("project").cloned(),
            yes: matches.get_flag("yes"),
        }
    }

    fn is_wanted(&self, container: &Container) -> bool {
        container.service == self.service && self.project.as_ref().is_none_or(|project| *project == container.project)
    }
}

/// Deletes what `options` names, after a person has typed the service's name. Exits 1 where there is
/// nothing to delete, the answer is another, or the store cannot be used, and 2 where nobody can be
/// asked.
pub fn run(config: &Config, options: &Options) -> ExitCode {
    let mut out = io::stderr();
    // Where standard error is gone, the exit code has to do.
    let mut say = |text: &str| drop(writeln!(out, "{text}"));
    let store = match Store::open(&config.store, &config.retention, app::read_fields(config)) {
        Ok(store) => store,
        Err(error) => {
            let hint = match error {
                StoreError::InUse(_) => "; stop it, delete, and start it again",
                _ => "",
            };
            say(&format!("foghorn: store.path: {error}{hint}"));
            return ExitCode::FAILURE;
        }
    };
    let code = delete(&store, config, options, &mut say);
    store.close();
    code
}

fn delete(store: &Store, config: &Config, options: &Options, say: &mut dyn FnMut(&str)) -> ExitCode {
    let containers = match store.containers() {
        Ok(containers) => containers,
        Err(error) => {
            say(&format!("foghorn: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (container, count) in containers.iter().filter(|(container, _)| options.is_wanted(container)) {
        *counts.entry(&container.project).or_default() += count;
    }
    let (service, total) = (&options.service, counts.values().sum::<u64>());
    if total == 0 {
        let mut known: Vec<&str> = containers.iter().map(|(container, _)| container.service.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let of_project = options.project.as_ref().map(|project| format!(" in project {project:?}")).unwrap_or_default();
        say(&format!("foghorn: no records of service {service:?}{of_project}; there are records of {}", list(&known)));
        return ExitCode::FAILURE;
    }
    for (project, count) in &counts {
        let of = if project.is_empty() { "without a project".to_owned() } else { format!("of project {project}") };
        say(&format!("{count} records of service {service} {of}"));
    }
    if !options.yes {
        if !io::stdin().is_terminal() {
            say("foghorn: nobody can be asked, as standard input is no terminal; say --yes to delete them");
            return ExitCode::from(2);
        }
        say("They are deleted for good. Type the service's name to go on:");
        let mut answer = String::new();
        let is_read = io::stdin().lock().read_line(&mut answer).is_ok();
        if !is_read || answer.trim() != service {
            say("nothing was deleted");
            return ExitCode::FAILURE;
        }
    }
    if let Err(error) = store.delete(&|container| options.is_wanted(container)) {
        say(&format!("foghorn: not all are deleted: {error}; delete them again"));
        return ExitCode::FAILURE;
    }
    say(&format!("deleted {total} records of service {service}"));
    let aside = config.store.path.join("index/damaged");
    if aside.exists() {
        say(&format!("{} holds damaged days that were set aside: they may have such records, too", aside.display()));
    }
    ExitCode::SUCCESS
}

fn list(names: &[&str]) -> String {
    const MOST: usize = 20;
    let more = names.len().saturating_sub(MOST);
    let listed = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    match (names.len(), more) {
        (0, _) => "no service".to_owned(),
        (_, 0) => listed,
        _ => format!("{listed} and {more} more"),
    }
}
