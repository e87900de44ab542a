//! What benchmarks that run programs beside each other measure by.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// CPU of a process and everything under it, also what has ended, in milliseconds.
pub fn cpu_ms(root: u32) -> f64 {
    let stats: Vec<(u32, u32, u64)> = fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .collect();
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        family.extend(stats.iter().filter(|(_, above, _)| *above == parent).map(|(pid, ..)| *pid));
        at += 1;
    }
    let ticks: u64 = stats.iter().filter(|(pid, ..)| family.contains(pid)).map(|(.., ticks)| ticks).sum();
    ticks as f64 * 10.0
}

/// (pid, parent, own and reaped ticks of 10 ms).
fn stat(pid: u32) -> Option<(u32, u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let ticks = (11..15).filter_map(|n| fields.get(n)?.parse::<u64>().ok()).sum();
    Some((pid, parent, ticks))
}

/// The middle one; NaN of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A number that changes the run.
pub fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Whether a program is there, installed from Debian's `package` if it was not.
pub fn installed(program: &str, package: &str) -> bool {
    let there = || Path::new(program).exists();
    if !there() {
        let line = format!("DEBIAN_FRONTEND=noninteractive apt-get install -y -q {package} >/dev/null 2>&1 || true");
        let _ = Command::new("sh").args(["-c", &line]).stdout(Stdio::null()).status();
    }
    there()
}
