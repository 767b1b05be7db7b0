//! What is new takes a while to be seen everywhere. Time is counted in calls, so that no test waits for a clock.

use std::collections::HashMap;

use crate::between::all_between;
use crate::query::Query;

/// For how many calls what is new is not there yet. All zero: at once, as in moto.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lag {
    /// Calls about a new object of EC2 by its id that are answered with `NotFound`, and lists that leave it out.
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
    pub object: usize,
    /// Calls about a new role or instance profile by its name, or about a new policy by its ARN, that are answered with
    /// `NoSuchEntity`.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    pub name: usize,
    /// Launches with a new instance profile that are refused.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshoot-iam.html>
    pub instance_profile: usize,
    /// Times that a new role cannot be assumed.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    pub role: usize,
    /// Times that a principal in a trust policy is unknown. It is made elsewhere, so it counts from now.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    pub principal: usize,
}

/// What is waited for at the moment.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    lag: Lag,
    objects: HashMap<String, usize>,
    names: HashMap<String, usize>,
    profiles: HashMap<String, usize>,
    roles: HashMap<String, usize>,
}

/// A refusal because of a wait.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The elements that hold the id of what a call makes, with the error for one that is not there.
const IDS: [(&str, &str, &str); 5] = [
    ("RunInstances", "instanceId", "InvalidInstanceID.NotFound"),
    ("CreateVolume", "volumeId", "InvalidVolume.NotFound"),
    ("CreateSnapshot", "snapshotId", "InvalidSnapshot.NotFound"),
    ("RegisterImage", "imageId", "InvalidAMIID.NotFound"),
    ("CreateSecurityGroup", "groupId", "InvalidGroup.NotFound"),
];

impl Waits {
    /// From now on.
    pub(crate) fn begin(&mut self, lag: Lag) {
        *self = Self { lag, ..Self::default() };
    }

    /// Why a call fails yet; each failure is a step of time.
    pub(crate) fn refusal(&mut self, query: &Query) -> Option<Refusal> {
        if let Some(principal) = principal(query).filter(|_| self.lag.principal > 0) {
            self.lag.principal -= 1;
            let message = format!("Invalid principal in policy: {principal}");
            return Some(Refusal { status: 400, code: "MalformedPolicyDocument", message });
        }
        let (path, by_arn) = ("IamInstanceProfile.Name", "IamInstanceProfile.Arn");
        let profile = query.get(path).or_else(|| query.get(by_arn).and_then(|arn| arn.rsplit('/').next()));
        if let Some(name) = profile.filter(|name| step(&mut self.profiles, name)) {
            let message = format!(
                "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
            );
            return Some(Refusal { status: 400, code: "InvalidParameterValue", message });
        }
        let named = [("InstanceProfileName", "Instance Profile"), ("RoleName", "The role with name")];
        for (parameter, what) in
            named.into_iter().filter(|_| !matches!(query.action.as_str(), "CreateRole" | "CreateInstanceProfile"))
        {
            if let Some(name) = query.get(parameter).filter(|name| step(&mut self.names, &format!("{what} {name}"))) {
                let message = format!("{what} {name} cannot be found.");
                return Some(Refusal { status: 404, code: "NoSuchEntity", message });
            }
        }
        if let Some(arn) = query.get("PolicyArn").filter(|arn| step(&mut self.names, arn)) {
            let message = match query.action.as_str() {
                "AttachRolePolicy" => format!("Policy {arn} does not exist or is not attachable."),
                _ => format!("Policy {arn} was not found."),
            };
            return Some(Refusal { status: 404, code: "NoSuchEntity", message });
        }
        let named: Vec<&String> = query.params.values().filter(|value| self.objects.contains_key(*value)).collect();
        let id = named.into_iter().find(|id| step(&mut self.objects, id))?;
        let code = match id.split('-').next() {
            Some("i") => IDS[0].2,
            Some("vol") => IDS[1].2,
            Some("snap") => IDS[2].2,
            Some("ami") => IDS[3].2,
            _ => IDS[4].2,
        };
        Some(Refusal { status: 400, code, message: format!("The ID '{id}' does not exist") })
    }

    /// Whether a role cannot be assumed yet; each refusal is a step of time.
    pub(crate) fn role(&mut self, name: &str) -> bool {
        step(&mut self.roles, name)
    }

    /// Takes note of what a call has made.
    pub(crate) fn answered(&mut self, query: &Query, answer: &str) {
        if let Some((_, element, _)) = IDS.iter().find(|(action, ..)| *action == query.action)
            && let Some(id) = all_between(answer, &format!("<{element}>"), &format!("</{element}>")).next()
        {
            self.objects.insert(id.to_owned(), self.lag.object);
        }
        if let Some(name) = query.get("InstanceProfileName").filter(|_| query.action == "AddRoleToInstanceProfile") {
            self.profiles.insert(name.to_owned(), self.lag.instance_profile);
        }
        if let Some(name) = query.get("InstanceProfileName").filter(|_| query.action == "CreateInstanceProfile") {
            self.names.insert(format!("Instance Profile {name}"), self.lag.name);
        }
        if query.action == "CreatePolicy"
            && let Some(arn) = all_between(answer, "<Arn>", "</Arn>").next()
        {
            self.names.insert(arn.to_owned(), self.lag.name);
        }
        if let Some(name) = query.get("RoleName").filter(|_| query.action == "CreateRole") {
            self.roles.insert(name.to_owned(), self.lag.role);
            self.names.insert(format!("The role with name {name}"), self.lag.name);
        }
    }

    /// A list without what is not listed yet; each omission is a step of time.
    pub(crate) fn seen(&mut self, query: &Query, answer: String) -> String {
        if !query.action.starts_with("Describe") {
            return answer;
        }
        let hidden: Vec<String> =
            self.objects.keys().filter(|id| answer.contains(&format!(">{id}<"))).cloned().collect();
        let hidden: Vec<String> = hidden.into_iter().filter(|id| step(&mut self.objects, id)).collect();
        without(&answer, &hidden)
    }
}

/// The answer without the items of its list that these ids stand in.
fn without(answer: &str, hidden: &[String]) -> String {
    let mut left = answer.to_owned();
    if hidden.is_empty() {
        return left;
    }
    let document = roxmltree::Document::parse(answer).expect("moto answers in XML");
    let items = document.root_element().children().flat_map(|list| list.children());
    let cut: Vec<_> = items
        .filter(|item| {
            item.descendants().any(|node| node.text().is_some_and(|text| hidden.iter().any(|id| id == text)))
        })
        .map(|item| item.range())
        .collect();
    for range in cut.into_iter().rev() {
        left.replace_range(range, "");
    }
    left
}

/// Whether something is still waited for, and one step less from now on.
fn step(waits: &mut HashMap<String, usize>, name: &str) -> bool {
    match waits.get_mut(name) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

/// The principal of a trust policy in the call.
fn principal(query: &Query) -> Option<String> {
    let documents = ["AssumeRolePolicyDocument", "PolicyDocument"].into_iter().filter_map(|name| query.get(name));
    let document = documents.into_iter().find(|document| document.contains("sts:AssumeRole"))?;
    let document: serde_json::Value = serde_json::from_str(document).ok()?;
    Some(document["Statement"][0]["Principal"].to_string())
}
