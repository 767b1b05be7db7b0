//! Bodies of requests that are bounded in size and in time, so that nobody occupies memory or a handler by sending much
//! or slowly. The time is for the whole body: a byte now and then does not extend it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use ringfence_api::ProblemCode;
use tokio::time::{Instant, Sleep};

use crate::base::{Answer, Failure};

/// The maximum size of a body, in bytes. The largest request by design is a cluster's declaration.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;
/// The same where nobody has to say who calls: the largest is a node's request for a certificate.
const PUBLIC_BODY_LIMIT: usize = 8 * 1024;

/// How large a body may be, and how long its sender may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    size: usize,
    time: Duration,
}

impl Bounds {
    /// For operations that anyone may call.
    pub(crate) const PUBLIC: Self = Self { size: PUBLIC_BODY_LIMIT, time: Duration::from_secs(10) };
    /// For all others.
    pub(crate) const OTHERS: Self = Self { size: BODY_LIMIT, time: Duration::from_secs(30) };
}

/// Why a body is not read to its end.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum OutOfBounds {
    #[error("the body may have at most {0} bytes")]
    Large(usize),
    #[error("the whole body must arrive within {} seconds", .0.as_secs())]
    Slow(Duration),
}

/// Bounds a body. The time begins now.
pub(crate) fn bounded(body: Body, bounds: Bounds) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Bounded { body, left: bounds.size, bounds, deadline: Box::pin(tokio::time::sleep(bounds.time)) })
}

/// Reads a whole body that is bounded. Its frames are copied: each may be a small part of a larger buffer.
pub(crate) async fn read_whole(mut body: Body) -> Answer<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| unread(&error))?.into_data() {
            whole.extend_from_slice(&data);
        }
        // A body that always has another frame lets others run.
        tokio::task::coop::consume_budget().await;
    }
    Ok(whole.into())
}

/// The problem of a body that could not be read.
fn unread(error: &axum::Error) -> Failure {
    let mut causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    let code = match causes.find_map(|cause| cause.downcast_ref::<OutOfBounds>()) {
        Some(OutOfBounds::Large(_)) => ProblemCode::BodyTooLarge,
        Some(OutOfBounds::Slow(_)) => ProblemCode::BodyTimeout,
        None => return Failure::new(ProblemCode::InvalidRequest, format!("the body could not be read: {error}")),
    };
    Failure::new(code, error.to_string())
}

struct Bounded {
    body: Body,
    left: usize,
    bounds: Bounds,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let refused = |why: OutOfBounds| Poll::Ready(Some(Err(axum::Error::new(why))));
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let is_late = match polled {
            Poll::Pending => self.deadline.as_mut().poll(context).is_ready(),
            // A body that always has another empty frame ends too.
            Poll::Ready(Some(_)) => self.deadline.deadline() <= Instant::now(),
            Poll::Ready(None) => false,
        };
        if is_late {
            return refused(OutOfBounds::Slow(self.bounds.time));
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            match self.left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(left) => self.left = left,
                None => return refused(OutOfBounds::Large(self.bounds.size)),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::{self, StreamExt as _};

    use super::*;

    fn frames(count: usize) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        stream::iter((0..count).map(|_| Ok(Bytes::from_static(&[b'x'; 16]))))
    }

    #[tokio::test]
    async fn a_body_within_its_bounds_is_read_whole() {
        let body = bounded(Body::from_stream(frames(4)), Bounds { size: 64, time: Duration::from_mins(1) });
        assert_eq!(read_whole(body).await.unwrap(), [b'x'; 64][..]);
    }

    #[tokio::test]
    async fn a_larger_body_is_refused_and_the_limit_is_named() {
        let body = bounded(Body::from_stream(frames(5)), Bounds { size: 64, time: Duration::from_mins(1) });
        let refused = read_whole(body).await.unwrap_err();
        assert_eq!(refused.problem().code, ProblemCode::BodyTooLarge);
        assert_eq!(refused.problem().detail, "the body may have at most 64 bytes");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_refused_in_time() {
        let endless = frames(1).chain(stream::pending());
        let body = bounded(Body::from_stream(endless), Bounds { size: 64, time: Duration::from_millis(10) });
        let refused = read_whole(body).await.unwrap_err();
        assert_eq!(refused.problem().code, ProblemCode::BodyTimeout);
    }

    #[tokio::test]
    async fn a_body_of_empty_frames_is_refused_in_time_too() {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::new()));
        let body = bounded(Body::from_stream(endless), Bounds { size: 64, time: Duration::from_millis(10) });
        let refused = read_whole(body).await.unwrap_err();
        assert_eq!(refused.problem().code, ProblemCode::BodyTimeout);
    }
}
