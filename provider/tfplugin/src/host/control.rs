//! The services that every plugin has: shut down, standard streams, extra connections.
//!
//! The last two are open streams that carry nothing: what a provider prints goes to its real standard error, and it
//! needs no extra connections.

use futures::future::ready;
use futures::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::proto::plugin::grpc_broker_server::GrpcBroker;
use crate::proto::plugin::grpc_controller_server::GrpcController;
use crate::proto::plugin::grpc_stdio_server::GrpcStdio;
use crate::proto::plugin::{ConnInfo, Empty, StdioData};

/// Ends the process when Terraform says so.
pub(super) struct Controller(CancellationToken);

impl Controller {
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self(shutdown)
    }
}

#[tonic::async_trait]
impl GrpcController for Controller {
    /// The server finishes the calls in flight, this one among them, so the answer goes out before the process ends.
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.cancel();
        Ok(Response::new(Empty {}))
    }
}

/// Streams that carry nothing and end at shutdown.
pub(super) struct Idle(CancellationToken);

impl Idle {
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self(shutdown)
    }

    fn stream<T: Send + 'static>(&self) -> BoxStream<T> {
        self.0.clone().cancelled_owned().into_stream().filter_map(|()| ready(None)).boxed()
    }
}

#[tonic::async_trait]
impl GrpcStdio for Idle {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(self.stream()))
    }
}

#[tonic::async_trait]
impl GrpcBroker for Idle {
    async fn start_stream(&self, _: Request<Streaming<ConnInfo>>) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        Ok(Response::new(self.stream()))
    }
}
