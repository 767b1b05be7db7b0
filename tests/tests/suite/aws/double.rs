//! The double, judged by AWS's own client for Python: that it refuses and allows as AWS does, and what the role may do
//! in it by what people actually send.

use std::collections::BTreeSet;

use ringfence_aws_double::{ADMINISTRATOR, Call, Lag};
use ringfence_policy::aws::{CrossAccount, CrossAccountRequest, Grant, Key, NeededCall, TrustRequest, needed_calls};
use serde_json::{Value, json};

use super::account::{Account, boto3};

const CONTROL: &str = "arn:aws:iam::444455556666:role/ringfence-control";
const EXTERNAL_ID: &str = "7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b34";

/// A network with a neighbour in it, an instance profile, and somebody else's things.
const NETWORK: &str = r"
ec2, iam = client('ec2'), client('iam')
def network(cidr):
    vpc = ec2.create_vpc(CidrBlock=cidr)['Vpc']['VpcId']
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)['Subnet']['SubnetId']
    group = ec2.create_security_group(GroupName='g', Description='g', VpcId=vpc)['GroupId']
    return vpc, subnet, group
vpc, subnet, group = network('10.1.0.0/24')
_, foreign_subnet, foreign_group = network('10.2.0.0/24')
neighbour = ec2.create_security_group(GroupName='db', Description='db', VpcId=vpc)['GroupId']
ec2_trust = json.dumps({'Version': '2012-10-17', 'Statement': []})
for name in ['ringfence-node', 'administrator']:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=ec2_trust)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
volume = ec2.create_volume(AvailabilityZone='eu-north-1a', Size=1)['VolumeId']
snapshot = ec2.create_snapshot(VolumeId=volume)['SnapshotId']
image = ec2.describe_images(Owners=['amazon'])['Images'][0]['ImageId']
foreign_instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1,
SubnetId=subnet)['Instances'][0]['InstanceId']
print(json.dumps(dict(vpc=vpc, subnet=subnet, group=group, foreign_subnet=foreign_subnet, foreign_group=foreign_group,
    neighbour=neighbour, volume=volume, snapshot=snapshot, image=image, foreign_instance=foreign_instance)))
";

/// An account with a network and the generated role, whose keys a script gets by assuming it.
pub(super) struct Onboarded {
    pub(super) account: Account,
    pub(super) things: Value,
    /// What the role was asked for, and the same checked.
    pub(super) words: CrossAccountRequest,
    pub(super) request: CrossAccount,
}

impl Onboarded {
    pub(super) async fn new(grants: &[Grant]) -> Self {
        let account = Account::new().await;
        let things = account.by_hand(NETWORK).await;
        let of = |name: &str| things[name].as_str().unwrap().to_owned();
        let owner = account
            .by_hand(&format!(
                "print(json.dumps(client('ec2').describe_images(ImageIds=['{}'])['Images'][0]['OwnerId']))",
                of("image")
            ))
            .await;
        let words: CrossAccountRequest = serde_json::from_value(json!({
            "account_id": "123456789012",
            "region": "eu-north-1",
            "stack": "prod",
            "vpc_ids": [things["vpc"]],
            "subnet_ids": [things["subnet"]],
            "security_group_ids": [things["group"]],
            "instance_profile_name": "ringfence-node",
            "instance_role_name": "ringfence-node",
            "control_role_name": "ringfence-prod",
            "image_owners": [owner],
            "grants": grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>(),
        }))
        .unwrap();
        let request = words.check().unwrap();
        let trust = TrustRequest { principals: Some([CONTROL.into()].into()), external_id: Some(EXTERNAL_ID.into()) };
        let trust = trust.check().unwrap();
        let onboarded = Self { account, things, words, request };
        let (trust, policy) = (trust.render().document.minified(), onboarded.request.render().document.minified());
        onboarded
            .account
            .by_hand(&format!(
                "iam = client('iam')\niam.create_role(RoleName='ringfence-prod', \
                    AssumeRolePolicyDocument='''{trust}''')\n\
                 iam.put_role_policy(RoleName='ringfence-prod', PolicyName='ringfence', PolicyDocument='''{policy}''')"
            ))
            .await;
        onboarded
    }

    /// Runs a script as the role, with `session(service)`, `launch(**changes)` and the names of `NETWORK`; `tries(f)`
    /// says `ok` or the code of the refusal.
    pub(super) async fn as_role(&self, script: &str) -> Value {
        let caller = self.account.double.principal(CONTROL);
        let things = self.things.as_object().unwrap();
        let names: Vec<String> = things.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let names = names.concat();
        let head = format!(
            "{names}keys = client('sts').assume_role(RoleArn='arn:aws:iam::123456789012:role/ringfence-prod', \
             RoleSessionName='test', ExternalId='{EXTERNAL_ID}')['Credentials']\n"
        );
        boto3(&self.account.double.endpoint(), &caller, &format!("{head}{AS_ROLE}{script}")).await
    }
}

const AS_ROLE: &str = r"
def session(service):
    return client(service, aws_access_key_id=keys['AccessKeyId'], aws_secret_access_key=keys['SecretAccessKey'],
                  aws_session_token=keys['SessionToken'], config=botocore.config.Config(retries={'max_attempts': 1}))
ec2, iam = session('ec2'), session('iam')
TAGS = [{'Key': 'Name', 'Value': 'workers-0'}, {'Key': 'ringfence:stack', 'Value': 'prod'},
        {'Key': 'ringfence:cluster', 'Value': 'demo'}, {'Key': 'ringfence:group', 'Value': 'workers'},
        {'Key': 'ringfence:node', 'Value': 'workers-0'}]
def tagged(*kinds, tags=TAGS):
    return [{'ResourceType': kind, 'Tags': tags} for kind in kinds]
def launch(**changes):
    interface = {'DeviceIndex': 0, 'SubnetId': subnet, 'Groups': [group], 'AssociatePublicIpAddress': False,
                 **changes.pop('interface', {})}
    disk = {'VolumeSize': 8, 'Encrypted': True, 'DeleteOnTermination': True, **changes.pop('disk', {})}
    good = dict(ImageId=image, MinCount=1, MaxCount=1, InstanceType='m5.large', NetworkInterfaces=[interface],
                IamInstanceProfile={'Name': 'ringfence-node'}, MetadataOptions={'HttpTokens': 'required'},
                BlockDeviceMappings=[{'DeviceName': '/dev/sda1', 'Ebs': disk}],
                TagSpecifications=tagged('instance', 'volume', 'network-interface'))
    return ec2.run_instances(**{**good, **changes})
";

#[tokio::test]
async fn a_role_is_assumed_by_its_principal_with_its_external_id_and_not_otherwise() {
    let onboarded = Onboarded::new(&[]).await;
    let double = &onboarded.account.double;
    let script = |id: &str| {
        format!(
            "try:\n    client('sts').assume_role(RoleArn='arn:aws:iam::123456789012:role/ringfence-prod', \
                RoleSessionName='test'{id})\n    \
             print(json.dumps('ok'))\nexcept ClientError as error:\n    \
             print(json.dumps(error.response['Error']['Code']))"
        )
    };
    let with = |id: &str| script(&format!(", ExternalId='{id}'"));
    let (right, other) = (double.principal(CONTROL), double.principal("arn:aws:iam::444455556666:role/other"));
    let ask = async |key: &str, script: &str| boto3(&double.endpoint(), key, script).await;
    assert_eq!(ask(&right, &with(EXTERNAL_ID)).await, "ok");
    assert_eq!(ask(&right, &with("7b0f6a52-93e4-4c1d-8a55-6f2d0c9e1b35")).await, "AccessDenied", "a wrong id");
    assert_eq!(ask(&right, &script("")).await, "AccessDenied", "no id");
    assert_eq!(ask(&other, &with(EXTERNAL_ID)).await, "AccessDenied", "another principal");
    assert_eq!(ask("AKIASTRANGER00000000", &with(EXTERNAL_ID)).await, "InvalidClientTokenId");
}

#[tokio::test]
async fn what_an_attacker_with_the_role_tries_is_refused_and_changes_nothing() {
    let onboarded = Onboarded::new(&Grant::ALL).await;
    let inventory = "ec2 = client('ec2')\nprint(json.dumps([len(ec2.describe_instances()['Reservations']), \
        len(ec2.describe_snapshots(OwnerIds=['self'])['Snapshots']), len(ec2.describe_volumes()['Volumes']), \
        ec2.describe_security_groups()['SecurityGroups'], ec2.describe_tags()['Tags']], default=str))";
    let before = onboarded.account.by_hand(inventory).await;
    let answers = onboarded
        .as_role(
            r"
print(json.dumps({name: tries(attack) for name, attack in {
    'another subnet': lambda: launch(interface={'SubnetId': foreign_subnet}),
    'another group': lambda: launch(interface={'Groups': [foreign_group]}),
    'a neighbour group': lambda: launch(interface={'Groups': [group, neighbour]}),
    'another profile': lambda: launch(IamInstanceProfile={'Name': 'administrator'}),
    'IMDSv1': lambda: launch(MetadataOptions={'HttpTokens': 'optional'}),
    'a plain disk': lambda: launch(disk={'Encrypted': False}),
    'a foreign snapshot': lambda: launch(disk={'SnapshotId': snapshot}),
    'a key pair': lambda: launch(KeyName='mine'),
    'no tags': lambda: launch(TagSpecifications=[]),
    'another stack': lambda: launch(TagSpecifications=tagged('instance', 'volume', 'network-interface',
        tags=[{'Key': 'ringfence:stack', 'Value': 'other'}])),
    'one more tag': lambda: launch(TagSpecifications=tagged('instance', 'volume', 'network-interface',
        tags=TAGS + [{'Key': 'admin', 'Value': 'yes'}])),
    'snapshot of a foreign disk': lambda: ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged('snapshot')),
    'delete a foreign snapshot': lambda: ec2.delete_snapshot(SnapshotId=snapshot),
    'tag a foreign disk': lambda: ec2.create_tags(Resources=[volume], Tags=[{'Key': 'ringfence:stack',
    'Value': 'prod'}]),
    'tag a foreign instance': lambda: ec2.create_tags(Resources=[foreign_instance], Tags=[{'Key': 'ringfence:stack',
    'Value': 'prod'}]),
    'end a foreign instance': lambda: ec2.terminate_instances(InstanceIds=[foreign_instance]),
    'open a neighbour group': lambda: ec2.authorize_security_group_ingress(GroupId=neighbour, CidrIp='0.0.0.0/0',
        IpProtocol='tcp', FromPort=5432, ToPort=5432),
    'make a VPC': lambda: ec2.create_vpc(CidrBlock='10.9.0.0/16'),
    'write a policy': lambda: iam.put_role_policy(RoleName='ringfence-prod', PolicyName='x', PolicyDocument='{}'),
}.items()}))",
        )
        .await;
    for (attack, answer) in answers.as_object().unwrap() {
        let code = if attack == "write a policy" { "AccessDenied" } else { "UnauthorizedOperation" };
        assert_eq!(answer, code, "{attack}");
    }
    assert_eq!(answers.as_object().unwrap().len(), 19);
    assert_eq!(onboarded.account.by_hand(inventory).await, before, "a refusal changes nothing");
}

/// What the product does with machines, as people write it with boto3.
const LIFE: &str = r"
def life():
    node = launch(ClientToken='node-1')['Instances'][0]['InstanceId']
    assert launch(ClientToken='node-1')['Instances'][0]['InstanceId'] == node, 'the same token is the same node'
    assert tries(lambda: launch(ClientToken='node-1', InstanceType='m5.xlarge')) == 'IdempotentParameterMismatch'
    for read in ['describe_instances', 'describe_volumes', 'describe_subnets', 'describe_vpcs',
    'describe_security_groups',
                 'describe_instance_status', 'describe_images', 'describe_instance_types']:
        getattr(ec2, read)(**({'MaxResults': 5} if read in ['describe_instance_types'] else {}))
    iam.get_instance_profile(InstanceProfileName='ringfence-node')
    ec2.reboot_instances(InstanceIds=[node])
    ec2.stop_instances(InstanceIds=[node])
    ec2.start_instances(InstanceIds=[node])
    ec2.terminate_instances(InstanceIds=[node])
";

#[tokio::test]
async fn the_life_of_a_node_passes_with_no_other_rights_and_dry_runs_change_nothing() {
    let onboarded = Onboarded::new(&[]).await;
    let dry = onboarded
        .as_role(
            "print(json.dumps([tries(lambda: launch(DryRun=True)), tries(lambda: launch(DryRun=True, KeyName='x'))]))",
        )
        .await;
    assert_eq!(dry, json!(["DryRunOperation", "UnauthorizedOperation"]));
    let count = "print(json.dumps(len(client('ec2').describe_instances()['Reservations'])))";
    assert_eq!(onboarded.account.by_hand(count).await, 1, "the foreign one");
    onboarded.as_role(&format!("{LIFE}life()")).await;
    let refused: Vec<Call> = onboarded.account.double.calls().into_iter().filter(Call::is_refused).collect();
    assert_eq!(refused.len(), 1, "the dry run with a key pair: {refused:#?}");
}

#[tokio::test]
async fn what_is_new_is_unknown_unlisted_and_unusable_for_as_many_calls_as_asked() {
    let onboarded = Onboarded::new(&[]).await;
    let double = &onboarded.account.double;
    double.delay(Lag { object: 2, instance_profile: 2, role: 2, ..Lag::default() });
    let answers = onboarded
        .as_role(
            r"
node = launch()['Instances'][0]['InstanceId']
by_id = lambda: ec2.describe_instances(InstanceIds=[node])
listed = lambda: [i['InstanceId'] for r in ec2.describe_instances()['Reservations'] for i in r['Instances']].count(node)
late = [tries(by_id), listed(), tries(by_id), listed()]
print(json.dumps([late, listed(), tries(lambda: ec2.terminate_instances(InstanceIds=[node]))]))",
        )
        .await;
    assert_eq!(answers, json!([["InvalidInstanceID.NotFound", 0, "ok", 1], 1, "ok"]), "known after two calls about it");
    let new = r"
iam = client('iam')
trust = json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 'sts:AssumeRole',
    'Principal': {'AWS': 'arn:aws:iam::123456789012:user/administrator'}}]})
iam.create_role(RoleName='new', AssumeRolePolicyDocument=trust)
iam.create_instance_profile(InstanceProfileName='new')
iam.add_role_to_instance_profile(InstanceProfileName='new', RoleName='new')
image = client('ec2').describe_images(Owners=['amazon'])['Images'][0]['ImageId']
launch = lambda: client('ec2').run_instances(ImageId=image, MinCount=1, MaxCount=1, IamInstanceProfile={'Name': 'new'})
assume = lambda: client('sts').assume_role(RoleArn='arn:aws:iam::123456789012:role/new', RoleSessionName='test')
print(json.dumps([[tries(launch) for _ in range(3)], [tries(assume) for _ in range(3)]]))";
    let answers = boto3(&double.endpoint(), ADMINISTRATOR, new).await;
    let profile = ["InvalidParameterValue", "InvalidParameterValue", "ok"];
    assert_eq!(answers, json!([profile, ["AccessDenied", "AccessDenied", "ok"]]));
}

#[tokio::test]
async fn a_token_is_one_launch_in_its_zone_and_an_error_when_that_has_ended() {
    let onboarded = Onboarded::new(&[]).await;
    let script = r"
ec2 = client('ec2')
vpc = ec2.create_vpc(CidrBlock='10.7.0.0/16')['Vpc']['VpcId']
zones = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.7.{n}.0/24',
AvailabilityZone='eu-north-1' + zone)['Subnet']['SubnetId']
         for n, zone in enumerate('ab')]
image = ec2.describe_images(Owners=['amazon'])['Images'][0]['ImageId']
def launch(zone):
    answer = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=zones[zone], ClientToken='node-1')
    return answer['Instances'][0]['InstanceId']
first, again, elsewhere = launch(0), launch(0), launch(1)
ec2.terminate_instances(InstanceIds=[first])
try:
    ended = launch(0)
except ClientError as error:
    ended = error.response['Error']['Code']
print(json.dumps([first == again, first == elsewhere, ended, launch(1) == elsewhere]))";
    let answers = boto3(&onboarded.account.double.endpoint(), ADMINISTRATOR, script).await;
    assert_eq!(answers, json!([true, false, "IdempotentInstanceTerminated", true]));
}

#[tokio::test]
async fn load_balancers_are_made_within_the_subnets_and_those_of_others_are_left_alone() {
    let onboarded = Onboarded::new(&[Grant::LoadBalancer]).await;
    let script = format!(
        "elb, tags = client('elbv2'), [{{'Key': 'ringfence:stack', 'Value': 'other'}}]\n\
         group = elb.create_target_group(Name='ringfence-other', Protocol='TCP', Port=443, VpcId={}, \
             Tags=tags)['TargetGroups'][0]['TargetGroupArn']\n\
         balancer = elb.create_load_balancer(Name='ringfence-other', Type='network', Scheme='internal', Subnets=[{}], \
             Tags=tags)['LoadBalancers'][0]['LoadBalancerArn']\n\
         print(json.dumps([group, balancer]))",
        onboarded.things["vpc"], onboarded.things["subnet"]
    );
    // Of another stack, named like ours.
    let foreign = boto3(&onboarded.account.double.endpoint(), ADMINISTRATOR, &script).await;
    assert!(foreign[1].as_str().unwrap().contains(":loadbalancer/net/ringfence-other/"), "{foreign}");
    let script = r"
elb, own_group = session('elbv2'), group
TAGS = [one for one in TAGS if one['Key'] in ('Name', 'ringfence:stack', 'ringfence:cluster')]
MORE = TAGS + [{'Key': 'admin', 'Value': 'yes'}]
def balancer(**changes):
    good = dict(Name='ringfence-clients', Type='network', Scheme='internal', Subnets=[subnet],
    SecurityGroups=[own_group],
                Tags=TAGS)
    return elb.create_load_balancer(**{**good, **changes})['LoadBalancers'][0]['LoadBalancerArn']
def target_group(**changes):
    good = dict(Name='ringfence-clients', Protocol='TCP', Port=443, VpcId=vpc, Tags=TAGS)
    return elb.create_target_group(**{**good, **changes})['TargetGroups'][0]['TargetGroupArn']
def listener(balancer, group, tags=TAGS):
    forward = [{'Type': 'forward', 'TargetGroupArn': group}]
    answer = elb.create_listener(LoadBalancerArn=balancer, Protocol='TCP', Port=443, DefaultActions=forward, Tags=tags)
    return answer['Listeners'][0]['ListenerArn']
attacks = {
    'open to the internet': lambda: balancer(Scheme='internet-facing'),
    'no scheme': lambda: elb.create_load_balancer(Name='ringfence-clients', Type='network', Subnets=[subnet],
                                                    SecurityGroups=[own_group], Tags=TAGS),
    'one subnet more': lambda: balancer(Subnets=[subnet, foreign_subnet]),
    'another name': lambda: balancer(Name='payments'),
    'an application balancer': lambda: balancer(Type='application'),
    'no tags': lambda: elb.create_load_balancer(Name='ringfence-clients', Type='network', Scheme='internal',
    Subnets=[subnet],
                                                  SecurityGroups=[own_group]),
    'one tag more': lambda: balancer(Tags=MORE),
    'a neighbour group': lambda: balancer(SecurityGroups=[own_group, neighbour]),
    'no group': lambda: elb.create_load_balancer(Name='ringfence-clients', Type='network', Scheme='internal',
    Subnets=[subnet],
                                                 Tags=TAGS),
    'another stack': lambda: target_group(Tags=[{'Key': 'ringfence:stack', 'Value': 'other'}]),
    'a listener on a foreign balancer': lambda: listener(foreign_balancer, foreign_group),
    'a node in a foreign group': lambda: elb.register_targets(TargetGroupArn=foreign_group,
    Targets=[{'Id': foreign_instance}]),
    'claim a foreign balancer': lambda: elb.add_tags(ResourceArns=[foreign_balancer], Tags=TAGS),
    'delete a foreign balancer': lambda: elb.delete_load_balancer(LoadBalancerArn=foreign_balancer),
    'delete a foreign group': lambda: elb.delete_target_group(TargetGroupArn=foreign_group),
}
refusals = {name: tries(attack) for name, attack in attacks.items()}
def life():
    targets, of_clients = target_group(), balancer()
    at = listener(of_clients, targets)
    node = launch()['Instances'][0]['InstanceId']
    elb.register_targets(TargetGroupArn=targets, Targets=[{'Id': node}])
    elb.describe_target_health(TargetGroupArn=targets)
    elb.deregister_targets(TargetGroupArn=targets, Targets=[{'Id': node}])
    elb.delete_listener(ListenerArn=at)
    elb.delete_load_balancer(LoadBalancerArn=of_clients)
    elb.delete_target_group(TargetGroupArn=targets)
print(json.dumps([refusals, tries(life)]))";
    let foreign = format!("foreign_group, foreign_balancer = {foreign}\n");
    let answers = onboarded.as_role(&format!("{foreign}{script}")).await;
    let refusals = answers[0].as_object().unwrap();
    for (attack, answer) in refusals {
        assert_eq!(answer, "AccessDenied", "{attack}");
    }
    let calls = onboarded.account.double.calls();
    let last = calls.last().unwrap();
    assert_eq!((refusals.len(), &answers[1]), (15, &json!("ok")), "{last:#?}");
}

#[tokio::test]
async fn a_launch_as_people_send_it_is_checked_as_the_product_says_that_it_is() {
    let onboarded = Onboarded::new(&[]).await;
    onboarded.account.double.forget();
    onboarded.as_role("launch()").await;
    let calls = onboarded.account.double.calls();
    let launch = calls.iter().find(|call| call.action == "ec2:RunInstances").unwrap();
    let seen: BTreeSet<(String, String)> =
        launch.decisions.iter().map(|decision| (decision.action.clone(), kind(&decision.resource))).collect();
    let needed = needed_calls(&onboarded.request);
    let said: &NeededCall = needed.iter().find(|call| call.what == "launch a node").unwrap();
    let said_of: BTreeSet<(String, String)> =
        said.checks.iter().map(|check| (check.action.clone(), kind(&check.resource))).collect();
    assert_eq!(seen, said_of);
    assert!(said.checks.iter().all(|check| check.keys.values().all(|key| matches!(key, Key::Is(_)))));
}

/// The service and type of an ARN.
fn kind(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    format!("{}:{}", parts[2], parts[5].split('/').next().unwrap_or_default())
}
