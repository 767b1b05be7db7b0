//! Recording what a real Terraform asks and is answered: the provider runs in this process, Terraform is led to it.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use protox::prost_reflect::{DynamicMessage, MapKey, Value};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tfplugin_rs::proto::tfplugin6::provider_server::ProviderServer;
use tfplugin_rs::testing::Core;
use tokio::net::UnixListener;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use crate::client::until;
use crate::sampler::Sampler;
use crate::service::unframed;

/// One call: its name, what was asked, what was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

type Calls = Arc<Mutex<Vec<Call>>>;

/// A service that remembers the messages of unary calls.
#[derive(Clone)]
struct Recorder<S> {
    inner: S,
    calls: Calls,
}

impl<S: NamedService> NamedService for Recorder<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Recorder<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { mut inner, calls } = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let name = head.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
            let asked = body.collect().await.expect("a whole request").to_bytes();
            let request = http::Request::from_parts(head, Body::new(Full::new(asked.clone())));
            let (head, body) = inner.call(request).await?.into_parts();
            let collected = body.collect().await.expect("a whole answer");
            let trailers = collected.trailers().cloned();
            let answered = collected.to_bytes();
            if let (Some(request), Some(answer)) = (unframed(&asked).pop(), unframed(&answered).pop()) {
                calls.lock().unwrap().push(Call { name, request, answer });
            }
            let body = Full::<Bytes>::new(answered).with_trailers(async move { trailers.map(Ok) });
            Ok(http::Response::from_parts(head, Body::new(body)))
        })
    }
}

/// A working directory whose provider is in this process.
pub(crate) struct Stage {
    root: tempfile::TempDir,
    calls: Calls,
    pub(crate) sampler: Sampler,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let stage = Self { root: tempfile::tempdir().unwrap(), calls: Calls::default(), sampler: Sampler::new() };
        std::fs::write(stage.path().join("terraform.rc"), "").unwrap();
        let listener = UnixListener::bind(stage.path().join("socket")).unwrap();
        let (calls, sampler) = (Arc::clone(&stage.calls), stage.sampler.clone());
        tokio::spawn(async move {
            // Each run comes with a connection of its own and finds a fresh provider.
            while let Ok((stream, _)) = listener.accept().await {
                let inner = ProviderServer::from_arc(Core::new(sampler.clone()).service());
                let recorder = Recorder { inner, calls: Arc::clone(&calls) };
                let connection = tokio_stream::once(Ok::<_, std::io::Error>(stream));
                tokio::spawn(tonic::transport::Server::builder().add_service(recorder).serve_with_incoming(connection));
            }
        });
        stage
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn configure(&self, body: &str) {
        let head = r#"
            terraform {
              required_providers {
                sampler = { source = "example.com/test/sampler" }
              }
            }
            provider "sampler" {
              place = "here"
              token = "t0p"
            }
        "#;
        std::fs::write(self.path().join("main.tf"), format!("{head}{body}")).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let address = serde_json::json!({ "Network": "unix", "String": self.path().join("socket") });
        let provider = serde_json::json!({
            "Protocol": "grpc", "ProtocolVersion": 6, "Pid": std::process::id(), "Test": true, "Addr": address,
        });
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .current_dir(self.path())
            .env("TF_CLI_CONFIG_FILE", self.path().join("terraform.rc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_REATTACH_PROVIDERS", serde_json::json!({ "example.com/test/sampler": provider }).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.into()
    }

    pub(crate) async fn ok(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().await.expect("terraform is on the path");
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Interrupts Terraform once a creation waits for that.
    pub(crate) async fn interrupted(&self, arguments: &[&str]) {
        let child = self.command(arguments).spawn().expect("terraform is on the path");
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).expect("it runs");
        until("a creation waits", || *self.sampler.waiting.borrow() > 0).await;
        kill_process(id, Signal::INT).unwrap();
        assert!(!child.wait_with_output().await.unwrap().status.success());
    }

    /// What was called since this was last asked; what was asked twice is kept once.
    pub(crate) fn take(&self) -> Vec<Call> {
        let mut distinct: Vec<Call> = Vec::new();
        for call in std::mem::take(&mut *self.calls.lock().unwrap()) {
            if !distinct.iter().any(|kept| kept.name == call.name && kept.request == call.request) {
                distinct.push(call);
            }
        }
        distinct
    }
}

/// A message as JSON that people can read: bytes are text where they are text, else hexadecimal.
pub(crate) fn to_json(message: &DynamicMessage) -> Json {
    let fields = message.fields().map(|(field, value)| (field.name().to_owned(), value_to_json(value)));
    Json::Object(fields.collect())
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Bool(flag) => (*flag).into(),
        Value::I32(number) | Value::EnumNumber(number) => (*number).into(),
        Value::I64(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => bytes_to_json(bytes),
        Value::Message(message) => to_json(message),
        Value::List(values) => values.iter().map(value_to_json).collect(),
        Value::Map(values) => {
            let mut sorted: Vec<_> = values.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str().map(str::to_owned));
            let key = |key: &MapKey| key.as_str().expect("keys are strings").to_owned();
            Json::Object(sorted.into_iter().map(|(name, value)| (key(name), value_to_json(value))).collect())
        }
        other => panic!("the protocol has no {other:?}"),
    }
}

fn bytes_to_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with(['{', '[', '"']) => format!("text:{text}").into(),
        _ => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            format!("hex:{}", digits.collect::<String>()).into()
        }
    }
}
