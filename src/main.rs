//! argv → command → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Ok(detect) = tabir::detect::Detect::embedded() else { return ExitCode::FAILURE };
    match tabir::cli::scrub::run_jsonl(&detect, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
