//! Waits for IAM's eventual consistency: for a minute, and only on the errors that AWS returns for it alone.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>

use std::time::Duration;

use super::account::AwsError;
use super::role_error::RoleError;

/// How often a call is repeated, and the pause before each repeat.
const MOST: u32 = 20;
const PAUSE: Duration = Duration::from_secs(3);

/// Repeats a call until its outcome is not an error of propagation.
pub(super) async fn until_known<T, F>(step: impl Fn() -> F) -> Result<T, RoleError>
where
    F: Future<Output = Result<T, RoleError>>,
{
    for _ in 0..MOST {
        match step().await {
            Err(error) if is_lag(&error) => {
                tracing::info!(%error, "waiting for IAM to propagate a change");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
    step().await
}

fn is_lag(error: &RoleError) -> bool {
    match error {
        RoleError::NotSeen { .. } => true,
        RoleError::Aws(error) => unknown_principal(error) || unknown_name(error) || still_in_use(error),
        _ => false,
    }
}

/// Something was just detached, and what it was attached to is deleted.
fn still_in_use(error: &AwsError) -> bool {
    error.is("DeleteConflict")
}

/// A principal in a trust policy was just created.
fn unknown_principal(error: &AwsError) -> bool {
    error.is("MalformedPolicyDocument") && error.text.contains("Invalid principal")
}

/// A role or an instance profile was just created. A missing boundary or policy has another error.
fn unknown_name(error: &AwsError) -> bool {
    let named = error.text.contains("role with name") || error.text.contains("Instance Profile");
    error.is("NoSuchEntity") && named && error.text.contains("cannot be found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_waited_for_and_a_mistake_is_not() {
        let aws = |code: &str, text: &str| {
            is_lag(&RoleError::Aws(AwsError { call: "iam:Any", code: Some(code.to_owned()), text: text.to_owned() }))
        };
        assert!(is_lag(&RoleError::NotSeen { what: "role", name: "r".to_owned() }));
        assert!(aws(
            "MalformedPolicyDocument",
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::444455556666:role/c\""
        ));
        assert!(aws("NoSuchEntity", "The role with name r cannot be found."));
        assert!(aws("NoSuchEntity", "Instance Profile p cannot be found."));
        assert!(!aws(
            "NoSuchEntity",
            "Scope ARN: arn:aws:iam::111122223333:policy/b does not exist or is not attachable."
        ));
        assert!(aws("DeleteConflict", "Cannot delete entity, must detach all policies first."));
        assert!(!aws("MalformedPolicyDocument", "Syntax errors in policy."));
        assert!(!aws("AccessDenied", "The role with name r cannot be found."));
        assert!(!is_lag(&RoleError::Unreadable("a role")));
    }
}
