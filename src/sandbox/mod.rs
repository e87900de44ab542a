//! Hostile pictures, decoded in a process of their own.
//!
//! [`Sandbox`] keeps a few `tabir worker` processes, started when first needed. Each takes one
//! picture at a time over its standard input and gives it back rebuilt. A worker that dies or
//! takes too long is killed and replaced; a picture that has cost two workers is unreadable.
//!
//! # Security
//! Imports only the model and media. The worker is this same program with an empty environment,
//! no keys, no settings and nothing open but its two pipes, under limits that it sets on itself
//! before it reads the first byte: memory, CPU time, and no new files, processes or core dumps.
//! So a picture that breaks a decoder breaks a process that holds nothing but that picture.

mod frame;
mod pool;
mod worker;

pub use pool::{Rebuilt, Sandbox};
pub use worker::serve_worker;
