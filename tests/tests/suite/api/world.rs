//! A cluster of a test: a daemon, its operator, and whoever the test needs besides.

use std::time::Duration;

use ringfence_api::cluster::{AuthoritySettings, PutCluster};
use ringfence_api::inspect::AuditEntry;
use ringfence_api::project::{MemberCredentials, MemberRole, PutMember, PutProject};
use ringfence_api::{Client, ProjectName, UserName};
use ringfence_tests::{Head, Sandbox};

use super::https::{Https, Pem};
use crate::nodes::{declared, ready};

/// What a task of the daemon may take to notice something by itself.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A daemon and its operator.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) head: Head,
    /// The operator, typed.
    pub(crate) client: Client,
    /// The operator, raw.
    pub(crate) operator: Https,
    /// Nobody.
    pub(crate) public: Https,
}

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

pub(crate) fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

impl World {
    /// A new cluster in which nothing is declared.
    pub(crate) async fn new() -> Self {
        let sandbox = Sandbox::new();
        let head = Head::start(sandbox.path()).await;
        let client = head.operator();
        let connection = head.connection();
        let session = client.login().await.unwrap().session;
        let operator = Https::public(&connection).with_session(&session);
        let public = Https::public(&connection);
        Self { sandbox, head, client, operator, public }
    }

    /// A cluster with a worker, both nodes ready.
    pub(crate) async fn with_nodes() -> Self {
        let world = Self::new().await;
        world.declare(&declared(1, AuthoritySettings::default())).await;
        ready(&world.client, 2).await;
        world
    }

    pub(crate) async fn declare(&self, put: &PutCluster) {
        self.client.put_cluster(put).await.unwrap();
    }

    /// Makes a project and members of it, data scientists all.
    pub(crate) async fn people(&self, name: &str, users: &[&str]) {
        self.client.put_project(&project(name), &PutProject::default()).await.unwrap();
        let put = PutMember { role: MemberRole::DataScientist };
        for name_of in users {
            self.client.put_member(&project(name), &user(name_of), &put).await.unwrap();
        }
    }

    /// The credentials of a member.
    pub(crate) async fn credentials(&self, of: &str, who: &str) -> MemberCredentials {
        self.client.member_credentials(&project(of), &user(who)).await.unwrap()
    }

    /// A member as a caller.
    pub(crate) async fn member(&self, of: &str, who: &str) -> Https {
        self.holder(&Pem::from(&self.credentials(of, who).await))
    }

    /// Whoever holds this certificate as a caller.
    pub(crate) fn holder(&self, pem: &Pem) -> Https {
        Https::holder(&self.head.connection(), pem)
    }

    /// What a node holds on its disk, below its directory: `node` or `services/NAME`.
    pub(crate) fn held_by(&self, node: &str, holder: &str) -> Pem {
        let current = self.sandbox.path().join("nodes").join(node).join(holder).join("current");
        let read = |file: &str| std::fs::read_to_string(current.join(file)).unwrap();
        Pem { chain: read("tls.crt"), key: read("tls.key") }
    }

    /// The audit log, oldest first.
    pub(crate) async fn audit(&self) -> Vec<AuditEntry> {
        let mut rows: Vec<AuditEntry> = self.client.read("/v1/audit?limit=1000").await.unwrap();
        rows.reverse();
        rows
    }

    /// What the operator did: action and object, oldest first.
    pub(crate) async fn done_by_operator(&self) -> Vec<(String, String)> {
        let rows = self.audit().await.into_iter().filter(|row| row.actor == "operator");
        rows.map(|row| (row.action, row.object)).collect()
    }
}
