//! Policy documents of clouds: written from typed requests, read, evaluated and explained.
//!
//! Everything here is pure: no IO, no SDK, no clock. What asks a cloud is in `ringfence-place`.
//!
//! Clouds: [`aws`].

pub mod aws;
mod word;
