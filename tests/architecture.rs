//! The house rules that a compiler does not hold: who may know whom, what is pure, and how files
//! look. Each violation is listed with its file and line.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own preparation fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Files before their tests; past that, a file is two ideas.
const MOST_LINES: usize = 500;

/// Modules of the crate that each module may use; a module not listed may use every one.
/// Its own children are always allowed.
const MAY_USE: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("text", &[]),
    ("drain", &[]),
    ("pattern", &[]),
    ("expression", &[]),
    // A wrong rule of a user is a wrong configuration: the stages that run them compile them.
    ("config", &["expression", "parse", "pattern", "redact"]),
    ("telemetry", &["config"]),
    // Stages know nouns, their configuration and their children, never another stage.
    ("docker", &["record", "config"]),
    ("assemble", &["expression", "record", "text"]),
    ("parse", &["expression", "pattern", "record", "text"]),
    ("query", &["expression", "record", "text"]),
    ("redact", &["expression"]),
    ("signature", &["record"]),
    ("pipeline", &["record", "assemble", "parse", "redact", "signature"]),
    // The fan-out knows the outputs' handles, and outputs do not know each other.
    ("fanout", &["record", "live", "metrics", "store"]),
    ("live", &["record", "query"]),
    ("metrics", &["record"]),
    ("store", &["record", "config", "query", "text"]),
    // It knows read handles, and the grouping that it counts messages by.
    ("http", &["record", "config", "query", "docker::board", "live", "metrics", "signature", "store"]),
    (
        "app",
        &[
            "assemble",
            "config",
            "docker",
            "expression",
            "fanout",
            "http",
            "live",
            "metrics",
            "parse",
            "pipeline",
            "record",
            "redact",
            "signature",
            "store",
        ],
    ),
    // It runs what it offers: lines of files go through the pipeline, as those of containers do.
    ("cli", &["app", "assemble", "config", "parse", "pipeline", "query", "record", "signature", "store", "text"]),
    // A program of its own beside Foghorn.
    ("sim", &[]),
];

/// Crates, and the modules that may use them.
const CRATES: &[(&str, &[&str])] = &[
    ("bollard", &["docker"]),
    ("tantivy", &["store"]),
    ("axum", &["http"]),
    ("prometheus_client", &["metrics", "telemetry"]),
];

/// Modules without I/O, clock or tasks: time is an argument.
const PURE: &[&str] =
    &["assemble", "expression", "parse", "pattern", "query", "text", "record", "redact", "signature", "pipeline"];
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "tokio",
];

/// Modules that may start tasks and hold their handles. The simulated engine is a program of its
/// own.
const MAY_SPAWN: &[&str] = &["app", "docker", "sim"];

/// Known exceptions: a file, the text that is allowed in it, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// A source file: its path from the crate's root, its module, and its lines before the tests.
struct Source {
    path: String,
    module: String,
    lines: Vec<String>,
}

struct Violations(Vec<String>);

impl Violations {
    fn add(&mut self, path: &str, line: usize, text: &str, rule: &str) {
        let is_known = EXCEPTIONS.iter().any(|(file, part, _)| *file == path && text.contains(part));
        if !is_known {
            self.0.push(format!("{path}:{line}: {rule}: {}", text.trim()));
        }
    }

    #[track_caller]
    fn check(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}; {} violations:\n{}", self.0.len(), self.0.join("\n"));
    }
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_string_lossy().into_owned()
}

fn all(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), ending, &mut found);
    found.sort();
    assert!(!found.is_empty(), "there is no .{ending} in {folder}");
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

/// The crate's own files. Files of tests are left out, and so is what follows `#[cfg(test)] mod`.
fn sources() -> Vec<Source> {
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let sources = all("src", "rs").into_iter().filter(|(path, _)| !is_test(path));
    let sources = sources.map(|(path, text)| {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'));
        let end = tests.unwrap_or(lines.len());
        Source { path, module, lines: lines[..end].to_vec() }
    });
    sources.collect()
}

/// Lines of code with their numbers: comments are left out, and what a comment follows is cut.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.lines.iter().enumerate().map(|(at, line)| (at + 1, line.as_str()));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `path` stands in `line` as a path, and not as the end of a longer word.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == ':' || c == '"') && !after.is_some_and(is_word)
    })
}

/// The paths behind `crate::` in a line, a group of `{…}` taken apart; `use` may go over several
/// lines, which are joined before.
fn crate_paths(statement: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in statement.match_indices("crate::") {
        if statement[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &statement[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '}' if depth == 0 => break,
                    ',' if depth == 0 => paths.push(std::mem::take(&mut item).trim().to_owned()),
                    _ => {
                        depth += i32::from(c == '{') - i32::from(c == '}');
                        item.push(c);
                    }
                }
            }
            paths.push(item.trim().to_owned());
        } else {
            let is_path = |c: &char| c.is_alphanumeric() || matches!(c, '_' | ':');
            paths.push(rest.chars().take_while(is_path).collect());
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

/// Statements that begin with `use`, joined, and every other line, with their numbers.
fn statements(source: &Source) -> Vec<(usize, String)> {
    let mut statements: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in code(source) {
        let begins =
            ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|u| line.trim_start().starts_with(u));
        match statements.last_mut() {
            Some((_, statement)) if open => statement.push_str(line.trim()),
            _ => statements.push((number, line.to_owned())),
        }
        open = (open || begins) && !line.contains(';');
    }
    statements
}

#[test]
fn modules_know_only_whom_they_may() {
    let mut violations = Violations(Vec::new());
    let mut seen = 0;
    for source in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(module, _)| *module == source.module) else {
            assert!(["lib", "main"].contains(&source.module.as_str()), "{} is in no row of the table", source.path);
            continue;
        };
        for (number, statement) in statements(&source) {
            for path in crate_paths(&statement) {
                seen += 1;
                let is_own = path.split(':').next() == Some(&source.module);
                let is_allowed = allowed.iter().any(|a| path == *a || path.starts_with(&format!("{a}::")));
                // Macros and the items of the crate's root are nobody's.
                let is_module = MAY_USE.iter().any(|(module, _)| path.split(':').next() == Some(module));
                if is_module && !is_own && !is_allowed {
                    violations.add(&source.path, number, &statement, &format!("{} may not know {path}", source.module));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} uses of the crate's own modules were found: this test looks past them");
    violations.check("stages do not know each other, and nouns know nobody");
}

#[test]
fn crates_stay_where_they_belong() {
    let mut violations = Violations(Vec::new());
    for source in sources() {
        for (name, modules) in CRATES {
            if modules.contains(&source.module.as_str()) {
                continue;
            }
            for (number, line) in code(&source).filter(|(_, line)| names(line, name)) {
                violations.add(&source.path, number, line, &format!("{name} is for {} only", modules.join(", ")));
            }
        }
    }
    violations.check("each crate is known to one module");
}

#[test]
fn pure_modules_have_no_clock_and_no_io() {
    let mut violations = Violations(Vec::new());
    for source in sources().iter().filter(|source| PURE.contains(&source.module.as_str())) {
        for (number, line) in code(source) {
            if let Some(what) = IMPURE.iter().find(|what| names(line, what)) {
                violations.add(&source.path, number, line, &format!("{} is pure, and {what} is not", source.module));
            }
        }
    }
    violations.check("time is an argument, and bytes are, too");
}

#[test]
fn only_app_and_docker_start_tasks() {
    const STARTS: [&str; 5] = ["tokio::spawn", "task::spawn", "spawn_local", "JoinSet::spawn", ".spawn(async"];
    let mut violations = Violations(Vec::new());
    for source in sources().iter().filter(|source| !MAY_SPAWN.contains(&source.module.as_str())) {
        for (number, line) in code(source) {
            // What runs on a thread that may block is allowed: it is awaited where it is started.
            let line_without = line.replace("spawn_blocking", "");
            if STARTS.iter().any(|start| line_without.contains(start)) {
                violations.add(&source.path, number, line, &format!("{} may not start tasks", source.module));
            }
        }
    }
    violations.check("every task has an owner that joins it");
}

#[test]
fn every_file_says_first_what_it_does() {
    let mut violations = Violations(Vec::new());
    let folders = ["src", "tests", "benches"].into_iter().filter(|folder| Path::new(folder).exists());
    for (path, text) in folders.flat_map(files_or_none) {
        let first = text.lines().next().unwrap_or_default();
        if first.strip_prefix("//! ").is_none_or(|says| says.trim().is_empty()) {
            violations.add(&path, 1, first, "the first line is `//!` and says what the file does");
        }
    }
    violations.check("a newcomer reads the first line");
}

fn files_or_none(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), "rs", &mut found);
    found.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn files_are_short() {
    let mut violations = Violations(Vec::new());
    for source in sources() {
        if source.lines.len() > MOST_LINES {
            let rule = format!("{} lines before tests, at most {MOST_LINES}", source.lines.len());
            violations.add(&source.path, source.lines.len(), "", &rule);
        }
    }
    let main = sources().into_iter().find(|source| source.module == "main").unwrap();
    if main.lines.len() > 100 {
        violations.add(&main.path, main.lines.len(), "", "main.rs has at most 100 lines");
    }
    violations.check("past that, a file is two ideas");
}

#[test]
fn a_module_stands_beside_its_folder() {
    let mut violations = Violations(Vec::new());
    for (path, _) in all("src", "rs").into_iter().filter(|(path, _)| path.ends_with("/mod.rs")) {
        violations.add(&path, 1, "", "name.rs stands beside name/, there is no mod.rs");
    }
    violations.check("the list of files is the data path");
}

#[test]
fn the_page_makes_text_nodes_of_text() {
    const FORBIDDEN: [&str; 6] =
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"];
    let mut violations = Violations(Vec::new());
    for (path, text) in all("src/ui", "js").into_iter().chain(all("src/ui", "html")) {
        for (at, line) in text.lines().enumerate() {
            if let Some(what) = FORBIDDEN.iter().find(|what| line.contains(**what)) {
                violations.add(&path, at + 1, line, &format!("{what} makes code of what a container wrote"));
            }
        }
    }
    violations.check("log lines come from anyone");
}

#[test]
fn the_rules_find_what_they_forbid() {
    assert_eq!(crate_paths("use crate::record::{Frame, Line};"), ["record::"]);
    assert_eq!(crate_paths("use crate::{record, store::{Store, Page}};"), ["record", "store::{Store, Page}"]);
    assert_eq!(crate_paths("let x = crate::docker::now_ns();"), ["docker::now_ns"]);
    assert!(crate_paths("my_crate::x").is_empty());
    assert!(names("use tokio::sync;", "tokio") && names("    tantivy::Index", "tantivy"));
    assert!(!names("use my_tokio::x;", "tokio") && !names("let axums = 1;", "axum"));
    let source = Source {
        path: String::new(),
        module: String::new(),
        lines: ["// crate::app", "use crate::{", "    app,", "};", "x();"].map(str::to_owned).to_vec(),
    };
    assert_eq!(statements(&source), [(2, "use crate::{app,};".to_owned()), (5, "x();".to_owned())]);
}
