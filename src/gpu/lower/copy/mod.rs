//! Operators that only move elements.

mod buffer;
mod texture;
