//! Names that come from nobody: drawn, never derived from the person.

use crate::model::{Fault, Luck, Side};

/// A neutral name such as `Pembeli 4F2K`.
pub(super) fn draw(role: Option<Side>, locale: Option<&str>, luck: &dyn Luck) -> Result<String, Fault> {
    Ok(format!("{} {}", word(role, locale), letters::<4>(luck)?))
}

/// The pseudonym under which a review may be published, new for each review, so that two
/// reviews of one buyer can not be told to be one buyer's.
pub(super) fn draw_reviewer(locale: Option<&str>, luck: &dyn Luck) -> Result<String, Fault> {
    Ok(format!("{} {}", word(Some(Side::Buyer), locale), letters::<8>(luck)?.to_lowercase()))
}

fn word(role: Option<Side>, locale: Option<&str>) -> &'static str {
    let language = locale.and_then(|l| l.split('-').next()).unwrap_or("en");
    match (language, role) {
        ("id", Some(Side::Buyer)) => "Pembeli",
        ("id", Some(Side::Seller)) => "Penjual",
        ("id", None) => "Pengguna",
        ("pl", Some(Side::Buyer)) => "Kupujący",
        ("pl", Some(Side::Seller)) => "Sprzedawca",
        ("pl", None) => "Użytkownik",
        (_, Some(Side::Buyer)) => "Buyer",
        (_, Some(Side::Seller)) => "Seller",
        (_, None) => "Member",
    }
}

fn letters<const N: usize>(luck: &dyn Luck) -> Result<String, Fault> {
    let mut bytes = [0; N];
    luck.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}

/// 32 characters that are not misread, and that start no digit run a detector would cut: a
/// letter follows each draw often enough, and eight digits in a row are no phone number.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn a_drawn_name_speaks_the_language_and_differs_each_time() {
        let luck = SystemLuck::new();
        let name = draw(Some(Side::Buyer), Some("id-ID"), &luck).unwrap();
        assert!(name.starts_with("Pembeli ") && name.len() == 12, "{name}");
        assert!(draw(None, None, &luck).unwrap().starts_with("Member "));
        let reviewers: std::collections::HashSet<String> =
            (0..50).map(|_| draw_reviewer(Some("pl"), &luck).unwrap()).collect();
        assert_eq!(reviewers.len(), 50);
    }
}
