//! The versions of the master key.

#![expect(missing_docs, reason = "each route says what it is for in its summary")]

use crate::master_key::MasterKeyState;
use crate::problem::ProblemCode;
use crate::route::{Callers, Route};

pub const READ_MASTER_KEY: Route<(), MasterKeyState> =
    Route::get("read_master_key", "/v1/master-key", Callers::Operator)
        .tagged("authority")
        .summary("The versions of the master key.")
        .answers::<MasterKeyState>();

pub const ROTATE_MASTER_KEY: Route<(), MasterKeyState> =
    Route::post("rotate_master_key", "/v1/master-key/rotate", Callers::Operator)
        .tagged("authority")
        .summary(
            "Seals with a newer version of the master key from now on, and everything else anew in the background. A \
        daemon that keeps the key in a file of its own draws it; any other must have it at hand.",
        )
        .answers::<MasterKeyState>()
        .problems(&[ProblemCode::Conflict]);
