//! A provider started by hand with `-debug`, which Terraform is led to.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tfplugin_rs::proto::plugin::Empty;
use tfplugin_rs::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin_rs::proto::tfplugin6 as pb;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::transport::Channel;

use crate::calls::{configure, count, summaries};
use crate::client::{Handshake, connect, end, example, until};
use crate::workspace::Workspace;

/// A provider that waits to be found; killed when dropped.
struct Waiting {
    child: Child,
    line: String,
    socket: PathBuf,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        end(&mut self.child, &self.socket);
    }
}

impl Waiting {
    fn start() -> Self {
        let mut command = Command::new(example("note"));
        command.arg("-debug").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let provider = &said["example.com/test/note"];
        assert_eq!(provider["Pid"], child.id());
        let socket = PathBuf::from(provider["Addr"]["String"].as_str().unwrap());
        Self { child, line: line.trim_end().to_owned(), socket }
    }

    async fn client(&self) -> (Channel, ProviderClient<Channel>) {
        let channel = connect(&Handshake::plain(&self.socket), None).await.unwrap();
        (channel.clone(), ProviderClient::new(channel))
    }

    async fn ends_after(&mut self, signal: Signal) {
        assert!(self.child.try_wait().unwrap().is_none(), "it serves until then");
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut status = None;
        until("the provider ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        assert!(status.unwrap().success());
        assert!(!self.socket.parent().unwrap().exists());
    }
}

#[tokio::test]
async fn a_waiting_provider_serves_runs_until_interrupted() {
    let mut waiting = Waiting::start();
    let workspace = Workspace::attached(&waiting.line);
    let other = workspace.work().join("other");
    std::fs::create_dir(&other).unwrap();
    let body = r#"
        resource "note_note" "a" {
          name = "a"
          text = "hello"
        }
        provider "note" {
          alias     = "other"
          directory = "OTHER"
        }
        resource "note_note" "b" {
          provider   = note.other
          name       = "b"
          depends_on = [note_note.a]
        }
    "#;
    workspace.configure(&body.replace("OTHER", &other.display().to_string()));
    workspace.ok(&["plan", "-out=plan"]);
    workspace.ok(&["apply", "plan"]);
    assert!(workspace.notes().join("a").exists() && other.join("b").exists(), "aliases do not mix");
    workspace.nothing_to_do();
    workspace.ok(&["destroy", "-auto-approve"]);
    assert!(!workspace.notes().join("a").exists() && !other.join("b").exists());
    waiting.ends_after(Signal::INT).await;
}

#[tokio::test]
async fn a_waiting_provider_ends_when_terminated_also_with_clients() {
    let mut waiting = Waiting::start();
    let (_channel, mut client) = waiting.client().await;
    client.get_metadata(pb::get_metadata::Request {}).await.unwrap();
    waiting.ends_after(Signal::TERM).await;
}

#[tokio::test]
async fn each_connection_has_a_provider_of_its_own() {
    let mut waiting = Waiting::start();
    let (channel, mut first) = waiting.client().await;
    let (_channel, mut second) = waiting.client().await;
    let directory = tempfile::tempdir().unwrap();
    configure(&mut first, directory.path().to_str().unwrap()).await;
    assert_eq!(count(&mut first).await, []);
    assert_eq!(summaries(&count(&mut second).await), ["The provider is not configured"]);
    first.stop_provider(pb::stop_provider::Request {}).await.unwrap();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    configure(&mut second, directory.path().to_str().unwrap()).await;
    assert_eq!(count(&mut second).await, []);
    waiting.ends_after(Signal::INT).await;
}
