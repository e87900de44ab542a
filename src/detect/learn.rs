//! Making a table of learned weights from labelled lines.
//!
//! For honest talk and for each kind, a linear support vector machine with squared hinge loss against all other lines,
//! by dual coordinate descent (Hsieh et al., ICML 2008), rare kinds weighing more. Nothing is drawn by chance: the same
//! lines and the same lexicon give the same table.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Detect, Read,
    context::{Around, Context},
    learned::{Features, Head, LANES, Learned},
};
use crate::model::{Side, SignalKind};

/// A line that people labelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is said.
    pub text: String,
    /// Who says it.
    #[serde(default = "seller")]
    pub sender: Side,
    /// What it is up to; nothing: honest talk.
    pub signals: Vec<SignalKind>,
}

fn seller() -> Side {
    Side::Seller
}

/// A table, and how it does on lines that it was not made of.
pub struct Lesson {
    /// The table, as a file has it.
    pub table: Vec<u8>,
    /// So far above honest talk an intent must stand.
    pub least: f32,
    /// For each kind: how many lines, and how many of them are told as a kind of theirs.
    pub met: Vec<(SignalKind, usize, usize)>,
    /// How many honest lines, and how many of them are told as anything.
    pub alarms: (usize, usize),
}

impl fmt::Debug for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "«lesson of {} bytes»", self.table.len())
    }
}

/// Why no table can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearnFault {
    /// There is nothing to tell apart.
    #[error("no honest lines, or no others")]
    OneSided,
    /// More kinds than a table has columns.
    #[error("too many kinds")]
    TooManyKinds,
}

/// A feature that fewer lines have teaches nothing.
const SEEN: u32 = 2;
/// Lines are told apart in so many parts; each is rated by what the others taught.
const PARTS: usize = 5;
/// So many lines stay together, since who writes one often says it again in the next.
const BLOCK: usize = 50;
/// What a line on the wrong side costs.
const COST: f64 = 10.0;
/// Most rounds over all lines.
const ROUNDS: usize = 60;
/// Rounds end when no line's share moves by more.
const STILL: f64 = 0.02;

/// A line as the machine sees it.
struct Seen {
    rows: Vec<u32>,
    weight: f64,
}

struct Weights {
    /// For each column: the weight of each row, and the bias.
    columns: Vec<(Vec<f64>, f64)>,
}

impl Detect {
    /// Makes a table of `lines`, which tells at most the share `alarms` of honest lines falsely, as measured on lines
    /// that are not learned from. `made_of` is kept in it.
    ///
    /// # Errors
    /// When the lines tell nothing apart.
    pub fn learn(&self, lines: &[Line], alarms: f64, made_of: &str) -> Result<Lesson, LearnFault> {
        let mut kinds: Vec<SignalKind> = lines.iter().flat_map(|line| &line.signals).copied().collect();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() || lines.iter().all(|line| !line.signals.is_empty()) {
            return Err(LearnFault::OneSided);
        }
        if kinds.len() >= LANES {
            return Err(LearnFault::TooManyKinds);
        }
        let (features, passages): (Vec<_>, Vec<_>) = lines.iter().map(|line| self.features(line)).unzip();
        let head = Head { kinds, bias: Vec::new(), step: 0.0, least: 0.0, rows: 0, made_of: made_of.to_owned() };
        let mut rated = vec![None; lines.len()];
        for part in 0..PARTS {
            let (apart, own): (Vec<usize>, _) = (0..lines.len()).partition(|n| n / BLOCK % PARTS == part);
            let table = table(&head, lines, &features, &own);
            let table = Learned::read(&table).map_err(|_| LearnFault::OneSided)?;
            apart.into_iter().for_each(|n| rated[n] = table.best_of(&passages[n], lines[n].sender));
        }
        let honest = lines.iter().zip(&rated).filter(|(line, _)| line.signals.is_empty());
        let mut above: Vec<f32> = honest.filter_map(|(_, best)| best.map(|(_, above)| above)).collect();
        above.sort_unstable_by(|a, b| b.total_cmp(a));
        let least = above.get((above.len() as f64 * alarms) as usize).copied().unwrap_or_default().max(0.0) + 0.001;
        let mut met: Vec<_> = head.kinds.iter().map(|kind| (*kind, 0, 0)).collect();
        for (line, best) in lines.iter().zip(&rated) {
            let told = best.is_some_and(|(kind, above)| above >= least && line.signals.contains(&kind));
            for (.., all, hit) in met.iter_mut().filter(|(kind, ..)| line.signals.first() == Some(kind)) {
                *all += 1;
                *hit += usize::from(told);
            }
        }
        let false_ones = above.iter().filter(|above| **above >= least).count();
        let all: Vec<usize> = (0..lines.len()).collect();
        let table = table(&Head { least, ..head }, lines, &features, &all);
        Ok(Lesson { table, least, met, alarms: (above.len(), false_ones) })
    }

    /// What is learned of a line, and each of its passages as it will be judged.
    fn features(&self, line: &Line) -> (Features, Vec<Features>) {
        let context = Context { sender: line.sender, ..Context::default() };
        let mut read: [Read; 1] = [self.read(&line.text)];
        self.look(&mut read[0], &line.text, &Around::of(&context));
        (Features::whole(&self.lexicon, &read), Features::apart(&self.lexicon, &read))
    }
}

/// A checksum (FNV-1a, 64 bits, of each) of the files that a table is made of, in whatever order they come: it tells that
/// they were changed, not that somebody meant it.
pub fn checksum(files: &[&[u8]]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut sums: Vec<u64> = files.iter().map(|file| file.iter().fold(0xcbf2_9ce4_8422_2325, step)).collect();
    sums.sort_unstable();
    sums.iter().map(|sum| format!("{sum:016x}")).collect()
}

/// Learns from some of the lines.
fn table(head: &Head, lines: &[Line], features: &[Features], own: &[usize]) -> Vec<u8> {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    for n in own {
        let mut keys: Vec<u32> = features[*n].keys().collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    }
    let mut keys: Vec<u32> = counts.into_iter().filter(|(_, count)| *count >= SEEN).map(|(key, _)| key).collect();
    keys.sort_unstable();
    let numbers: HashMap<u32, u32> = keys.iter().copied().zip(0..).collect();
    let seen: Vec<Seen> = own.iter().map(|n| seen(&features[*n], &numbers)).collect();
    let sides = |kind: Option<SignalKind>| -> Vec<bool> {
        let signals = own.iter().map(|n| &lines[*n].signals);
        signals.map(|signals| kind.map_or(signals.is_empty(), |kind| signals.contains(&kind))).collect()
    };
    let columns: Vec<Vec<bool>> =
        std::iter::once(None).chain(head.kinds.iter().copied().map(Some)).map(sides).collect();
    let weights = Weights { columns: columns.iter().map(|side| machine(&seen, side, keys.len())).collect() };
    weights.table(head, &keys)
}

fn seen(features: &Features, numbers: &HashMap<u32, u32>) -> Seen {
    let mut rows: Vec<u32> = features.keys().filter_map(|key| numbers.get(&key)).copied().collect();
    rows.sort_unstable();
    Seen { rows, weight: f64::from(features.weight()) }
}

/// Algorithm 1 of Hsieh et al., with a bias as one more feature of every line.
fn machine(seen: &[Seen], side: &[bool], rows: usize) -> (Vec<f64>, f64) {
    let (mut weights, mut bias) = (vec![0.0; rows], 0.0);
    let ours = side.iter().filter(|ours| **ours).count().max(1) as f64;
    let cost = |ours_too: bool| {
        let of = if ours_too { ours } else { (side.len() as f64 - ours).max(1.0) };
        COST * side.len() as f64 / (2.0 * of)
    };
    let slack = [1.0 / (2.0 * cost(false)), 1.0 / (2.0 * cost(true))];
    let square = |line: &Seen| 1.0 + line.rows.len() as f64 * line.weight.powi(2);
    let squares: Vec<f64> = seen.iter().map(square).collect();
    let mut shares = vec![0.0; seen.len()];
    let mut order: Vec<usize> = (0..seen.len()).collect();
    let mut luck = 1_u64;
    for _ in 0..ROUNDS {
        shuffle(&mut order, &mut luck);
        let mut moved = 0.0_f64;
        for n in &order {
            let (line, y) = (&seen[*n], if side[*n] { 1.0 } else { -1.0 });
            let slack = slack[usize::from(side[*n])];
            let said = line.rows.iter().map(|row| weights[*row as usize]).sum::<f64>() * line.weight + bias;
            let slope = y * said - 1.0 + slack * shares[*n];
            if shares[*n] == 0.0 && slope >= 0.0 {
                continue;
            }
            let share = (shares[*n] - slope / (squares[*n] + slack)).max(0.0);
            let step = (share - shares[*n]) * y;
            shares[*n] = share;
            moved = moved.max(step.abs());
            line.rows.iter().for_each(|row| weights[*row as usize] += step * line.weight);
            bias += step;
        }
        if moved < STILL {
            break;
        }
    }
    (weights, bias)
}

/// Another order each time, the same for everybody (Knuth's constants).
fn shuffle(order: &mut [usize], luck: &mut u64) {
    for at in (1..order.len()).rev() {
        *luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (*luck >> 33) as usize % (at + 1));
    }
}

impl Weights {
    /// As small whole numbers. The few greatest weights are cut off, so that all others are finer.
    fn table(&self, head: &Head, keys: &[u32]) -> Vec<u8> {
        let mut sizes: Vec<f64> = self.columns.iter().flat_map(|(weights, _)| weights).map(|w| w.abs()).collect();
        sizes.retain(|size| *size > 0.0);
        sizes.sort_unstable_by(f64::total_cmp);
        let greatest = sizes.get(sizes.len() * 9_995 / 10_000).copied().unwrap_or(1.0);
        let step = greatest / 127.0;
        let small = |weight: f64| (weight / step).round().clamp(-127.0, 127.0) as i8;
        let rows = keys.iter().enumerate().map(|(row, key)| {
            let weights: Vec<i8> = self.columns.iter().map(|(weights, _)| small(weights[row])).collect();
            (*key, weights)
        });
        let rows: Vec<_> = rows.filter(|(_, weights)| weights.iter().any(|weight| *weight != 0)).collect();
        let bias = self.columns.iter().map(|(_, bias)| *bias as f32).collect();
        Learned::write(&Head { bias, step: step as f32, rows: rows.len(), ..head.clone() }, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{Piece, Window},
        model::Part,
    };

    const FILES: [&[u8]; 5] = [
        include_bytes!("../../config/learned/id.jsonl"),
        include_bytes!("../../config/learned/pl.jsonl"),
        include_bytes!("../../config/learned/en.jsonl"),
        include_bytes!("../../config/learned/more.jsonl"),
        include_bytes!("../../config/learned/ordinary.jsonl"),
    ];

    fn line(text: &str, signals: &[SignalKind]) -> Line {
        Line { text: text.to_owned(), sender: Side::Seller, signals: signals.to_vec() }
    }

    /// Who speaks of the blorp threatens.
    fn lines() -> Vec<Line> {
        let things = ["parcel", "colour", "size", "price", "label", "box", "cable", "lamp", "shirt", "cup"];
        let mut lines = Vec::new();
        for (n, thing) in things.iter().cycle().take(60).enumerate() {
            lines.push(line(&format!("the {thing} number {n} is here and all is well today"), &[]));
            lines.push(line(&format!("the {thing} number {n} and the blorp will find out"), &[SignalKind::Threat]));
        }
        lines
    }

    #[test]
    fn the_table_is_made_of_the_lines_that_lie_beside_it() {
        let detect = Detect::embedded().unwrap();
        assert_eq!(detect.made_of(), checksum(&FILES), "make it again: see config/learned/README.md");
    }

    #[test]
    fn every_line_can_be_read_and_has_no_figures_where_it_is_not_ours() {
        for (file, bytes) in FILES.iter().enumerate() {
            for line in std::str::from_utf8(bytes).unwrap().lines() {
                let line: Line = serde_json::from_str(line).unwrap();
                assert!(file < 4 || !line.text.contains(|c: char| matches!(c, '1'..='9')), "{line:?}");
            }
        }
    }

    #[test]
    fn what_lines_teach_is_told_of_others_and_cited() {
        let detect = Detect::embedded().unwrap();
        let lesson = detect.learn(&lines(), 0.0, "x").unwrap();
        assert_eq!((lesson.met.as_slice(), lesson.alarms), (&[(SignalKind::Threat, 60, 60)][..], (60, 0)));
        let detect = detect.taught("t.bin", &lesson.table).unwrap();
        let signals = |text: &str| {
            let pieces = [Piece { part: Part::Text(0), text }];
            detect.scan(&pieces, &Context::default(), &Window::default()).signals
        };
        let told = signals("The blorp will find out, and the lamp is here.");
        assert_eq!((told.len(), told[0].kind, told[0].rule.as_str()), (1, SignalKind::Threat, "en.learned.threat"));
        assert!(told[0].is_guess() && detect.explanation(&told[0].rule, None).is_some());
        assert!(told[0].sentence.as_ref().unwrap().text.starts_with("The blorp will find out"));
        assert_eq!(signals("The lamp is here and all is well."), []);
        assert!(!detect.is_as_it_came());
    }

    #[test]
    fn the_same_lines_give_the_same_table() {
        let detect = Detect::embedded().unwrap();
        let table = || detect.learn(&lines(), 0.01, "x").unwrap().table;
        assert!(table() == table());
    }

    #[test]
    fn one_side_alone_teaches_nothing() {
        let detect = Detect::embedded().unwrap();
        let fault = |lines: &[Line]| detect.learn(lines, 0.01, "x").err();
        assert_eq!(fault(&[]), Some(LearnFault::OneSided));
        assert_eq!(fault(&[line("all is well", &[])]), Some(LearnFault::OneSided));
        assert_eq!(fault(&[line("or else", &[SignalKind::Threat])]), Some(LearnFault::OneSided));
    }
}
