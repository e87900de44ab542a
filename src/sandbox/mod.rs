//! Hostile pictures and PDF files, decoded in a process of their own.
//!
//! [`Sandbox`] keeps a few `tabir worker` processes, started when first needed. Each takes one
//! file at a time over its standard input and gives it back rebuilt, or says what is in it. A
//! worker that dies or takes too long is killed and replaced; a file that has cost two workers is
//! unreadable.
//!
//! A worker that is to read words gets the folder of the models ([`look_at_models`]). Without
//! models it does everything else, and says that nothing was read.
//!
//! # Security
//! Imports only the model and media. The worker is this same program with an empty environment,
//! no keys, no settings and nothing open but its two pipes, under limits that it sets on itself
//! before it reads the first byte of a file: memory, CPU time, and no new files, processes or core
//! dumps. The models are read before that, and only if their SHA-256 is the one compiled in. So a
//! file that breaks a decoder breaks a process that holds nothing but that file. What its words
//! mean is not judged there: no name or contact that is looked for comes near it.

mod frame;
mod models;
mod pool;
mod worker;

pub use models::{NoModels, look_at_models};
pub use pool::{Rebuilt, Sandbox};
pub use worker::serve_worker;
