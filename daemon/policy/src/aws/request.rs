//! Requests for documents as users write them: attributes in Terraform, keys in JSON. Each request type
//! checks its words and says what is wrong at which attribute.
//!
//! Terraform plans before every value is known. A request then holds what is known, and the caller names the attributes
//! that are not: nothing that they may still set is reported as missing.

mod cross_account;
mod node_role;
mod trust;

pub use cross_account::{CrossAccountRequest, InstanceProfileRequest};
pub use node_role::NodeRoleRequest;
pub use trust::TrustRequest;

use std::collections::BTreeSet;
use std::fmt;

use super::fault::Fault;
use super::name::{Partition, Region};

/// The attributes of a request whose values are not known yet.
pub type Unknown = BTreeSet<&'static str>;

/// What is known of a request, checked attribute by attribute. A value that is not known is neither missing nor wrong.
struct Checker<'a> {
    unknown: &'a Unknown,
    faults: Vec<Fault>,
}

impl<'a> Checker<'a> {
    fn new(unknown: &'a Unknown) -> Self {
        Self { unknown, faults: Vec::new() }
    }

    fn is_unknown(&self, attribute: &str) -> bool {
        self.unknown.contains(attribute)
    }

    fn wrong_if(&mut self, is_wrong: bool, attribute: &'static str, problem: &str) {
        if is_wrong {
            self.faults.push(Fault::new(attribute, problem));
        }
    }

    fn optional<T, E: fmt::Display>(
        &mut self,
        attribute: &'static str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text?) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.faults.push(Fault::new(attribute, error.to_string()));
                None
            }
        }
    }

    fn required<T, E: fmt::Display>(
        &mut self,
        attribute: &'static str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.wrong_if(text.is_none() && !self.is_unknown(attribute), attribute, "it must be given");
        self.optional(attribute, text, parse)
    }

    fn all<T: Ord, E: fmt::Display>(
        &mut self,
        attribute: &'static str,
        texts: Option<&BTreeSet<String>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> BTreeSet<T> {
        texts.into_iter().flatten().filter_map(|text| self.optional(attribute, Some(text), &parse)).collect()
    }

    /// The partition as given, else the region's. One that the region is not in is a fault.
    fn partition(&mut self, given: Option<&String>, region: Option<&Region>) -> Option<Partition> {
        let of_region = region.map(Partition::of);
        if given.is_none() {
            return of_region;
        }
        let partition = self.optional("partition", given, |word| {
            word_of(word, Partition::from_word, "a partition", &Partition::ALL.map(Partition::as_str))
        })?;
        if let (Some(region), Some(of_region)) = (region, of_region.filter(|of_region| *of_region != partition)) {
            self.faults.push(Fault::new(
                "partition",
                format!("the region {region} is in the partition {of_region} and not in {partition}"),
            ));
        }
        Some(partition)
    }
}

/// One of a few words, or what it is not and which words there are.
fn word_of<T>(word: &str, from_word: fn(&str) -> Option<T>, what: &str, all: &[&str]) -> Result<T, String> {
    from_word(word).ok_or_else(|| format!("{word:?} is not {what}; there are {}", all.join(", ")))
}
