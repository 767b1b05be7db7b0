//! Requests of the Query protocol: a form with an action and numbered parameters.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html>

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// The service's prefix in policies, such as `ec2`.
    pub(crate) service: String,
    /// The action, such as `RunInstances`.
    pub(crate) action: String,
    /// The region of the signature.
    pub(crate) region: String,
    /// Who calls.
    pub(crate) access_key: String,
    /// Everything else.
    pub(crate) params: BTreeMap<String, String>,
}

impl Query {
    /// Reads a request; `None` if it is none of this protocol.
    pub(crate) fn read(authorization: &str, body: &str) -> Option<Self> {
        let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
        let [access_key, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else { return None };
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let mut params: BTreeMap<String, String> = body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        let action = params.remove("Action")?;
        Some(Self {
            service: service.to_owned(),
            action,
            region: region.to_owned(),
            access_key: access_key.to_owned(),
            params,
        })
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// The values of a numbered parameter: `InstanceId` for `InstanceId.1` and so on, or `Tags.member` for lists of
    /// IAM.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|n| self.get(&format!("{name}.{n}"))).collect()
    }

    /// The tags under a prefix: `Tag.N.Key` and `Tag.N.Value`.
    pub(crate) fn tags(&self, prefix: &str) -> BTreeMap<String, String> {
        let pair = |n: usize| {
            let key = self.get(&format!("{prefix}.{n}.Key"))?;
            Some((key.to_owned(), self.get(&format!("{prefix}.{n}.Value")).unwrap_or_default().to_owned()))
        };
        (1..).map_while(pair).collect()
    }

    /// The tags that a call sets on what it creates of this kind (`TagSpecification.N`).
    pub(crate) fn tags_of(&self, kind: &str) -> BTreeMap<String, String> {
        let specification = |n: usize| self.get(&format!("TagSpecification.{n}.ResourceType"));
        let numbers = (1..).take_while(|n| specification(*n).is_some());
        let of_kind = numbers.filter(|n| specification(*n) == Some(kind));
        of_kind.flat_map(|n| self.tags(&format!("TagSpecification.{n}.Tag"))).collect()
    }

    /// The kinds that a call tags.
    pub(crate) fn tagged_kinds(&self) -> Vec<String> {
        (1..).map_while(|n| self.get(&format!("TagSpecification.{n}.ResourceType"))).map(str::to_owned).collect()
    }

    /// Whether it asks only whether it might.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.get("DryRun") == Some("true")
    }

    /// Whether it changes something.
    pub(crate) fn changes(&self) -> bool {
        let reads = ["Describe", "Get", "List", "Simulate", "Decode", "Assume"];
        !self.is_dry_run() && !reads.iter().any(|verb| self.action.starts_with(verb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_lists_and_tags() {
        let authorization =
            "AWS4-HMAC-SHA256 Credential=AKIAX/20261126/eu-north-1/ec2/aws4_request, SignedHeaders=host";
        let body = "Action=RunInstances&Version=2016-11-15&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2&DryRun=true\
            &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=ringfence%3Astack\
            &TagSpecification.1.Tag.1.Value=a+b";
        let query = Query::read(authorization, body).unwrap();
        assert_eq!((query.service.as_str(), query.access_key.as_str()), ("ec2", "AKIAX"));
        assert_eq!(query.list("SecurityGroupId"), ["sg-1", "sg-2"]);
        assert_eq!(query.tags_of("instance"), BTreeMap::from([("ringfence:stack".to_owned(), "a b".to_owned())]));
        assert!(query.is_dry_run() && !query.changes() && query.tags_of("volume").is_empty());
        assert_eq!(Query::read("Bearer x", body), None);
    }
}
