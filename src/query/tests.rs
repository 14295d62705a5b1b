//! The query language as a whole: its reference page, its errors, and its laws.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::record::{Container, ContainerId, Fields, FieldsBuilder, Kind, Position, Stream};

const PAGE: &str = include_str!("../../docs/query.md");

fn parsed(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The rows of the page's table that follows the heading, as the texts of their code spans.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) =
        PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading:?}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
        .collect()
}

/// The record that the page shows.
fn example() -> Record {
    let line = PAGE.lines().find(|line| line.starts_with('{')).unwrap();
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let mut fields = FieldsBuilder::new("");
    for (name, value) in json.as_object().unwrap() {
        let nested = value
            .as_object()
            .map(|object| object.iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect());
        for (name, value) in nested.unwrap_or_else(|| vec![(name.clone(), value)]) {
            fields.set(&name, OwnValue::of(value).value());
        }
    }
    let container = Container {
        id: ContainerId::new(&"3f9ac1d2".repeat(8)),
        name: "shop-api-1".into(),
        project: "shop".into(),
        service: "api".into(),
        number: 1,
    };
    Record {
        container: Arc::new(container),
        stream: Stream::Stdout,
        position: Position { time_ns: 0, ordinal: 1 },
        kind: Kind::Line,
        level: Level::Error,
        raw: line.into(),
        fields: fields.finish(),
        format: "json",
        truncated: false,
    }
}

#[test]
fn the_page_shows_what_queries_are_read_as() {
    let rows = table("How a query is read");
    assert!(rows.len() >= 15);
    for row in rows {
        assert_eq!(parsed(&row[0]).to_string(), row[1], "{}", row[0]);
    }
}

#[test]
fn the_page_shows_what_finds_the_record() {
    let record = example();
    for (heading, expected) in [("What finds it", true), ("What does not", false)] {
        let rows = table(heading);
        assert!(rows.len() >= 8, "{heading}");
        for row in rows {
            assert_eq!(parsed(&row[0]).matches(&record), expected, "{}", row[0]);
        }
    }
}

#[test]
fn the_page_shows_the_errors() {
    let rows = table("Errors");
    assert!(rows.len() >= 15);
    for row in rows {
        assert_eq!(row[0].parse::<Query>().unwrap_err().to_string(), row[1], "{}", row[0]);
    }
}

#[test]
fn the_page_names_every_built_in_field() {
    let names: Vec<_> = table("Built-in fields").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names, BuiltinField::ALL.map(BuiltinField::as_str));
}

#[test]
fn long_queries_are_refused() {
    let error = |text: &str| text.parse::<Query>().unwrap_err().to_string();
    assert!(format!("{}x", "é".repeat(2047)).parse::<Query>().is_ok());
    assert_eq!(error(&"é".repeat(2049)), "column 2049: expected at most 4096 bytes of query");
    assert_eq!(parsed(&"a ".repeat(64)), parsed(&"a ".repeat(64)));
    assert_eq!(error(&"é ".repeat(65)), "column 129: expected at most 64 terms");
}

#[test]
fn everything_is_the_empty_query() {
    for text in ["", " \t\n"] {
        assert!(parsed(text).is_everything());
        assert_eq!(parsed(text), Query::default());
    }
    assert!(!parsed("a").is_everything());
    assert!(parsed("").matches(&example()));
}

#[test]
fn built_in_fields_that_are_empty_are_not_there() {
    let mut record = example();
    for query in ["project:*", "level:*", "number:*"] {
        assert!(parsed(query).matches(&record), "{query}");
    }
    let container = Container { project: String::new(), number: 0, ..(*record.container).clone() };
    (record.container, record.level) = (Arc::new(container), Level::Unknown);
    for query in ["project:*", "level:*", "number:*"] {
        assert!(!parsed(query).matches(&record), "{query}");
    }
    assert!(parsed("project:\"\" number:0 level:unknown").matches(&record));
    let container = Container { service: "1".into(), number: 1, ..(*record.container).clone() };
    record.container = Arc::new(container);
    assert!(parsed("service:1 number:01").matches(&record));
    assert!(!parsed("service:01").matches(&record));
}

#[test]
fn an_exact_name_hides_the_others() {
    let mut record = example();
    record.fields = [("Code", "1"), ("CODE", "2"), ("name", "a"), ("Name", "b")]
        .map(|(name, value)| (name, FieldValue::Text(value)))
        .into_iter()
        .collect();
    for (query, expected) in
        [("code:1", true), ("code:2", true), ("Code:2", false), ("name:b", false), ("NAME:b", true)]
    {
        assert_eq!(parsed(query).matches(&record), expected, "{query}");
    }
}

#[test]
fn escaped_words_are_found_by_their_fields() {
    let mut record = example();
    record.raw = r#"{"msg":"a\nfoo"}"#.into();
    record.fields = [("msg", FieldValue::Text("a\nfoo"))].into_iter().collect();
    assert!(parsed("foo").matches(&record));
    assert!(parsed("\"a foo\"").matches(&record));
    record.fields = Fields::default();
    assert!(!parsed("foo").matches(&record));
}

#[test]
fn no_name_is_short_for_more_than_there_is_room_for() {
    for (name, _) in ALIASES {
        assert_eq!(aliased(name).count(), ALIASES.iter().filter(|(short, _)| *short == name).count());
    }
}

#[test]
fn what_a_query_requires() {
    use Decision::{All, Any, Not, Token, TokenPrefix};
    let token = |token: &str| Token(token.into());
    let prefix = |token: &str| TokenPrefix(token.into());
    let service = |text: &str| Decision::Builtin(BuiltinField::Service, Test::Equals(Value::new(text)));
    let status = |text: &str| Decision::Request(RequestField::Status, Test::Equals(Value::new(text)));
    for (query, expected) in [
        ("", vec![]),
        ("NOT b:c -\"a b\"", vec![]),
        ("-bad -service:Web", vec![Not(token("bad").into()), Not(service("Web").into())]),
        ("Refused refused", vec![token("refused")]),
        ("\"conn ref\"* ab-12", vec![token("conn"), prefix("ref"), token("ab")]),
        ("ab-123 12* 123* 7", vec![token("ab"), token("123"), prefix("123")]),
        ("7f3a91c4-2b*", vec![prefix("7f3a91c4")]),
        ("service:Web service:*", vec![service("Web"), Decision::Builtin(BuiltinField::Service, Test::Present)]),
        ("a1 OR (b1 c1)", vec![Any(vec![token("a1"), All(vec![token("b1"), token("c1")])])]),
        ("a1 OR /b/", vec![]),
        ("http.took:*", vec![token("http"), token("took")]),
        ("took:1.50", vec![token("took")]),
        ("took:500", vec![token("took"), token("500")]),
        ("at:\"/Api/Use\"*", vec![token("at"), token("api"), prefix("use")]),
        ("at:\"/api/\"*", vec![token("at"), token("api")]),
        // A parser gives these names, and some of their values.
        ("HTTP.status:*", vec![]),
        ("http.status:*", vec![Decision::Request(RequestField::HttpStatus, Test::Present)]),
        ("Status:500", vec![token("500")]),
        ("status:500", vec![status("500")]),
        ("-status:500", vec![Not(status("500").into())]),
        ("path:\"/Api/Use\"*", vec![token("api"), prefix("use")]),
        ("http.path:/a", vec![token("a")]),
        ("path:*", vec![Decision::Request(RequestField::Path, Test::Present)]),
        ("duration_ms:500", vec![]),
        ("id:x.7f3a91c4-2b*", vec![token("id"), token("x"), prefix("7f3a91c4")]),
        ("id:7f3a91c4-2b", vec![token("id"), token("7f3a91c4"), token("2b")]),
        ("f:\"a \u{1b}[3\"*", vec![token("f"), token("a")]),
        // The index holds nothing of case.
        ("\"Conn Ref\"c*", vec![token("conn"), prefix("ref")]),
        ("-\"Bad\"c -\"123\"c", vec![Not(token("123").into())]),
        ("at:\"/Api/Use\"c*", vec![token("at"), token("api"), prefix("use")]),
    ] {
        let required = match parsed(query).required() {
            All(parts) => parts,
            part => vec![part],
        };
        assert_eq!(required, expected, "{query}");
    }
}

#[test]
fn the_index_gets_what_the_line_does_not_have() {
    let mut record = example();
    record.raw = r#"{"http":{"took":1.50},"msg":"a b","e":"x\ny","big":1e3}"#.into();
    record.fields = [
        ("http.took", FieldValue::Float(1.5)),
        ("msg", FieldValue::Text("a b")),
        ("e", FieldValue::Text("x\ny")),
        ("big", FieldValue::Text("1e3")),
    ]
    .into_iter()
    .collect();
    let mut tokens = Vec::new();
    index_text(&record, |token| tokens.push(token.to_owned()));
    // Numbers of one or two digits are not in the index.
    let raw = ["http", "took", "msg", "a", "b", "e", "x", "ny", "big", "1e3"];
    assert_eq!(tokens[..raw.len()], raw);
    let more: HashSet<&str> = tokens.iter().map(String::as_str).filter(|token| !raw.contains(token)).collect();
    assert_eq!(more, HashSet::from(["y", "1000"]));
}

/// Values and words of a small world, so that queries and records meet, made of what the tokenizer
/// and the numbers decide by.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-cA-C]{1,3}",
        2 => "[ab][-./=:][ab12]{1,2}",
        2 => "-?[01]{1,2}(\\.[05]{1,2})?(e[12])?",
        1 => "[ab]{63,66}",
        1 => prop::sample::select(vec![
            "7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6", "7F3A91C4-2b5d-4e6f-8a90-c1d2e3f4a5b6x", "7f3a91c4", "7f3a91c4-2b",
            "7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b", "é", "É\u{130}x", "\u{1b}[31ma", "\u{1b}[3", "a\\b", "a\"b", "AND", "9007199254740993",
        ]).prop_map(str::to_owned),
    ]
}

/// The tokens as they are written.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    text::tokens(text, |_, range| pieces.push(text[range].to_owned()));
    pieces
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec((word(), "[ -:/]?"), 0..5)
        .prop_map(|parts| parts.into_iter().map(|(word, separator)| word + &separator).collect())
}

/// A field's value that owns its text.
#[derive(Clone, Debug)]
enum OwnValue {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl OwnValue {
    fn of(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(value) => {
                value.as_i64().map_or_else(|| Self::Float(value.as_f64().unwrap()), Self::Integer)
            }
            other => Self::Text(other.as_str().unwrap().to_owned()),
        }
    }

    fn value(&self) -> FieldValue<'_> {
        match self {
            Self::Bool(value) => FieldValue::Bool(*value),
            Self::Integer(value) => FieldValue::Integer(*value),
            Self::Float(value) => FieldValue::Float(*value),
            Self::Text(value) => FieldValue::Text(value),
        }
    }
}

fn field_value() -> impl Strategy<Value = OwnValue> {
    prop_oneof![
        words().prop_map(OwnValue::Text),
        word().prop_map(OwnValue::Text),
        any::<bool>().prop_map(OwnValue::Bool),
        prop_oneof![(-12..12_i64), any::<i64>(), Just((1 << 53) + 1)].prop_map(OwnValue::Integer),
        prop_oneof![(-4..4_i32).prop_map(|n| f64::from(n) / 2.0), any::<f64>()].prop_map(OwnValue::Float),
    ]
}

fn field_name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ab](\\.[abAB])?",
        2 => prop::sample::select(vec!["status", "path", "method", "http.status", "Status"]).prop_map(str::to_owned),
        1 => "@?[A-B]_-?7?", 1 => Just("7f3a91c4-2b.a".to_owned()).prop_map(|name| format!("x.{name}"))]
}

/// Records whose line has each of the fields as it is, in other words, or not at all.
fn record() -> impl Strategy<Value = Record> {
    let fields = prop::collection::btree_map(field_name(), field_value(), 0..4);
    (words(), fields, prop::bool::ANY, 0..Level::ALL.len(), prop::sample::select(vec!["Web", "web", "1", "01", ""]))
        .prop_map(|(mut raw, fields, named, level, service)| {
            for (name, value) in &fields {
                let text = value.value().text();
                let added = if named { format!(" {name}={text}") } else { format!(" {text:?}") };
                raw.push_str(&added);
            }
            let mut record = example();
            let container = Container { service: service.into(), ..(*record.container).clone() };
            (record.container, record.level, record.raw, record.fields) = (
                Arc::new(container),
                Level::ALL[level],
                raw.into(),
                fields.iter().map(|(n, v)| (n, v.value())).collect(),
            );
            record
        })
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        1 => Just(Test::Present),
        2 => (words(), case()).prop_map(|(text, case)| Test::Equals(Value::new(text).with_case(case))),
        3 => (word(), case()).prop_map(|(text, case)| Test::Equals(Value::new(text).with_case(case))),
        3 => (words().prop_filter("a prefix of nothing is presence", |text| !text.is_empty()), case())
            .prop_map(|(text, case)| Test::Prefix(text, case)),
        2 => (prop::sample::select(&Comparison::ALL[..]), amount()).prop_map(|(sign, amount)| Test::Compare(sign, amount)),
        1 => (amount(), amount()).prop_map(|(from, to)| Test::Range(from, to)),
        1 => pattern().prop_map(Test::Pattern),
    ]
}

const CASES: [Case; 2] = [Case::Any, Case::Exact];

fn case() -> impl Strategy<Value = Case> {
    prop_oneof![2 => Just(Case::Any), 1 => Just(Case::Exact)]
}

fn amount() -> impl Strategy<Value = Amount> {
    "-?[01]{1,2}(\\.[05])?(ms|s|KiB)?".prop_filter_map("an amount", |text| Amount::new(&text))
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop::sample::select(vec!["a+", "^a", "[ab ]{2}", "b( a)?$", "x.*y", "1\\/2", "."])
        .prop_map(|text| Pattern::new(text).unwrap())
}

fn term() -> impl Strategy<Value = Expr> {
    let text =
        |text: &str, prefix, case| Text::new(text, if prefix { End::Prefix } else { End::Whole }, case).map(Expr::Text);
    let positive = prop_oneof![
           3 => (words(), any::<bool>(), case()).prop_filter_map("a text has a token", move |(words, prefix, case)| text(&words, prefix, case)),
           3 => (word(), any::<bool>(), case()).prop_filter_map("a text has a token", move |(word, prefix, case)| text(&word, prefix, case)),
           3 => (field_name(), test()).prop_map(|(name, test)| Expr::Field(name, test)),
    1 => pattern().prop_map(Expr::Pattern),
           1 => prop::sample::select(vec!["level:warn", "level:>=warn", "number:<2", "level:*", "service:web", "service:1", "service:w*", "service:\"Web\"c", "service:\"w\"c*", "kind:line", "number:1", "container_id:3f9a"])
               .prop_map(|text| parsed(text).expr().clone()),
       ];
    (positive, 0..5).prop_map(|(term, negate)| match (term, negate) {
        (Expr::All(mut parts), _) => parts.remove(0),
        (term, 0) => Expr::Not(Box::new(term)),
        (term, _) => term,
    })
}

/// A term or a group, as the parser makes them: no list is of one, or of its own kind.
fn part() -> impl Strategy<Value = Expr> {
    let list = |parts: Vec<Expr>, all: bool| {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Expr::All(inner) if all => flat.extend(inner),
                Expr::Any(inner) if !all => flat.extend(inner),
                part => flat.push(part),
            }
        }
        if all { Expr::All(flat) } else { Expr::Any(flat) }
    };
    term().prop_recursive(3, 8, 3, move |part| {
        let parts = prop::collection::vec(part, 2..4);
        (parts, any::<bool>(), any::<bool>()).prop_map(move |(parts, all, negate)| {
            let part = list(parts, all);
            if negate { Expr::Not(Box::new(part)) } else { part }
        })
    })
}

fn query() -> impl Strategy<Value = Query> {
    prop::collection::vec(part(), 0..3).prop_map(|parts| {
        let flat = |part| if let Expr::All(parts) = part { parts } else { vec![part] };
        Query::all(parts.into_iter().flat_map(flat).collect())
    })
}

/// A query made of the record's own words and values, so that it often matches.
fn query_of(record: &Record) -> impl Strategy<Value = Query> + use<> {
    let mut terms = text::token_list(&record.raw);
    for (name, value) in record.fields().iter() {
        let quoted = value.text().replace('\\', "\\\\").replace('"', "\\\"");
        terms.push(format!("\"{quoted}\""));
        terms.push(format!("{name}:\"{quoted}\""));
        terms.push(format!("\"{quoted}\"c"));
        terms.push(format!("{name}:\"{quoted}\"c"));
        let starts = (1..=value.text().chars().count()).map(|end| value.text().chars().take(end).collect::<String>());
        for start in starts {
            // What follows can make a UUID or an escape sequence of the words that it starts with.
            for case in CASES {
                let text = Text::new(start.clone(), End::Prefix, case).filter(|text| text.matches(record));
                terms.extend(text.map(|text| text.to_string()));
                terms.push(format!("{}:{}", name.to_uppercase(), Test::Prefix(start.clone(), case)));
            }
        }
    }
    terms.push(format!("service:\"{}\"", record.container.service));
    terms.push(format!("service:\"{}\"c", record.container.service));
    terms.retain(|term| term.parse::<Query>().is_ok());
    prop::collection::vec(prop::sample::select(terms), 1..3).prop_map(|terms| parsed(&terms.join(" ")))
}

fn holds(decision: &Decision, tokens: &HashSet<String>, record: &Record) -> bool {
    decision.holds(&|leaf| match leaf {
        Decision::Token(token) => tokens.contains(token),
        Decision::TokenPrefix(prefix) => tokens.iter().any(|token| token.starts_with(prefix)),
        Decision::Builtin(field, test) => field.matches(test, record),
        Decision::Request(field, test) => field.values(record).any(|value| test.accepts(field.as_str(), value)),
        Decision::All(_) | Decision::Any(_) | Decision::Not(_) => unreachable!("they are made of parts"),
    })
}

fn indexed(record: &Record) -> HashSet<String> {
    let mut tokens = HashSet::new();
    index_text(record, |token| {
        tokens.insert(token.to_owned());
    });
    tokens
}

fn may_match(query: &Query, record: &Record) -> bool {
    holds(&query.required(), &indexed(record), record)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_query_survives_its_text(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(text.parse::<Query>(), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_that_parses_survives_and_any_error_points_into_it(text in "([a-z]{1,2}|[-:\"*\\\\/() <>.é@]|\"c|AND |OR |NOT |level:|number:|err){0,12}") {
        match text.parse::<Query>() {
            Ok(query) => prop_assert_eq!(query.to_string().parse(), Ok(query)),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error),
        }
    }

    #[test]
    fn the_index_never_hides_a_match(record in record(), query in query()) {
        if query.matches(&record) {
            prop_assert!(may_match(&query, &record), "{} on {:?}", query, record);
        }
    }

    #[test]
    fn the_index_decides_as_the_query_does(record in record(), query in query()) {
        if let Some(decision) = query.decision() {
            prop_assert_eq!(holds(&decision, &indexed(&record), &record), query.matches(&record), "{} on {:?}", query, record);
        }
    }

    /// An index keeps texts of a request's fields, and of no fractions.
    #[test]
    fn a_value_of_a_request_passes_as_its_text_does(value in field_value(), test in test()) {
        if !matches!(value.value(), FieldValue::Float(_)) {
            let text = value.value().text().into_owned();
            for field in RequestField::ALL {
                let passes = |value| test.accepts(field.as_str(), value);
                prop_assert_eq!(passes(value.value()), passes(FieldValue::Text(&text)), "{} and {:?}", test, value);
            }
        }
    }

    /// What a term finds where case counts, it finds where it does not.
    #[test]
    fn a_term_finds_less_where_case_counts(record in record(), (text, prefix) in (prop_oneof![words(), word()], any::<bool>()), name in field_name()) {
        let end = if prefix { End::Prefix } else { End::Whole };
        if let [Some(any), Some(exact)] = CASES.map(|case| Text::new(text.clone(), end, case)) {
            prop_assert!(any.matches(&record) || !exact.matches(&record), "{} on {:?}", exact, record);
        }
        let [any, exact] = CASES.map(|case| match end {
            End::Whole => Test::Equals(Value::new(text.clone()).with_case(case)),
            End::Prefix => Test::Prefix(text.clone(), case),
        });
        let finds = |test: &Test| Expr::Field(name.clone(), test.clone()).matches(&record);
        prop_assert!(finds(&any) || !finds(&exact), "{}:{} on {:?}", name, exact, record);
        let finds = |test: &Test| BuiltinField::Service.matches(test, &record);
        prop_assert!(finds(&any) || !finds(&exact), "service:{} on {:?}", exact, record);
    }

    /// By the definition: the very letters, in the line, in a name that the line has, or in a value.
    #[test]
    fn where_case_counts_the_same_run_of_tokens_stands_in_the_record(record in record(), (text, prefix) in (prop_oneof![words(), word()], any::<bool>())) {
        let end = if prefix { End::Prefix } else { End::Whole };
        // What ends within a UUID has two runs of tokens, and is a matter of its own.
        let wanted = pieces(&text);
        if wanted.is_empty() || text.contains('-') {
            return Ok(());
        }
        let ends_within = prefix && text.ends_with(wanted.last().unwrap().as_str());
        let stands_in = |text: &str| pieces(text).windows(wanted.len()).any(|window| {
            let (last, first) = window.split_last().unwrap();
            let (wanted_last, wanted_first) = wanted.split_last().unwrap();
            first == wanted_first && if ends_within { last.starts_with(wanted_last) } else { last == wanted_last }
        });
        let mut expected = stands_in(&record.raw);
        for (name, value) in record.fields().iter() {
            let value = value.text();
            expected |= stands_in(&value);
            // A single word is also found in a name, and as a number is usually written.
            if wanted.len() == 1 {
                expected |= name.split('.').any(stands_in);
                expected |= value::Number::of(&value).is_some_and(|number| stands_in(&number.canonical()));
            }
        }
        let text = Text::new(text, end, Case::Exact).unwrap();
        prop_assert_eq!(text.matches(&record), expected, "{} on {:?}", text, record);
    }

    #[test]
    fn where_case_counts_a_value_is_the_same_text(record in record(), text in prop_oneof![words(), word()]) {
        for (name, value) in record.fields().iter() {
            let value = value.text();
            let test = Test::Equals(Value::new(text.clone()).with_case(Case::Exact));
            let is_equal = value == text || Test::Equals(Value::new(text.clone())).accepts_text(&value) && value::Number::of(&text).is_some();
            prop_assert_eq!(test.accepts_text(&value), is_equal, "{}:{} on {:?}", name, test, value);
            let same = Test::Equals(Value::new(value.clone()).with_case(Case::Exact));
            prop_assert!(Expr::Field(name.to_owned(), same).matches(&record), "{} on {:?}", name, record);
        }
    }

    #[test]
    fn the_index_never_hides_what_was_taken_from_the_record((record, query) in record().prop_flat_map(|record| (Just(record.clone()), query_of(&record)))) {
        prop_assert!(query.matches(&record), "{} on {:?}", query, record);
        prop_assert!(may_match(&query, &record), "{} on {:?}", query, record);
    }

    #[test]
    fn the_index_has_the_tokens_of_the_line_and_of_every_field(record in record()) {
        let mut expected: HashSet<String> = text::token_list(&record.raw).into_iter().collect();
        for (name, value) in record.fields().iter() {
            expected.extend(text::token_list(name));
            expected.extend(text::token_list(&value.text()));
            if let Some(number) = value::Number::of(&value.text()) {
                expected.extend(text::token_list(&number.canonical()));
            }
        }
        expected.retain(|token| is_indexed(token));
        prop_assert_eq!(indexed(&record), expected);
    }

    #[test]
    fn terms_are_all_needed_and_a_dash_turns_one_round(record in record(), a in term(), b in term()) {
        let matches = |text: String| parsed(&text).matches(&record);
        prop_assert_eq!(matches(format!("{a} AND {b}")), matches(a.to_string()) && matches(b.to_string()));
        if !matches!(a, Expr::Not(_)) {
            prop_assert_eq!(matches(format!("-{a}")), !matches(a.to_string()));
            prop_assert_eq!(matches(format!("NOT {a}")), !matches(a.to_string()));
        }
    }
}
