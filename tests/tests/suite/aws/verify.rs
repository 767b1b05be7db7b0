//! What the product calls with the generated role and no other rights: `ringfenced verify aws`, its data source and the
//! early warnings, each through the double, which authorises.

use ringfence_aws_double::Call;
use ringfence_policy::aws::Grant;
use ringfence_tests::sandbox::program;
use ringfence_tests::{Sandbox, Terraform};
use serde_json::{Value, json};

use super::account::reaching;
use super::double::Onboarded;

const CONTROL: &str = "arn:aws:iam::444455556666:role/ringfence-control";
const ROLE: &str = "arn:aws:iam::123456789012:role/ringfence-prod";
const EXTERNAL_ID: &str = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34";

/// The request as a file of the command, and as attributes of a data source.
fn words(onboarded: &Onboarded) -> Value {
    serde_json::to_value(&onboarded.words).unwrap()
}

/// `ringfenced` with this access key and nothing of the machine's own configuration.
fn ringfenced(access_key: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program("ringfenced"));
    command
        .env("AWS_ACCESS_KEY_ID", access_key)
        .env("AWS_SECRET_ACCESS_KEY", "not-looked-at")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

/// Runs `ringfenced verify aws` as the cross-account role.
async fn verify(onboarded: &Onboarded, more: &[&str]) -> (i32, Value, String) {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("request.json");
    std::fs::write(&file, words(onboarded).to_string()).unwrap();
    let double = &onboarded.account.double;
    let output = ringfenced(&double.principal(CONTROL))
        .args(["verify", "aws", "--json", "--assume-role", ROLE, "--external-id", EXTERNAL_ID, "--request"])
        .arg(&file)
        .args(["--endpoint-url", &double.endpoint()])
        .args(more)
        .output()
        .await
        .unwrap();
    let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), said, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn wrong(said: &Value) -> Vec<&str> {
    let results = said["results"].as_array().unwrap().iter();
    results.filter(|one| one["must"] != one["is"]).map(|one| one["what"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn enough_the_role_verifies_itself_with_every_grant_and_a_launch_is_asked_of_ec2() {
    let onboarded = Onboarded::new(&Grant::ALL).await;
    let image = onboarded.things["image"].as_str().unwrap();
    let (code, said, errors) = verify(&onboarded, &["--image", image]).await;
    assert_eq!(code, 0, "{errors}{:#?}", wrong(&said));
    assert_eq!(said["passed"], true);
    let count = |must: bool| said["results"].as_array().unwrap().iter().filter(|one| one["must"] == must).count();
    assert!(count(true) >= 35 && count(false) >= 20, "{} needed, {} to be refused", count(true), count(false));
    let calls = onboarded.account.double.calls();
    let refused: Vec<&Call> = calls.iter().filter(|call| call.is_refused()).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(calls.iter().any(|call| call.action == "ec2:RunInstances" && call.dry_run && call.status == Some(412)));
}

#[tokio::test]
async fn a_policy_that_is_too_narrow_or_too_wide_is_reported_by_name() {
    let onboarded = Onboarded::new(&[Grant::Backup]).await;
    let change = async |edit: &str| {
        onboarded
            .account
            .by_hand(&format!(
                "iam = client('iam')\np = iam.get_role_policy(RoleName='ringfence-prod', \
                    PolicyName='ringfence')['PolicyDocument']\n\
                 by = {{s['Sid']: s for s in p['Statement']}}\n{edit}\n\
                 iam.put_role_policy(RoleName='ringfence-prod', PolicyName='ringfence', PolicyDocument=json.dumps(p))"
            ))
            .await;
    };
    change("p['Statement'].remove(by['StartOwnInstances'])").await;
    let (code, said, _) = verify(&onboarded, &[]).await;
    assert_eq!((code, wrong(&said)), (1, vec!["start a node"]));
    change("del by['DeleteOwnBackups']['Condition']").await;
    let (code, said, _) = verify(&onboarded, &[]).await;
    let expected = vec!["start a node", "delete any snapshot of the account", "withdraw any image of the account"];
    assert_eq!((code, wrong(&said)), (1, expected));
    let image = onboarded.things["image"].as_str().unwrap();
    change("by['LaunchVolume']['Condition']['StringEquals']['aws:RequestTag/ringfence:stack'] = 'other'").await;
    let (_, said, _) = verify(&onboarded, &["--image", image]).await;
    assert!(wrong(&said).iter().any(|what| what.contains("asked of EC2")), "{said:#}");
}

#[tokio::test]
async fn a_caller_without_the_right_to_simulate_is_reported() {
    let onboarded = Onboarded::new(&[]).await;
    let edit = "iam = client('iam')\niam.delete_role_policy(RoleName='ringfence-prod', PolicyName='ringfence')";
    onboarded.account.by_hand(edit).await;
    let (code, _, errors) = verify(&onboarded, &[]).await;
    assert!(code != 0 && errors.contains("iam:SimulatePrincipalPolicy"), "{errors}");
}

/// Terraform as the cross-account role.
fn terraform(onboarded: &Onboarded, configuration: &str) -> (Sandbox, Terraform) {
    let sandbox = Sandbox::new();
    let double = &onboarded.account.double;
    let terraform = reaching(&Terraform::new(sandbox.path()).with_token(None), &double.principal(CONTROL));
    terraform.write(&format!(
        "terraform {{
  required_providers {{ ringfence = {{ source = \"ringfence/ringfence\" }} }}
}}
provider \"ringfence\" {{
  aws = {{
    region       = \"eu-north-1\"
    endpoint_url = \"{}\"
    assume_role  = {{ role_arn = \"{ROLE}\", external_id = \"{EXTERNAL_ID}\" }}
  }}
}}
{configuration}",
        double.endpoint()
    ));
    (sandbox, terraform)
}

#[tokio::test]
async fn the_data_source_and_the_command_agree() {
    let onboarded = Onboarded::new(&[Grant::NetworkChecks, Grant::OpenPorts]).await;
    let words = words(&onboarded);
    let attributes: Vec<String> =
        words.as_object().unwrap().iter().map(|(name, value)| format!("  {name} = {value}\n")).collect();
    let attributes = attributes.concat();
    let (_sandbox, terraform) = terraform(
        &onboarded,
        &format!(
            "data \"ringfence_aws_verification\" \"it\" {{\n{attributes}}}\noutput \"it\" {{ value = \
                data.ringfence_aws_verification.it }}"
        ),
    );
    terraform.apply(&[]).await.expect("apply");
    let said = terraform.run(&["output", "-json", "it"]).await.json();
    let (_, command, _) = verify(&onboarded, &[]).await;
    assert_eq!((&said["passed"], &said["results"]), (&json!(true), &command["results"]));
}

fn network_check(onboarded: &Onboarded, more: &str) -> String {
    let things = &onboarded.things;
    format!(
        "data \"ringfence_aws_network_check\" \"it\" {{
  vpc_id             = {}
  subnet_ids         = [{}]
  security_group_ids = [{}]
  {more}
}}
output \"it\" {{ value = data.ringfence_aws_network_check.it.findings[*].check }}",
        things["vpc"], things["subnet"], things["group"]
    )
}

#[tokio::test]
async fn early_warnings_name_what_is_missing_and_end_when_it_is_corrected() {
    let onboarded = Onboarded::new(&[Grant::NetworkChecks]).await;
    let (_sandbox, plain) = terraform(&onboarded, &network_check(&onboarded, ""));
    let applied = plain.apply(&[]).await.expect("warnings are no errors");
    let said = plain.run(&["output", "-json", "it"]).await.json();
    assert_eq!(said, json!(["dns_hostnames", "internet_route", "self_reference", "port_80", "port_443"]));
    for word in ["Warning:", "dns_hostnames", "enable_dns_hostnames", "self_reference"] {
        assert!(applied.stdout.contains(word), "{word}: {}", applied.stdout);
    }
    let strict = network_check(&onboarded, "severity = \"error\"\n  ignore = [\"port_80\"]");
    let (_sandbox, strict) = terraform(&onboarded, &strict);
    let error = strict.plan(&[]).await.expect_error("findings are errors now");
    assert!(
        error.contains("self_reference") && error.contains("internet_route") && !error.contains("port_80"),
        "{error}"
    );
    let things = &onboarded.things;
    onboarded
        .account
        .by_hand(&format!(
            "ec2 = client('ec2')\nvpc, subnet, group = {}, {}, {}\n\
             ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={{'Value': True}})\n\
             gateway = ec2.create_internet_gateway()['InternetGateway']['InternetGatewayId']\n\
             ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)\n\
             table = ec2.create_route_table(VpcId=vpc)['RouteTable']['RouteTableId']\n\
             ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)\n\
             ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)\n\
             ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[\
             {{'IpProtocol': 'tcp', 'FromPort': 0, 'ToPort': 65535, 'UserIdGroupPairs': [{{'GroupId': group}}]}},\
             {{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'IpRanges': [{{'CidrIp': '0.0.0.0/0'}}]}}])",
            things["vpc"], things["subnet"], things["group"]
        ))
        .await;
    strict.apply(&[]).await.expect("nothing is left");
    assert_eq!(strict.run(&["output", "-json", "it"]).await.json(), json!([]));
    let refused = onboarded.account.double.calls().into_iter().filter(Call::is_refused).count();
    assert_eq!(refused, 0, "the grant allows every call");
}

#[tokio::test]
async fn without_the_grant_the_early_warnings_are_refused_naming_the_missing_right() {
    let onboarded = Onboarded::new(&[Grant::Backup]).await;
    let (_sandbox, terraform) = terraform(&onboarded, &network_check(&onboarded, ""));
    let error = terraform.plan(&[]).await.expect_error("no grant");
    assert!(error.contains("ec2:DescribeVpcAttribute"), "{error}");
}

#[tokio::test]
async fn groups_are_judged_together_and_a_route_that_leads_nowhere_is_none() {
    let onboarded = Onboarded::new(&[Grant::NetworkChecks]).await;
    let things = &onboarded.things;
    let second = onboarded
        .account
        .by_hand(&format!(
            "ec2 = client('ec2')\nvpc, subnet, group = {}, {}, {}\n\
             second = ec2.create_security_group(GroupName='second', Description='x', VpcId=vpc)['GroupId']\n\
             ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=[\
             {{'IpProtocol': '-1', 'UserIdGroupPairs': [{{'GroupId': group}}]}},\
             {{'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'IpRanges': [{{'CidrIp': '10.0.0.0/8'}}]}}])\n\
             print(json.dumps(second))",
            things["vpc"], things["subnet"], things["group"]
        ))
        .await;
    let check = network_check(&onboarded, "").replace(
        &format!("security_group_ids = [{}]", things["group"]),
        &format!("security_group_ids = [{}, {second}]", things["group"]),
    );
    let (_sandbox, plain) = terraform(&onboarded, &check);
    plain.apply(&[]).await.expect("apply");
    let said = plain.run(&["output", "-json", "it"]).await.json();
    assert_eq!(said, json!(["dns_hostnames", "internet_route", "port_80"]));
    let (_sandbox, wrong) = terraform(&onboarded, &network_check(&onboarded, "ignore = [\"port80\"]"));
    let error = wrong.validate().await.expect_error("a check that is none");
    assert!(error.contains("ignore") && error.contains("port_80"), "{error}");
}

#[tokio::test]
async fn a_launch_is_checked_only_as_the_role_and_its_failure_leaves_the_other_results() {
    let onboarded = Onboarded::new(&[]).await;
    let (code, said, errors) = verify(&onboarded, &["--image", "ami-0ffffffffffffffff"]).await;
    assert!(code != 0 && errors.contains("asking EC2 about the launch failed"), "{errors}");
    assert!(said["results"].as_array().is_some_and(|all| all.len() > 20) && said["passed"] == false, "{said:#}");
    let double = &onboarded.account.double;
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("request.json");
    let run = async |words: &Value| {
        std::fs::write(&file, words.to_string()).unwrap();
        let output = ringfenced(ringfence_aws_double::ADMINISTRATOR)
            .args([
                "verify",
                "aws",
                "--image",
                "ami-0ffffffffffffffff",
                "--endpoint-url",
                &double.endpoint(),
                "--request",
            ])
            .arg(&file)
            .output()
            .await
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let errors = run(&words(&onboarded)).await;
    assert!(errors.contains("--image needs arn:aws:iam::123456789012:role/ringfence-prod as the caller"), "{errors}");
    for (attribute, value, said) in [
        ("subnet_ids", json!([]), "subnet_ids: name the subnets"),
        ("image_owners", json!(["123456789012"]), "image_owners: this is the account itself"),
        ("style", json!("open"), "\"open\" is not a style"),
        ("instance_profile_name", Value::Null, "instance_profile_name: name the instance profile"),
    ] {
        let mut words = words(&onboarded);
        words[attribute] = value;
        let errors = run(&words).await;
        assert!(errors.contains(said), "{attribute}: {errors}");
    }
}

#[tokio::test]
async fn a_named_profile_takes_precedence_over_keys_in_the_environment() {
    let onboarded = Onboarded::new(&[]).await;
    let (code, _, errors) = verify(&onboarded, &["--profile", "nowhere"]).await;
    assert!(code != 0 && errors.contains("nowhere") && !errors.contains("DispatchFailure("), "{errors}");
}
