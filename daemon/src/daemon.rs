//! The daemon's state, and the routes and tasks of all nouns.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::access::{Access, Routes};
use crate::authority::{Authorities, Issuing, OcspResponder};
use crate::base::{Base, HoldLead, Task};
use crate::master_key::KeyFile;
use crate::node::{Nodes, OnNode};
use crate::project::OfProject;
use crate::tasks::Tasks;
use crate::{access, http, tasks};

/// The shared state: each handler takes the parts that it needs. Cheap to clone.
#[derive(Clone, FromRef)]
pub(crate) struct Daemon {
    pub(crate) base: Arc<Base>,
    pub(crate) access: Arc<Access>,
    pub(crate) authorities: Arc<Authorities>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) tasks: Arc<Tasks>,
    ocsp: Arc<OcspResponder>,
    on_nodes: Arc<Issuing<OnNode>>,
    of_projects: Arc<Issuing<OfProject>>,
    key_file: Arc<KeyFile>,
}

impl Daemon {
    /// Creates the state. It starts nothing.
    pub(crate) fn new(access: Arc<Access>, nodes: Arc<Nodes>, key_file: KeyFile) -> Self {
        let (base, authorities) = (nodes.base.clone(), nodes.authorities.clone());
        let daemon = Self {
            access,
            tasks: Arc::new(Tasks::new(base.clone())),
            ocsp: Arc::new(OcspResponder::new(authorities.clone())),
            on_nodes: Arc::new(Issuing::new(authorities.clone())),
            of_projects: Arc::new(Issuing::new(authorities.clone())),
            base,
            authorities,
            nodes,
            key_file: Arc::new(key_file),
        };
        daemon.tasks.register(all_tasks(&daemon));
        daemon
    }
}

/// What the nouns offer, together.
macro_rules! nouns {
    ($($noun:ident),*) => {
        /// All routes, each with the row that says who may call it.
        pub(crate) fn all_routes() -> Routes<Daemon> {
            let routes = http::routes().merge(access::routes()).merge(tasks::routes());
            $(let routes = routes.merge(crate::$noun::routes());)*
            http::with_document(routes)
        }

        /// All background work.
        fn all_tasks(daemon: &Daemon) -> Vec<Box<dyn Task>> {
            let mut all: Vec<Box<dyn Task>> = vec![Box::new(HoldLead(daemon.base.clone()))];
            $(all.extend(crate::$noun::tasks(daemon));)*
            all
        }
    };
}

nouns!(audit, authority, cluster, master_key, node, project, token);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_matches_the_routes() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let document = http::document_text(all_routes().operations());
        assert!(committed == document, "docs/openapi.json is stale: run `make docs`");
    }

    #[test]
    fn every_operation_is_named_once() {
        let routes = all_routes();
        let mut names: Vec<&str> = routes.operations().iter().map(|operation| operation.id).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
