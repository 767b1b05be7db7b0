//! The contract between a provider and the process that starts it.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tfplugin_rs::proto::plugin::Empty;
use tfplugin_rs::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin_rs::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplugin_rs::proto::tfplugin6::get_metadata;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;

use crate::client::{Identity, command, connect, example, host_environment, start, started, until};

#[test]
fn started_by_hand_it_says_what_it_is_and_fails() {
    let output = Command::new(example("note")).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("Terraform starts it"));
}

#[test]
fn without_a_common_protocol_it_fails() {
    let output = command().env("PLUGIN_PROTOCOL_VERSIONS", "4,5").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("protocol 6"));
}

#[tokio::test]
async fn the_handshake_line_leads_to_a_mutually_secured_service() {
    let (running, mut client) = started().await;
    assert_eq!(running.handshake.fields[..3], ["1", "6", "unix"]);
    assert_eq!(running.handshake.fields[4], "grpc");
    let metadata = client.get_metadata(get_metadata::Request {}).await.unwrap().into_inner();
    assert_eq!(metadata.resources[0].type_name, "note_note");
}

#[tokio::test]
async fn a_wrong_client_certificate_is_refused() {
    let (expected, other) = (Identity::new(), Identity::new());
    let running = start(command(), Some(&expected));
    let refused = match connect(&running.handshake, Some(&other)).await {
        // With TLS 1.3 the client learns of the refusal only when it reads.
        Ok(channel) => ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    let channel = connect(&running.handshake, Some(&expected)).await.expect("the right one is still served");
    ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.unwrap();
}

#[tokio::test]
async fn a_client_without_certificate_is_refused() {
    let running = start(command(), Some(&Identity::new()));
    let refused = match connect(&running.handshake, None).await {
        Ok(channel) => ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
}

#[tokio::test]
async fn without_a_client_certificate_the_service_is_plain() {
    let running = start(command(), None);
    assert_eq!(running.handshake.fields[5], "");
    let channel = connect(&running.handshake, None).await.unwrap();
    ProviderClient::new(channel).get_metadata(get_metadata::Request {}).await.unwrap();
}

#[tokio::test]
async fn a_socket_path_that_is_too_long_becomes_tcp() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("x".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let mut command = command();
    command.env("TMPDIR", &long);
    let running = start(command, None);
    assert_eq!(running.handshake.fields[2], "tcp");
    assert!(running.handshake.fields[3].starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn shutdown_is_answered_then_the_process_ends_and_leaves_nothing() {
    let identity = Identity::new();
    let mut running = start(command(), Some(&identity));
    let channel = connect(&running.handshake, Some(&identity)).await.unwrap();
    let mut output = GrpcStdioClient::new(channel.clone()).stream_stdio(()).await.unwrap().into_inner();
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    assert!(output.message().await.unwrap().is_none(), "the idle stream ends");
    let mut status = None;
    until("the provider ends", || {
        status = running.child.try_wait().unwrap();
        status.is_some()
    })
    .await;
    assert!(status.unwrap().success());
    assert!(!running.handshake.socket().parent().unwrap().exists());
}

#[tokio::test]
async fn an_interrupt_is_left_to_terraform() {
    let (running, mut client) = started().await;
    let pid = Pid::from_child(&running.child);
    kill_process(pid, Signal::INT).unwrap();
    client.get_metadata(get_metadata::Request {}).await.unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    until("a terminated provider removes its socket", || !running.handshake.socket().exists()).await;
}

#[tokio::test]
async fn when_the_parent_dies_the_provider_goes() {
    let mut shell = Command::new("/bin/sh");
    host_environment(&mut shell);
    shell.arg("-c").arg("\"$0\" & wait").arg(example("note"));
    let mut running = start(shell, None);
    let socket = running.handshake.socket().to_owned();
    assert!(socket.exists());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    until("the orphan ends", || !socket.exists()).await;
}

#[tokio::test]
async fn logs_are_lines_that_terraform_reads_and_hold_no_values() {
    let identity = Identity::new();
    let mut command = command();
    command.env("TF_LOG_PROVIDER_NOTE", "trace").stderr(Stdio::piped());
    let mut running = start(command, Some(&identity));
    let channel = connect(&running.handshake, Some(&identity)).await.unwrap();
    crate::calls::configure(&mut ProviderClient::new(channel.clone()), "the-directory-is-secret").await;
    GrpcControllerClient::new(channel).shutdown(Empty {}).await.unwrap();
    let mut log = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("secret"), "{log}");
    let mut configured = false;
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["@level", "@message", "@timestamp", "@module"] {
            assert!(line[key].is_string(), "{line}");
        }
        configured |= line["@message"] == "configured";
    }
    assert!(configured, "{log}");
}
