//! Reads the rest of a body that the handler did not read, because it refused the request first. Otherwise HTTP/2
//! resets the stream right after the response, which some clients (curl before 8) report as an error instead of the
//! response. What is read is forgotten frame by frame, and a longer or slower rest is cut off.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;

/// How long a peer may take to send the rest.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How much of the rest is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Passes the request on, and reads the rest of its body before the response is sent.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(shared.clone()))).await;
    if !shared.is_end_stream() {
        // A body that is too long or too slow is cut off on purpose.
        let _ = tokio::time::timeout(TIMEOUT, discard(shared)).await;
    }
    response
}

/// Reads a body until it ends or has been long enough, and keeps nothing.
async fn discard(mut body: impl HttpBody<Data = Bytes> + Unpin) {
    let mut left = LONGEST;
    while left > 0
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        // A body that always has another frame lets others run.
        tokio::task::coop::consume_budget().await;
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream;

    use super::*;

    /// A body of so many kibibytes, and how many of them have been read.
    fn body(kibibytes: usize) -> (Body, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let count = read.clone();
        let frames = (0..kibibytes).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1024]))
        });
        (Body::from_stream(stream::iter(frames)), read)
    }

    #[tokio::test]
    async fn a_short_rest_is_read_to_its_end() {
        let (body, read) = body(60);
        discard(body).await;
        assert_eq!(read.load(Ordering::Relaxed), 60);
    }

    #[tokio::test]
    async fn no_more_of_a_long_rest_is_read_than_is_allowed() {
        let (body, read) = body(1_000);
        discard(body).await;
        assert_eq!(read.load(Ordering::Relaxed), 64);
    }
}
