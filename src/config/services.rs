//! `[retention.services]`: how long the records of single services are kept → [`ServiceAge`]s.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::value::{Kind, Source, Value};
use super::{ConfigError, Entry, file, keys};

/// The name of the table.
pub(super) const TABLE: &str = "retention.services";

/// How long a service's records are kept.
#[derive(Clone, Debug)]
pub struct ServiceAge {
    /// The service.
    pub name: String,
    /// How long.
    pub age: Duration,
    source: Source,
}

impl ServiceAge {
    /// The entry that shows it.
    pub(super) fn entry(&self) -> Entry {
        let value = Some(kind().text(&Value::Duration(self.age)));
        Entry { key: key(&self.name), kind: kind(), value, source: self.source.clone() }
    }
}

/// Reads the table. `text` is that of the file, and `place` says where in it a byte is.
pub(super) fn read(
    text: &str,
    table: &Spanned<DeValue<'_>>,
    place: &impl Fn(usize) -> Source,
) -> Result<Vec<ServiceAge>, ConfigError> {
    let shown = |value: &Spanned<DeValue<'_>>| file::one_line(text.get(value.span()).unwrap_or_default());
    let refuse = |key: String, shown: String, place: Source, problem: &str, expected: &str| {
        Err(ConfigError::Value {
            key: key.into(),
            shown,
            place,
            problem: problem.to_owned(),
            expected: expected.to_owned(),
        })
    };
    let DeValue::Table(leaves) = table.get_ref() else {
        let expected = "[retention.services] on a line of its own, and lines such as nginx = \"3d\" below it";
        return refuse(TABLE.to_owned(), shown(table), place(table.span().start), "is not a table", expected);
    };
    let mut services = Vec::new();
    for (name, value) in file::in_order(leaves) {
        let place_of_name = place(name.span().start);
        let name = name.get_ref().to_string();
        if name.is_empty() || name.chars().any(|c| c.is_control() || matches!(c, '*' | '?')) {
            let expected = "the whole name of one, without * and ?";
            return refuse(TABLE.to_owned(), format!("{name:?}"), place_of_name, "is not a service's name", expected);
        }
        let source = place(value.span().start);
        if let DeValue::Table(_) = value.get_ref() {
            let expected =
                format!("a duration; a name with a dot is written in quotes, as in \"{name}.example\" = \"3d\"");
            return refuse(key(&name), shown(value), source, "is a table", &expected);
        }
        match kind().read(&file::input(value.get_ref())) {
            Ok(Value::Duration(age)) => services.push(ServiceAge { name, age, source }),
            Ok(_) => unreachable!("a duration is read as one"),
            Err(refusal) => return refuse(key(&name), shown(value), source, &refusal.problem, &refusal.expected),
        }
    }
    Ok(services)
}

/// What a service's age is: the same as the age of all others.
fn kind() -> Kind {
    keys::find("retention.max_age").expect("the key is in the table").kind
}

/// The key of a service, as the file would have it in one line.
fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { format!("{TABLE}.{name}") } else { format!("{TABLE}.{name:?}") }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::{Config, Overrides};

    fn read_text(text: &str) -> Result<Vec<(String, u64)>, String> {
        let read = file::read(text, Path::new("f.toml")).map_err(|error| error.to_string())?;
        Ok(read.services.into_iter().map(|service| (service.name, service.age.as_secs() / 86_400)).collect())
    }

    #[test]
    fn services_have_ages_of_their_own() {
        let table = "[retention]\nmax_age = '7d'\n[retention.services]\nnginx = '3d'\n\"my.app\" = '12w'\n";
        let dotted = "retention.max_age = '7d'\nretention.services.nginx = '3d'\nretention.services.'my.app' = '84d'";
        let inline = "[retention]\nmax_age = '7d'\nservices = { nginx = '72h', 'my.app' = '84d' }";
        for text in [table, dotted, inline] {
            assert_eq!(read_text(text), Ok(vec![("nginx".into(), 3), ("my.app".into(), 84)]), "{text}");
        }
        assert_eq!(read_text("[retention.services]"), Ok(vec![]));
    }

    #[test]
    fn a_mistake_is_told_with_its_key_place_value_and_form() {
        let duration = "is not a duration, expected a number with a unit such as 500ms, 5s, 10m, 2h or 14d";
        for (text, expected) in [
            ("nginx = 3", format!("retention.services.nginx: 3 in f.toml:2 {duration}")),
            ("\n'my.app' = '3'", format!("retention.services.\"my.app\": '3' in f.toml:3 {duration}")),
            ("a = '12h'", "retention.services.a: '12h' in f.toml:2 is out of range, expected 1d to 3650d".into()),
            (
                "'' = '3d'",
                "retention.services: \"\" in f.toml:2 is not a service's name, expected the whole name of one, without * and ?"
                    .into(),
            ),
            ("'pay-*' = '3d'", "retention.services: \"pay-*\" in f.toml:2 is not a service's name, expected".into()),
            ("my.app = '3d'", "retention.services.my: ".into()),
            ("nginx = '3d'\nnginx = '4d'", "f.toml:3: duplicate key".into()),
        ] {
            let found = read_text(&format!("[retention.services]\n{text}\n")).unwrap_err();
            assert!(found.starts_with(&expected), "{text}: {found}");
        }
        let found = read_text("[retention]\nservices = '3d'").unwrap_err();
        assert!(
            found.starts_with("retention.services: '3d' in f.toml:2 is not a table, expected [retention.services]")
        );
        let found = read_text("[retention.services]\nmy.app = '3d'").unwrap_err();
        assert!(
            found.ends_with(
                "is a table, expected a duration; a name with a dot is written in quotes, as in \"my.example\" = \"3d\""
            ),
            "{found}"
        );
        assert!(read_text("[retention.service]\nnginx = '3d'").unwrap_err().contains("retention.service is not a key"));
    }

    #[test]
    fn they_are_in_force_and_shown_with_where_they_stand() {
        let file: PathBuf = std::env::temp_dir().join(format!("foghorn-services-{}.toml", std::process::id()));
        std::fs::write(&file, "[retention.services]\nnginx = '72h'\n'my.app' = '90d'\n").unwrap();
        let args = Overrides { file: Some(file.clone()), ..Overrides::default() };
        let variable = |name: &str| (name == "FOGHORN_RETENTION_MAX_AGE").then(|| "5d".to_owned());
        let loaded = Config::load(&args, &variable, ["FOGHORN_RETENTION_MAX_AGE".to_owned()]);
        std::fs::remove_file(&file).unwrap();
        let config = loaded.unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        for (service, age) in [("nginx", 3), ("my.app", 90), ("Nginx", 5), ("web", 5)] {
            assert_eq!(config.retention.age_of(service), days(age), "{service}");
        }
        assert_eq!(config.retention.ages(), (days(3), days(90)));
        let lines: Vec<String> = config.entries().iter().map(ToString::to_string).collect();
        let at = lines.iter().position(|line| line.starts_with("retention.min_free_bytes")).unwrap();
        let place = file.display();
        assert_eq!(
            lines[at + 1..at + 3],
            [
                format!("retention.services.nginx = \"3d\"  # {place}:2"),
                format!("retention.services.\"my.app\" = \"90d\"  # {place}:3")
            ]
        );
        assert_eq!(read_text(&lines.join("\n")), Ok(vec![("nginx".into(), 3), ("my.app".into(), 90)]));
        let found = Config::load(&Overrides::default(), &|_| None, ["FOGHORN_RETENTION_SERVICES".to_owned()]);
        let found = found.unwrap_err().to_string();
        assert!(found.starts_with("the environment variable FOGHORN_RETENTION_SERVICES sets nothing"), "{found}");
    }
}
