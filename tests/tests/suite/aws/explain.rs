//! `ringfenced policy explain` on generated and on foreign policies.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ringfence_tests::Sandbox;
use ringfence_tests::sandbox::program;
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/policy/tests/aws/golden").join(format!("{name}.json"))
}

fn explain(arguments: &[&str]) -> Output {
    Command::new(program("ringfenced")).args(["policy", "explain"]).args(arguments).output().unwrap()
}

fn path(name: &str) -> String {
    golden(name).display().to_string()
}

#[test]
fn a_generated_policy_is_explained_and_has_no_findings() {
    let output = explain(&[&path("cross_account_base")]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for part in ["LaunchInstance", "ec2:MetadataHttpTokens is required", "no findings", "out of scope"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_foreign_policy_is_explained_with_its_findings_and_their_fixes() {
    let output = explain(&[&path("described_restricted")]);
    let said = String::from_utf8(output.stdout).unwrap();
    for part in ["attach_foreign_snapshot", "snapshot_foreign_volume", "EC2BackupCreation", "escalation paths checked"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let output = explain(&["--json", &path("described_restricted")]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut findings = said["findings"].as_array().unwrap().iter();
    let finding = findings.find(|finding| finding["name"] == "attach_foreign_snapshot").unwrap();
    let through = finding["statements"].as_array().unwrap();
    assert!(through.contains(&serde_json::json!("RemainingRunInstancePermissions")), "{through:?}");
    assert!(finding["fix"].as_str().unwrap().contains("aws:ResourceTag"));
}

#[test]
fn policies_of_one_role_are_explained_together() {
    let sandbox = Sandbox::new();
    let denial = sandbox.path().join("deny.json");
    std::fs::write(&denial, r#"{"Statement":{"Effect":"Deny","Action":"ec2:*Snapshot","Resource":"*"}}"#).unwrap();
    let denial = denial.display().to_string();
    let output = explain(&["--json", &path("described_default"), &denial]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> =
        said["findings"].as_array().unwrap().iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"boot_public_image") && !names.contains(&"snapshot_foreign_volume"), "{names:?}");
}

#[test]
fn what_no_escalation_path_uses_is_named() {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("other.json");
    let actions = r#"["lambda:Create*", "lambda:ListFunctions", "kms:Decrypt", "EC2:CreateVolume"]"#;
    std::fs::write(&file, format!(r#"{{"Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#))
        .unwrap();
    let file = file.display().to_string();
    let said = String::from_utf8(explain(&[&file]).stdout).unwrap();
    assert!(said.contains("not assessed: kms:Decrypt, lambda:Create*\nout of scope"), "{said}");
    let said: Value = serde_json::from_slice(&explain(&["--json", &file]).stdout).unwrap();
    assert_eq!(said["not_assessed"], serde_json::json!(["kms:Decrypt", "lambda:Create*", "lambda:ListFunctions"]));
}

#[test]
fn a_file_that_is_not_a_policy_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let broken = sandbox.path().join("broken.json");
    std::fs::write(&broken, r#"{"Statement":[{"Effect":"Permit","Action":"*","Resource":"*"}]}"#).unwrap();
    let missing = sandbox.path().join("missing.json");
    for (file, part) in [(&broken, "Permit"), (&missing, "No such file")] {
        let output = explain(&[&file.display().to_string()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(part) && said.contains("json"), "{said}");
    }
    let mut child = Command::new(program("ringfenced"))
        .args(["policy", "explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(br#"{"Statement":[]}"#).unwrap();
    assert!(child.wait_with_output().unwrap().status.success(), "standard input is a file too");
}

#[test]
fn a_foreign_policy_cannot_send_control_sequences_to_the_terminal() {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("forged.json");
    let sid = r"\u001b[2J\u001b[Hno findings\u001b[8m";
    std::fs::write(&file, format!(r#"{{"Statement":{{"Sid":"{sid}","Effect":"Allow","Action":"*","Resource":"*"}}}}"#))
        .unwrap();
    let said = String::from_utf8(explain(&[&file.display().to_string()]).stdout).unwrap();
    assert!(
        !said.contains('\u{1b}') && said.contains(r"\u{1b}") && said.contains("escalation paths checked"),
        "{said}"
    );
}

#[test]
fn check_reports_findings_by_the_exit_code() {
    let code = |arguments: &[&str]| explain(arguments).status.code();
    assert_eq!(code(&[&path("described_restricted")]), Some(0));
    assert_eq!(code(&["--check", &path("described_restricted")]), Some(1));
    assert_eq!(code(&["--check", &path("cross_account_base"), &path("trust")]), Some(0));
}

#[test]
fn the_former_json_keys_are_still_printed() {
    let output = explain(&["--json", &path("described_restricted")]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (before, now) in [("holes", "findings"), ("known", "paths_checked"), ("untried", "not_assessed")] {
        assert!(!said[now].is_null() && said[before] == said[now], "{before} and {now}");
    }
}
