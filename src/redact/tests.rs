//! Table tests of each kind with its look-alikes, and the laws.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[track_caller]
fn check(input: &str, expected: &str) {
    let redactor = Redactor::default();
    let text = redactor.redact(input).map_or(input.to_owned(), |redacted| redacted.text);
    assert_eq!(text, expected, "of {input}");
    let again = redactor.redact(&text).map_or(text.clone(), |redacted| redacted.text);
    assert_eq!(again, text, "twice {input}");
}

#[track_caller]
fn stays(input: &str) {
    assert_eq!(Redactor::default().redact(input), None, "of {input}");
}

#[test]
fn what_only_looks_like_a_pair_stays() {
    for input in [
        "POST /identity/connect/token => 400 Bad Request",
        "password => required",
        "invalid_token => retry",
        "token_type=Bearer token_ttl=3600",
        "pwd=/usr/src/app",
        "PWD: /usr/src/app",
    ] {
        stays(input);
    }
}

#[test]
fn keys_in_every_form() {
    for (input, expected) in [
        ("password=hunter2", "password=[redacted:password]"),
        ("DB_PASSWORD=hunter2 x", "DB_PASSWORD=[redacted:password] x"),
        ("userPassword=\"hunter 2\" x", "userPassword=\"[redacted:password]\" x"),
        ("password = hunter2", "password = [redacted:password]"),
        ("password: 'hunter2'", "password: '[redacted:password]'"),
        ("password: hunter2!x", "password: [redacted:password]"),
        (r#"{"password":"hunter2","a":1}"#, r#"{"password":"[redacted:password]","a":1}"#),
        (r#"{"password" : "hun\"ter2","a":1}"#, r#"{"password" : "[redacted:password]","a":1}"#),
        (r#"{"password":12345678}"#, r#"{"password":"[redacted:password]"}"#),
        (r#"{"m":"{\"password\":\"hunter2\",\"a\":1}"}"#, r#"{"m":"{\"password\":\"[redacted:password]\",\"a\":1}"}"#),
        (r#"{"m":"{\"password\":1234567}"}"#, r#"{"m":"{\"password\":\"[redacted:password]\"}"}"#),
        (
            r#"{"m":"{\"a\":\"{\\\"token\\\":\\\"hunter2\\\"}\"}"}"#,
            r#"{"m":"{\"a\":\"{\\\"token\\\":\\\"[redacted:token]\\\"}\"}"}"#,
        ),
        ("{'client_secret': 'hunter2', 'a': 1}", "{'client_secret': '[redacted:secret]', 'a': 1}"),
        ("{'password': b'hunter2'}", "{'password': b'[redacted:password]'}"),
        ("GET /x?access_token=abc&b=c HTTP/1.1", "GET /x?access_token=[redacted:token]&b=c HTTP/1.1"),
        (r"/x?token=abc\u0026b=c", r"/x?token=[redacted:token]\u0026b=c"),
        (r"/x?a=b\u0026token\u003dabc\u0026b\u003dc", r"/x?a=b\u0026token\u003d[redacted:token]\u0026b\u003dc"),
        ("next=%2Fx%3Ftoken%3Dabc%26a%3Db", "next=%2Fx%3Ftoken%3D[redacted:token]%26a%3Db"),
        ("DB_PASS: S3cr3tPw1", "DB_PASS: [redacted:password]"),
        ("POSTGRES_PASSWORD: correcthorse", "POSTGRES_PASSWORD: [redacted:password]"),
        (":password => 'hunter2'", ":password => '[redacted:password]'"),
        ("password=>hunter2", "password=>[redacted:password]"),
        ("run --password hunter2 --host a", "run --password [redacted:password] --host a"),
        ("run --db-password=hunter2 -v", "run --db-password=[redacted:password] -v"),
        (r#"["run","--password","hunter2"]"#, r#"["run","--password","[redacted:password]"]"#),
        ("ALTER USER a PASSWORD 'it''s'; x", "ALTER USER a PASSWORD '[redacted:password]'; x"),
        ("CREATE USER a IDENTIFIED BY 'hunter2'", "CREATE USER a IDENTIFIED BY '[redacted:password]'"),
        ("user[password]=hunter2&a=b", "user[password]=[redacted:password]&a=b"),
        (r#"{"password"=>"hunter2"}"#, r#"{"password"=>"[redacted:password]"}"#),
        ("<password>hunter2</password>", "<password>[redacted:password]</password>"),
        ("Config { token: Some(\"abc\") }", "Config { token: Some(\"[redacted:token]\") }"),
        ("X-Api-Key: 9f8e7d6c5b4a", "X-Api-Key: [redacted:api-key]"),
        ("apiKey=abc, b=c", "apiKey=[redacted:api-key], b=c"),
        ("API_KEY=abc", "API_KEY=[redacted:api-key]"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=[redacted:secret]"),
        ("secretKey: \"abc\"", "secretKey: \"[redacted:secret]\""),
        (r#"{"tokens":["abc","def"]}"#, r#"{"tokens":["[redacted:token]","[redacted:token]"]}"#),
        ("password=P@ss,w0rd;x,b=c", "password=[redacted:password],b=c"),
        ("your password is hunter2hunter2", "your password is [redacted:password]"),
        ("token abc123def456", "token [redacted:token]"),
        ("\\npassword=abc\\nb", "\\npassword=[redacted:password]\\nb"),
        ("pwd=x&pwd=y", "pwd=[redacted:password]&pwd=[redacted:password]"),
        ("login failed with password: hunter2", "login failed with password: [redacted:password]"),
        ("Key (token)=(abcDEF) already exists.", "Key (token)=([redacted:token]) already exists."),
        ("Key (id, token)=(7, a b) already exists.", "Key (id, token)=([redacted:token]) already exists."),
        (r#"Key ("apiKey", id)=(x, 7) already exists."#, r#"Key ("apiKey", id)=([redacted:api-key]) already exists."#),
    ] {
        check(input, expected);
    }
}

#[test]
fn key_look_alikes() {
    for text in [
        "",
        "password authentication failed for user \"x\"",
        "password: authentication failed",
        "password: x y",
        "password: changed",
        "password: sha256",
        "password: v1.2.3",
        "Invalid password: user12 locked",
        "f(token)=(a+b) * c",
        "tskey-is-a-very-long-word-with-dashes-in-it",
        "Neither --rpc-secret nor --rpc-passwd is set",
        "password: 12 characters or more",
        "Key (email)=(a@example.com) already exists.",
        "check_token(token)=(null)",
        "Unexpected token < in JSON at position 0",
        "Unexpected token 'a1b2c3d4e5f6', \"a1b2\" is not valid JSON",
        r#"{"usage":{"tokens":512,"max_tokens":4096,"token_count":7,"token_type":"bearer"}}"#,
        "max_tokens=4096 tokens: 512 tokens=512/4096",
        "password_length=12",
        "pass=12 fail=0",
        "--- PASS: TestThing1 (0.00s)",
        "bypass=yes compass=north",
        "password=",
        "password=\"\" a=b",
        r#"{"password":null,"token":"","secret":false}"#,
        r#"{"m":"password=","b":"c"}"#,
        r#"{"m":"enter password: ","b":"c"}"#,
        "password=******** token=[FILTERED] secret=[redacted:secret] pwd=<redacted>",
        "password = $1 AND token = ?",
        "password=${DB_PASSWORD}",
        "cache_key=abcdef1234 author=someone1 request_id=abcdef123456",
        "token expired at 2026-11-20T00:00:00Z",
        "token => { return 1 }",
        "if token == x",
        "PWD=/var/www",
        "broken pipe, spikes, secretary",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b by a@b.com",
        "Secret default/web-token-x1z2y not found",
        "id 0191b2c3-0000-7000-8000-00000000000a at 1795224647450",
        "task-abcdefghijklmnopqrstuvwxyz1234567890 risk-assessment",
    ] {
        stays(text);
    }
}

#[test]
fn headers() {
    for (input, expected) in [
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted:authorization]"),
        ("authorization: Basic dXNlcjpwYXNz, a", "authorization: Basic [redacted:authorization], a"),
        (r#"{"authorization":"Bearer abc","b":1}"#, r#"{"authorization":"Bearer [redacted:authorization]","b":1}"#),
        (r#"{"Authorization":["Token abc"]}"#, r#"{"Authorization":["Token [redacted:authorization]"]}"#),
        (r#"{"authorization":"abc"}"#, r#"{"authorization":"[redacted:authorization]"}"#),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer [redacted:authorization]' x"),
        (
            "Authorization: Digest username=\"a\", response=\"b c\" end",
            "Authorization: Digest [redacted:authorization] end",
        ),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=ff",
            "Authorization: AWS4-HMAC-SHA256 [redacted:authorization]",
        ),
        ("map[Authorization:[Bearer abc] B:[c]]", "map[Authorization:[Bearer [redacted:authorization]] B:[c]]"),
        ("got bearer abcdef123456", "got bearer [redacted:authorization]"),
        ("Cookie: sid=abcdef; theme=1; b=\"cdef\"", "Cookie: sid=[redacted:cookie]; theme=1; b=[redacted:cookie]"),
        (
            "Set-Cookie: sid=abcdef; Path=/path; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; x=yyyy",
            "Set-Cookie: sid=[redacted:cookie]; Path=/path; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; x=[redacted:cookie]",
        ),
        (r#"{"cookie":"sid=abcdef","b":1}"#, r#"{"cookie":"sid=[redacted:cookie]","b":1}"#),
        (
            r#"{"set-cookie":["a=bcde; Path=/","f=ghij"]}"#,
            r#"{"set-cookie":["a=[redacted:cookie]; Path=/","f=[redacted:cookie]"]}"#,
        ),
    ] {
        check(input, expected);
    }
    for text in [
        "Authorization: failed for user",
        "Authorization: Bearer token missing",
        "authorization_code=abcdef12",
        "Bearer authentication required",
        "Cookie: not found",
        "no cookie: yes",
        r#"{"authorization":"not needed here"}"#,
    ] {
        stays(text);
    }
}

#[test]
fn urls() {
    for (input, expected) in [
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[redacted:url-password]@db:5432/x"),
        ("redis://:p@ss@cache", "redis://:[redacted:url-password]@cache"),
        (r#"{"u":"amqp:\/\/a:bcd@mq\/"}"#, r#"{"u":"amqp:\/\/a:[redacted:url-password]@mq\/"}"#),
        ("mysql://u:pa/ss@h/x", "mysql://u:[redacted:url-password]@h/x"),
        ("postgres://u:p@ss/wo@rd/x@db:5432/x", "postgres://u:[redacted:url-password]@rd/x@db:5432/x"),
        ("postgres://u:p@ss/word@db:5432/x?a=b@c", "postgres://u:[redacted:url-password]@db:5432/x?a=b@c"),
        (
            "postgresql://u:p@h/db;admin@example.com/x",
            "postgresql://u:[redacted:url-password]@h/db;admin@example.com/x",
        ),
        ("amqp://u:p@mq/vhost@1", "amqp://u:[redacted:url-password]@mq/vhost@1"),
        ("postgres://u:p@db/x?mail=b@c", "postgres://u:[redacted:url-password]@db/x?mail=b@c"),
        ("https://u:p@registry/@scope/x", "https://u:[redacted:url-password]@registry/@scope/x"),
        ("http://a:b@c http://d:e@f", "http://a:[redacted:url-password]@c http://d:[redacted:url-password]@f"),
    ] {
        check(input, expected);
    }
    for text in [
        "ssh://git@github.com",
        "http://host:8080/@x",
        "memory://:**@localhost//",
        "http://[::1]:8080/@x",
        "https://a.b/c?email=a@b.c",
        "a@b.com: c",
        "https://u:${PASS}@host",
    ] {
        stays(text);
    }
}

#[test]
fn tokens_with_a_prefix() {
    let alnum = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF".repeat(9);
    let hex = "0123456789abcdef".repeat(4);
    let token = |prefix: &str, len: usize| format!("{prefix}{}", &alnum[..len]);
    for (text, kind) in [
        ("AKIAIOSFODNN7EXAMPLE".to_owned(), "aws-access-key"),
        ("ASIAIOSFODNN7EXAMPLE".to_owned(), "aws-access-key"),
        (token("ghp_", 36), "github-token"),
        (token("gho_", 36), "github-token"),
        (token("ghu_", 36), "github-token"),
        (token("ghs_", 36), "github-token"),
        (token("ghr_", 76), "github-token"),
        (format!("github_pat_{}_{}", &alnum[..22], &alnum[..59]), "github-token"),
        (token("glpat-", 20), "gitlab-token"),
        (token("glrt-", 20), "gitlab-token"),
        (format!("xoxb-123456789012-123456789012-{}", &alnum[..24]), "slack-token"),
        (format!("xapp-1-A012-123-{}", &hex[..64]), "slack-token"),
        (token("sk_live_", 24), "stripe-key"),
        (token("rk_test_", 24), "stripe-key"),
        (token("sk-proj-", 48), "openai-key"),
        (token("sk-", 48), "openai-key"),
        (token("sk-ant-api03-", 93), "anthropic-key"),
        (token("AIza", 35), "google-api-key"),
        (token("npm_", 36), "npm-token"),
        (token("pypi-AgEIcHlwaS5vcmc", 150), "pypi-token"),
        (token("hf_", 34), "huggingface-token"),
        (token("hvs.", 90), "vault-token"),
        (token("whsec_", 32), "webhook-secret"),
        (token("dckr_pat_", 27), "docker-token"),
        (token("tskey-auth-", 34), "tailscale-key"),
        (token("shpat_", 32), "shopify-token"),
        (format!("SG.{}.{}", &alnum[..22], &alnum[..43]), "sendgrid-key"),
        (format!("dop_v1_{hex}"), "digitalocean-token"),
        (format!("glsa_{}_0123abcd", &alnum[..32]), "grafana-token"),
        (token("glc_", 60), "grafana-token"),
        (JWT.to_owned(), "jwt"),
        (JWT[..JWT.len() - 44].to_owned(), "jwt"),
    ] {
        for (before, after) in
            [("", ""), ("found ", ", so"), ("\\n", "\\n"), ("x=", "&b"), ("\"", "\""), ("token=", " x"), ("a ", ".")]
        {
            check(&format!("{before}{text}{after}"), &format!("{before}[redacted:{kind}]{after}"));
        }
        stays(&format!("x{text}"));
        stays(&text[..8]);
    }
    stays("eyJhIjoxLCJiIjoyfQ== eyJabc.def half_a1b2c3d4 pk_live_abcdefghijklmnop");
}

#[test]
fn addresses_that_are_secrets() {
    let alnum = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF".repeat(3);
    let bot = format!("123456789:AA{}", &alnum[..33]);
    let hook = format!("https://discord.com/api/webhooks/112233445566778899/{}", &alnum[..68]);
    let slack = format!("https://hooks.slack.com/services/T0123ABCD/B0123ABCD/{}", &alnum[..24]);
    let azure = format!("AccountName=x;AccountKey={}==;EndpointSuffix=y", &alnum[..86]);
    for (input, expected) in [
        (format!("GET https://api.telegram.org/bot{bot}/getMe"), "/bot[redacted:telegram-token]/getMe"),
        (format!("POST {hook}?wait=true"), "webhooks/112233445566778899/[redacted:discord-webhook]?wait=true"),
        (format!("{{\"u\":\"{}\"}}", slack.replace('/', "\\/")), "B0123ABCD\\/[redacted:slack-webhook]\"}"),
        (format!("{{\"u\":\"{}\"}}", hook.replace('/', "\\/")), "112233445566778899\\/[redacted:discord-webhook]\"}"),
        (format!("url=https%3A%2F%2Fapi.telegram.org/bot{}", bot.replace(':', "%3A")), "/bot[redacted:telegram-token]"),
        (format!("{slack} timed out"), "/B0123ABCD/[redacted:slack-webhook] timed out"),
        (azure, "AccountName=x;AccountKey=[redacted:azure-key];EndpointSuffix=y"),
    ] {
        let text = Redactor::default().redact(&input).map(|redacted| redacted.text).unwrap_or_default();
        assert!(text.ends_with(expected), "{text}");
    }
    stays("GET /bots/12345678:90 HTTP/1.1");
    stays("GET /repos/a/b/webhooks/123456789012345678/deliveries");
    stays("/api/services/TESTING/BUILDINGS/x AccountKey=missing");
}

#[test]
fn private_keys() {
    let body = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI";
    let key = "[redacted:private-key]";
    for (input, expected) in [
        (format!("a -----BEGIN PRIVATE KEY-----\n{body}\nAB==\n-----END PRIVATE KEY----- b"), format!("a {key} b")),
        (
            format!(r#"{{"k":"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n","b":1}}"#),
            format!(r#"{{"k":"{key}\n","b":1}}"#),
        ),
        (format!("-----BEGIN EC PRIVATE KEY-----\n{body}\nABC"), key.to_owned()),
        (format!(r#"{{"k":"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}"}}"#), format!(r#"{{"k":"{key}"}}"#)),
        (
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n{body}\n-----END RSA PRIVATE KEY-----"
            ),
            key.to_owned(),
        ),
        (format!("-----BEGIN PRIVATE KEY----- {body} and more"), format!("{key} and more")),
    ] {
        check(&input, &expected);
    }
    stays("-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----");
    stays("the PRIVATE KEY is missing");
}

#[test]
fn cards() {
    for (input, expected) in [
        ("card 4111111111111111 ok", "card [redacted:card] ok"),
        ("4111 1111 1111 1111", "[redacted:card]"),
        ("x 5555-5555-5555-4444.", "x [redacted:card]."),
        ("3782 822463 10005", "[redacted:card]"),
        ("378282246310005", "[redacted:card]"),
        (
            r#"{"n":4111111111111111,"a":[4111111111111111, 2]}"#,
            r#"{"n":"[redacted:card]","a":["[redacted:card]", 2]}"#,
        ),
        (r#"{"n":"a, 4111111111111111, 2"}"#, r#"{"n":"a, [redacted:card], 2"}"#),
    ] {
        check(input, expected);
    }
    for text in [
        "4111111111111112",
        "1795224647450 1795224647450123456 1111111111111111",
        "0.4111111111111111 id-4111111111111111 a4111111111111111",
        r#"{"user_id":4111111111111111,"traceId":"4111111111111111"}"#,
        "12345678-4111-1111-1111-111111111111",
        "41111111111111111111111",
        "2026-11-20 00:00:00.123 1:M 29 Aug 2023 13:47:38.984",
    ] {
        stays(text);
    }
}

#[test]
fn cards_at_every_place() {
    for before in 0..900 {
        check(&format!("{}:4222222222222", "x".repeat(before)), &format!("{}:[redacted:card]", "x".repeat(before)));
    }
    for byte in 0..=255_u8 {
        let text = [&b"422222"[..], &[byte], b"222222"].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(card::may_have(text.as_bytes()), byte.is_ascii_digit(), "byte {byte}");
    }
}

#[test]
fn escapes_between_key_and_value() {
    check(
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0mhunter2 \u{1b}[3ma\u{1b}[0m",
        "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m[redacted:password] \u{1b}[3ma\u{1b}[0m",
    );
    check(
        r#"{"m":"\u001b[3mtoken\u001b[0m=\u001b[0mabc\u001b[0m"}"#,
        r#"{"m":"\u001b[3mtoken\u001b[0m=\u001b[0m[redacted:token]\u001b[0m"}"#,
    );
    stays("\u{1b}[3mtokens\u{1b}[0m\u{1b}[2m=\u{1b}[0m512");
}

#[test]
fn rules() {
    let rule = |name: &str, pattern: &str| Rule { name: name.to_owned(), pattern: pattern.to_owned() };
    assert!(matches!(Redactor::new(&[rule("A", "a")]), Err(RedactError::Name { .. })));
    assert!(matches!(Redactor::new(&[rule("", "a")]), Err(RedactError::Name { .. })));
    assert!(matches!(Redactor::new(&[rule("a", "(")]), Err(RedactError::Pattern { .. })));
    assert!(matches!(Redactor::new(&[rule("a", "a*")]), Err(RedactError::Empty { .. })));
    let redactor = Redactor::new(&[rule("all", "[a-z]")]).unwrap();
    let redacted = redactor.redact(&"a1".repeat(500)).unwrap();
    assert_eq!(redacted.masks, 1);
    assert_eq!(redactor.redact("[redacted:token]"), None);
    let redactor = Redactor::new(&[rule("badge", r"badge (?<secret>\d+)")]).unwrap();
    let redacted = redactor.redact("badge 12 token=abc").unwrap();
    assert_eq!((redacted.text.as_str(), redacted.masks), ("badge [redacted:badge] token=[redacted:token]", 2));
    assert_eq!(redactor.redact(&redacted.text), None);
}

/// Pieces that meet in hostile ways.
const PIECES: [&str; 84] = [
    "password",
    "Password",
    "pass",
    "pwd",
    "secret",
    "secret_key",
    "token",
    "tokens",
    "api_key",
    "x-api-key",
    "authorization",
    "Authorization: ",
    "Cookie: ",
    "set-cookie",
    "Bearer ",
    "Basic ",
    "Digest ",
    "IDENTIFIED BY ",
    "=",
    ":",
    ": ",
    " ",
    ",",
    ";",
    "; ",
    "&",
    "\"",
    "\\\"",
    "\\\\\\\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "<",
    ">",
    "</",
    "/",
    "\\",
    "\\\\",
    "\\n",
    "\n",
    "\\u0026",
    "\\u003d",
    "%3D",
    "%26",
    "=>",
    "--",
    "-",
    "_",
    ".",
    "a",
    "abcdefgh",
    "Abc123!xyz",
    "hunter2hunter2",
    "12",
    "12345678",
    "null",
    "***",
    "[redacted:",
    "[redacted:token]",
    "[FILTERED]",
    "://",
    "ab://",
    "@",
    "u:p@h",
    "4111111111111111",
    "4111 1111 1111 1111",
    "eyJhbGciOiJIUzI1",
    ".",
    "eyJzdWIiOiIxMjM0",
    "AKIAIOSFODNN7EXAMPLE",
    "sk-",
    "ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eFaB3d",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "\u{1b}[0m",
    "\u{1b}]",
    "\\u001b[0m",
    "é",
    "•",
    "unexpected ",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => "\\PC{0,6}"],
        0..24,
    )
    .prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        pieces().prop_map(serde_json::Value::from),
        prop::sample::select(&[1_i64, 12_345_678, 4_111_111_111_111_111, -4_111_111_111_111_111][..])
            .prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((pieces(), inner.clone()), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
            // A document in a string of the other.
            inner.prop_map(|inner| serde_json::Value::from(inner.to_string())),
        ]
    })
}

/// The pieces of `text` between masks stand in `input` in their order.
fn keeps(input: &str, text: &str) -> bool {
    let mut at = 0;
    for (index, part) in text.split(MASK).enumerate() {
        let part = if index == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) };
        let part = part.trim_matches(['"', '\\']);
        let Some(found) = input[at..].find(part) else { return false };
        at += found + part.len();
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(512)))]

    #[test]
    fn masks_once_and_keeps_the_rest(text in prop_oneof![pieces(), "\\PC{0,64}"]) {
        let redactor = Redactor::default();
        if let Some(redacted) = redactor.redact(&text) {
            prop_assert!(redacted.masks > 0);
            prop_assert!(redacted.text.len() <= 4 * text.len() + 64, "{} -> {}", text, redacted.text);
            prop_assert!(keeps(&text, &redacted.text), "{} -> {}", text, redacted.text);
            let again = redactor.redact(&redacted.text).map_or(redacted.text.clone(), |again| again.text);
            prop_assert_eq!(again, redacted.text, "of {}", text);
        }
    }

    #[test]
    fn json_stays_json(value in prop::collection::vec((pieces(), json()), 1..4)) {
        let value: serde_json::Value = value.into_iter().collect();
        let text = value.to_string();
        if let Some(redacted) = Redactor::default().redact(&text) {
            let parsed = serde_json::from_str::<serde_json::Value>(&redacted.text);
            prop_assert!(parsed.is_ok_and(|parsed| parsed.is_object()), "{} -> {}", text, redacted.text);
            let again = Redactor::default().redact(&redacted.text).map_or(redacted.text.clone(), |again| again.text);
            prop_assert_eq!(again, redacted.text, "of {}", text);
        }
    }

    #[test]
    fn no_value_comes_through(
        secret in "[A-Za-z0-9][A-Za-z0-9!#$*+./:@^_~-]{10,30}[0-9][a-z]",
        key in prop::sample::select(&["password", "DB_PASSWORD", "userPassword", "client_secret", "accessToken", "x-api-key", "apiKey"][..]),
        form in 0_usize..14,
        before in "[a-z ]{0,8} ",
        after in " [a-z ]{0,8}",
    ) {
        prop_assume!(!secret.contains("://"));
        let mut text = before;
        match form {
            0 => write!(text, "{key}={secret}"),
            1 => write!(text, "{key}=\"{secret}\""),
            2 => write!(text, "{key}='{secret}'"),
            3 => write!(text, "{key}: {secret}"),
            4 => write!(text, "{{\"a\":1,\"{key}\":\"{secret}\"}}"),
            5 => write!(text, "{{\"m\":\"{{\\\"{key}\\\":\\\"{secret}\\\"}}\"}}"),
            6 => write!(text, "{{'{key}': '{secret}'}}"),
            7 => write!(text, "/x?{key}={secret}&b=c"),
            8 => write!(text, "/x?{key}\\u003d{secret}\\u0026b=c"),
            9 => write!(text, "--{key} {secret}"),
            10 => write!(text, "PASSWORD '{secret}'"),
            11 => write!(text, "pg://u:{}@host", secret.replace(['/', '#'], "x")),
            12 => write!(text, "Authorization: Bearer {secret}"),
            _ => write!(text, "Cookie: a={secret}; b=1"),
        }.unwrap();
        text.push_str(&after);
        let redacted = Redactor::default().redact(&text);
        let redacted = redacted.map(|redacted| redacted.text).unwrap_or(text);
        prop_assert!(!redacted.contains(&secret) && redacted.contains(MASK), "{}", redacted);
    }
}
