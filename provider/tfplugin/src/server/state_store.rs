//! Calls about state stores. States cross the wire in pieces of an agreed size.

use std::sync::atomic::Ordering;

use futures::StreamExt;
use tonic::codegen::BoxStream;
use tonic::{Status, Streaming};

use super::{Server, checked, named, reported};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::erased::AnyStateStore;
use crate::proto::tfplugin6 as pb;
use crate::provider::{Entry, Provider};
use crate::validate::WriteOnly;
use crate::wire;

/// The size of a piece when Terraform proposes none, in bytes.
pub(super) const PIECE: usize = 8 << 20;
/// The largest piece, which must fit into a message with room to spare, in bytes.
const PIECE_MAX: usize = 128 << 20;
/// The largest state that is accepted, in bytes.
const STATE_MAX: usize = 1 << 30;

impl<P: Provider> Server<P> {
    /// Terraform takes "not implemented" to mean that there are no state stores.
    pub(super) fn with_state_stores(&self) -> std::result::Result<(), Status> {
        if self.registry.state_stores.is_empty() {
            return Err(Status::unimplemented("this provider has no state stores"));
        }
        Ok(())
    }

    pub(super) fn validate_state_store_config(
        &self,
        request: &pb::validate_state_store::Request,
    ) -> pb::validate_state_store::Response {
        let validated = || {
            let entry = self.state_store(&request.type_name)?;
            let rules = |config| entry.inner.validate_config(config);
            checked(&entry.described, request.config.as_ref(), WriteOnly::Accept, rules)
        };
        pb::validate_state_store::Response { diagnostics: reported(validated()) }
    }

    pub(super) async fn configure_state_store(
        &self,
        request: pb::configure_state_store::Request,
    ) -> pb::configure_state_store::Response {
        let mut diagnostics = Diagnostics::new();
        let configured = async {
            let entry = self.state_store(&request.type_name)?;
            let config = wire::from_dynamic(request.config.as_ref(), &entry.described.object_type)?;
            let context = self.context()?;
            let opened = entry.inner.open(&context, config).await;
            diagnostics.extend(context.take_warnings());
            opened
        }
        .await;
        diagnostics.extend(configured.err().into_iter().flatten());
        let proposed = request.capabilities.map_or(0, |client| client.chunk_size);
        let agreed = usize::try_from(proposed).ok().filter(|size| *size > 0).unwrap_or(PIECE).min(PIECE_MAX);
        self.piece.store(agreed, Ordering::Relaxed);
        pb::configure_state_store::Response {
            diagnostics: wire::diagnostics(&diagnostics),
            capabilities: Some(pb::StateStoreServerCapabilities { chunk_size: length(agreed) }),
        }
    }

    pub(super) async fn read_state_bytes(
        &self,
        request: pb::read_state_bytes::Request,
    ) -> BoxStream<pb::read_state_bytes::Response> {
        let read = async { self.state_store(&request.type_name)?.inner.read(&request.state_id).await }.await;
        let pieces = match read {
            Ok(state) => pieces(&state.unwrap_or_default(), self.piece.load(Ordering::Relaxed)),
            Err(errors) => {
                let diagnostics = wire::diagnostics(&errors);
                vec![pb::read_state_bytes::Response { diagnostics, ..Default::default() }]
            }
        };
        tokio_stream::iter(pieces).map(Ok).boxed()
    }

    pub(super) async fn write_state_bytes(
        &self,
        mut chunks: Streaming<pb::write_state_bytes::RequestChunk>,
    ) -> pb::write_state_bytes::Response {
        let written = async {
            let mut whole: Option<(pb::RequestChunkMeta, i64)> = None;
            let mut state = Vec::new();
            while let Some(chunk) = chunks.message().await.map_err(|_| incomplete())? {
                if whole.is_none() {
                    whole = Some((chunk.meta.ok_or_else(incomplete)?, chunk.total_length));
                }
                if state.len() + chunk.bytes.len() > STATE_MAX {
                    return Err(Diagnostic::error("The state is too large")
                        .detail("States of more than 1 GiB are not accepted. Nothing was written.")
                        .into());
                }
                state.extend_from_slice(&chunk.bytes);
            }
            let (meta, total) = whole.ok_or_else(incomplete)?;
            if length(state.len()) != total {
                return Err(incomplete().into());
            }
            self.state_store(&meta.type_name)?.inner.write(&meta.state_id, state).await
        }
        .await;
        pb::write_state_bytes::Response { diagnostics: told(written) }
    }

    pub(super) async fn lock_state(&self, request: pb::lock_state::Request) -> pb::lock_state::Response {
        let locked = async {
            let entry = self.state_store(&request.type_name)?;
            entry.inner.lock(&request.state_id, &request.operation).await
        }
        .await;
        match locked {
            Ok(lock_id) => pb::lock_state::Response { lock_id, diagnostics: Vec::new() },
            Err(errors) => pb::lock_state::Response { lock_id: String::new(), diagnostics: wire::diagnostics(&errors) },
        }
    }

    pub(super) async fn unlock_state(&self, request: pb::unlock_state::Request) -> pb::unlock_state::Response {
        let unlocked = async {
            let entry = self.state_store(&request.type_name)?;
            entry.inner.unlock(&request.state_id, &request.lock_id).await
        }
        .await;
        pb::unlock_state::Response { diagnostics: told(unlocked) }
    }

    pub(super) async fn get_states(&self, request: pb::get_states::Request) -> pb::get_states::Response {
        let listed = async { self.state_store(&request.type_name)?.inner.list().await }.await;
        match listed {
            Ok(state_id) => pb::get_states::Response { state_id, diagnostics: Vec::new() },
            Err(errors) => pb::get_states::Response { state_id: Vec::new(), diagnostics: wire::diagnostics(&errors) },
        }
    }

    pub(super) async fn delete_state(&self, request: pb::delete_state::Request) -> pb::delete_state::Response {
        let deleted = async { self.state_store(&request.type_name)?.inner.delete(&request.state_id).await }.await;
        pb::delete_state::Response { diagnostics: told(deleted) }
    }

    fn state_store(&self, name: &str) -> Result<&Entry<dyn AnyStateStore<P::Data>>> {
        named(&self.registry.state_stores, "state store", name).map(AsRef::as_ref)
    }
}

/// Cuts a state. An empty one is one empty piece; a range names its first and its last byte.
fn pieces(state: &[u8], size: usize) -> Vec<pb::read_state_bytes::Response> {
    let total_length = length(state.len());
    let cut: Vec<&[u8]> = if state.is_empty() { vec![state] } else { state.chunks(size.max(1)).collect() };
    let mut start = 0;
    let answers = cut.into_iter().map(|bytes| {
        let end = (start + length(bytes.len()) - 1).max(0);
        let range = Some(pb::StateRange { start, end });
        start += length(bytes.len());
        pb::read_state_bytes::Response { bytes: bytes.to_vec(), total_length, range, diagnostics: Vec::new() }
    });
    answers.collect()
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn incomplete() -> Diagnostic {
    Diagnostic::error("The state did not arrive whole").detail("Nothing was written. Try again.")
}

fn told(outcome: Result<()>) -> Vec<pb::Diagnostic> {
    outcome.err().map(|errors| wire::diagnostics(&errors)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_state_once_and_name_their_bytes() {
        for (bytes, size, expected) in [
            (0, 4, vec![(0, 0)]),
            (4, 4, vec![(0, 3)]),
            (5, 4, vec![(0, 3), (4, 4)]),
            (9, 3, vec![(0, 2), (3, 5), (6, 8)]),
        ] {
            let state: Vec<u8> = (0..bytes).collect();
            let cut = pieces(&state, size);
            let ranges: Vec<_> =
                cut.iter().filter_map(|piece| piece.range).map(|range| (range.start, range.end)).collect();
            assert_eq!(ranges, expected, "{bytes} by {size}");
            assert_eq!(cut.iter().flat_map(|piece| piece.bytes.clone()).collect::<Vec<_>>(), state);
            assert!(cut.iter().all(|piece| piece.total_length == i64::from(bytes)));
        }
    }
}
