//! `tabir learn`: a table of learned weights from lines that people labelled.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, house, say};
use crate::{
    app,
    detect::{Line, checksum},
    model::Fault,
};

/// Makes a table of learned weights, and tells how it does on lines that it was not made of: each fifth is rated by what
/// the others taught. Put it as `learned.bin` into the folder of `detect.lexicon`.
#[derive(Debug, Args)]
pub(super) struct Learn {
    /// Files of lines such as {"text": "…", "sender": "seller", "signals": ["threat"]}; honest talk has no signals, and
    /// all kinds of it should be there, the ordinary and what comes near.
    #[arg(required = true, value_name = "FILE")]
    lines: Vec<PathBuf>,
    /// Where the table goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The share of honest lines that may be told falsely.
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    alarms: f64,
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..1.0).contains(share));
    share.ok_or_else(|| "a share from 0 up to 1".to_owned())
}

impl Learn {
    pub(super) fn run(&self, config: Option<&Path>) -> Result<(), Failure> {
        let (settings, _) = house::read(config)?;
        let detect = app::untaught(&settings).map_err(Failure::Settings)?;
        let (mut lines, mut read): (Vec<Line>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        for path in &self.lines {
            let bytes = fs::read(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
            lines.extend(parsed(path, &bytes)?);
            read.push(bytes);
        }
        let made_of = checksum(&read.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let lesson = detect.learn(&lines, self.alarms, &made_of);
        let lesson = lesson.map_err(|fault| Failure::Usage(fault.to_string()))?;
        self.write(&lesson.table).map_err(|error| Fault::new("writing the table", error))?;
        for (kind, all, hit) in &lesson.met {
            say::out(&format!("{}\t{hit} of {all}", kind.as_str()))?;
        }
        let (honest, told) = lesson.alarms;
        say::out(&format!("honest\t{told} of {honest} told falsely"))?;
        say::out(&format!("bound\t{:.3}", lesson.least))?;
        say::out(&format!("table\t{} bytes", lesson.table.len()))
    }

    /// Beside it first: a relay may read it at any time.
    fn write(&self, table: &[u8]) -> io::Result<()> {
        let mut beside = self.out.clone().into_os_string();
        beside.push(".part");
        fs::write(&beside, table)?;
        fs::rename(&beside, &self.out)
    }
}

fn parsed(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (n, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let wrong = |error: serde_json::Error| Failure::Usage(format!("{}:{n}: {error}", path.display()));
        lines.push(serde_json::from_slice(line).map_err(wrong)?);
    }
    Ok(lines)
}
