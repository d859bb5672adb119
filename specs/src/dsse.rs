#![doc = include_str!("../dsse.md")]

use std::collections::BTreeSet;

use crate::Blame;
use crate::ed25519::{PublicKey, SIGNATURE_LEN, SecretKey};
use crate::json::{self, Json, JsonError, Object};

/// The longest envelope, in bytes.
pub const MAX_ENVELOPE: usize = 65_535;
/// The most signatures of an envelope.
pub const MAX_SIGNATURES: usize = 8;

/// Why an envelope was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// Nothing was parsed.
    #[error("the envelope has more than {MAX_ENVELOPE} bytes")]
    TooLong,
    /// The JSON, or a member of it.
    #[error("envelope: {0}")]
    Json(#[from] JsonError),
    /// None, or too many.
    #[error("{0} signatures where 1 to {MAX_SIGNATURES} were expected")]
    SignatureCount(usize),
}

impl DsseError {
    /// Who is to blame: an envelope that does not parse is malformed.
    pub fn blame(&self) -> Blame {
        Blame::Malformed
    }
}

/// An envelope that parsed. Which signatures hold is asked for a set of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// Parses an envelope that fills `bytes`. The payload is decoded and not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, DsseError> {
        // SPEC(DSSE-1): before anything is parsed.
        if bytes.len() > MAX_ENVELOPE {
            return Err(DsseError::TooLong);
        }
        // SPEC(DSSE-2): what is left in an object after its members were taken is dropped.
        let mut envelope = json::parse_object(bytes)?;
        let payload_type = envelope.string("payloadType")?;
        let payload = envelope.base64("payload", MAX_ENVELOPE)?;
        let signatures = envelope.array("signatures", MAX_ENVELOPE)?;
        // SPEC(DSSE-3)
        if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
            return Err(DsseError::SignatureCount(signatures.len()));
        }
        let signatures = signatures
            .into_iter()
            .map(parse_signature)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            payload_type,
            payload,
            signatures,
        })
    }

    /// What the payload is, in its signers' word.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signed bytes, decoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures in order, of any length.
    pub fn signatures(&self) -> &[Vec<u8>] {
        &self.signatures
    }

    /// Those of `keys` that signed, each once, however often it signed or is listed. Signatures
    /// of other lengths and of other keys are skipped.
    pub fn valid_signers(&self, keys: &[PublicKey]) -> BTreeSet<PublicKey> {
        let message = pae(&self.payload_type, &self.payload);
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            // SPEC(DSSE-5)
            let Ok(signature) = <&[u8; SIGNATURE_LEN]>::try_from(signature.as_slice()) else {
                continue;
            };
            for key in keys {
                // SPEC(DSSE-6)
                if !signers.contains(key) && key.verify(&message, signature).is_ok() {
                    signers.insert(*key);
                }
            }
        }
        signers
    }

    /// Signs `payload` with each of `signers` and prints the envelope. Only 1 to 8 signers give
    /// an envelope that parses.
    pub fn build(payload_type: &str, payload: &[u8], signers: &[&SecretKey]) -> Vec<u8> {
        let message = pae(payload_type, payload);
        let signatures: Vec<_> = signers.iter().map(|key| key.sign(&message)).collect();
        Self::assemble(payload_type, payload, &signatures)
    }

    /// Prints an envelope around signatures over [`pae`] that were made elsewhere.
    pub fn assemble(
        payload_type: &str,
        payload: &[u8],
        signatures: &[[u8; SIGNATURE_LEN]],
    ) -> Vec<u8> {
        let signatures: Vec<_> = signatures
            .iter()
            .map(|signature| serde_json::json!({ "sig": crate::codec::to_base64(signature) }))
            .collect();
        serde_json::json!({
            "payloadType": payload_type,
            "payload": crate::codec::to_base64(payload),
            "signatures": signatures,
        })
        .to_string()
        .into_bytes()
    }
}

fn parse_signature(value: Json) -> Result<Vec<u8>, JsonError> {
    let mut signature: Object = value.into_object("signatures")?;
    // SPEC(DSSE-4): a string if it is there, and never a hint.
    signature.optional_string("keyid")?;
    signature.base64("sig", MAX_ENVELOPE)
}

/// The pre-authentication encoding, version 1: the bytes that are signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    // SPEC(DSSE-7)
    let mut out = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::to_base64;

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    #[test]
    fn pae_is_the_example_of_the_dsse_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
        // Lengths are in bytes.
        assert_eq!(pae("\u{e9}", b""), "DSSEv1 2 \u{e9} 0 ".as_bytes());
    }

    #[test]
    fn build_prints_compact_json() {
        let envelope = Envelope::assemble("t/p", b"{}", &[[0; 64]]);
        let sig = format!("{}==", "A".repeat(86));
        assert_eq!(
            String::from_utf8(envelope).unwrap(),
            format!(r#"{{"payload":"e30=","payloadType":"t/p","signatures":[{{"sig":"{sig}"}}]}}"#)
        );
    }

    #[test]
    fn each_signer_counts_once() {
        let (one, two, three) = (secret(1), secret(2), secret(3));
        let bytes = Envelope::build("t", b"payload", &[&one, &two, &one]);
        let envelope = Envelope::parse(&bytes).unwrap();
        let keys = [one.public(), one.public(), three.public()];
        assert_eq!(envelope.valid_signers(&keys), [one.public()].into());
        assert_eq!(
            envelope.valid_signers(&[two.public(), one.public()]).len(),
            2
        );
        assert!(envelope.valid_signers(&[]).is_empty());
    }

    #[test]
    fn signs_type_and_payload() {
        let one = secret(1);
        let signature = one.sign(&pae("t", b"payload"));
        for (payload_type, payload) in [("u", b"payload"), ("t", b"paylord")] {
            let bytes = Envelope::assemble(payload_type, payload, &[signature]);
            let envelope = Envelope::parse(&bytes).unwrap();
            assert!(envelope.valid_signers(&[one.public()]).is_empty());
        }
        let bytes = Envelope::assemble("t", b"payload", &[signature]);
        let envelope = Envelope::parse(&bytes).unwrap();
        assert_eq!(
            envelope.valid_signers(&[one.public()]),
            [one.public()].into()
        );
    }

    #[test]
    fn skips_signatures_of_other_lengths() {
        let one = secret(1);
        let good = one.sign(&pae("t", b"p"));
        let long = [good.as_slice(), &[0]].concat();
        for (sigs, signers) in [
            (vec![vec![]], 0),
            (vec![good[..63].to_vec()], 0),
            (vec![long.clone()], 0),
            (vec![vec![], long, vec![1; 3309], good.to_vec()], 1),
        ] {
            let list: Vec<_> = sigs
                .iter()
                .map(|sig| format!(r#"{{"sig":"{}"}}"#, to_base64(sig)))
                .collect();
            let text = format!(
                r#"{{"payloadType":"t","payload":"cA==","signatures":[{}]}}"#,
                list.join(",")
            );
            let envelope = Envelope::parse(text.as_bytes()).unwrap();
            assert_eq!(envelope.signatures(), sigs);
            assert_eq!(envelope.valid_signers(&[one.public()]).len(), signers);
        }
    }

    #[test]
    fn one_to_eight_signatures() {
        for count in 0..=10 {
            let bytes = Envelope::assemble("t", b"p", &vec![[0; 64]; count]);
            let parsed = Envelope::parse(&bytes);
            if (1..=8).contains(&count) {
                assert_eq!(parsed.unwrap().signatures().len(), count);
            } else {
                assert_eq!(parsed, Err(DsseError::SignatureCount(count)));
            }
        }
    }

    #[test]
    fn ignores_unknown_members_and_never_reads_keyid() {
        for accepted in [
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"","payload":"","signatures":[{"sig":"","keyid":""}],"x":{"y":null}}"#,
            r#" {"signatures":[{"cert":[],"keyid":"another","sig":""}],"payload":"cA==","payloadType":"t"} "#,
        ] {
            assert!(Envelope::parse(accepted.as_bytes()).is_ok(), "{accepted}");
        }
    }

    #[test]
    fn refuses_what_is_not_an_envelope() {
        for bad in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"payload":"cA==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cA=="}"#,
            r#"{"payloadType":null,"payload":"cA==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":1,"payload":"cA==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":null,"signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":{},"signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cA","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cB==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"c-==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":{"sig":""}}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":null}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[""]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":null}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":"A"}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":"","keyid":null}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":"","keyid":1}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":"","sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cA==","payload":"cA==","signatures":[{"sig":""}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":""}],"x":1.5}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":"","x":{"a":1,"a":1}}]}"#,
            r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":""}]}x"#,
        ] {
            let error = Envelope::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(error.blame(), Blame::Malformed, "{bad}");
        }
    }

    #[test]
    fn refuses_a_byte_over_the_bound() {
        let text = r#"{"payloadType":"t","payload":"cA==","signatures":[{"sig":""}]}"#;
        let fits = format!("{text}{}", " ".repeat(MAX_ENVELOPE - text.len()));
        assert!(Envelope::parse(fits.as_bytes()).is_ok());
        let over = format!("{fits} ");
        assert_eq!(Envelope::parse(over.as_bytes()), Err(DsseError::TooLong));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Envelope::parse(&bytes);
        }

        #[test]
        fn parses_what_it_built(payload_type in ".{0,40}", payload: Vec<u8>, count in 1..=8u8) {
            let secrets: Vec<_> = (0..count).map(secret).collect();
            let signers: Vec<_> = secrets.iter().collect();
            let bytes = Envelope::build(&payload_type, &payload, &signers);
            let envelope = Envelope::parse(&bytes).unwrap();
            prop_assert_eq!(envelope.payload_type(), &payload_type);
            prop_assert_eq!(envelope.payload(), &payload);
            let keys: Vec<_> = secrets.iter().map(SecretKey::public).collect();
            prop_assert_eq!(envelope.valid_signers(&keys).len(), usize::from(count));
        }
    }
}
