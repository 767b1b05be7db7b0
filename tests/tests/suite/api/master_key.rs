//! The master key: from a file, the environment or a command, and rotated without interruption.

use ringfence_api::ProblemCode;
use ringfence_tests::sandbox::installed;
use ringfence_tests::{Head, Sandbox, eventually};

use super::world::{SOON, World, project, user};

const FIRST: &str = "1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const SECOND: &str = "2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn kept(world: &World) -> String {
    std::fs::read_to_string(world.sandbox.path().join("head/master.key")).unwrap()
}

#[tokio::test]
async fn a_new_version_seals_everything_and_the_one_before_is_deleted() {
    let mut world = World::new().await;
    world.people("fraud", &["alice", "bob"]).await;
    let before = world.credentials("fraud", "alice").await;
    let first = kept(&world);
    let state = world.client.rotate_master_key().await.unwrap();
    assert_eq!(state.active, 2);
    eventually("only the new version is kept", SOON, async || {
        let text = kept(&world);
        if text.starts_with("2:") && text.lines().count() == 1 { Ok(()) } else { Err("it is not alone".to_owned()) }
    })
    .await;
    let state = world.client.master_key().await.unwrap();
    assert!(state.complete && state.at_hand == [2], "{state:?}");
    world.head.kill().await;
    world.head.restart(&[]).await;
    assert_eq!(world.credentials("fraud", "alice").await.private_key, before.private_key);
    world.people("fraud", &["carol"]).await;
    // The old key is of no use any more.
    world.head.kill().await;
    std::fs::write(world.sandbox.path().join("head/master.key"), first).unwrap();
    world.head.spawn(&[]);
    world.head.ended().await;
    let said = world.head.said();
    assert!(said.contains("does not have version 2 of the master key"), "{said}");
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::new().await;
    world.head.kill().await;
    let file = world.sandbox.path().join("head/master.key");
    let set_mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o644);
    world.head.spawn(&[]);
    world.head.ended().await;
    let said = world.head.said();
    assert!(said.contains(&format!("it can be read by others: chmod 600 {}", file.display())), "{said}");
    set_mode(0o600);
    world.head.restart(&[]).await;
}

/// A head whose master key comes from elsewhere.
fn prepare(sandbox: &Sandbox, source: &str) -> Head {
    let head = Head::prepare(sandbox.path());
    let config = sandbox.path().join("head/serve.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, format!("{text}[master_key]\n{source}\n")).unwrap();
    head
}

#[tokio::test]
async fn a_key_from_the_environment_or_a_command_is_rotated_once_a_newer_one_is_available() {
    let file = "key-of-the-command";
    for source in ["environment = \"SEALING_KEY\"".to_owned(), format!("command = [\"cat\", \"{file}\"]")] {
        let sandbox = Sandbox::new();
        let mut head = prepare(&sandbox, &source);
        let path = sandbox.path().join(file);
        let config = sandbox.path().join("head/serve.toml");
        let text = std::fs::read_to_string(&config).unwrap().replace(file, &path.display().to_string());
        std::fs::write(config, text).unwrap();
        std::fs::write(&path, FIRST).unwrap();
        head.restart(&[("SEALING_KEY", FIRST)]).await;
        let client = head.operator();
        client.put_project(&project("fraud"), &ringfence_api::project::PutProject::default()).await.unwrap();
        let put = ringfence_api::project::PutMember { role: ringfence_api::project::MemberRole::DataOwner };
        client.put_member(&project("fraud"), &user("alice"), &put).await.unwrap();
        let refused = client.rotate_master_key().await.unwrap_err();
        assert_eq!(refused.code(), Some(ProblemCode::Conflict));
        assert!(refused.to_string().contains("add a line 2:KEY"), "{refused}");
        head.kill().await;
        let both = format!("{FIRST}\n{SECOND}\n");
        std::fs::write(&path, &both).unwrap();
        head.restart(&[("SEALING_KEY", &both)]).await;
        assert_eq!(client.master_key().await.unwrap().active, 1, "it is at hand and does not seal yet");
        client.rotate_master_key().await.unwrap();
        eventually("everything is sealed anew", SOON, async || {
            let state = client.master_key().await.unwrap();
            if state.complete { Ok(()) } else { Err(format!("{state:?}")) }
        })
        .await;
        head.kill().await;
        std::fs::write(&path, SECOND).unwrap();
        head.restart(&[("SEALING_KEY", SECOND)]).await;
        client.member_credentials(&project("fraud"), &user("alice")).await.expect("what was sealed before opens");
        assert!(!sandbox.path().join("head/master.key").exists(), "nothing is kept in a file");
    }
}

/// Encrypts a text under a new key of KMS into a file, and says which key that is.
const ENCRYPT: &str = "import boto3, os, sys\n\
    kms = boto3.client('kms', endpoint_url=os.environ['ENDPOINT'], region_name='eu-north-1')\n\
    key = kms.create_key()['KeyMetadata']['KeyId']\n\
    open(sys.argv[1], 'wb').write(kms.encrypt(KeyId=key, Plaintext=sys.argv[2].encode())['CiphertextBlob'])\n\
    print(key, end='')";
/// Prints what is encrypted in a file, as the AWS CLI does.
const DECRYPT: &str = "import boto3, os, sys\n\
    kms = boto3.client('kms', endpoint_url=os.environ['ENDPOINT'], region_name='eu-north-1')\n\
    print(kms.decrypt(CiphertextBlob=open(sys.argv[1], 'rb').read())['Plaintext'].decode())";

#[tokio::test]
async fn a_key_from_kms_is_in_no_file() {
    let kms = ringfence_aws_double::Moto::start(&installed("aws"));
    let python = installed("aws/bin/python");
    let environment = [("ENDPOINT", kms.endpoint()), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let sandbox = Sandbox::new();
    let encrypted = sandbox.path().join("master.key.kms");
    let run = async |script: &str, arguments: &[&str]| {
        let mut command = tokio::process::Command::new(&python);
        let output = command.args(["-c", script]).args(arguments).envs(environment).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let file = encrypted.display().to_string();
    run(ENCRYPT, &[&file, FIRST]).await;
    let command = [&python.display().to_string(), "-c", DECRYPT, &file].map(|word| format!("{word:?}")).join(", ");
    let mut head = prepare(&sandbox, &format!("command = [{command}]"));
    head.restart(&environment).await;
    let client = head.operator();
    client.put_project(&project("fraud"), &ringfence_api::project::PutProject::default()).await.unwrap();
    let put = ringfence_api::project::PutMember { role: ringfence_api::project::MemberRole::DataOwner };
    client.put_member(&project("fraud"), &user("alice"), &put).await.unwrap();
    head.kill().await;
    head.restart(&environment).await;
    client.member_credentials(&project("fraud"), &user("alice")).await.expect("what was sealed before opens");
    let grep = std::process::Command::new("grep").args(["-rlF", FIRST.trim()]).arg(sandbox.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&grep.stdout), "", "the key lies in a file");
}

#[tokio::test]
async fn a_source_without_a_key_is_named_but_its_text_is_not_shown() {
    let secret = "AQEBAQEBAQEBAQEBAQEBAQEB";
    let cases = [
        ("environment = \"SEALING_KEY\"".to_owned(), "environment variable SEALING_KEY"),
        (format!("command = [\"echo\", \"{secret}\"]"), "one line VERSION:KEY for each version"),
        ("command = [\"false\"]".to_owned(), "ended with exit status: 1"),
        ("command = []".to_owned(), "it is empty"),
        ("command = [\"/nowhere/kms\"]".to_owned(), "/nowhere/kms"),
    ];
    for (source, expected) in cases {
        let sandbox = Sandbox::new();
        let mut head = prepare(&sandbox, &source);
        head.spawn(&[("SEALING_KEY", secret)]);
        head.ended().await;
        let said = head.said();
        assert!(said.contains(expected), "{source}: {said}");
        assert!(!said.contains(secret), "{source}: {said}");
    }
}
