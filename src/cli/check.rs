//! `foghorn check`: a [`Config`] and an answer of the engine to a report and an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::Config;

/// Prints the configuration in force, in the form of a configuration file, and then what `probe`
/// says of the engine: a sentence about it, or why it does not answer. Exits 1 in that case.
///
/// # Errors
/// Standard output cannot be written to.
pub async fn run(
    config: &Config,
    probe: impl AsyncFnOnce(&Config) -> Result<String, String>,
) -> anyhow::Result<ExitCode> {
    let healthy = report(&mut io::stdout(), config, probe).await.context("cannot write to standard output")?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the report; says whether the engine answered.
async fn report(
    out: &mut impl Write,
    config: &Config,
    probe: impl AsyncFnOnce(&Config) -> Result<String, String>,
) -> io::Result<bool> {
    match config.file() {
        Some(path) => writeln!(out, "# file: {}", path.display())?,
        None => writeln!(out, "# file: none")?,
    }
    for entry in config.entries() {
        writeln!(out, "{entry}")?;
    }
    writeln!(out, "# rules: {}, {} of [[redact]]", config.rules.parse, config.rules.redact.len())?;
    out.flush()?;
    let answer = probe(config).await;
    match &answer {
        Ok(engine) => writeln!(out, "# engine: ok, {engine}")?,
        Err(reason) => writeln!(out, "# engine: failed, {reason}")?,
    }
    Ok(answer.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reported(answer: Result<&str, &str>) -> (bool, String) {
        let mut out = Vec::new();
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        let config = Config::default();
        let healthy = report(&mut out, &config, async |config: &Config| {
            assert_eq!(config.docker.host.to_string(), "unix:///var/run/docker.sock");
            answer
        });
        (healthy.await.unwrap(), String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn shows_the_values_and_then_the_engine() {
        let (healthy, text) = reported(Ok("version 29.0")).await;
        assert!(healthy);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.first(), Some(&"# file: none"));
        assert_eq!(lines.last(), Some(&"# engine: ok, version 29.0"));
        assert!(lines.contains(&"store.commit_interval = \"5s\"  # default"), "{text}");
        assert_eq!(lines.len(), Config::default().entries().len() + 3);
        assert!(
            text.contains("\n# rules: 0 of [[format]], 0 of [[field]], 0 of [[duration]], 0 of [[redact]]\n"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn says_why_the_engine_does_not_answer() {
        let (healthy, text) = reported(Err("connection refused")).await;
        assert!(!healthy);
        assert!(text.ends_with("\n# engine: failed, connection refused\n"), "{text}");
    }
}
