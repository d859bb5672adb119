//! The small grammars of a statement's members. Each is refused, never repaired, when it differs:
//! two spellings of one product would be two streams.

/// Which grammar a text broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// See [`Purl`].
    #[error("not a package URL without version and qualifiers of at most 1024 characters")]
    Purl,
    /// See [`ReleaseVersion`].
    #[error("not a version of 1 to 128 printable ASCII characters without spaces")]
    Version,
    /// See [`Name`].
    #[error("not a name: [a-z0-9][a-z0-9._-]{{0,63}}")]
    Name,
    /// See [`Region`].
    #[error("not a region of two capital letters")]
    Region,
    /// See [`Audience`].
    #[error("not an audience: all, region:XX or cohort:name")]
    Audience,
    /// See [`Uri`].
    #[error("not a URI of at most 512 printable ASCII characters")]
    Uri,
    /// See [`Reason`].
    #[error("not a reason of 1 to 1024 bytes")]
    Reason,
    /// See [`super::Stream`].
    #[error("not the bytes of a stream")]
    Stream,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $accepts:path, $error:path;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Accepts the text exactly as it stands.
            pub fn parse(text: &str) -> Result<Self, GrammarError> {
                if $accepts(text.as_bytes()) {
                    Ok(Self(text.into()))
                } else {
                    Err($error)
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// A package URL without version, qualifiers and subpath:
    /// `pkg:[a-z][a-z0-9.+-]*(/([A-Za-z0-9._~+-]|%[0-9A-F]{2})+)+`, at most 1024 characters, and
    /// nothing percent-encoded that could stand for itself.
    Purl, is_purl, GrammarError::Purl;
    /// The version of a release: `[!-~]{1,128}`. Not ordered: the stream's `seq` is.
    ReleaseVersion, is_version, GrammarError::Version;
    /// A channel, architecture, feature, canary or cohort: `[a-z0-9][a-z0-9._-]{0,63}`.
    Name, is_name, GrammarError::Name;
    /// A region in the form of ISO 3166-1 alpha-2, assigned or not: `[A-Z]{2}`.
    Region, is_region, GrammarError::Region;
    /// The type of a reference: a scheme `[A-Za-z][A-Za-z0-9+.-]*`, a colon, and at least one of
    /// `[!-~]`, at most 512 characters in all.
    Uri, is_uri, GrammarError::Uri;
    /// Why a version was yanked, for people: 1 to 1024 bytes of UTF-8.
    Reason, is_reason, GrammarError::Reason;
}

/// Whom a release is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    /// `all`.
    All,
    /// `region:XX`.
    Region(Region),
    /// `cohort:name`.
    Cohort(Name),
}

impl Audience {
    /// Accepts the text exactly as it stands.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        // SPEC(STMT-14)
        let audience = match text.split_once(':') {
            None if text == "all" => Some(Self::All),
            Some(("region", region)) => Region::parse(region).ok().map(Self::Region),
            Some(("cohort", name)) => Name::parse(name).ok().map(Self::Cohort),
            _ => None,
        };
        audience.ok_or(GrammarError::Audience)
    }
}

impl std::fmt::Display for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Region(region) => write!(f, "region:{region}"),
            Self::Cohort(name) => write!(f, "cohort:{name}"),
        }
    }
}

fn is_purl(text: &[u8]) -> bool {
    // SPEC(STMT-10)
    let Some(rest) = text.strip_prefix(b"pkg:") else {
        return false;
    };
    let mut parts = rest.split(|byte| *byte == b'/');
    let ecosystem = parts.next().is_some_and(|part| {
        part.first().is_some_and(u8::is_ascii_lowercase)
            && part.iter().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-".contains(byte)
            })
    });
    let mut parts = parts.peekable();
    text.len() <= 1024
        && ecosystem
        && parts.peek().is_some()
        && parts.all(|part| !part.is_empty() && has_one_spelling(part))
}

/// Whether a part of a package URL is written in the one way that there is.
fn has_one_spelling(part: &[u8]) -> bool {
    let stands_for_itself = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+-".contains(&byte);
    let digit = |byte: Option<u8>| match byte {
        Some(byte @ b'0'..=b'9') => Some(byte - b'0'),
        Some(byte @ b'A'..=b'F') => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut bytes = part.iter().copied();
    while let Some(byte) = bytes.next() {
        if stands_for_itself(byte) {
            continue;
        }
        // SPEC(STMT-25)
        let encoded = match (byte, digit(bytes.next()), digit(bytes.next())) {
            (b'%', Some(high), Some(low)) => high << 4 | low,
            _ => return false,
        };
        if stands_for_itself(encoded) {
            return false;
        }
    }
    true
}

fn is_version(text: &[u8]) -> bool {
    // SPEC(STMT-11)
    (1..=128).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

fn is_name(text: &[u8]) -> bool {
    // SPEC(STMT-12)
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 64
        && text.first().is_some_and(alphanumeric)
        && text
            .iter()
            .all(|byte| alphanumeric(byte) || b"._-".contains(byte))
}

fn is_region(text: &[u8]) -> bool {
    // SPEC(STMT-13)
    text.len() == 2 && text.iter().all(u8::is_ascii_uppercase)
}

fn is_uri(text: &[u8]) -> bool {
    // SPEC(STMT-15)
    let mut parts = text.splitn(2, |byte| *byte == b':');
    let scheme = parts.next().is_some_and(|scheme| {
        scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte))
    });
    text.len() <= 512
        && scheme
        && parts
            .next()
            .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_graphic))
}

fn is_reason(text: &[u8]) -> bool {
    // SPEC(STMT-16)
    (1..=1024).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<T, E>(parse: impl Fn(&str) -> Result<T, E>, accepted: &[&str], refused: &[&str]) {
        for text in accepted {
            assert!(parse(text).is_ok(), "{text:?}");
        }
        for text in refused {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn purl() {
        let (longest, over) = (
            format!("pkg:a/{}", "b".repeat(1018)),
            format!("pkg:a/{}", "b".repeat(1019)),
        );
        table(
            Purl::parse,
            &[
                &longest,
                "pkg:generic/messenger",
                "pkg:npm/%40scope/name",
                "pkg:a/b",
                "pkg:a0.+-/A~z_9/x",
                "pkg:golang/example.com/m",
                "pkg:generic/100%25",
            ],
            &[
                "",
                "pkg:",
                "pkg:generic",
                "pkg:generic/",
                "pkg:generic//x",
                "pkg:generic/x/",
                "pkg:/x",
                "pkg:Generic/x",
                "pkg:0a/x",
                "PKG:generic/x",
                "pkg:generic/x@1.0",
                "pkg:generic/x?arch=a",
                "pkg:generic/x#sub",
                "pkg:generic/x y",
                "pkg:generic/x\n",
                "pkg:generic/\u{e9}",
                " pkg:generic/x",
                "pkg://generic/x",
                "pkg:generic/mess%65nger",
                "pkg:generic/a%2Bb",
                "pkg:npm/%40scope%2e/name",
                "pkg:generic/x%",
                "pkg:generic/x%4",
                "pkg:generic/%/40",
                &over,
            ],
        );
    }

    #[test]
    fn version() {
        let (longest, over) = ("9".repeat(128), "9".repeat(129));
        table(
            ReleaseVersion::parse,
            &["1", "1.0.0-rc.1+build", "!", "~", "/", &longest],
            &["", " ", "1 0", "1\n", "\x7f", "1\u{e9}", &over],
        );
    }

    #[test]
    fn name() {
        let (longest, over) = ("a".repeat(64), "a".repeat(65));
        table(
            Name::parse,
            &["stable", "x86_64", "0", "a.b-c_d", &longest],
            &[
                "", ".a", "-a", "_a", "A", "aB", "a b", "a\n", "a/b", "a:b", "\u{e9}", &over,
            ],
        );
    }

    #[test]
    fn region() {
        table(
            Region::parse,
            &["DE", "XX", "ZZ"],
            &["", "D", "DEU", "de", "D1", "*", "D\n", "\u{c4}"],
        );
    }

    #[test]
    fn uri() {
        let (longest, over) = (
            format!("a:{}", "b".repeat(510)),
            format!("a:{}", "b".repeat(511)),
        );
        table(
            Uri::parse,
            &[
                "https://slsa.dev/provenance/v1",
                "urn:x",
                "a+b.c-1:~",
                "a::",
                &longest,
            ],
            &[
                "", ":", "a", "a:", ":b", "1a:b", "a_b:c", "a:b c", "a:\n", "a:\u{e9}", &over,
            ],
        );
    }

    #[test]
    fn reason() {
        let (longest, over) = ("\u{e9}".repeat(512), format!("{}a", "\u{e9}".repeat(512)));
        table(Reason::parse, &["x", "a\nb", &longest], &["", &over]);
    }

    #[test]
    fn audience() {
        table(
            Audience::parse,
            &["all", "region:DE", "cohort:beta-1"],
            &[
                "",
                "All",
                "all:",
                "all:DE",
                "region",
                "region:",
                "region:de",
                "region:*",
                "cohort:",
                "cohort:A",
                "cohort:a:b",
                "DE",
                " all",
            ],
        );
        for text in ["all", "region:DE", "cohort:beta-1"] {
            assert_eq!(Audience::parse(text).unwrap().to_string(), text);
        }
    }
}
