//! What a package URL looks like to somebody who reads it in haste.
//!
//! Coarse on purpose: a false alarm costs a glance, and names are told apart by their bytes everywhere
//! else. Out of scope: words that mean the same, and letters outside ASCII, which no package URL has.

/// Equal for names that people take for each other: in capitals and small letters, with or without
/// separators, with digits in place of letters.
pub(super) fn likeness(purl: &str) -> String {
    let letters = purl.chars().filter_map(|c| match c.to_ascii_lowercase() {
        '.' | '_' | '-' | '~' | '+' => None,
        '0' => Some('o'),
        '1' | 'i' => Some('l'),
        '5' => Some('s'),
        c => Some(c),
    });
    let letters: String = letters.collect();
    letters.replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_alike_and_others_are_not() {
        let one = likeness("pkg:generic/modern-mail");
        for other in [
            "pkg:generic/Modern-Mail",
            "pkg:generic/modern.mail",
            "pkg:generic/modernmail.",
            "pkg:generic/rnodern_mai1",
            "pkg:generic/m0dern-maiI",
        ] {
            assert_eq!(likeness(other), one, "{other}");
        }
        for other in [
            "pkg:cargo/modern-mail",
            "pkg:generic/modern/mail",
            "pkg:generic/modern-mails",
        ] {
            assert_ne!(likeness(other), one, "{other}");
        }
    }
}
