//! Deferring: telling Terraform "not in this round" instead of failing on what is not known yet.
//!
//! Guarantee: what is deferred is only what Terraform can take up again. It must have said so for this call, and
//! something must be unknown, in what the call was given or in the provider block: during an apply nothing is, and
//! there a deferral would come too late although Terraform says that it accepts one.

use std::sync::{Mutex, PoisonError};

/// Why something waits for a later round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeferralReason {
    /// The configuration of this resource has unknown values.
    ResourceConfigUnknown,
    /// The provider block has unknown values.
    ProviderConfigUnknown,
    /// Something that it needs does not exist yet.
    AbsentPrerequisite,
}

/// Whether a call may be deferred, and whether it was.
#[derive(Debug, Default)]
pub(crate) struct Deferral {
    allowed: bool,
    reason: Mutex<Option<DeferralReason>>,
}

impl Deferral {
    /// `accepted` by Terraform for this call, `undecided` because something is unknown.
    pub(crate) fn new(accepted: bool, undecided: bool) -> Self {
        Self { allowed: accepted && undecided, reason: Mutex::default() }
    }

    /// Defers if that is allowed, and says whether it is.
    pub(crate) fn defer(&self, reason: DeferralReason) -> bool {
        if self.allowed {
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        }
        self.allowed
    }

    /// The reason, if the call was deferred.
    pub(crate) fn reason(&self) -> Option<DeferralReason> {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_terraform_accepts_and_something_unknown_can_be_deferred() {
        for (accepted, undecided, expected) in
            [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
        {
            let deferral = Deferral::new(accepted, undecided);
            assert_eq!(deferral.defer(DeferralReason::AbsentPrerequisite), expected, "{accepted} {undecided}");
            assert_eq!(deferral.reason().is_some(), expected, "{accepted} {undecided}");
        }
    }
}
