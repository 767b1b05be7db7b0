//! The documents as they are, in `golden/`: a change of one is seen in review. `UPDATE=1` writes them anew.

use std::path::Path;

use ringfence_policy::aws::{CrossAccount, Grant, NodeGrant, Partition, Region, Rendered, Style, SubnetId, VpcId};

use crate::requests::{cross_account, node_role, profile, styled, trust, with};

fn all_documents() -> Vec<(String, Rendered)> {
    let mut all: Vec<(String, Rendered)> = vec![
        ("cross_account_base".into(), cross_account().render()),
        ("cross_account_all_grants".into(), with(&Grant::ALL).render()),
        ("described_default".into(), styled(Style::DescribedDefault).render()),
        ("described_restricted".into(), styled(Style::DescribedRestricted).render()),
        ("trust".into(), trust().render()),
        ("instance_profile_all_grants".into(), node_role(&NodeGrant::ALL).policy()),
        ("permissions_boundary_all_grants".into(), node_role(&NodeGrant::ALL).boundary()),
        ("node_trust".into(), node_role(&[]).trust()),
    ];
    let mut several = CrossAccount { control_role: None, ..with(&[Grant::LoadBalancer, Grant::NetworkChecks]) };
    several.vpcs.insert(VpcId::parse("vpc-1a2b3c4d").unwrap());
    several.subnets.insert(SubnetId::parse("subnet-1a2b3c4d").unwrap());
    several.instance_profiles.insert(profile("team/ringfence-head", "team/heads/ringfence-head"));
    all.push(("cross_account_several_vpcs_and_profiles".into(), several.render()));
    for (partition, region) in [
        (Partition::AwsCn, "cn-north-1"),
        (Partition::AwsUsGov, "us-gov-west-1"),
        (Partition::AwsEusc, "eusc-de-east-1"),
    ] {
        let region = Region::parse(region).unwrap();
        let there = CrossAccount { partition, region: region.clone(), ..with(&[Grant::Backup]) };
        all.push((format!("cross_account_{partition}"), there.render()));
        let mut node = node_role(&[NodeGrant::Storage, NodeGrant::Backup]);
        (node.partition, node.region) = (partition, region);
        all.push((format!("instance_profile_{partition}"), node.policy()));
    }
    all
}

#[test]
fn the_documents_are_what_was_reviewed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/golden");
    let update = std::env::var_os("UPDATE").is_some();
    let mut names = Vec::new();
    for (name, rendered) in all_documents() {
        let path = directory.join(format!("{name}.json"));
        let text = format!("{}\n", rendered.document.pretty());
        if update {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(reviewed == text, "{name} is not what was reviewed; look at it and run the test with UPDATE=1");
        names.push(format!("{name}.json"));
    }
    let mut there: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    there.sort();
    assert_eq!(there, names, "a golden file that nobody renders");
}

#[test]
fn every_arn_is_concrete_in_partition_account_and_region() {
    for (name, rendered) in all_documents() {
        if name.starts_with("described") {
            continue;
        }
        for statement in &rendered.document.statement {
            let values = statement.condition.values().flat_map(|keys| keys.values().flatten());
            for arn in statement.resource.iter().chain(values).filter(|text| text.starts_with("arn:")) {
                let parts: Vec<&str> = arn.splitn(6, ':').collect();
                assert!(parts[1..5].iter().all(|part| !part.contains(['*', '?'])), "{name} {}: {arn}", statement.sid);
                assert!(
                    parts[2] == "s3"
                        || parts[4].len() == 12
                        || parts[5].starts_with("image/")
                        || parts[5].starts_with("snapshot/"),
                    "{arn}"
                );
            }
        }
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let render = || with(&Grant::ALL).render().document.minified();
    assert_eq!(render(), render());
}
