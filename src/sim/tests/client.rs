//! A plain HTTP client for the tests: from a path to a status, headers, and chunks.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::sim::{Engine, Version};

/// An engine on a socket of its own.
pub(super) struct Bench {
    pub(super) engine: Engine,
    folder: TempDir,
}

impl Bench {
    pub(super) fn new(version: Version) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::serve(&folder.path().join("docker.sock"), version).unwrap();
        Bench { engine, folder }
    }

    /// Closes the engine, and keeps the folder.
    pub(super) fn close(self) -> TempDir {
        self.folder
    }

    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.folder.path().join("docker.sock")).await
    }

    pub(super) async fn send(&self, method: &str, path: &str) -> Answer {
        self.try_send(method, path).await.unwrap()
    }

    /// Sends a request on a new connection.
    pub(super) async fn try_send(&self, method: &str, path: &str) -> hyper::Result<Answer> {
        let io = TokioIo::new(self.connect().await.unwrap());
        let (mut sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection);
        let request =
            Request::builder().method(method).uri(path).header("host", "docker").body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await?;
        Ok(Answer { response, rest: Vec::new() })
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path).await
    }

    /// A status and a JSON document.
    pub(super) async fn json(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path).await;
        let status = answer.status();
        let bytes = answer.all().await.unwrap().concat();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// The frames of a logs response, as text.
    pub(super) async fn log(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await;
        assert_eq!(200, answer.status(), "{path}");
        let mut rest = answer.all().await.unwrap().concat();
        let mut texts = Vec::new();
        while let Some(text) = take_text(&mut rest) {
            texts.push(text);
        }
        assert!(rest.is_empty(), "{path} ends in the middle of a frame");
        texts
    }
}

/// A response.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// The beginning of a frame or line.
    rest: Vec<u8>,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next chunk; `None` at a clean end.
    pub(super) async fn next(&mut self) -> Option<hyper::Result<Bytes>> {
        let frame = self.response.frame().await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    /// The next frame of a logs response, as text.
    pub(super) async fn next_text(&mut self) -> String {
        loop {
            if let Some(text) = take_text(&mut self.rest) {
                return text;
            }
            let chunk = self.next().await.unwrap().unwrap();
            self.rest.extend_from_slice(&chunk);
        }
    }

    /// The next line of an events response, without its `\n`.
    pub(super) async fn next_line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            let chunk = self.next().await.unwrap().unwrap();
            self.rest.extend_from_slice(&chunk);
        }
    }

    /// All chunks, or how it broke.
    pub(super) async fn all(mut self) -> hyper::Result<Vec<Bytes>> {
        let mut chunks = Vec::new();
        while let Some(chunk) = self.next().await {
            chunks.push(chunk?);
        }
        Ok(chunks)
    }

    /// All bytes up to the end or the break, and whether it broke.
    pub(super) async fn until_broken(mut self) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        loop {
            match self.next().await {
                None => return (bytes, false),
                Some(Err(_)) => return (bytes, true),
                Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            }
        }
    }
}

/// Takes the text of the first frame, if all of it is there.
fn take_text(bytes: &mut Vec<u8>) -> Option<String> {
    let length = u32::from_be_bytes(bytes.get(4..8)?.try_into().unwrap());
    let payload = bytes.get(8..8 + length as usize)?;
    let text = String::from_utf8_lossy(payload).into_owned();
    bytes.drain(..8 + length as usize);
    Some(text)
}
