//! Times and sizes as people write them: `7d`, `12h`, `500MB`, `1.5 GiB`.

/// Reads a length of time in seconds: a number and `s`, `m`, `h`, `d` or `w`. Zero needs no unit.
pub fn parse_duration(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        "" if number == "0" => 0.0,
        _ => return None,
    };
    scale(number, factor)
}

/// Reads a number of bytes: a number and `B`, `kB`, `MB`, `GB`, `TB` (decimal) or `KiB`, `MiB`, `GiB`, `TiB`. Without a
/// unit it is bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1_024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    scale(number, factor)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// Multiplies; nothing when the number is none, or the product is more than anything has.
fn scale(number: &str, factor: f64) -> Option<u64> {
    let product = number.parse::<f64>().ok()? * factor;
    // Beyond this a float has no room for single bytes or seconds.
    (product < 9e15).then_some(product.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_size};

    #[test]
    fn times_have_units() {
        let known = [("7d", 604_800), ("12h", 43_200), ("90s", 90), ("1.5h", 5_400), ("2w", 1_209_600), ("5m", 300), ("0", 0), ("0d", 0)];
        for (text, seconds) in known {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for text in ["", "7", "d", "-1d", "1.2.3d", "7days", "1e9d", "9999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_decimal_unless_they_say_otherwise() {
        let known = [("0", 0), ("123", 123), ("10GB", 10_000_000_000), ("1.5 MB", 1_500_000), ("1KiB", 1_024), ("2g", 2_000_000_000)];
        for (text, bytes) in known {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "10 XB", "1..5MB", "99999999TB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
