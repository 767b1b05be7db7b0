//! The daemon: what it is made of, and what handlers are given of it. Routes and tasks are composed from what the nouns offer.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::access::{Access, Routes};
use crate::authority::{Authorities, Issuing, OcspResponder};
use crate::base::{Base, HoldLead, Task};
use crate::master_key::KeyFile;
use crate::node::{Nodes, OnNode};
use crate::project::OfProject;
use crate::tasks::Tasks;
use crate::{access, audit, authority, cluster, http, master_key, node, project, tasks, token};

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
    /// A daemon of these parts. It serves nobody and does nothing by itself.
    pub(crate) fn new(access: Arc<Access>, nodes: Arc<Nodes>, key_file: KeyFile) -> Self {
        let (base, authorities) = (nodes.base.clone(), nodes.authorities.clone());
        let key_file = Arc::new(key_file);
        Self {
            access,
            tasks: Arc::new(Tasks::new(base.clone(), all_tasks(&nodes, &key_file))),
            ocsp: Arc::new(OcspResponder::new(authorities.clone())),
            on_nodes: Arc::new(Issuing::new(authorities.clone())),
            of_projects: Arc::new(Issuing::new(authorities.clone())),
            base,
            authorities,
            nodes,
            key_file,
        }
    }
}

/// All routes, each with the row that says who may call it.
pub(crate) fn all_routes() -> Routes<Daemon> {
    let routes = http::routes()
        .merge(access::routes())
        .merge(cluster::routes())
        .merge(node::routes())
        .merge(project::routes())
        .merge(token::routes())
        .merge(authority::routes())
        .merge(master_key::routes())
        .merge(audit::routes())
        .merge(tasks::routes());
    http::with_document(routes)
}

/// All background work.
fn all_tasks(nodes: &Arc<Nodes>, key_file: &Arc<KeyFile>) -> Vec<Box<dyn Task>> {
    let Nodes { base, authorities, .. } = &**nodes;
    let mut all: Vec<Box<dyn Task>> = vec![Box::new(HoldLead(base.clone()))];
    all.extend(node::tasks(nodes));
    all.extend(authority::tasks(authorities));
    all.extend(project::tasks(authorities));
    all.extend(token::tasks(base));
    all.extend(master_key::tasks(base, key_file));
    all.extend(audit::tasks(base));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_what_the_routes_say() {
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
