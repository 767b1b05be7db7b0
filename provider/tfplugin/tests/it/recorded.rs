//! The provider answers what a real Terraform asked as it did when that was recorded.
//!
//! `tests/recorded` holds one file for each scene, and the schema apart. With `UPDATE=1` they are recorded anew, which
//! needs `terraform` 1.11 on the path.

use std::collections::BTreeSet;
use std::path::PathBuf;

use protox::prost_reflect::DynamicMessage;
use serde_json::{Value as Json, json};
use tfplugin_rs::proto::tfplugin6::provider_server::ProviderServer;
use tfplugin_rs::testing::Core;
use tokio::sync::OnceCell;

use crate::recording::{Call, Stage, to_json};
use crate::reflection::{calls, from_json, protocol};
use crate::sampler::Sampler;
use crate::service::{call, frame};

/// A first thing, whose `echo` is unknown until it is made, and one with every kind of value.
const EVERYTHING: &str = r#"
    resource "sampler_thing" "first" {
      name = "first"
      text = "TEXT"
    }
    locals {
      later = sampler_thing.first.echo
    }
    resource "sampler_thing" "all" {
      name      = "all"
      text      = "é and e\u0301, 日本, \"quoted\"\n"
      flag      = true
      number    = 12345678901234567890.123456789
      numbers = [
        0, -1, 127, 128, 65536, -40000, 9223372036854775807, 9223372036854775808, 0.5, 0.1, -2.25, 1e100, null
      ]
      list      = ["a", "", null, "prefix-${local.later}"]
      set       = ["b", "a", "b"]
      map       = { k = true, "é" = false, none = null }
      objects   = [{ x = { kind = "plain", count = 2, weight = 0.1, label = null } }, {}]
      anything  = { tuple = [1, "two", [true]], object = { later = local.later }, none = null }
      one_part  = { kind = "one", weight = 1e-7 }
      part_list = [{ kind = "l1" }, { kind = "l2", count = 3 }, { kind = "prefix-${local.later}" }]
      part_set  = [{ kind = "s2", count = 7 }, { kind = "s1" }]
      part_map  = { a = { kind = "m1" }, b = { kind = local.later } }
      token     = sensitive("hidden")
      secret_wo = "never stored"
      timeouts  = { create = "1m", delete = "1h30m" }
    }
    resource "sampler_thing" "whole" {
      name      = "whole"
      list      = length(local.later) > 2 ? ["x"] : ["y", "z"]
      part_list = [for letter in [local.later] : { kind = letter }]
      anything  = local.later
      own_part  = { kind = "set" }
      number    = length(local.later)
    }
"#;

const LOOKUPS: &str = r#"
    data "sampler_search" "none" {}
    data "sampler_search" "some" {
      words = ["a", "b"]
    }
    ephemeral "sampler_key" "key" {
      owner = "me"
    }
    resource "sampler_thing" "waits" {
      name      = "waits for renewal"
      secret_wo = ephemeral.sampler_key.key.key
    }
    data "sampler_search" "late" {
      words = [sampler_thing.waits.id]
    }
    output "shown" {
      value = [
        provider::sampler::show(null),
        provider::sampler::show([1, "a"]),
        provider::sampler::show(sampler_thing.waits.echo),
        provider::sampler::show("prefix-${sampler_thing.waits.id}"),
        provider::sampler::join(null, "a", "b"),
        provider::sampler::join("-", "a", "b", "c"),
        can(provider::sampler::join("-")),
      ]
    }
"#;

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded"))
}

/// Plays all scenes with a real Terraform and writes what was said.
async fn record() {
    let stage = Stage::new();
    let apply = ["apply", "-auto-approve", "-parallelism=1"];
    stage.configure(EVERYTHING);
    stage.ok(&apply).await;
    let mut schema = Vec::new();
    let mut kept: Vec<Call> = Vec::new();
    let mut write = |scene: &str| {
        let (schemas, mut calls): (Vec<_>, Vec<_>) =
            stage.take().into_iter().partition(|call| call.name == "GetProviderSchema");
        schema = schemas;
        // What an earlier scene has is not told again, but each starts with a configured provider.
        calls.retain(|call| {
            let again = |earlier: &Call| earlier.name == call.name && earlier.request == call.request;
            call.name == "ConfigureProvider" || !kept.iter().any(again)
        });
        // Terraform takes them in an order of the day. Only that the provider is configured first matters.
        let order = |call: &Call| (call.name != "ConfigureProvider", call.name.clone(), call.request.clone());
        calls.sort_by_key(order);
        save(scene, &calls);
        kept.extend(calls);
    };
    write("create");
    stage.ok(&["plan", "-parallelism=1"]).await;
    write("nothing_to_do");
    stage.configure(
        &EVERYTHING
            .replace("\"TEXT\"", "\"other\"")
            .replace("count = 7", "count = 8")
            .replace("part_map ", "style = \"fancy\"\npart_map ")
            .replace("own_part  = { kind = \"set\" }", ""),
    );
    stage.ok(&apply).await;
    write("update");
    stage.configure(&EVERYTHING.replace("\"all\"\n      text", "\"all anew\"\n      text"));
    stage.ok(&apply).await;
    write("replace");
    stage.ok(&["destroy", "-auto-approve", "-parallelism=1"]).await;
    write("destroy");
    stage.configure(LOOKUPS);
    stage.ok(&apply).await;
    write("lookups");
    stage.configure("resource \"sampler_thing\" \"taken\" {\n  name = \"taken\"\n}\n");
    stage.ok(&["import", "sampler_thing.taken", "taken"]).await;
    write("import");
    stage.configure("resource \"sampler_plain\" \"old\" {\n  name = \"moved\"\n}\n");
    stage.ok(&apply).await;
    stage.configure(
        "resource \"sampler_thing\" \"new\" {\n  name = \"moved\"\n}\nmoved {\n  from = sampler_plain.old\n  \
         to = sampler_thing.new\n}\n",
    );
    stage.ok(&apply).await;
    write("move");
    stage.configure("resource \"sampler_thing\" \"waits\" {\n  name = \"waits for a stop\"\n}\n");
    stage.interrupted(&apply).await;
    write("stop");
    save("schema", &schema);
}

fn save(scene: &str, calls: &[Call]) {
    let protocol = protocol();
    let methods = self::calls(&protocol);
    let written: Vec<Json> = calls
        .iter()
        .map(|call| {
            let method = methods.iter().find(|method| method.name() == call.name).unwrap();
            let request = DynamicMessage::decode(method.input(), call.request.as_slice()).unwrap();
            let answer = DynamicMessage::decode(method.output(), call.answer.as_slice()).unwrap();
            json!({ "call": call.name, "request": to_json(&request), "answer": to_json(&answer) })
        })
        .collect();
    std::fs::create_dir_all(directory()).unwrap();
    let text = serde_json::to_string_pretty(&written).unwrap();
    std::fs::write(directory().join(format!("{scene}.json")), text + "\n").unwrap();
}

/// The scenes with their calls, recorded anew first when that is asked for.
async fn scenes() -> Vec<(String, Vec<Json>)> {
    static RECORDED: OnceCell<()> = OnceCell::const_new();
    RECORDED
        .get_or_init(async || {
            if std::env::var_os("UPDATE").is_some() {
                record().await;
            }
        })
        .await;
    let mut files: Vec<_> = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = files.into_iter().map(|file| {
        let scene = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (scene, serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
    });
    read.collect()
}

#[tokio::test]
async fn what_terraform_asked_is_answered_as_it_was() {
    let protocol = protocol();
    let methods = calls(&protocol);
    for (scene, mut recorded) in scenes().await {
        let sampler = Sampler::new();
        sampler.renewed.send_modify(|count| *count += 1);
        let core = Core::new(sampler);
        // Terraform stopped what would wait for ever.
        recorded.sort_by_key(|call| call["call"] != "StopProvider");
        for recorded in recorded {
            let name = recorded["call"].as_str().unwrap();
            let method = methods.iter().find(|method| method.name() == name).unwrap();
            let request = from_json(&method.input(), &recorded["request"]);
            let body = frame(&prost::Message::encode_to_vec(&request));
            let answered = call(ProviderServer::from_arc(core.service()), name, body).await.unwrap();
            let answer = DynamicMessage::decode(method.output(), answered[0].as_slice()).unwrap();
            assert_eq!(to_json(&answer), recorded["answer"], "{scene}: {name}");
        }
    }
}

#[tokio::test]
async fn every_call_that_terraform_1_11_makes_is_recorded() {
    let called: BTreeSet<String> = scenes()
        .await
        .into_iter()
        .flat_map(|(_, recorded)| recorded.into_iter().map(|call| call["call"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        "ApplyResourceChange",
        "CallFunction",
        "CloseEphemeralResource",
        "ConfigureProvider",
        "GetProviderSchema",
        "ImportResourceState",
        "MoveResourceState",
        "OpenEphemeralResource",
        "PlanResourceChange",
        "ReadDataSource",
        "ReadResource",
        "RenewEphemeralResource",
        "StopProvider",
        "UpgradeResourceState",
        "ValidateDataResourceConfig",
        "ValidateEphemeralResourceConfig",
        "ValidateProviderConfig",
        "ValidateResourceConfig",
    ];
    assert_eq!(called, expected.map(str::to_owned).into());
}
