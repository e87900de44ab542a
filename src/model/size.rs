use serde::{Deserialize, Deserializer};

/// Reads `"25MB"` or a number of bytes in settings; MB = 10^6.
///
/// # Errors
/// When it is neither.
pub fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Bytes(n) => Ok(n),
        Written::Text(text) => {
            parse_size(&text).ok_or_else(|| serde::de::Error::custom("not a size such as 500kB, 4.5MB or 1GB"))
        }
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim_start() {
        "B" | "" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().ok()?;
    let tenths: u64 = part.get(..1)?.parse().ok()?;
    whole.checked_mul(unit)?.checked_add(tenths * unit / 10)
}
