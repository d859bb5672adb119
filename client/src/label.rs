//! From what a person types to the canonical bytes of a label. This is the one place where
//! spellings are made equal: a server never does it.
//!
//! E-mail addresses, phone numbers and UUIDs need no tables and are [`plainsight_specs::label`]'s.
//! User names are made canonical here by PRECIS (RFC 8265), over the code points of Unicode 6.3.0.

use plainsight_specs::label::{Label, LabelError};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::Profile as _;

/// What introduces a user name.
const USER: &str = "user:";

/// Why what was typed is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    /// Not of a kind, or not canonical and not to be repaired.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// PRECIS refuses the name.
    #[error("not a user name that can be written in one way only: {reason}")]
    UserName {
        /// The library's own words.
        reason: String,
    },
}

/// A label from what a person typed.
pub fn typed(text: &str) -> Result<Label, TypedError> {
    if text.contains('@') {
        return Ok(Label::email(text)?);
    }
    match text.strip_prefix(USER) {
        Some(name) => user_name(name),
        None => Ok(Label::from_typed(text)?),
    }
}

/// A user name from what a person typed.
pub fn user_name(typed: &str) -> Result<Label, TypedError> {
    let refused = |reason: String| TypedError::UserName { reason };
    let profile = UsernameCaseMapped::new();
    let enforce = |name: &str| {
        let canonical = profile.enforce(name.to_owned());
        let canonical = canonical.map_err(|error| refused(error.to_string()))?;
        Ok::<_, TypedError>(canonical.into_owned())
    };
    // SPEC(LABEL-10): what a second pass would change, or refuse since the first made code points
    // of a later Unicode of it, has no one spelling.
    let once = enforce(typed)?;
    if enforce(&once)? != once {
        return Err(refused("it does not settle on one spelling".into()));
    }
    Ok(Label::user_name(&once)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(typed: &str) -> Vec<u8> {
        user_name(typed).unwrap().as_bytes()[1..].to_vec()
    }

    #[test]
    fn spellings_of_one_name_are_one_label() {
        // Composed and decomposed, capital and small, wide and narrow.
        for spelling in ["Zo\u{eb}", "zoe\u{308}", "ZOE\u{308}", "\u{ff3a}o\u{eb}"] {
            assert_eq!(bytes(spelling), "zo\u{eb}".as_bytes(), "{spelling:?}");
        }
        assert_eq!(
            bytes("\u{3a3}"),
            "\u{3c3}".as_bytes(),
            "RFC 8265, example 9"
        );
        assert_eq!(
            typed("user:Zo\u{eb}").unwrap(),
            user_name("zo\u{eb}").unwrap()
        );
    }

    #[test]
    fn the_examples_of_the_profile_are_kept_apart_or_refused() {
        // RFC 8265, section 3.5: these are names, and no two of them the same.
        let names = [
            "juliet",
            "fu\u{df}ball",
            "fussball",
            "\u{3c0}",
            "\u{3c3}",
            "\u{3c2}",
        ];
        for name in names {
            assert_eq!(bytes(name), name.as_bytes());
        }
        for bad in [
            "foo bar",
            "",
            "henry\u{2163}",
            "\u{265a}",
            "a\u{202e}b",
            "a\0",
        ] {
            assert!(user_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn later_versions_of_unicode_change_nothing() {
        // U+A7B7 is of Unicode 8.0, and the small Cherokee letters that U+13A0 has since then too.
        for later in ["\u{a7b7}", "\u{13a0}", "\u{ab70}", "\u{1e922}"] {
            assert!(user_name(later).is_err(), "{later:?}");
        }
    }

    #[test]
    fn kinds_are_not_confused() {
        assert_eq!(
            typed("user:a@B.example").unwrap(),
            Label::email("user:a@b.example").unwrap()
        );
        assert_eq!(
            typed("+491701234567").unwrap(),
            Label::phone("491701234567").unwrap()
        );
        assert!(matches!(
            typed("alice"),
            Err(TypedError::Label(LabelError::Unrecognised))
        ));
        assert!(user_name("a@b").is_err());
    }
}
