//! Foghorn's own log: a [`LogLevel`] and a [`LogFormat`] to a `tracing` subscriber on standard
//! error.

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogFormat, LogLevel};

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Another subscriber was set before.
    #[error("the log was set up twice")]
    AlreadySet(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Writes all of the process's `tracing` events to standard error from now on. Text has colours on
/// a terminal only; JSON is an object a line with the event's fields at the top.
///
/// # Errors
/// It was called before in this process.
pub fn init(level: &LogLevel, format: LogFormat) -> Result<(), TelemetryError> {
    let colours = if io::stderr().is_terminal() { Colours::On } else { Colours::Off };
    tracing::subscriber::set_global_default(subscriber(level, format, colours, io::stderr))?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Colours {
    On,
    Off,
}

fn subscriber<W>(level: &LogLevel, format: LogFormat, colours: Colours, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(level.filter())
        .with_ansi(matches!(colours, Colours::On))
        .with_writer(writer);
    match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged by one warning and one debug event.
    fn logged(level: &str, format: LogFormat, colours: Colours) -> String {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let written = Arc::clone(&written);
            move || Writer(Arc::clone(&written))
        };
        let subscriber = subscriber(&level.parse().unwrap(), format, colours, writer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(lines = 3, "behind");
            tracing::debug!("detail");
        });
        let bytes = written.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    struct Writer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_level_decides_what_is_written() {
        let table = [
            ("off", 0),
            ("error", 0),
            ("warn", 1),
            ("info", 1),
            ("debug", 2),
            (concat!("off,", module_path!(), "=debug"), 2),
            ("debug,elsewhere=off", 2),
        ];
        for (level, lines) in table {
            assert_eq!(logged(level, LogFormat::Text, Colours::Off).lines().count(), lines, "{level}");
        }
    }

    #[test]
    fn text_has_colours_only_where_asked() {
        let plain = logged("info", LogFormat::Text, Colours::Off);
        assert!(plain.contains("WARN") && plain.contains("behind lines=3") && !plain.contains('\x1b'), "{plain:?}");
        assert!(logged("info", LogFormat::Text, Colours::On).contains('\x1b'));
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged("info", LogFormat::Json, Colours::Off);
        let object: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(
            (&object["level"], &object["message"], &object["lines"]),
            (&"WARN".into(), &"behind".into(), &3.into())
        );
    }
}
