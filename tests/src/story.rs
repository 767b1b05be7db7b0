//! The story of the demo.
