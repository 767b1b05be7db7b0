//! The routes that a noun offers: operations with their handlers. Each is guarded by its row of the authorization
//! table, and there is no other way to add a route.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use ringfence_api::route::{Method, Operation, Route};

use crate::access::Access;
use crate::access::authorize::authorize;

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
            let (mut parts, body) = request.into_parts();
            let access = Arc::<Access>::from_ref(&state);
            match authorize(&access, &self.operation, &mut parts).await {
                Ok(()) => self.handler.call(Request::from_parts(parts, body), state).await,
                Err(failure) => failure.into_response(),
            }
        })
    }
}
