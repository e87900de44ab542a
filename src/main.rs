//! argv → command → exit code.

use std::process::ExitCode;

// Many short allocations on many threads: the relay's own kind of load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tabir::cli::run()
}
