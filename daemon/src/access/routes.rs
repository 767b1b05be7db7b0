//! The routes that a noun offers: operations with their handlers. Each is guarded by its row of the authorization
//! table, and there is no other way to add a route.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use ringfence_api::inspect::route::READ_HEALTH;
use ringfence_api::route::{Callers, Method, Operation, Route};
use tokio::sync::SemaphorePermit;

use crate::access::Access;
use crate::access::authorize::authorize;
use crate::base::{Answer, Bounds, bounded, read_whole};

/// Operations and their handlers.
pub(crate) struct Routes<S> {
    operations: Vec<Operation>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub(crate) fn new() -> Self {
        Self { operations: Vec::new(), router: Router::new() }
    }

    /// Adds a route.
    pub(crate) fn add<B, A, T: 'static>(mut self, route: &Route<B, A>, handler: impl Handler<T, S>) -> Self
    where
        Arc<Access>: FromRef<S>,
    {
        let operation = route.operation();
        self.operations.push(operation);
        let method = match operation.method {
            Method::Get => MethodFilter::GET,
            Method::Put => MethodFilter::PUT,
            Method::Post => MethodFilter::POST,
            Method::Delete => MethodFilter::DELETE,
        };
        self.router = self.router.route(operation.path, on(method, Guarded { operation, handler }));
        self
    }

    /// Adds the routes of another noun.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.operations.extend(other.operations);
        self.router = self.router.merge(other.router);
        self
    }

    /// The authorization table: every operation, with who may call it.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The router that serves them.
    pub(crate) fn into_router(self) -> Router<S> {
        self.router
    }
}

/// A handler that runs only for callers whom its operation's row admits.
#[derive(Clone)]
struct Guarded<H> {
    operation: Operation,
    handler: H,
}

impl<T, S, H> Handler<T, S> for Guarded<H>
where
    S: Send + Sync + 'static,
    H: Handler<T, S>,
    Arc<Access>: FromRef<S>,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        Box::pin(async move {
            let access = Arc::<Access>::from_ref(&state);
            match admit(&access, &self.operation, request).await {
                Ok((request, _turn)) => self.handler.call(request, state).await,
                Err(failure) => failure.into_response(),
            }
        })
    }
}

/// Admits a request to its handler, with a bounded body; a public one with its turn, which lasts as long as the permit.
async fn admit<'a>(
    access: &'a Access,
    operation: &Operation,
    request: Request,
) -> Answer<(Request, Option<SemaphorePermit<'a>>)> {
    let (mut parts, body) = request.into_parts();
    authorize(access, operation, &mut parts).await?;
    if operation.callers != Callers::Anyone {
        return Ok((Request::from_parts(parts, bounded(body, Bounds::OTHERS)), None));
    }
    // Before the turn begins, so that those who send slowly take no turn from others.
    let body = read_whole(bounded(body, Bounds::PUBLIC)).await?;
    // Whoever watches the daemon hears that it is up, also while it is busy.
    let is_health = operation.id == READ_HEALTH.operation().id;
    let turn = if is_health { None } else { Some(access.public.wait().await?) };
    Ok((Request::from_parts(parts, body.into()), turn))
}
