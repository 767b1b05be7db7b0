//! What AWS says of roles, policies and instance profiles, as users see it.

use ringfence_place::aws::{AwsError, RoleError};
use ringfence_policy::aws::{AwsNameError, STACK_TAG};
use tfplugin_rs::prelude::*;

/// A name that is not one.
pub(crate) fn invalid(error: &AwsNameError) -> Diagnostic {
    Diagnostic::error("A name cannot be used").detail(format!("{error}."))
}

/// An error of AWS about a resource, and the id that it would be imported with.
pub(crate) fn fault(error: &RoleError, resource: &str, id: &str) -> Diagnostics {
    if let RoleError::Aws(error) = error {
        return call_failed(error, "Whoever runs Terraform needs this right; ringfence's own role does not");
    }
    let (summary, detail, of) = in_words(error, resource, id);
    let diagnostic = Diagnostic::error(summary).detail(detail);
    match of {
        Some("role") if resource == "ringfence_aws_instance_profile" => {
            diagnostic.at(Path::root().attr("role_name")).into()
        }
        Some(_) => diagnostic.at(Path::root().attr("name")).into(),
        None => diagnostic.into(),
    }
}

/// The summary and the detail, and what it is about if a name is to blame: `role`, `instance profile` or `policy`.
fn in_words(error: &RoleError, resource: &str, id: &str) -> (String, String, Option<&'static str>) {
    let sentence = capital(&error.to_string());
    match error {
        RoleError::NotOurs { what: "policy", name, stack } => (
            "A policy stands where the role's own would, and is not ours".to_owned(),
            format!(
                "{name} does not carry the tag {STACK_TAG} = {stack}, so it is left as it is. If it is the stack's, \
                 give it the tag; if not, detach it from the role and delete it, or choose another name for the \
                 role."
            ),
            Some("policy"),
        ),
        RoleError::NotOurs { what, name, stack } => (
            format!("The {what} {name} exists and is not ours"),
            format!(
                "It does not carry the tag {STACK_TAG} = {stack}, so it is left as it is. Choose another name, or let \
                 Terraform take it over, which replaces its policies:\n\n\
                 import {{\n  to = {resource}.NAME\n  id = {id:?}\n}}"
            ),
            Some(*what),
        ),
        RoleError::AnotherRole { .. } => (
            "The stack has another role of this name".to_owned(),
            format!("{sentence}. Choose another name."),
            Some("role"),
        ),
        RoleError::InAnotherProfile { .. } => (
            "Another instance profile holds the role".to_owned(),
            format!("{sentence}, so nothing was changed. Take it out there, or name another role."),
            Some("role"),
        ),
        RoleError::PolicyShared { .. } => (
            "Something else has a policy of the role's own".to_owned(),
            format!("{sentence}, so nothing was changed. Detach it there."),
            Some("role"),
        ),
        RoleError::OtherPath { what, .. } => (
            "The path cannot be changed".to_owned(),
            format!("{sentence}. Use that path, or another name."),
            Some(*what),
        ),
        RoleError::NotSeen { what, name } => {
            ("AWS is slow to show what was made".to_owned(), not_seen(what, name, &sentence), None)
        }
        RoleError::Aws(_) | RoleError::Unreadable(_) => {
            ("AWS did not do what was asked".to_owned(), format!("{error}."), None)
        }
    }
}

fn not_seen(what: &str, name: &str, sentence: &str) -> String {
    if what == "policy" {
        return format!(
            "AWS has the {what} {name} and does not show it, after a minute. Names of policies are unique whatever \
             their path and case, so look whether there is another one of this name; if not, apply again."
        );
    }
    format!("{sentence}, after a minute. Apply again: it is found by its name and tag.")
}

/// Whether something may have been made before this went wrong; else it was told before the first change.
pub(crate) fn may_be_made(error: &RoleError) -> bool {
    matches!(error, RoleError::Aws(_) | RoleError::NotSeen { .. } | RoleError::Unreadable(_))
}

/// A call that failed, with who needs the right to make it.
pub(crate) fn call_failed(error: &AwsError, right: &str) -> Diagnostics {
    if error.is_refusal() {
        return Diagnostic::error("AWS refuses this").detail(format!("{error}. {right}.")).into();
    }
    Diagnostic::error("AWS did not do what was asked").detail(format!("{error}.")).into()
}

/// A sentence begins so.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
