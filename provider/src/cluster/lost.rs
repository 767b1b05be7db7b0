//! Reading a cluster of which parts are gone: it stays in the state, so that it can be restored, replaced or removed,
//! and the plan says what is gone.
//!
//! It is told by a warning. Terraform plans `-replace` as a change first, which an error would refuse. An apply of that
//! change fails before it does anything.

use ringfence_api::ClusterId;
use tfplugin_rs::prelude::*;

use super::ClusterResource;
use super::converge::stopped;
use super::model::{ClusterModel, INCOMPLETE};
use crate::ringfence::Seen;
use crate::target::Lost;

/// The state of such a cluster; none if what is left is another one's.
pub(super) fn read(
    ctx: &ResourceContext<ClusterResource>,
    state: ClusterModel,
    recorded: Option<ClusterId>,
    lost: &Lost,
) -> Option<ClusterModel> {
    if let Some(recorded) = recorded {
        // What was in it is gone with its database, so nobody is asked for it, also when it is removed.
        ctx.data().note(recorded, Seen::Gone);
        if lost.id.is_some_and(|id| id != recorded) {
            return None;
        }
    }
    let Lost { fault, .. } = lost;
    ctx.warn(Diagnostic::warning(fault.summary()).detail(fault.detail_text()).at(fault.path().clone()));
    let incomplete = state.state == INCOMPLETE;
    let seen = stopped(ClusterModel { running: false.into(), ..state }, None);
    Some(if incomplete { ClusterModel { state: INCOMPLETE.into(), ..seen } } else { seen })
}
