//! `foghorn search`: a query to a running Foghorn → its records on a terminal, or as JSON lines.

mod client;
mod show;

use std::collections::HashSet;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::{Child, ExitCode, Stdio};

use clap::{Arg, ArgAction, ArgMatches};

use super::healthcheck::reachable;
use crate::config::Config;
use client::{Client, Event, SearchError};
use show::Printer;

/// The most records of one page that is asked for; Foghorn may allow fewer.
const PAGE: usize = 1_000;
const USUAL_LINES: usize = 100;
/// What `--follow` begins with, unless it is told.
const LINES_BEFORE_FOLLOWING: usize = 10;

/// What is searched for, where, and how it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The query; empty for everything.
    pub query: String,
    /// Only these services; all where there is none.
    pub services: Vec<String>,
    /// A time, or a duration before now.
    pub since: Option<String>,
    /// The same, at which the search ends.
    pub until: Option<String>,
    /// How many of the newest records, or all of them.
    pub lines: Option<Lines>,
    /// Whether to go on with what arrives.
    pub follow: bool,
    /// Whether to write JSON.
    pub json: bool,
    /// Where Foghorn is; none for where the configuration says that it listens.
    pub url: Option<String>,
}

/// How many records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// The newest ones.
    Newest(usize),
    /// Each of them.
    All,
}

/// The command's own arguments.
pub(super) fn command(about: &'static str) -> clap::Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    clap::Command::new("search").about(about).args([
        text("since", "TIME").help("From this time on: RFC 3339, or a duration before now such as 15m"),
        text("until", "TIME").help("Before this time, in the same forms"),
        text("service", "NAME").action(ArgAction::Append).help("Only of this service; can be given several times"),
        text("lines", "NUMBER")
            .short('n')
            .value_parser(lines)
            .help("The newest so many, or all [default: 100, with --follow 10]"),
        Arg::new("follow").long("follow").short('f').action(ArgAction::SetTrue).help("Go on with what arrives"),
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("A JSON object a record, as the HTTP API gives it"),
        text("url", "URL").help("Where Foghorn is [default: where the configuration says that it listens]"),
        Arg::new("query")
            .value_name("QUERY")
            .action(ArgAction::Append)
            .help("Words, \"phrases\", field:value, level:>=warn and more: see docs/query.md; none finds everything. Put -- before one that begins with a dash"),
    ])
}

fn lines(text: &str) -> Result<Lines, String> {
    match text {
        "all" => Ok(Lines::All),
        _ => text.parse().map(Lines::Newest).map_err(|_| "expected a number or all".to_owned()),
    }
}

impl Options {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let text = |name| matches.get_one::<String>(name).cloned();
        let texts = |name| matches.get_many::<String>(name).into_iter().flatten().cloned();
        Self {
            query: texts("query").collect::<Vec<_>>().join(" "),
            services: texts("service").collect(),
            since: text("since"),
            until: text("until"),
            lines: matches.get_one("lines").copied(),
            follow: matches.get_flag("follow"),
            json: matches.get_flag("json"),
            url: text("url"),
        }
    }

    /// The query with the services.
    fn whole_query(&self) -> String {
        let quoted = |text: &String| format!("service:\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let services = self.services.iter().map(quoted).collect::<Vec<_>>().join(" OR ");
        match (self.query.trim(), services.as_str()) {
            (query, "") => query.to_owned(),
            ("", services) => services.to_owned(),
            // Its columns stay what they are, but for the parenthesis.
            (query, services) => format!("({query}) ({services})"),
        }
    }

    fn lines(&self) -> Lines {
        self.lines.unwrap_or(Lines::Newest(if self.follow { LINES_BEFORE_FOLLOWING } else { USUAL_LINES }))
    }

    /// The parameters of the API that every page has.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("query", self.whole_query())];
        for (name, time) in [("from", &self.since), ("to", &self.until)] {
            if let Some(time) = time {
                let is_ago = time.starts_with(|c: char| c.is_ascii_digit()) && !time.contains([':', '-', 'T']);
                parameters.push((name, if is_ago { format!("-{time}") } else { time.clone() }));
            }
        }
        parameters
    }
}

/// Searches. Exits 0 where something was found, 1 where nothing was, and 2 where it could not be
/// searched, with one line on standard error.
pub fn run(config: &Config, options: &Options) -> ExitCode {
    let url = options.url.clone().unwrap_or_else(|| format!("http://{}", reachable(config.http.listen)));
    let mut pager = Pager::start(options);
    let found = search(&Client::new(&url), options, &mut pager);
    pager.end();
    match found {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Who reads has enough.
        Err(SearchError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "foghorn: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Prints what is found, the oldest first; says whether anything was.
fn search(client: &Client, options: &Options, out: &mut Pager) -> Result<bool, SearchError> {
    // What arrives while the rest is searched for waits here.
    let arriving = options.follow.then(|| client.follow(&options.whole_query())).transpose()?;
    let printer = &mut Printer::new(options.json, out.is_coloured(), out);
    let mut shown = HashSet::new();
    let mut is_found = false;
    match options.lines() {
        Lines::Newest(wanted) => {
            let mut newest = Vec::new();
            let mut pages = client.pages(options.parameters(), "newest");
            while newest.len() < wanted
                && let Some(page) = pages.next(PAGE.min(wanted - newest.len()))?
            {
                newest.extend(page);
            }
            is_found |= !newest.is_empty();
            for record in newest.iter().rev() {
                printer.print(record)?;
            }
            shown.extend(newest.into_iter().map(|record| record.id));
        }
        Lines::All => {
            let mut pages = client.pages(options.parameters(), "oldest");
            while let Some(page) = pages.next(PAGE)? {
                is_found |= !page.is_empty();
                for record in &page {
                    printer.print(record)?;
                }
                if options.follow {
                    shown.extend(page.into_iter().map(|record| record.id));
                }
            }
        }
    }
    printer.flush()?;
    for event in arriving.into_iter().flatten() {
        match event? {
            Event::Record(record) => {
                if shown.is_empty() || !shown.remove(&record.id) {
                    is_found = true;
                    printer.print(&record)?;
                    printer.flush()?;
                }
            }
            Event::Lagged(batches) => {
                drop(writeln!(io::stderr(), "foghorn: too slow: {batches} batches of lines were left out"));
            }
        }
    }
    Ok(is_found)
}

/// Where the records go: a pager on a terminal, as for a long page of text, else standard output.
#[derive(Debug)]
enum Pager {
    Child(Child),
    Stdout(io::BufWriter<io::Stdout>, bool),
}

impl Pager {
    fn start(options: &Options) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let plain = Self::Stdout(io::BufWriter::new(io::stdout()), is_terminal && is_colour_wanted());
        // A pager asks a terminal that cannot do what it needs for a key.
        let is_able = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
        if !is_terminal || !is_able || options.follow || options.json {
            return plain;
        }
        let named = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
        let pager = named.as_deref().unwrap_or("less");
        let mut words = pager.split_whitespace();
        let mut command = std::process::Command::new(words.next().unwrap_or("less"));
        command.args(words).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            // Gone when all fits on the screen, and colours as they are.
            command.env("LESS", "FRX");
        }
        command.spawn().map_or(plain, Self::Child)
    }

    fn is_coloured(&self) -> bool {
        match self {
            Self::Child(_) => is_colour_wanted(),
            Self::Stdout(_, is_coloured) => *is_coloured,
        }
    }

    /// Waits for whoever reads.
    fn end(self) {
        if let Self::Child(mut child) = self {
            drop(child.stdin.take());
            drop(child.wait());
        }
    }
}

/// <https://no-color.org>
fn is_colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Write for &mut Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Pager::Child(child) => match &mut child.stdin {
                Some(stdin) => stdin.write(bytes),
                None => Err(ErrorKind::BrokenPipe.into()),
            },
            Pager::Stdout(stdout, _) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Pager::Child(_) => Ok(()),
            Pager::Stdout(stdout, _) => stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_times_are_a_part_of_the_question() {
        let options = Options {
            query: "a OR b".into(),
            services: vec!["web".into(), "a\"b".into()],
            since: Some("15m".into()),
            until: Some("2026-11-21T01:00:00Z".into()),
            ..Options::default()
        };
        let parameters = options.parameters();
        assert_eq!(
            parameters,
            [
                ("query", r#"(a OR b) (service:"web" OR service:"a\"b")"#.to_owned()),
                ("from", "-15m".into()),
                ("to", "2026-11-21T01:00:00Z".into()),
            ]
        );
        parameters[0].1.parse::<crate::query::Query>().unwrap();
        let only = Options { services: vec!["web".into()], ..Options::default() };
        assert_eq!(only.whole_query(), "service:\"web\"");
    }
}
