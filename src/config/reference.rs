//! `docs/configuration.md`, made from the table of keys.

use std::fmt::Write as _;

use super::keys::{Default, KEYS, SECTIONS};

/// The whole page, as it is committed.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for section in SECTIONS {
        let _ = write!(page, "\n## {}\n\n{}.\n", section.name, section.help);
        for key in KEYS.iter().filter(|key| key.section() == section.name) {
            let _ = write!(page, "\n### `{}`\n\n{}.\n\n", key.name, key.help);
            let default = match key.default {
                Default::Fixed(_) => format!("`{}`", key.default_text()),
                Default::Found { rule, .. } => rule.to_owned(),
            };
            let _ = writeln!(page, "- Value: {}", key.kind.accepts());
            let _ = writeln!(page, "- Default: {default}");
            let _ = writeln!(page, "- Variable: `{}`", key.variable());
            let _ = writeln!(page, "- Flag: `--{} {}`", key.flag(), key.kind.placeholder());
            if key.secret {
                page.push_str("- Secret: shown as asterisks everywhere\n");
            }
        }
    }
    page.push_str(RULES);
    page.push_str(SERVICES);
    let _ = write!(page, "\n{EXAMPLE_HEADING}\n```toml\n{}```\n", example());
    page
}

/// A file that says what holds without it; keys whose default is found are commented out.
pub fn example() -> String {
    let mut file = String::new();
    for section in SECTIONS {
        let gap = if file.is_empty() { "" } else { "\n" };
        let _ = writeln!(file, "{gap}[{}]", section.name);
        for key in KEYS.iter().filter(|key| key.section() == section.name) {
            let _ = match key.default {
                Default::Fixed(_) => writeln!(file, "{} = {}", key.leaf(), key.default_text()),
                Default::Found { rule, .. } => writeln!(file, "# {}: {rule}", key.leaf()),
            };
        }
    }
    file
}

const INTRODUCTION: &str = "\
<!-- Made from src/config/keys.rs: run `FOGHORN_BLESS=1 cargo test --lib config::reference` to rewrite it. -->

# Configuration

Foghorn needs none: every key has a default. A key such as `store.commit_interval` is set in four
places, and the later one wins:

1. its default
2. the file, as `commit_interval` in the table `[store]`
3. the environment, as `FOGHORN_STORE_COMMIT_INTERVAL`
4. the command line, as `--store-commit-interval`

The file is the one named by `--config` or `FOGHORN_CONFIG`, which then has to exist, else
`foghorn.toml` in the working directory, else `/etc/foghorn/foghorn.toml`, else none. Relative paths
in values are relative to the working directory.

Foghorn does not start with a wrong value, a key or section that does not exist, or a variable that
begins with `FOGHORN_` and is no key's: the message names the key, where the value stands, the value,
and what is accepted. `foghorn check` shows the values in force and where each came from.

- A duration is a whole number with a unit: `ms`, `s`, `m`, `h`, `d` or `w`.
- A size is a number of bytes, or a whole number with a unit: `B`, `KB`, `MB`, `GB`, `TB` (powers of
  1000), `KiB`, `MiB`, `GiB` or `TiB` (powers of 1024).
- A list of patterns is a TOML array of strings, or text with commas in a variable or a flag. A pattern
  covers the whole name, `*` stands for any run of characters and `?` for one; case matters. A
  container is read when both its Compose project and its name are included, and neither is excluded;
  outside Compose the project is empty, and only `*` matches it.
- `docker.host` takes `unix:///path`, `tcp://host:port` and `http://host:port`; the last two mean the
  same, and `docker.tls_verify` puts TLS on both. For an engine behind SSH, forward its socket.
";

const RULES: &str = "
## Rules of one's own

The file can also hold lists of tables: `[[format]]`, `[[field]]`, `[[duration]]` and `[[redact]]` teach
Foghorn formats, fields, units and secrets that it does not know. [Formats and fields of one's
own](formats.md#formats-and-fields-of-ones-own) shows each, and the labels by which a container says
how it is read. They have no variables and no flags.
";

const SERVICES: &str = "
## Retention by service

The file can also hold a table of services whose records are kept for a shorter or a longer time than
`retention.max_age` says:

```toml
[retention.services]
nginx = \"3d\"
audit = \"90d\"
\"my.app\" = \"30d\"
```

A name is a service's whole name, in its own case, and in quotes where it has a dot; an age has the range of
`retention.max_age`. There is no variable and no flag for it; `foghorn check` shows each line. See [Keeping
and deleting](retention.md#by-service).
";

const EXAMPLE_HEADING: &str = "\
## All defaults as a file
";

#[cfg(test)]
mod tests {
    use super::super::{Config, Overrides};
    use super::*;

    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");

    #[test]
    fn the_committed_page_is_the_one_made_here() {
        if std::env::var_os("FOGHORN_BLESS").is_some() {
            std::fs::write(PATH, reference()).unwrap();
        }
        let committed = std::fs::read_to_string(PATH).unwrap();
        assert!(committed == reference(), "{PATH} is out of date, rewrite it with FOGHORN_BLESS=1");
    }

    #[test]
    fn the_example_says_what_holds_without_it() {
        let file = std::env::temp_dir().join(format!("foghorn-example-{}.toml", std::process::id()));
        std::fs::write(&file, example()).unwrap();
        let args = Overrides { file: Some(file.clone()), ..Overrides::default() };
        let loaded = Config::load(&args, &|_| None, []);
        std::fs::remove_file(&file).unwrap();
        let loaded = loaded.unwrap();
        let values =
            |config: &Config| config.entries().iter().map(|e| (e.key.clone(), e.value.clone())).collect::<Vec<_>>();
        assert_eq!(values(&loaded), values(&Config::default()));
        assert_eq!(loaded.file(), Some(file.as_path()));
    }
}
