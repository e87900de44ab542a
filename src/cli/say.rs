//! Lines to stdout and stderr. What came from outside can not move a terminal's cursor.

use std::io::{self, Write};

use super::Failure;

/// A line of the answer.
pub(super) fn out(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", tame(line))?;
    stdout.flush()?;
    Ok(())
}

/// A line beside the answer; a closed stderr is nobody's fault.
pub(super) fn err(line: &str) {
    let _ = writeln!(io::stderr(), "{}", tame(line));
}

/// Control characters but line ends and tabs become visible.
fn tame(line: &str) -> String {
    line.chars()
        .flat_map(|c| match c {
            '\n' | '\t' => vec![c],
            c if c.is_control() => c.escape_default().collect(),
            c => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_escape_sequence_reaches_a_terminal() {
        assert_eq!(super::tame("a\x1b[2Jb\tc\n"), "a\\u{1b}[2Jb\tc\n");
    }
}
