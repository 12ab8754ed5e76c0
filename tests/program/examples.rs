//! The examples' own tests, compiled here so that each of them is not a test program too.
#![allow(dead_code, reason = "nobody calls `main`")]

#[path = "../../examples/operator_and_twin.rs"]
mod operator_and_twin;
#[path = "../../examples/train_small_network.rs"]
mod train_small_network;
