//! A user's own rules: the file's lists of tables → [`RulesConfig`], compiled.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::file;
use super::keys;
use super::value::Source;
use crate::parse::{MAX_RULES, RuleError, Rules, Text};
use crate::pattern::{self, Pattern};
use crate::redact::{RedactError, Redactor, Rule};

/// The user's own formats, fields, durations and secrets.
#[derive(Clone, Debug, Default)]
pub struct RulesConfig {
    /// Of `[[format]]`, `[[field]]` and `[[duration]]`.
    pub parse: Arc<Rules>,
    /// Of `[[redact]]`.
    pub redact: Vec<Rule>,
    /// What masks by them and by Foghorn's own; none where there are none.
    pub redactor: Option<Arc<Redactor>>,
}

/// The names of the lists.
pub(super) const LISTS: [&str; 4] = ["format", "field", "duration", "redact"];

/// One table of a list, with what messages need.
struct Table<'a> {
    list: &'static str,
    /// From 1.
    index: usize,
    keys: &'a DeTable<'a>,
    place: Source,
}

/// Reads the lists of a file; other tables of it are left alone. `path` is for messages.
pub(super) fn read(text: &str, path: &Path, root: &DeTable<'_>) -> Result<RulesConfig, ConfigError> {
    let place = |at: usize| Source::File { path: path.to_owned(), line: file::line(text, at) };
    let (mut parse, mut redact) = (Rules::default(), Vec::new());
    for list in LISTS {
        let Some((_, value)) = root.get_key_value(list) else { continue };
        let own: &[Spanned<DeValue<'_>>] = match value.get_ref() {
            DeValue::Array(tables) => tables,
            // A section of that name, whose keys stand elsewhere.
            DeValue::Table(_) if list == "redact" => continue,
            _ => return Err(ConfigError::NotAList { place: place(value.span().start), name: list }),
        };
        for (at, value) in own.iter().enumerate() {
            let DeValue::Table(table) = value.get_ref() else {
                return Err(ConfigError::NotAList { place: place(value.span().start), name: list });
            };
            let table = Table { list, index: at + 1, keys: table, place: place(value.span().start) };
            match list {
                "format" => table.format(&mut parse)?,
                "field" => table.field(&mut parse)?,
                "duration" => table.duration(&mut parse)?,
                _ => table.redact(&mut redact)?,
            }
        }
    }
    let own = || Redactor::new(&redact).expect("each rule was compiled by itself");
    let redactor = (!redact.is_empty()).then(|| Arc::new(own()));
    Ok(RulesConfig { parse: Arc::new(parse), redact, redactor })
}

impl Table<'_> {
    fn format(&self, rules: &mut Rules) -> Result<(), ConfigError> {
        self.has_only(&["name", "pattern", "grok", "services"])?;
        let name = self.required("name")?;
        rules.add_format(name, self.expression()?, self.services()?).map_err(|error| self.refused(&error))
    }

    fn field(&self, rules: &mut Rules) -> Result<(), ConfigError> {
        self.has_only(&["pattern", "grok", "services"])?;
        rules.add_field(self.expression()?, self.services()?).map_err(|error| self.refused(&error))
    }

    fn duration(&self, rules: &mut Rules) -> Result<(), ConfigError> {
        self.has_only(&["field", "unit", "services"])?;
        let (field, unit) = (self.required("field")?, self.required("unit")?);
        rules.add_duration(field, unit, self.services()?).map_err(|error| self.refused(&error))
    }

    fn redact(&self, rules: &mut Vec<Rule>) -> Result<(), ConfigError> {
        self.has_only(&["name", "pattern"])?;
        let rule = Rule { name: self.required("name")?.to_owned(), pattern: self.required("pattern")?.to_owned() };
        if rules.len() >= MAX_RULES {
            return Err(self.wrong(&format!("pattern: it is one too many, expected at most {MAX_RULES}")));
        }
        if rules.iter().any(|earlier| earlier.name == rule.name) {
            return Err(self.wrong("name: it is the name of an earlier rule, expected another one"));
        }
        Redactor::new(std::slice::from_ref(&rule)).map_err(|error| {
            self.wrong(&match error {
                RedactError::Name { name } => {
                    format!("name: {name:?} is no name, expected 1 to 32 of a-z, 0-9, _ and -")
                }
                RedactError::Pattern { problem, .. } => format!("pattern: {problem}"),
                RedactError::Empty { .. } => {
                    "pattern: it matches the empty text, expected one that needs at least one character".to_owned()
                }
            })
        })?;
        rules.push(rule);
        Ok(())
    }

    fn has_only(&self, keys: &[&str]) -> Result<(), ConfigError> {
        let unknown = file::in_order(self.keys).into_iter().find(|(key, _)| !keys.contains(&key.get_ref().as_ref()));
        let Some((key, _)) = unknown else { return Ok(()) };
        let nearest = keys::nearest(keys, |key| (*key).to_owned(), key.get_ref());
        Err(self.wrong(&format!("{} is not a key, the nearest is {nearest}", key.get_ref())))
    }

    fn expression(&self) -> Result<Text<'_>, ConfigError> {
        match (self.text("pattern")?, self.text("grok")?) {
            (Some(pattern), None) => Ok(Text::Pattern(pattern)),
            (None, Some(grok)) => Ok(Text::Grok(grok)),
            (Some(_), Some(_)) => Err(self.wrong("it has pattern and grok, expected one of them")),
            (None, None) => Err(self.wrong("it has neither pattern nor grok, expected one of them")),
        }
    }

    fn required(&self, key: &'static str) -> Result<&str, ConfigError> {
        self.text(key)?.ok_or_else(|| self.wrong(&format!("{key}: it has no value, expected a text")))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.keys.get(key) else { return Ok(None) };
        let text = value.get_ref().as_str();
        text.map(Some).ok_or_else(|| self.wrong(&format!("{key}: it is not a text, expected one in quotes")))
    }

    fn services(&self) -> Result<Vec<Pattern>, ConfigError> {
        let Some(value) = self.keys.get("services") else { return Ok(Vec::new()) };
        let wrong = |problem: &str| self.wrong(&format!("services: {problem}"));
        let DeValue::Array(items) = value.get_ref() else {
            return Err(wrong("it is not a list of patterns, expected one such as [\"pay-*\"]"));
        };
        if items.is_empty() {
            return Err(wrong("it is empty, expected a pattern, or no such key for all"));
        }
        let patterns = items.iter().map(|item| {
            let text = item.get_ref().as_str().unwrap_or_default();
            text.parse().map_err(|_| wrong(&format!("{text:?} is not a pattern, expected {}", pattern::FORM)))
        });
        patterns.collect()
    }

    fn refused(&self, error: &RuleError) -> ConfigError {
        self.wrong(&error.to_string())
    }

    fn wrong(&self, problem: &str) -> ConfigError {
        let name = self.keys.get("name").and_then(|name| name.get_ref().as_str());
        ConfigError::Rule {
            place: self.place.clone(),
            list: self.list,
            index: self.index,
            name: name.map(|name| format!(" {name:?}")).unwrap_or_default(),
            problem: problem.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<RulesConfig, String> {
        let read = file::read(text, Path::new("foghorn.toml"));
        read.map(|file| file.rules).map_err(|error| error.to_string())
    }

    #[test]
    fn every_kind_of_rule_is_read() {
        let text = "[[format]]\nname = 'a'\ngrok = '%{WORD:x}'\nservices = ['a', 'b-*']\n\
                    [[format]]\nname = 'b'\npattern = '(?<x>.)'\n[[field]]\npattern = '(?<x>.)'\n\
                    [[duration]]\nfield = 'x'\nunit = 'ms'\n[[redact]]\nname = 'badge'\npattern = 'x'\n\
                    [http]\nmax_limit = 7\n";
        let rules = read_text(text).unwrap();
        assert_eq!(rules.parse.counts(), [2, 1, 1]);
        assert_eq!(rules.redact, [Rule { name: "badge".into(), pattern: "x".into() }]);
        assert!(rules.redactor.is_some());
        let none = read_text("[redact]\nenabled = true\n").unwrap();
        assert_eq!((none.parse.counts(), none.redactor.is_none()), ([0; 3], true));
    }

    #[test]
    fn a_wrong_rule_is_told_with_its_place() {
        let first = "[[format]]\nname = 'a'\npattern = '(?<x>.)'\n\n";
        for (text, expected) in [
            (
                "[[format]]\nname = 'b'\npattern = '(?<x>'",
                "5: [[format]] 2 \"b\": pattern: unclosed group, at character 1",
            ),
            (
                "[[format]]\nname = 'a'\npattern = '(?<x>.)'",
                "5: [[format]] 2 \"a\": name: \"a\" is the name of an earlier",
            ),
            (
                "[[format]]\nname = 'json'\npattern = '(?<x>.)'",
                "5: [[format]] 2 \"json\": name: \"json\" is a format that",
            ),
            (
                "[[format]]\nname = 'b'\ngrok = '%{NUMBR:x}'",
                "5: [[format]] 2 \"b\": grok: \"NUMBR\" is no name of grok's, the nearest is NUMBER",
            ),
            ("[[format]]\nname = 'b'", "5: [[format]] 2 \"b\": it has neither pattern nor grok, expected one of them"),
            (
                "[[format]]\nname = 'b'\ngrok = 'x'\npattern = 'x'",
                "5: [[format]] 2 \"b\": it has pattern and grok, expected one",
            ),
            ("[[format]]\npattern = '(?<x>.)'", "5: [[format]] 2: name: it has no value, expected a text"),
            ("[[format]]\nname = 7", "5: [[format]] 2: name: it is not a text, expected one in quotes"),
            (
                "[[format]]\nname = 'b'\npatern = 'x'",
                "5: [[format]] 2 \"b\": patern is not a key, the nearest is pattern",
            ),
            (
                "[[field]]\npattern = 'x'",
                "5: [[field]] 1: pattern: it names no group, expected at least one (?<field>…)",
            ),
            (
                "[[field]]\npattern = '(?<x>.)'\nservices = 'a'",
                "5: [[field]] 1: services: it is not a list of patterns, expected",
            ),
            (
                "[[field]]\npattern = '(?<x>.)'\nservices = []",
                "5: [[field]] 1: services: it is empty, expected a pattern",
            ),
            (
                "[[field]]\npattern = '(?<x>.)'\nservices = ['a/b']",
                "5: [[field]] 1: services: \"a/b\" is not a pattern, expected",
            ),
            ("[[duration]]\nfield = 'x'", "5: [[duration]] 1: unit: it has no value, expected a text"),
            (
                "[[duration]]\nfield = 'x'\nunit = 'd'",
                "5: [[duration]] 1: unit: \"d\" is no unit, expected ns, us, ms, s, m or h",
            ),
            (
                "[[redact]]\nname = 'A'\npattern = 'x'",
                "5: [[redact]] 1 \"A\": name: \"A\" is no name, expected 1 to 32",
            ),
            (
                "[[redact]]\nname = 'a'\npattern = '['",
                "5: [[redact]] 1 \"a\": pattern: unclosed character class, at character 1",
            ),
            ("[[redact]]\nname = 'a'\npattern = 'x*'", "5: [[redact]] 1 \"a\": pattern: it matches the empty text"),
            ("[field]\npattern = 'x'", "5: field is a list of tables, expected [[field]] on a line of its own"),
            ("[[formt]]\nname = 'x'", "5: [formt] is not a section, the nearest is [format]"),
        ] {
            let found = read_text(&format!("{first}{text}\n")).unwrap_err();
            assert!(found.starts_with(&format!("foghorn.toml:{expected}")), "{text}: {found}");
        }
    }

    #[test]
    fn there_is_a_bound_of_rules() {
        let text = "[[field]]\npattern = '(?<x>.)'\n".repeat(65);
        let found = read_text(&text).unwrap_err();
        assert_eq!(found, "foghorn.toml:129: [[field]] 65: pattern: it is one too many, expected at most 64");
    }
}
