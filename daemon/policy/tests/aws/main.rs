//! The documents for AWS: what they say, byte by byte, and what they let nobody do.

#![allow(clippy::unwrap_used, reason = "in a test a broken expectation is a failure")]

mod attacks;
mod enough;
mod golden;
mod requests;
mod rules;
mod words;
