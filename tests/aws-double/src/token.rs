//! Idempotency tokens of launches, which moto ignores.
//!
//! The same token with the same parameters is the same launch; with others it is a mistake; when its instance is
//! terminated it is an error. A token counts in the zone of the launch: the same one in another zone is another launch.
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::between::all_between;
use crate::query::Query;

/// The launches so far, by region, zone and token.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    launches: HashMap<(String, String, String), Launch>,
    ended: HashSet<String>,
}

#[derive(Debug)]
struct Launch {
    params: BTreeMap<String, String>,
    answer: String,
}

/// What a launch is to its token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The first, or none with a token.
    New,
    /// One that was there, with its answer.
    Same(String),
    /// One that was there with other parameters.
    Other,
    /// One whose instances are terminated.
    Ended,
}

impl Tokens {
    /// What a call is to its token.
    pub(crate) fn repeat(&self, query: &Query, zone: &str) -> Repeat {
        let Some(launch) = key(query, zone).and_then(|key| self.launches.get(&key)) else { return Repeat::New };
        if launch.params != query.params {
            return Repeat::Other;
        }
        let mut instances = all_between(&launch.answer, "<instanceId>", "</instanceId>");
        if instances.any(|id| self.ended.contains(id)) { Repeat::Ended } else { Repeat::Same(launch.answer.clone()) }
    }

    /// Takes note of a call that was done.
    pub(crate) fn answered(&mut self, query: &Query, zone: &str, answer: &str) {
        if query.action == "TerminateInstances" {
            self.ended.extend(query.list("InstanceId").into_iter().map(str::to_owned));
        }
        if let Some(key) = key(query, zone) {
            self.launches.insert(key, Launch { params: query.params.clone(), answer: answer.to_owned() });
        }
    }
}

fn key(query: &Query, zone: &str) -> Option<(String, String, String)> {
    let token = query.get("ClientToken").filter(|_| query.action == "RunInstances")?;
    Some((query.region.clone(), zone.to_owned(), token.to_owned()))
}
