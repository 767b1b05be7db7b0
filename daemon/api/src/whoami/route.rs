//! Who calls.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use super::Caller;
use crate::route::{Callers, Route};

pub const READ_WHOAMI: Route<(), Caller> = Route::get("read_whoami", "/v1/whoami", Callers::Recognized)
    .tagged("identity")
    .summary("Who the caller is.")
    .answers::<Caller>();
