//! Numbers as text.

/// With commas.
pub fn thousands(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

/// A time in milliseconds: three digits and a unit.
pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        ..0.001 => format!("{:.0} ns", milliseconds * 1e6),
        ..1.0 => three_digits(milliseconds * 1e3) + " µs",
        ..1e3 => three_digits(milliseconds) + " ms",
        _ => three_digits(milliseconds / 1e3) + " s",
    }
}

/// `1/12.0` for a ratio below 1, otherwise `1.20`.
pub fn ratio(ratio: f64) -> String {
    if ratio < 0.995 { format!("1/{}", three_digits(1.0 / ratio)) } else { three_digits(ratio) }
}

fn three_digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}
