//! The provider's process as newer Terraforms speak to it: raw calls over its socket, with values as JSON.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use hyper_util::rt::TokioIo;
use ringfence_tests::head::TOKEN;
use ringfence_tests::sandbox::program;
use serde_json::{Value, json};
use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// A provider that serves; ended when dropped.
pub(crate) struct Plugin {
    child: Child,
    pub(crate) calls: ProviderClient<Channel>,
}

impl Plugin {
    /// Starts the provider, and configures it for this cluster.
    pub(crate) async fn for_cluster(connection: &ringfence_api::Connection) -> Self {
        let mut plugin = Self::start().await;
        let cluster = json!({
            "endpoint": connection.endpoint,
            "ca_certificate": connection.ca_certificate,
            "cluster_id": connection.cluster_id.to_string(),
        });
        let request =
            pb::configure_provider::Request { config: value(&json!({ "cluster": cluster })), ..Default::default() };
        let answer = plugin.calls.configure_provider(request).await.unwrap().into_inner();
        assert_eq!(said(&answer.diagnostics), [""; 0]);
        plugin
    }

    pub(crate) async fn start() -> Self {
        let mut child = Command::new(program("terraform-provider-ringfence"))
            .arg("-debug")
            .env("RINGFENCE_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the provider starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("where it listens");
        let led: Value = serde_json::from_str(&line).expect("one line of JSON");
        let address =
            led.as_object().and_then(|all| all.values().next()).expect("one provider")["Addr"]["String"].clone();
        let socket = address.as_str().expect("a path").to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel =
            Endpoint::from_static("http://unused").connect_with_connector(connector).await.expect("a connection");
        let calls = ProviderClient::new(channel).max_decoding_message_size(256 << 20);
        Self { child, calls }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Told to end, it removes its socket.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// A value for a request; what is left out is null.
#[expect(clippy::unnecessary_wraps, reason = "messages hold optional values")]
pub(crate) fn value(json: &Value) -> Option<pb::DynamicValue> {
    Some(pb::DynamicValue { msgpack: Vec::new(), json: json.to_string().into_bytes() })
}

/// Whether an encoded value holds `"name": "text"`.
pub(crate) fn holds(value: Option<&pb::DynamicValue>, name: &str, text: &str) -> bool {
    let short = |text: &str| {
        let mut bytes = match u8::try_from(text.len()).expect("a short text") {
            length @ 0..32 => vec![0xa0 | length],
            length => vec![0xd9, length],
        };
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    let pair = [short(name), short(text)].concat();
    value.is_some_and(|value| value.msgpack.windows(pair.len()).any(|window| window == pair))
}

/// What an answer tells the user.
pub(crate) fn said(diagnostics: &[pb::Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(|told| format!("{}: {}", told.summary, told.detail)).collect()
}
