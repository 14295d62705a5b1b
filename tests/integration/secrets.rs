//! Secrets that applications print: masked in whatever shows a line, and what only looks like one
//! is left alone.

use serde_json::Value;

use crate::support::{Lab, TestApp, text};

/// What is printed, the secret in it, and the mask in its place.
fn secrets() -> Vec<(String, String, &'static str)> {
    let random = |length: usize, alphabet: &str| -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ length as u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            alphabet[usize::try_from(state % alphabet.len() as u64).unwrap()]
        };
        (0..length).map(|_| next()).collect()
    };
    let mixed = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let upper = "ABCDEFGHJKLMNPQRSTUVWXYZ234567";
    let hex = "0123456789abcdef";
    let (word, key) = (random(16, mixed), random(40, mixed));
    let jwt = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{}", random(43, mixed));
    let body = random(64, mixed);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
    let of = |text: String, secret: &str, mask| (text, secret.to_owned(), mask);
    vec![
        of(pem, &body, "[redacted:private-key]"),
        of(format!("session {jwt} accepted"), &jwt, "[redacted:jwt]"),
        of(format!("> Authorization: Bearer {key}"), &key, "[redacted:authorization]"),
        of(format!("> Authorization: Basic {word}=="), &word, "[redacted:authorization]"),
        of(format!("connecting to postgres://app:{word}@db:5432/shop"), &word, "[redacted:url-password]"),
        of(format!("level=info msg=login password={word}"), &word, "[redacted:password]"),
        of(format!(r#"{{"msg":"start","db":{{"password":"{word}"}}}}"#), &word, "[redacted:password]"),
        of(format!("client_secret: \"{key}\""), &key, "[redacted:secret]"),
        of(format!("GET /cb?access_token={key}&x=1 HTTP/1.1"), &key, "[redacted:token]"),
        of(format!("api_key={key}"), &key, "[redacted:api-key]"),
        of(format!("using AKIA{} for s3", &random(16, upper)), &random(16, upper), "[redacted:aws-access-key]"),
        of(format!("cloning with ghp_{}", random(36, mixed)), &random(36, mixed), "[redacted:github-token]"),
        of(format!("pushing with glpat-{}", random(20, mixed)), &random(20, mixed), "[redacted:gitlab-token]"),
        of(format!("posting as xoxb-123456789012-{}", random(24, mixed)), &random(24, mixed), "[redacted:slack-token]"),
        of(format!("charging with sk_live_{}", random(24, mixed)), &random(24, mixed), "[redacted:stripe-key]"),
        of(format!("asking with sk-ant-api03-{}", random(95, mixed)), &random(95, mixed), "[redacted:anthropic-key]"),
        of(format!("maps with AIza{}", random(35, mixed)), &random(35, mixed), "[redacted:google-api-key]"),
        of(format!("publishing npm_{}", random(36, mixed)), &random(36, mixed), "[redacted:npm-token]"),
        of(format!("loading hf_{}", random(34, mixed)), &random(34, mixed), "[redacted:huggingface-token]"),
        of(format!("spaces dop_v1_{}", random(64, hex)), &random(64, hex), "[redacted:digitalocean-token]"),
        of(format!("> Cookie: sid={word}; theme=dark"), &word, "[redacted:cookie]"),
        of("card 4242 4242 4242 4242 refused".into(), "4242 4242 4242 4242", "[redacted:card]"),
    ]
}

const LOOK_ALIKES: [&str; 14] = [
    "FATAL:  password authentication failed for user \"app\"",
    "tokens=512 max_tokens=4096 token_type=bearer",
    "Unexpected token < in JSON at position 0",
    "commit 7f3a91c42b5d4e6f8a90c1d2e3f4a5b67f3a91c4",
    "request_id=7f3a91c4-2b5d-4e6f-8a90-c1d2e3f4a5b6",
    "took 1795225700420 ns at 1795225700420123456",
    "mail to ada@example.com by ssh://git@github.com/x/y",
    "task-runner and risk-assessment on disk-1",
    "http://shop:8080/@x is up",
    "author=Bob pass=12 fail=0",
    "cache_key=user:42 primary_key=7",
    "order 4242424242424241 is no card",
    "password: ***",
    "basic auth is off, bearer of news",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_masked_is_masked_wherever_a_line_is_shown() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.multiline.enabled = true;
    let app = TestApp::start(&config).await;
    lab.followed(&id).await;
    let mut live = app.live("").await;
    let secrets = secrets();
    for (printed, ..) in &secrets {
        lab.say(&id, printed);
    }
    for line in LOOK_ALIKES {
        lab.say(&id, line);
    }
    lab.say(&id, "INFO:app:the end");
    lab.engine.die(&id, 0).unwrap();
    let count = secrets.len() + LOOK_ALIKES.len() + 1;
    let records = app.records(count).await;
    let mut shown: Vec<Value> = Vec::new();
    while shown.len() < count {
        let event = live.next().await.unwrap();
        // Those that are not finished are shown, too.
        if event.event == "record" {
            shown.push(event.data);
        } else {
            assert!(secrets.iter().all(|(_, secret, _)| !event.data.to_string().contains(secret)), "{}", event.data);
        }
    }
    let metrics = String::from_utf8(app.get("/metrics").await.body.into()).unwrap();
    let everything = serde_json::to_string(&(&records, &shown)).unwrap() + &metrics;
    for (at, (printed, secret, mask)) in secrets.iter().enumerate() {
        assert!(!everything.contains(secret.as_str()), "{printed} is shown");
        for records in [&records, &shown] {
            assert!(text(&records[at], "line").contains(mask), "{printed}: {}", records[at]);
        }
        // Nor can it be searched.
        assert_eq!(app.all(&format!("\"{secret}\"")).await.len(), 0, "{printed} is found");
    }
    for (line, record) in LOOK_ALIKES.iter().zip(&records[secrets.len()..]) {
        assert_eq!(text(record, "line"), *line);
    }
    assert!(app.metric("foghorn_log_secrets_masked_total").await >= secrets.len() as f64);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masking_can_be_switched_off() {
    let lab = Lab::new();
    let id = lab.run("web");
    let mut config = lab.config();
    config.redact.enabled = false;
    let app = TestApp::start(&config).await;
    lab.say(&id, "password=hunter2hunter2");
    assert_eq!(text(&app.records(1).await[0], "line"), "password=hunter2hunter2");
    app.stop().await;
}
