//! What a container's labels ask of Foghorn: `foghorn.format`, `foghorn.multiline.start`,
//! `foghorn.level` and `foghorn.redact` → changes of its pipeline's settings. A wrong one changes
//! nothing, and is told.

use std::sync::Arc;

use regex::Regex;

use crate::assemble::Rules as Multiline;
use crate::docker::Labels;
use crate::docker::inspect::MAX_LABEL_BYTES;
use crate::expression;
use crate::parse::{Overrides, Rules};
use crate::pipeline::Settings;
use crate::record::Level;
use crate::redact::Redactor;

/// What the labels ask for, as far as it can be had.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    overrides: Overrides,
    start: Option<Regex>,
    redact: Option<bool>,
    /// A sentence for each label that is ignored.
    pub warnings: Vec<String>,
}

impl Asked {
    pub(super) fn of(labels: &Labels, rules: &Rules) -> Self {
        let mut asked = Self::default();
        for (name, value) in labels {
            if let Err(problem) = asked.label(name, value, rules) {
                let shown: String = value.chars().take(80).collect();
                let more = if shown.len() < value.len() { "…" } else { "" };
                asked.warnings.push(format!("foghorn.{name}: {:?} {problem}", shown + more));
            }
        }
        asked
    }

    fn label(&mut self, name: &str, value: &str, rules: &Rules) -> Result<(), String> {
        if value.len() > MAX_LABEL_BYTES {
            return Err(format!("is too long, expected at most {MAX_LABEL_BYTES} bytes"));
        }
        match name {
            "format" => {
                let format = rules.format_named(value.trim());
                let known = || "is no format, expected one of docs/formats.md or of a [[format]]".to_owned();
                self.overrides.format = Some(format.ok_or_else(known)?);
            }
            "multiline.start" => {
                let regex = expression::compile(value);
                let wrong = |problem| format!("is no regular expression: {problem}");
                self.start = Some(regex.map_err(wrong)?);
            }
            "level" => {
                let level = Level::from_name(&value.trim().to_ascii_lowercase()).filter(|l| *l != Level::Unknown);
                let known = || "is no level, expected trace, debug, info, warn, error or fatal".to_owned();
                self.overrides.level = Some(level.ok_or_else(known)?);
            }
            "redact" => {
                self.redact = Some(match value.trim().to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" | "on" => true,
                    "false" | "0" | "no" | "off" => false,
                    _ => return Err("is neither, expected true or false".to_owned()),
                });
            }
            // It decides whether the container is read at all.
            "enable" => {}
            _ => return Err("is ignored, expected foghorn.enable, .format, .level, .multiline.start or .redact".into()),
        }
        Ok(())
    }

    /// Changes the settings; `redactor` masks where only a label asks for it.
    pub(super) fn apply(self, settings: &mut Settings, redactor: &Arc<Redactor>) {
        settings.overrides = self.overrides;
        if let Some(start) = self.start {
            settings.multiline =
                Arc::new(Multiline { start: Some(start), enabled: true, ..Multiline::clone(&settings.multiline) });
        }
        match self.redact {
            Some(true) => settings.redactor = Some(Arc::clone(redactor)),
            Some(false) => settings.redactor = None,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(labels: &[(&str, &str)]) -> Asked {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Asked::of(&labels.collect(), &Rules::default())
    }

    #[test]
    fn labels_change_the_settings() {
        let labels = [("format", "json"), ("multiline.start", r"^\d"), ("level", "Info"), ("redact", "false")];
        let asked = asked(&labels);
        assert!(asked.warnings.is_empty(), "{:?}", asked.warnings);
        assert_eq!(asked.overrides, Overrides { format: Some("json"), level: Some(Level::Info) });
        let mut settings = Settings::default();
        asked.apply(&mut settings, &Arc::default());
        assert!(settings.redactor.is_none());
        assert!(settings.multiline.enabled && settings.multiline.start.is_some());
    }

    #[test]
    fn a_wrong_label_is_told_and_changes_nothing() {
        let long = "x".repeat(MAX_LABEL_BYTES + 1);
        for (name, value, expected) in [
            (
                "format",
                "jsn",
                "foghorn.format: \"jsn\" is no format, expected one of docs/formats.md or of a [[format]]",
            ),
            (
                "multiline.start",
                "(",
                "foghorn.multiline.start: \"(\" is no regular expression: unclosed group, at character 1",
            ),
            ("level", "loud", "foghorn.level: \"loud\" is no level, expected trace, debug, info, warn, error or fatal"),
            ("level", "unknown", "foghorn.level: \"unknown\" is no level"),
            ("redact", "maybe", "foghorn.redact: \"maybe\" is neither, expected true or false"),
            ("fromat", "json", "foghorn.fromat: \"json\" is ignored, expected foghorn.enable, .format, .level, "),
            ("multiline.start", &long, "foghorn.multiline.start: \"xxxx"),
        ] {
            let asked = asked(&[(name, value)]);
            assert!(asked.warnings.len() == 1 && asked.warnings[0].starts_with(expected), "{:?}", asked.warnings);
            assert_eq!(asked.overrides, Overrides::default());
            assert!(asked.start.is_none() && asked.redact.is_none());
        }
    }
}
