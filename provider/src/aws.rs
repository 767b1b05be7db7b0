//! AWS's documents between Terraform's words and the library's. Pure.
//!
//! The same inputs stand in a function's argument, in its data-source twin and in the resource that makes the role, so they
//! are written once, in macros that add them to a model.

mod cross_account;
mod node_role;
mod rendered;
#[cfg(feature = "aws")]
mod role;
mod trust;

pub(crate) use cross_account::{CrossAccountInputs, InstanceProfileModel, cross_account_model};
pub(crate) use node_role::{NodeRoleInputs, node_role_model};
pub(crate) use rendered::{RenderedModel, StatementModel};
#[cfg(feature = "aws")]
pub(crate) use role::{
    account, account_in, account_of, account_to_make_in, attached, call_failed, capital, check_same, claim, fault,
    invalid, is_free_tag_key, may_be_made, same_document, stack_of, stack_to_remove, tags_of, warn_of_existing,
};
pub(crate) use trust::TrustInputs;

use std::collections::BTreeSet;

use tfplugin_rs::prelude::*;

/// What is wrong with an input, and at which attribute.
pub(crate) type Fault = (&'static str, String);

/// Says what is wrong at the attributes.
pub(crate) fn report(summary: &str, faults: Vec<Fault>, out: &mut Diagnostics) {
    for (attribute, rule) in faults {
        out.push(Diagnostic::error(summary).detail(format!("`{attribute}`: {rule}.")).at(Path::root().attr(attribute)));
    }
}

/// The first fault as the error of a function, whose only argument is the request.
pub(crate) fn refused(faults: Vec<Fault>) -> FunctionError {
    let (attribute, rule) = faults.into_iter().next().unwrap_or(("", "it cannot be used".to_owned()));
    FunctionError::new(format!("{attribute}: {rule}")).argument(0)
}

/// The texts of a set, checked; a fault names the attribute.
fn texts<T: Ord, E: std::fmt::Display>(
    value: &Value<BTreeSet<String>>,
    attribute: &'static str,
    parse: impl Fn(&str) -> std::result::Result<T, E>,
    faults: &mut Vec<Fault>,
) -> BTreeSet<T> {
    let mut all = BTreeSet::new();
    for text in value.known().into_iter().flatten() {
        match parse(text) {
            Ok(parsed) => drop(all.insert(parsed)),
            Err(error) => faults.push((attribute, error.to_string())),
        }
    }
    all
}

/// A text, checked; a fault names the attribute. Nothing when it is null.
fn text<T, E: std::fmt::Display>(
    value: &Value<String>,
    attribute: &'static str,
    parse: impl Fn(&str) -> std::result::Result<T, E>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    match parse(value.as_str()?) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            faults.push((attribute, error.to_string()));
            None
        }
    }
}

/// A text that must be there.
fn required<T, E: std::fmt::Display>(
    value: &Value<String>,
    attribute: &'static str,
    parse: impl Fn(&str) -> std::result::Result<T, E>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    if value.is_null() {
        faults.push((attribute, "it must be given".to_owned()));
    }
    text(value, attribute, parse, faults)
}

/// The partition: as given, else the region's. One that does not fit the region is a fault.
fn partition(
    given: &Value<String>,
    region: Option<&ringfence_policy::aws::Region>,
    faults: &mut Vec<Fault>,
) -> Option<ringfence_policy::aws::Partition> {
    use ringfence_policy::aws::Partition;
    let of_region = region.map(Partition::of);
    let Some(word) = given.as_str() else { return of_region };
    let words = || Partition::ALL.map(Partition::as_str).join(", ");
    let Some(partition) = Partition::from_word(word) else {
        faults.push(("partition", format!("{word:?} is not a partition; there are {}", words())));
        return None;
    };
    if let (Some(region), Some(of_region)) = (region, of_region.filter(|of_region| *of_region != partition)) {
        faults
            .push(("partition", format!("the region {region} is in the partition {of_region} and not in {partition}")));
    }
    Some(partition)
}
