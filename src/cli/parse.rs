//! `foghorn parse`: lines of files or of standard input → what Foghorn reads in them, a JSON object
//! a record.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches};
use serde::{Serialize, Serializer};

use super::input::{Found, Place, Reader, Source};
use crate::app;
use crate::config::Config;
use crate::parse::{self, Overrides, Parser};
use crate::pipeline::Settings;
use crate::record::{Container, Shown, time_text};

/// What is parsed, and how it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The format that all lines have; none to find out.
    pub format: Option<&'static str>,
    /// Whether each record says why it was read so.
    pub explain: bool,
    /// Files; `-` is standard input, and so is none.
    pub files: Vec<PathBuf>,
}

/// The command's own arguments.
pub(super) fn command(about: &'static str) -> clap::Command {
    clap::Command::new("parse").about(about).args([
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(parse::format_names())
            .help("Take every line to have this format; one that has not is `leveled` or `text`"),
        Arg::new("explain")
            .long("explain")
            .action(ArgAction::SetTrue)
            .help("Add why a record has its format and level, and how many lines it is made of"),
        files(),
    ])
}

/// The argument for files.
pub(super) fn files() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(PathBuf))
        .help("Log files, also packed by gzip or zstd; - is standard input")
}

impl Options {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let format = matches.get_one::<String>("format");
        Self {
            format: format.and_then(|name| parse::format_names().into_iter().find(|known| known == name)),
            explain: matches.get_flag("explain"),
            files: matches.get_many("file").into_iter().flatten().cloned().collect(),
        }
    }
}

/// Parses what `options` names to standard output. Exits 1 where something cannot be read, after
/// the rest.
///
/// # Errors
/// Standard output cannot be written to. That nobody reads it any more is no error.
pub fn run(config: &Config, options: &Options) -> anyhow::Result<ExitCode> {
    let overrides = Overrides { format: options.format, ..Overrides::default() };
    let settings = Settings { overrides, ..app::settings(config) };
    match write(&settings, options, &mut BufWriter::new(io::stdout().lock()), &mut io::stderr()) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Writes the records to `out` and what cannot be read to `complaints`; says whether all could.
fn write(
    settings: &Settings,
    options: &Options,
    out: &mut impl Write,
    complaints: &mut impl Write,
) -> io::Result<bool> {
    let stdin = [PathBuf::from("-")];
    let files = if options.files.is_empty() { &stdin[..] } else { &options.files };
    let mut is_whole = true;
    for file in files {
        let failure = match Source::open(&Place::of(file), settings.max_line_bytes) {
            Ok(source) => write_source(source, settings, options, out)?,
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            is_whole = false;
            out.flush()?;
            // Where even standard error is gone, the exit code has to do.
            drop(writeln!(complaints, "foghorn: {error}"));
        }
    }
    out.flush()?;
    Ok(is_whole)
}

fn write_source(
    source: Source,
    settings: &Settings,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<Option<super::input::SourceError>> {
    let is_live = source.is_live();
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default();
    let mut reader = Reader::new(source, settings, "", b"", now_ns);
    let mut found = Vec::new();
    let mut is_more = true;
    while is_more {
        // Before it may wait for long.
        if is_live && reader.source.is_drained() {
            out.flush()?;
        }
        is_more = reader.step(&mut |record| found.push(record));
        if !is_more {
            reader.finish(&mut |record| found.push(record));
        }
        for found in found.drain(..) {
            let known = Known::of(&found, &reader, settings, options);
            serde_json::to_writer(&mut *out, &known)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(reader.source.failure())
}

/// A record with what the input says of it.
#[derive(Serialize)]
struct Known<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(flatten)]
    said: Shown<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explain<'a>>,
}

impl<'a> Known<'a> {
    fn of(found: &'a Found, reader: &'a Reader, settings: &'a Settings, options: &Options) -> Self {
        let container: Option<&Container> = reader.is_named(found.voice).then(|| &**reader.container(found.voice));
        Self {
            container: container.map(|container| container.name.as_str()),
            service: container.map(|container| container.service.as_str()),
            stream: found.has_stream.then(|| found.record.stream.as_str()),
            time: found.time_ns.map(time_text),
            said: Shown::said(&found.record),
            explain: options.explain.then_some(Explain { found, settings }),
        }
    }
}

/// Why a record was read so. It is read again: a format does not depend on what came before.
struct Explain<'a> {
    found: &'a Found,
    settings: &'a Settings,
}

impl Serialize for Explain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let record = &self.found.record;
        let Settings { rules, overrides, .. } = self.settings;
        let mut parser = Parser::new(rules, &record.container, *overrides);
        let parsed = parser.parse(&record.raw, record.time_ns());
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("format", record.format)?;
        map.serialize_entry("level", parsed.reason.phrase())?;
        map.serialize_entry("lines", &record.raw.split('\n').count())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The records of a file with these lines, without what they say, and the complaints.
    fn parsed(name: &str, text: &str, options: Options) -> (Vec<Value>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (mut out, mut complaints) = (Vec::new(), Vec::new());
        let options = Options { files: [options.files, vec![path]].concat(), ..options };
        let overrides = Overrides { format: options.format, ..Overrides::default() };
        let settings = Settings { overrides, ..Settings::default() };
        write(&settings, &options, &mut out, &mut complaints).unwrap();
        let lines = String::from_utf8(out).unwrap();
        let records = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        (records.collect(), String::from_utf8(complaints).unwrap())
    }

    #[test]
    fn what_is_plain_has_no_container() {
        let (records, _) = parsed("a.log", "[warn] slow\n", Options::default());
        let expected = json!({"level": "warn", "format": "leveled", "message": "slow", "line": "[warn] slow"});
        assert_eq!(records, [expected]);
    }

    #[test]
    fn what_the_input_knows_is_shown() {
        let text =
            r#"{"ts":1700000000,"container":"shop-web-1","service":"web","stream":"stderr","line":"[warn] slow"}"#;
        let (records, _) = parsed("a", text, Options::default());
        let expected = json!({
            "container": "shop-web-1", "service": "web", "stream": "stderr", "time": "2023-11-14T22:13:20.000000000Z",
            "level": "warn", "format": "leveled", "message": "slow", "line": "[warn] slow",
        });
        assert_eq!(records, [expected]);
    }

    #[test]
    fn reasons_are_told() {
        for (line, format, level) in [
            ("nothing", "text", "nothing says how bad it is"),
            (r#"{"level":"warn"}"#, "json", "a field of the line"),
            (r#"{"level":"warn","msg":"cut"#, "json", "a field of the line"),
            ("level=warn msg=x", "logfmt", "a field of the line"),
            (r#"{"level":30,"method":"GET","status":500}"#, "json", "the status of the request"),
            ("[warn] x", "leveled", "where levels stand in the header of the line"),
            ("GET /ok 200 1 - 17.895 ms", "morgan", "the status of the request"),
            (
                "Traceback (most recent call last):\n  File \"x\", line 1, in f\nValueError: x",
                "text",
                "an error or a traceback",
            ),
            ("<3>Jan  1 00:00:00 host app[12]: boom", "syslog", "the priority of syslog"),
            ("Segmentation fault", "text", "words that mean a failure"),
            ("Error: boom", "text", "words that mean a failure"),
        ] {
            let (records, _) = parsed("a", line, Options { explain: true, ..Options::default() });
            let expected = json!({"format": format, "level": level, "lines": line.lines().count()});
            assert_eq!(records.iter().map(|record| &record["explain"]).collect::<Vec<_>>(), [&expected], "{line}");
        }
    }

    #[test]
    fn a_format_can_be_forced() {
        let text = "{\"a\":1}\n[warn] x\na=b c=d\nx\n";
        let formats = |format| {
            let (records, _) = parsed("a", text, Options { format, ..Options::default() });
            records.iter().map(|record| record["format"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(formats(None), ["json", "leveled", "logfmt", "text"]);
        assert_eq!(formats(Some("logfmt")), ["text", "leveled", "logfmt", "text"]);
        assert_eq!(formats(Some("text")), ["text"; 4]);
        for format in parse::format_names() {
            assert_eq!(formats(Some(format)).len(), 4, "{format}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_parsed() {
        let options = Options { files: vec!["no/such/file".into()], ..Options::default() };
        let (records, complaints) = parsed("a", "x\n", options);
        assert_eq!(records.len(), 1);
        assert_eq!(complaints, "foghorn: no/such/file: No such file or directory (os error 2)\n");
    }
}
