//! The documents as users get them: by functions and by data sources, offline, with errors at the attribute.

use ringfence_tests::hcl::PROVIDER;
use ringfence_tests::{Sandbox, Terraform};
use serde_json::{Value, json};

const CROSS_ACCOUNT: &str = r#"
  account_id            = "111122223333"
  region                = "eu-north-1"
  stack                 = "prod"
  vpc_ids               = ["vpc-0a1b2c3d4e5f60718"]
  subnet_ids            = ["subnet-0a1b2c3d4e5f60718"]
  security_group_ids    = ["sg-0a1b2c3d4e5f60718"]
  instance_profile_name = "ringfence-node"
  instance_role_name    = "team/ringfence-node-role"
  grants                = ["backup", "network_checks"]
"#;

const TRUST: &str = r#"
  principals  = ["arn:aws:iam::444455556666:role/ringfence-control"]
  external_id = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34"
"#;

const INSTANCE_PROFILE: &str = r#"
  account_id  = "111122223333"
  region      = "eu-north-1"
  stack       = "prod"
  bucket_name = "example-prod-data"
  grants      = ["storage", "backup"]
"#;

fn twins() -> String {
    let (function, data) = ("provider::ringfence::aws", "data \"ringfence_aws");
    format!(
        "{PROVIDER}
{data}_cross_account_policy\" \"it\" {{ {CROSS_ACCOUNT} }}
{data}_trust_policy\" \"it\" {{ {TRUST} }}
{data}_instance_profile_policy\" \"it\" {{ {INSTANCE_PROFILE} }}
output \"cross_account\" {{ value = [
  {function}_cross_account_policy({{ {CROSS_ACCOUNT} }}),
  {{ for key in [\"json\", \"documents\", \"statements\"] : key => data.ringfence_aws_cross_account_policy.it[key] }},
] }}
output \"trust\" {{ value = [
  {function}_trust_policy(data.ringfence_aws_trust_policy.it.principals, \
  data.ringfence_aws_trust_policy.it.external_id),
  {{ for key in [\"json\", \"documents\", \"statements\"] : key => data.ringfence_aws_trust_policy.it[key] }},
] }}
output \"instance_profile\" {{ value = [
  {function}_instance_profile_policy({{ {INSTANCE_PROFILE} }}),
  {{ for key in [\"json\", \"documents\", \"statements\"] : key => data.ringfence_aws_instance_profile_policy.it[key] \
  }},
] }}
output \"external_id\" {{ value = {function}_external_id(\"7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34\") }}
"
    )
}

#[tokio::test]
async fn functions_and_data_sources_agree_and_need_neither_credentials_nor_a_cloud() {
    let sandbox = Sandbox::new();
    let terraform = Terraform::new(sandbox.path()).with_token(None);
    terraform.write(&twins());
    terraform.apply(&[]).await.expect("apply");
    for output in ["cross_account", "trust", "instance_profile"] {
        let said = terraform.run(&["output", "-json", output]).await.json();
        assert_eq!(said[0], said[1], "{output}");
        let policy: Value = serde_json::from_str(said[0]["json"].as_str().unwrap()).unwrap();
        let sids = |statements: &Value, key: &str| {
            let all = statements.as_array().unwrap().iter();
            all.map(|one| one[key].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(sids(&policy["Statement"], "Sid"), sids(&said[0]["statements"], "sid"));
        assert_eq!(said[0]["documents"].as_array().unwrap().len(), 1);
        for statement in said[0]["statements"].as_array().unwrap() {
            assert!(statement["why"].as_str().unwrap().len() > 20, "{statement}");
        }
    }
    let policy = terraform.run(&["output", "-json", "cross_account"]).await.json()[0]["json"].to_string();
    assert!(policy.contains("arn:aws:iam::111122223333:role/team/ringfence-node-role"), "{policy}");
    terraform.plan(&["-detailed-exitcode"]).await.expect("an empty plan");
}

/// Each: the data source, what is replaced in it and by what, and what the error must hold.
const WRONG: &[(&str, &str, &str, &[&str])] = &[
    (
        "cross_account_policy",
        "\"vpc-0a1b2c3d4e5f60718\"",
        "\"subnet-0a1b2c3d4e5f60718\"",
        &["vpc_ids", "is not a VPC id"],
    ),
    ("cross_account_policy", "\"vpc-0a1b2c3d4e5f60718\"", "\"vpc-*\"", &["vpc_ids", "is not a VPC id"]),
    ("cross_account_policy", "\"111122223333\"", "\"11112222333\"", &["account_id", "exactly 12 digits"]),
    (
        "cross_account_policy",
        "\"eu-north-1\"",
        "\"eu-north-1a\"",
        &["region", "a zone such as eu-north-1a is not a region"],
    ),
    ("cross_account_policy", "stack ", "partition = \"aws-mars\"\n stack ", &["partition", "aws-us-gov"]),
    (
        "cross_account_policy",
        "stack ",
        "partition = \"aws-cn\"\n stack ",
        &["partition", "is in the partition aws and not in aws-cn"],
    ),
    ("cross_account_policy", "\"backup\"", "\"everything\"", &["grants", "load_balancer"]),
    ("cross_account_policy", "[\"subnet-0a1b2c3d4e5f60718\"]", "[]", &["subnet_ids", "default VPC"]),
    (
        "cross_account_policy",
        "security_group_ids    =",
        "image_owners =",
        &["image_owners", "is not an owner of images"],
    ),
    (
        "cross_account_policy",
        "\"ringfence-node\"",
        "\"arn:aws:iam::111122223333:role/ringfence-node\"",
        &["instance_profile_name", "role and instance profile are mixed up"],
    ),
    (
        "cross_account_policy",
        "\"team/ringfence-node-role\"",
        "\"ringfence-*\"",
        &["instance_role_name", "is not the name of a role"],
    ),
    (
        "cross_account_policy",
        "instance_role_name    = \"team/ringfence-node-role\"",
        "",
        &["instance_role_name", "name the role"],
    ),
    ("cross_account_policy", "stack ", "style = \"described_default\"\n stack ", &["grants", "this style has none"]),
    ("cross_account_policy", "\"prod\"", "\"Prod*\"", &["stack", "is not the name of a stack"]),
    (
        "cross_account_policy",
        "[\"subnet-0a1b2c3d4e5f60718\"]",
        "[for n in range(90) : format(\"subnet-%017x\", n)]",
        &["subnet_ids", "the statement LaunchInNetwork", "may have 6144", "name fewer subnets"],
    ),
    (
        "trust_policy",
        "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34",
        "ringfence",
        &["external_id", "can be guessed", "uuidgen"],
    ),
    ("trust_policy", "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34", "111122223333444455", &["external_id", "can be guessed"]),
    ("trust_policy", "role/ringfence-control", "root", &["principals", "lets in everybody there"]),
    ("trust_policy", "arn:aws:iam::444455556666:role/ringfence-control", "*", &["principals", "must be the ARN"]),
    (
        "instance_profile_policy",
        "bucket_name = \"example-prod-data\"",
        "",
        &["bucket_name", "is about a bucket; name it"],
    ),
    (
        "instance_profile_policy",
        "\"example-prod-data\"",
        "\"arn:aws:s3:::example\"",
        &["bucket_name", "is not the name of a bucket"],
    ),
    ("instance_profile_policy", "\"backup\"", "\"eks\"", &["eks_cluster_names", "name them"]),
];

#[tokio::test]
async fn invalid_input_is_refused_at_validate_at_its_attribute() {
    let sandbox = Sandbox::new();
    let terraform = Terraform::new(sandbox.path()).with_token(None);
    for (which, from, to, expected) in WRONG {
        let inputs = match *which {
            "cross_account_policy" => CROSS_ACCOUNT,
            "trust_policy" => TRUST,
            _ => INSTANCE_PROFILE,
        };
        assert!(inputs.contains(from), "{from} is not in the configuration");
        let inputs = inputs.replacen(from, to, 1);
        terraform.write(&format!("{PROVIDER}\ndata \"ringfence_aws_{which}\" \"it\" {{ {inputs} }}\n"));
        let error = terraform.validate().await.expect_error(to);
        for part in *expected {
            assert!(error.contains(part), "{to}: the error should hold {part:?}:\n{error}");
        }
        let attribute = format!("`{}`", expected[0]);
        assert!(error.matches(&attribute).count() <= 1, "it is said once: {error}");
    }
    let request = CROSS_ACCOUNT.replace("vpc-", "subnet-");
    for (call, expected) in [
        (format!("aws_cross_account_policy({{ {request} }})"), "vpc_ids: \"subnet-0a1b2c3d4e5f60718\" is not a VPC id"),
        ("aws_cross_account_policy({ account_id = \"111122223333\" })".to_owned(), "region"),
        (format!("aws_cross_account_policy({{ {CROSS_ACCOUNT} style = \"open\" }})"), "is not a style"),
        ("aws_external_id(\"short\")".to_owned(), "can be guessed"),
        ("aws_trust_policy([\"*\"], \"7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34\")".to_owned(), "must be the ARN"),
    ] {
        terraform.write(&format!("{PROVIDER}\noutput \"it\" {{ value = provider::ringfence::{call} }}\n"));
        let error = terraform.validate().await.expect_error(&call);
        assert!(error.contains(expected), "{call}: {error}");
    }
}

#[tokio::test]
async fn inputs_that_are_known_only_when_applying_are_waited_for() {
    let sandbox = Sandbox::new();
    let terraform = Terraform::new(sandbox.path()).with_token(None);
    let inputs = CROSS_ACCOUNT.replace("[\"vpc-0a1b2c3d4e5f60718\"]", "[terraform_data.vpc.output]");
    terraform.write(&format!(
        "{PROVIDER}
resource \"terraform_data\" \"vpc\" {{ input = \"vpc-0a1b2c3d4e5f60718\" }}
data \"ringfence_aws_cross_account_policy\" \"it\" {{ {inputs} }}
output \"it\" {{ value = data.ringfence_aws_cross_account_policy.it.json }}
"
    ));
    terraform.apply(&[]).await.expect("apply");
    let policy = terraform.run(&["output", "-raw", "it"]).await.stdout;
    assert!(policy.contains("vpc/vpc-0a1b2c3d4e5f60718"), "{policy}");
}

#[tokio::test]
async fn the_data_source_prints_its_request_as_json_and_every_input_gives_the_same() {
    let sandbox = Sandbox::new();
    let terraform = Terraform::new(sandbox.path()).with_token(None);
    terraform.write(&format!(
        "{PROVIDER}
data \"ringfence_aws_cross_account_policy\" \"it\" {{ {CROSS_ACCOUNT} }}
output \"it\" {{ value = data.ringfence_aws_cross_account_policy.it.request_json }}
output \"again\" {{
  value = provider::ringfence::aws_cross_account_policy(
    jsondecode(data.ringfence_aws_cross_account_policy.it.request_json)
  ).json
}}
output \"policy\" {{ value = data.ringfence_aws_cross_account_policy.it.json }}
"
    ));
    terraform.apply(&[]).await.expect("apply");
    let said = terraform.run(&["output", "-json"]).await.json();
    let request: Value = serde_json::from_str(said["it"]["value"].as_str().unwrap()).unwrap();
    assert_eq!(
        request,
        json!({
            "account_id": "111122223333",
            "region": "eu-north-1",
            "stack": "prod",
            "vpc_ids": ["vpc-0a1b2c3d4e5f60718"],
            "subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
            "security_group_ids": ["sg-0a1b2c3d4e5f60718"],
            "instance_profile_name": "ringfence-node",
            "instance_role_name": "team/ringfence-node-role",
            "grants": ["backup", "network_checks"],
        })
    );
    assert_eq!(said["again"]["value"], said["policy"]["value"]);
}
