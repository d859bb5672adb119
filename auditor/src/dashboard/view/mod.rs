//! What the pages are made of: small structs that are the same in HTML and in JSON.

mod digest;
mod frame;
mod prose;
mod tone;
mod when;

pub(crate) use digest::Digest;
pub(crate) use frame::{Frame, Nav};
pub(crate) use prose::Prose;
pub(crate) use tone::{Badge, Tone};
pub(crate) use when::{When, span, utc};

/// A count with thin spaces between the thousands, for people.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `one` or so many of `many`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{} {many}", grouped(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
    }
}
