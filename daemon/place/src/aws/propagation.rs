//! Waits for what IAM has not heard of everywhere yet: a minute, for the messages that AWS gives for it alone, and for
//! nothing else.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>

use std::time::Duration;

use super::account::AwsError;
use super::role_error::RoleError;

/// How often it is tried again, and after which pause.
const MOST: u32 = 20;
const PAUSE: Duration = Duration::from_secs(3);

/// Does what may be repeated until it ends otherwise than for lag.
pub(super) async fn until_known<T, F>(step: impl Fn() -> F) -> Result<T, RoleError>
where
    F: Future<Output = Result<T, RoleError>>,
{
    for _ in 0..MOST {
        match step().await {
            Err(error) if is_lag(&error) => {
                tracing::info!(%error, "waiting until IAM knows what is new");
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

/// What was taken off just now, when what it was on is deleted.
fn still_in_use(error: &AwsError) -> bool {
    error.is("DeleteConflict")
}

/// A principal in a trust policy that was just made.
fn unknown_principal(error: &AwsError) -> bool {
    error.is("MalformedPolicyDocument") && error.text.contains("Invalid principal")
}

/// A role or an instance profile that was just made. A boundary or a policy that is not there is said in other words.
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
