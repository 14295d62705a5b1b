//! The configuration file: TOML text to [`Written`] values with their lines, and the user's own rules.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::{self, KEYS, Key, SECTIONS};
use super::rules::{self, RulesConfig};
use super::services::{self, ServiceAge};
use super::value::{Input, Source};

/// A key's value as it was written somewhere.
#[derive(Clone, Debug)]
pub struct Written {
    /// The key.
    pub key: &'static Key,
    /// The value.
    pub input: Input,
    /// The value as messages show it.
    pub shown: String,
    /// Where it stands.
    pub source: Source,
}

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The keys that it sets.
    pub written: Vec<Written>,
    /// The user's own rules.
    pub rules: RulesConfig,
    /// How long the records of single services are kept.
    pub services: Vec<ServiceAge>,
}

/// Reads a file's text. Errors are broken TOML, a section or a key that does not exist, a wrong rule and a
/// wrong age of a service; the keys' values are not looked at. `path` is for messages.
pub fn read(text: &str, path: &Path) -> Result<File, ConfigError> {
    let place = |at: usize| Source::File { path: path.to_owned(), line: line(text, at) };
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: place(error.span().map_or(0, |span| span.start)),
        // Some of toml's messages have several lines.
        message: error.message().lines().collect::<Vec<_>>().join(", "),
    })?;
    let (mut written, mut services) = (Vec::new(), Vec::new());
    for (section, value) in in_order(table.get_ref()) {
        let name = section.get_ref().as_ref();
        let place_of_section = place(section.span().start);
        let is_list = matches!(value.get_ref(), DeValue::Array(_));
        if rules::LISTS.contains(&name) && (is_list || !SECTIONS.iter().any(|section| section.name == name)) {
            continue;
        }
        if !SECTIONS.iter().any(|section| section.name == name) {
            let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).chain(rules::LISTS).collect();
            let nearest = keys::nearest(&names, |known| (*known).to_owned(), name);
            return Err(ConfigError::UnknownSection { place: place_of_section, name: name.to_owned(), nearest });
        }
        let DeValue::Table(leaves) = value.get_ref() else {
            return Err(ConfigError::NotASection { place: place_of_section, name: name.to_owned() });
        };
        for (leaf, value) in in_order(leaves) {
            let name = format!("{name}.{}", leaf.get_ref());
            if name == services::TABLE {
                services = services::read(text, value, &place)?;
                continue;
            }
            let Some(key) = keys::find(&name) else {
                let nearest = keys::nearest(KEYS, |key| key.name.to_owned(), &name).name;
                return Err(ConfigError::UnknownKey { place: place(leaf.span().start), name, nearest });
            };
            let shown = one_line(text.get(value.span()).unwrap_or_default());
            written.push(Written { key, input: input(value.get_ref()), shown, source: place(value.span().start) });
        }
    }
    Ok(File { written, rules: rules::read(text, path, table.get_ref())?, services })
}

type Pair<'a> = (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

/// A table's pairs in the order of the file, so that the first mistake is the one that is told.
pub(super) fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'a>> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

pub(super) fn input(value: &DeValue<'_>) -> Input {
    match value {
        DeValue::String(text) => Input::String(text.to_string()),
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            // An integer that does not fit is left as it is, for its kind to refuse.
            let decimal = i128::from_str_radix(digits, integer.radix()).map(|number| number.to_string());
            Input::Integer(decimal.unwrap_or_else(|_| digits.to_owned()))
        }
        DeValue::Boolean(value) => Input::Boolean(*value),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(ToOwned::to_owned));
            texts.collect::<Option<_>>().map_or(Input::Other, Input::List)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => Input::Other,
    }
}

/// The line, from 1, of a byte.
pub(super) fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A piece of the file for a message, without its line breaks and not too long.
pub(super) fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = text.chars().take(100).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Written>, String> {
        read(text, Path::new("f.toml")).map(|file| file.written).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_shape_with_its_line() {
        let text = "# a comment\n[docker]\nhost = \"tcp://a:1\"\ninclude_self = true\ninclude_names = [\n  \"a\",\n  'b',\n]\n\n[store]\ncommit_records = 0x1_0\ncommit_bytes = 1_000\n";
        let written = read_text(text).unwrap();
        let found: Vec<_> = written.iter().map(|w| (w.key.name, &w.input, w.source.to_string())).collect();
        let expected = [
            ("docker.host", Input::String("tcp://a:1".into()), "f.toml:3"),
            ("docker.include_self", Input::Boolean(true), "f.toml:4"),
            ("docker.include_names", Input::List(vec!["a".into(), "b".into()]), "f.toml:5"),
            ("store.commit_records", Input::Integer("16".into()), "f.toml:11"),
            ("store.commit_bytes", Input::Integer("1000".into()), "f.toml:12"),
        ];
        assert_eq!(found, expected.iter().map(|(key, i, place)| (*key, i, (*place).to_owned())).collect::<Vec<_>>());
        assert_eq!(written[2].shown, "[ \"a\", 'b', ]");
    }

    #[test]
    fn reads_dotted_keys_inline_tables_and_odd_line_ends() {
        for text in ["log.level = 'warn'", "log = { level = 'warn' }", "\u{feff}[log]\r\nlevel = 'warn'\r\n"] {
            let written = read_text(text).unwrap();
            assert_eq!(written.len(), 1, "{text:?}");
            assert_eq!((written[0].key.name, &written[0].input), ("log.level", &Input::String("warn".into())));
        }
        assert_eq!(read_text("").unwrap().len(), 0);
    }

    #[test]
    fn a_value_of_no_usable_shape_is_kept_for_its_kind_to_refuse() {
        for (value, shown) in
            [("1.5", "1.5"), ("2026-01-01", "2026-01-01"), ("[1,  2]", "[1, 2]"), ("{ a = 1 }", "{ a = 1 }")]
        {
            let written = read_text(&format!("http.max_limit = {value}")).unwrap();
            assert_eq!((&written[0].input, written[0].shown.as_str()), (&Input::Other, shown));
        }
        let written = read_text("http.max_limit = -5").unwrap();
        assert_eq!(written[0].input, Input::Integer("-5".into()));
    }

    #[test]
    fn says_the_line_of_a_mistake() {
        let table = [
            ("[log]\nlevel = 'warn'\n\n[dokcer]\n", "f.toml:4: [dokcer] is not a section, the nearest is [docker]"),
            ("[docker]\nhost = 'x'\n\nhots = 'y'\n", "f.toml:4: docker.hots is not a key, the nearest is docker.host"),
            ("[docker]\n[docker.tls]\nverify = true\n", "f.toml:2: docker.tls is not a key, the nearest is "),
            ("\nlog = 'warn'\n", "f.toml:2: log is a section and holds keys, expected [log] on a line of its own"),
            ("[[log]]\nlevel = 'warn'\n", "f.toml:1: log is a section and holds keys"),
            ("max_age = '1d'\n", "f.toml:1: [max_age] is not a section"),
            ("[log]\nlevel = warn\n", "f.toml:2: "),
            ("[log]\nlevel = 'warn'\nlevel = 'info'\n", "f.toml:3: duplicate key"),
            ("[log]\nlevel = 'warn'\n[log]\nformat = 'json'\n", "f.toml:3: duplicate key"),
            ("[log\n", "f.toml:1: "),
        ];
        for (text, expected) in table {
            let message = read_text(text).unwrap_err();
            assert!(message.starts_with(expected), "{text:?}: {message}");
            assert!(!message.contains('\n') && message.len() > "f.toml:1: ".len(), "{message:?}");
        }
    }
}
