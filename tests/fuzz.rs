//! The fuzz targets' corpus, read again: bytes that once broke a law, and bytes that reach far.
#![allow(clippy::unwrap_used, reason = "a test may stop where its own preparation fails")]

#[path = "../fuzz/laws.rs"]
mod laws;

use std::fs;
use std::path::Path;

const TARGETS: [(&str, fn(&[u8])); 5] = [
    ("decode", laws::decode),
    ("multiline", laws::multiline),
    ("parse", laws::parse),
    ("redact", laws::redact),
    ("query", laws::query),
];

#[test]
fn the_corpus_breaks_no_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, law) in TARGETS {
        let mut inputs = 0;
        for file in fs::read_dir(root.join("fuzz/corpus").join(name)).unwrap() {
            law(&fs::read(file.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs >= 5, "{name} has {inputs} inputs");
    }
}

/// Every text that the parser's corpus has is hostile enough for the others.
#[test]
fn the_parsers_corpus_breaks_no_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            for (_, law) in TARGETS {
                law(&bytes);
                bytes.split(|byte| *byte == b'\n').for_each(law);
            }
        }
    }
}

/// A line of one byte, as long as a line may be, costs no more than its length.
#[test]
fn a_huge_line_of_one_byte_is_read() {
    for byte in 0..=u8::MAX {
        let line = vec![byte; 64 << 10];
        for (_, law) in TARGETS {
            law(&line);
        }
    }
}
