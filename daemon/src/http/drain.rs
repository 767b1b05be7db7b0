//! Reads the rest of a body that the handler did not read, because it refused the request first. Otherwise HTTP/2
//! resets the stream right after the response, which some clients (curl before 8) report as an error instead of the
//! response.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};

use crate::base::BODY_LIMIT;

/// How long a peer may take to send the rest.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Passes the request on, and reads the rest of its body before the response is sent.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(shared.clone()))).await;
    if !shared.is_end_stream() {
        // A body that is too long or too slow is cut off on purpose.
        let _ = tokio::time::timeout(TIMEOUT, Limited::new(shared, BODY_LIMIT).collect()).await;
    }
    response
}

/// A body that the handler may read, and `drain` after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
