//! What this run has read of the members of each project, so that a refresh of thousands is a few calls and not
//! thousands.
//!
//! Guarantees:
//! - a member is said to be gone only when the daemon was asked for this very one;
//! - what this run has changed is read again: a listing that began before the change ended is not used;
//! - a listing is of this run: Terraform configures a new provider for each walk over its resources.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_api::project::Member;
use ringfence_api::{Client, ClientError, ClusterId, ProjectName, ProjectUser, UserName};
use tokio::sync::OnceCell;

/// So many members of a project are asked for one by one before all are listed: a project may have thousands, of
/// which this configuration holds a few.
const ONE_BY_ONE: u32 = 10;

/// The listings of one run.
#[derive(Default)]
pub(crate) struct Members {
    projects: Mutex<HashMap<(ClusterId, ProjectName), Project>>,
}

/// The members of a project, read once. `None` in it: there was no listing to be had, and each is asked for alone.
type Listing = Arc<OnceCell<Option<HashMap<UserName, Member>>>>;

#[derive(Default)]
struct Project {
    reads: u32,
    listing: Listing,
}

impl Members {
    /// One member; `None` if there is none.
    pub(crate) async fn read(&self, client: &Client, identity: &ProjectUser) -> Result<Option<Member>, ClientError> {
        let ProjectUser { project, user } = identity;
        if let Some(listing) = self.listing(client, project) {
            let listed = listing.get_or_init(async || list(client, project).await).await;
            if let Some(member) = listed.as_ref().and_then(|members| members.get(user)) {
                return Ok(Some(member.clone()));
            }
        }
        match client.member(project, user).await {
            Ok(member) => Ok(Some(member)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is known of this project's members is not to be relied on. Call it after each change, also a failed one.
    pub(crate) fn forget(&self, client: &Client, project: &ProjectName) {
        self.lock().remove(&(client.connection().cluster_id, project.clone()));
    }

    /// The listing to look into, once it pays.
    fn listing(&self, client: &Client, project: &ProjectName) -> Option<Listing> {
        let mut projects = self.lock();
        let project = projects.entry((client.connection().cluster_id, project.clone())).or_default();
        project.reads += 1;
        (project.reads > ONE_BY_ONE).then(|| project.listing.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ClusterId, ProjectName), Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list(client: &Client, project: &ProjectName) -> Option<HashMap<UserName, Member>> {
    let members = client.members(project).await.ok()?;
    Some(members.into_iter().map(|member| (member.user.clone(), member)).collect())
}
