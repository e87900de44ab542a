//! What a strip says.

use rten::Model;
use rten_tensor::{NdTensor, prelude::*};

use super::{TEXT, Unfit, find::tensor, strip::Strip};
use crate::media::Unreadable;

/// The network that spells, and the letters that it knows.
pub(super) struct Speller {
    model: Model,
    /// By the number that stands for each; the first stands for no letter.
    letters: Vec<String>,
}

/// What a strip says, and how sure that is: from 0 to 1, the mean over its letters.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) sureness: f32,
}

impl Speller {
    pub(super) fn new(model: Vec<u8>) -> Result<Self, Unfit> {
        let model = Model::load(model).map_err(|_| Unfit)?;
        let known = model.metadata().get("character").ok_or(Unfit)?;
        // Before them the blank, after them the space: as PaddleOCR has it.
        let letters = [""].into_iter().chain(known.lines()).chain([" "]);
        let letters = letters.map(str::to_owned).collect();
        Ok(Self { model, letters })
    }

    /// # Errors
    /// When the network fails.
    pub(super) fn spell(&self, strip: &Strip) -> Result<Said, Unreadable> {
        let seen = self.model.run_one(tensor(strip.pixels()).into(), None);
        let seen = seen.map_err(|_| Unreadable::Malformed)?;
        let sure: NdTensor<f32, 3> = seen.try_into().map_err(|_| Unreadable::Malformed)?;
        let letters = sure.shape()[2];
        Ok(said(&self.letters, &sure.into_data(), letters))
    }
}

/// The likeliest letter of each column, those that repeat told once (CTC).
fn said(letters: &[String], sure: &[f32], each: usize) -> Said {
    let (mut text, mut sum, mut count) = (String::new(), 0.0, 0.0_f32);
    let mut before = 0;
    for column in sure.chunks_exact(each.max(1)) {
        let best = column.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let (letter, sureness) = best.unwrap_or_default();
        if letter != 0 && letter != before {
            text.push_str(letters.get(letter).map_or("", String::as_str));
            (sum, count) = (sum + sureness, count + 1.0);
        }
        before = letter;
    }
    text.truncate(text.floor_char_boundary(TEXT));
    Said { text, sureness: sum / count.max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_told_once_unless_a_blank_stands_between() {
        let letters = ["", "a", "b"].map(str::to_owned);
        let column = |best: usize| (0..3).map(move |n| if n == best { 0.8 } else { 0.1 });
        let columns: Vec<f32> = [1, 1, 0, 1, 2, 2, 0].into_iter().flat_map(column).collect();
        let told = said(&letters, &columns, 3);
        assert_eq!(told.text, "aab");
        assert!((told.sureness - 0.8).abs() < 1e-6);
        assert_eq!(said(&letters, &[], 3), Said { text: String::new(), sureness: 0.0 });
        assert_eq!(said(&letters, &[0.1, 0.2, 0.1, 0.9], 4).text, "", "a letter beyond the list is none");
    }

    #[test]
    fn what_is_no_model_is_told() {
        assert_eq!(Speller::new(b"not a model".to_vec()).map(drop), Err(Unfit));
    }
}
