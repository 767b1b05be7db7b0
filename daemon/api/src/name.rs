//! Checked names. Each is made only by `parse`, which says what is wrong in words a user can act on.
//!
//! The rules that several parts rely on:
//! - a [`ProjectUser`] is written `PROJECT__USER` and splits at the first `__`, which is unambiguous because a
//!   project name neither holds `__` nor ends in `_`;
//! - it fits the common name of a certificate (64 characters, RFC 5280 ub-common-name): 24 + 2 + 32;
//! - the DNS name of a node fits the same limit: see [`NodeName::dns_name`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a text is not the name it should be. The message names the kind, the text and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {rule}")]
pub struct NameError {
    kind: &'static str,
    text: String,
    rule: String,
}

impl NameError {
    pub(crate) fn new(kind: &'static str, text: &str, rule: impl Into<String>) -> Self {
        Self { kind, text: text.chars().take(80).collect(), rule: rule.into() }
    }

    /// The rule that was broken, without the text.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(rule) => Err(NameError::new($kind, text, rule)),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

checked_name!(
    /// A project: 2 to 24 of `A-Z a-z 0-9 _`, alphanumeric at both ends, no `__`, not only digits, not reserved.
    /// Two names that differ only in case are the same project to the daemon.
    ProjectName, "project name", check_project
);
checked_name!(
    /// A user: 1 to 32 of `a-z 0-9 _`, alphanumeric at both ends, no `__`.
    UserName, "user name", check_user
);
checked_name!(
    /// A cluster: 2 to 30 of `a-z 0-9 -`, beginning with a letter. It is a label of every node's DNS name.
    ClusterName, "cluster name", check_cluster
);
checked_name!(
    /// A worker group: 1 to 15 of `a-z 0-9 -`, beginning with a letter; `head` is taken by the head itself.
    GroupName, "worker group name", check_group
);
checked_name!(
    /// A node: `head`, or the worker group, a hyphen and the index in the group.
    NodeName, "node name", check_node
);
checked_name!(
    /// A service on a node: 1 to 30 of `a-z 0-9 -`, beginning with a letter. It is a directory name on the node.
    ServiceName, "service name", check_service
);
checked_name!(
    /// The system user that runs a service: what `useradd` accepts, 1 to 32 of `a-z 0-9 _ -`, beginning with a
    /// letter or `_`. It is the L of the service's certificate.
    SystemUser, "system user", check_system_user
);
checked_name!(
    /// A DNS name in lower case (RFC 1123 labels), for subject alternative names. No wildcards.
    DnsName, "DNS name", check_dns
);
checked_name!(
    /// A job of a project user: 1 to 64 of `A-Z a-z 0-9 _ . -`, alphanumeric at both ends. It is the O of the job's
    /// certificates.
    JobId, "job id", check_job
);
checked_name!(
    /// Who verifies a token: 1 to 200 visible ASCII characters, such as a name or a URL.
    Audience, "audience", check_audience
);

/// The identity of a cluster, drawn when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ClusterId(uuid::Uuid);

impl ClusterId {
    /// Draws a new identity from the operating system's random source.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// Reads the identity as written by `Display`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        uuid::Uuid::parse_str(text).map(Self).map_err(|_| {
            NameError::new("cluster id", text, "it must be a UUID such as the `id` of a ringfence_cluster")
        })
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a user inside one project, written `PROJECT__USER`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectUser {
    /// The sandbox.
    pub project: ProjectName,
    /// The person in it.
    pub user: UserName,
}

impl ProjectUser {
    /// Splits at the first `__` and checks both halves.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (project, user) = text.split_once("__").ok_or_else(|| {
            NameError::new("project user", text, "it must be PROJECT__USER, with two underscores between")
        })?;
        Ok(Self { project: ProjectName::parse(project)?, user: UserName::parse(user)? })
    }
}

impl fmt::Display for ProjectUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}__{}", self.project, self.user)
    }
}

impl TryFrom<String> for ProjectUser {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl utoipa::PartialSchema for ProjectUser {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}

impl ToSchema for ProjectUser {}

impl From<ProjectUser> for String {
    fn from(name: ProjectUser) -> String {
        name.to_string()
    }
}

/// The top-level domain of node names. ICANN has reserved `internal` for private use, so no public name collides.
const NODE_DOMAIN: &str = "internal";

/// The DNS name by which clients know the API of a cluster, whatever address they connect to. Its server certificate
/// has this name and no other may have it: a node is called `head` or ends in a number, and services are refused.
pub const API_NAME: &str = "api.ringfence.internal";

impl NodeName {
    /// The node of the daemon itself.
    pub fn head() -> Self {
        Self("head".to_owned())
    }

    /// The node with this index in a worker group.
    pub fn worker(group: &GroupName, index: u32) -> Self {
        Self(format!("{group}-{index}"))
    }

    /// The node's DNS name, which is the common name of its certificates: `NODE.CLUSTER.internal`. At most
    /// 15 + 1 + 4 + 1 + 30 + 1 + 8 = 60 characters, within the 64 of a common name.
    pub fn dns_name(&self, cluster: &ClusterName) -> DnsName {
        DnsName(format!("{self}.{cluster}.{NODE_DOMAIN}"))
    }
}

/// Names that mean something else on a cluster: system databases, accounts and namespaces that a project's
/// own database, group or namespace would collide with. Compared without case.
const RESERVED_PROJECTS: &[&str] = &[
    "airflow",
    "base",
    "default",
    "filebeat",
    "git",
    "glassfish_timers",
    "grafana",
    "head",
    "hops",
    "hopsworks",
    "information_schema",
    "kube_node_lease",
    "kube_public",
    "kube_system",
    "metastore",
    "mysql",
    "ndbinfo",
    "onlinefs",
    "performance_schema",
    "postgres",
    "projects",
    "ringfence",
    "rondb_replication",
    "root",
    "services",
    "sklearnserver",
    "sqoop",
    "sys",
    "trino",
];

fn check_project(text: &str) -> Result<(), String> {
    length(text, 2, 24)?;
    only(text, "letters, digits and underscores", |c| c.is_ascii_alphanumeric() || c == '_')?;
    alphanumeric_ends(text)?;
    no_double_underscore(text)?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it must not be only digits; add a letter".to_owned());
    }
    if RESERVED_PROJECTS.iter().any(|reserved| reserved.eq_ignore_ascii_case(text)) {
        return Err("this name is reserved; choose another".to_owned());
    }
    Ok(())
}

fn check_user(text: &str) -> Result<(), String> {
    length(text, 1, 32)?;
    only(text, "lower-case letters, digits and underscores", |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
    })?;
    alphanumeric_ends(text)?;
    no_double_underscore(text)
}

fn check_cluster(text: &str) -> Result<(), String> {
    check_label(text, 2, 30)
}

fn check_group(text: &str) -> Result<(), String> {
    check_label(text, 1, 15)?;
    if text == "head" {
        return Err("`head` names the node of the daemon; choose another".to_owned());
    }
    Ok(())
}

fn check_node(text: &str) -> Result<(), String> {
    if text == "head" {
        return Ok(());
    }
    let rule = || "it must be `head` or a worker group, a hyphen and an index, such as workers-0".to_owned();
    let (group, index) = text.rsplit_once('-').ok_or_else(rule)?;
    check_group(group)?;
    let canonical = index.parse::<u32>().is_ok_and(|number| number <= 9_999 && number.to_string() == index);
    if canonical { Ok(()) } else { Err(rule()) }
}

fn check_service(text: &str) -> Result<(), String> {
    check_label(text, 1, 30)
}

fn check_label(text: &str, min: usize, max: usize) -> Result<(), String> {
    length(text, min, max)?;
    only(text, "lower-case letters, digits and hyphens", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')?;
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("it must begin with a lower-case letter".to_owned());
    }
    if text.ends_with('-') {
        return Err("it must not end in a hyphen".to_owned());
    }
    Ok(())
}

fn check_system_user(text: &str) -> Result<(), String> {
    length(text, 1, 32)?;
    only(text, "lower-case letters, digits, underscores and hyphens", |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'
    })?;
    if text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        Ok(())
    } else {
        Err("it must begin with a lower-case letter or an underscore".to_owned())
    }
}

fn check_dns(text: &str) -> Result<(), String> {
    length(text, 1, 253)?;
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("each label between dots must have 1 to 63 characters".to_owned());
        }
        only(label, "lower-case letters, digits, hyphens and dots", |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
        })?;
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no label may begin or end with a hyphen".to_owned());
        }
    }
    Ok(())
}

fn check_job(text: &str) -> Result<(), String> {
    let plain = |character: char| character.is_ascii_alphanumeric();
    let inner = |character: char| plain(character) || "_.-".contains(character);
    if (1..=64).contains(&text.len()) && text.chars().all(inner) && text.starts_with(plain) && text.ends_with(plain) {
        return Ok(());
    }
    Err("it must have 1 to 64 of A-Z a-z 0-9 _ . - and begin and end with a letter or digit".to_owned())
}

fn check_audience(text: &str) -> Result<(), String> {
    length(text, 1, 200)?;
    only(text, "visible ASCII characters", |c| c.is_ascii_graphic())
}

fn length(text: &str, min: usize, max: usize) -> Result<(), String> {
    let count = text.chars().count();
    if (min..=max).contains(&count) {
        Ok(())
    } else {
        Err(format!("its length is {count} and must be {min} to {max} characters"))
    }
}

fn only(text: &str, allowed: &str, is_allowed: impl Fn(char) -> bool) -> Result<(), String> {
    match text.chars().find(|&c| !is_allowed(c)) {
        Some(c) => Err(format!("it holds {c:?} and may hold only {allowed}")),
        None => Ok(()),
    }
}

fn alphanumeric_ends(text: &str) -> Result<(), String> {
    let ends = [text.chars().next(), text.chars().last()];
    if ends.iter().flatten().all(char::is_ascii_alphanumeric) {
        Ok(())
    } else {
        Err("it must begin and end with a letter or a digit".to_owned())
    }
}

fn no_double_underscore(text: &str) -> Result<(), String> {
    if text.contains("__") {
        return Err("it must not hold two underscores in a row, which separate project and user".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn project_names_follow_the_rule() {
        for good in ["ab", "fraud", "Fraud_2", "a1", "1a", "abcdefghijklmnopqrstuvwx"] {
            assert!(ProjectName::parse(good).is_ok(), "{good}");
        }
        let bad = [
            ("", "2 to 24"),
            ("a", "2 to 24"),
            ("abcdefghijklmnopqrstuvwxy", "2 to 24"),
            ("_ab", "begin and end"),
            ("ab_", "begin and end"),
            ("a__b", "two underscores"),
            ("123", "only digits"),
            ("a-b", "may hold only"),
            ("frauß", "may hold only"),
            ("MySQL", "reserved"),
            ("Projects", "reserved"),
        ];
        for (text, rule) in bad {
            let error = ProjectName::parse(text).expect_err(text);
            assert!(error.to_string().contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn user_names_follow_the_rule() {
        for good in ["a", "alice", "a_b", "8bit"] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Alice", "a__b", "_a", "a_", "a.b", "a b", "abcdefghijklmnopqrstuvwxyzabcdefg"] {
            assert!(UserName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn node_names_are_canonical() {
        for good in ["head", "workers-0", "gpu-a-12"] {
            assert!(NodeName::parse(good).is_ok(), "{good}");
        }
        for bad in ["workers", "workers-01", "workers--1", "workers-99999", "head-0", "../x-1", "Workers-1"] {
            assert!(NodeName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_apis_name_is_a_dns_name_and_not_that_of_a_node() {
        assert!(DnsName::parse(API_NAME).is_ok());
        let (node, cluster) = API_NAME.trim_end_matches(".internal").split_once('.').unwrap();
        assert!(ClusterName::parse(cluster).is_ok(), "a cluster may be called so");
        assert!(NodeName::parse(node).is_err(), "a node may not");
    }

    #[test]
    fn dns_names_are_lower_case_labels() {
        for good in ["a", "a.b", "query.service.consul", "1.example"] {
            assert!(DnsName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "A.b", "*.a", "-a.b", "a_.b"] {
            assert!(DnsName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_job_fits_an_organization_and_a_path() {
        for good in ["a", "application_1700000000000_0001", "nightly-2026.11", &"j".repeat(64)] {
            assert!(JobId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a-", "a/b", "a b", "ä", &"j".repeat(65)] {
            assert!(JobId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn audiences_are_visible_ascii() {
        for good in ["x", "https://query.example:8443/?a=b", "{\"}", &"a".repeat(200)] {
            assert!(Audience::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a\n", "\u{7f}", "ä", &"a".repeat(201)] {
            assert!(Audience::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_longest_names_fit_a_common_name() {
        let group = GroupName::parse(&"g".repeat(15)).unwrap();
        let cluster = ClusterName::parse(&"c".repeat(30)).unwrap();
        assert!(NodeName::worker(&group, 9_999).dns_name(&cluster).as_str().len() <= 64);
        let widest = ProjectUser {
            project: ProjectName::parse(&"p".repeat(24)).unwrap(),
            user: UserName::parse(&"u".repeat(32)).unwrap(),
        };
        assert!(widest.to_string().len() <= 64);
    }

    proptest! {
        #[test]
        fn a_project_user_reads_back_as_it_was_written(project in "[A-Za-z0-9_]{2,24}", user in "[a-z0-9_]{1,32}") {
            let (Ok(project), Ok(user)) = (ProjectName::parse(&project), UserName::parse(&user)) else { return Ok(()) };
            let written = ProjectUser { project, user };
            prop_assert_eq!(ProjectUser::parse(&written.to_string()), Ok(written));
        }
    }
}
