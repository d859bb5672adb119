//! Tells a server over HTTP, signed after the Standard Webhooks convention.
//!
//! `POST`, body the message as JSON, headers `webhook-id`, `webhook-timestamp` (POSIX seconds) and
//! `webhook-signature`: `v1,` and base64 of HMAC-SHA256, or `v1a,` and base64 of an Ed25519
//! signature, over `<id>.<timestamp>.<body>`. A receiver refuses a timestamp more than five minutes
//! off and an id that it has seen. Any 2xx means that the message was taken.

use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use plainsight_specs::codec;
use plainsight_specs::ed25519::SecretKey;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Message;
use super::channel::ChannelError;
use crate::config::read_secret;

/// Bytes of a shared secret, at most.
const MAX_SECRET: usize = 64;
/// Bytes of a shared secret, at least.
const MIN_SECRET: usize = 24;
const SHARED: &str = "whsec_";
const OWN: &str = "whsk_";

/// What messages to one server are signed with.
#[derive(Clone)]
pub enum WebhookKey {
    /// A secret that the server has too.
    Shared(Zeroizing<Vec<u8>>),
    /// The seed of an Ed25519 key of which the server has the public half.
    Own(Zeroizing<[u8; 32]>),
}

/// Why a file holds no key. Always the operator's matter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookKeyError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    File(String),
    /// Neither kind of key.
    #[error(
        "it is neither whsec_ and base64 of {MIN_SECRET} to {MAX_SECRET} bytes nor whsk_ and base64 \
         of 32 bytes"
    )]
    Form,
}

impl std::fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "WebhookKey::Shared",
            Self::Own(_) => "WebhookKey::Own",
        })
    }
}

impl WebhookKey {
    /// From a file with one line.
    pub fn read(path: &Path) -> Result<Self, WebhookKeyError> {
        let text = read_secret(path).map_err(|error| WebhookKeyError::File(error.to_string()))?;
        Self::parse(text.trim())
    }

    /// From `whsec_…` or `whsk_…`.
    pub fn parse(text: &str) -> Result<Self, WebhookKeyError> {
        let bytes = |text| codec::base64_bytes(text, MAX_SECRET).map(Zeroizing::new);
        if let Some(secret) = text.strip_prefix(SHARED) {
            let secret = bytes(secret).map_err(|_| WebhookKeyError::Form)?;
            if secret.len() >= MIN_SECRET {
                return Ok(Self::Shared(secret));
            }
        } else if let Some(seed) = text.strip_prefix(OWN) {
            let seed = codec::base64_array(seed).map_err(|_| WebhookKeyError::Form)?;
            return Ok(Self::Own(Zeroizing::new(seed)));
        }
        Err(WebhookKeyError::Form)
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        match self {
            Self::Shared(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).map(|mut mac| {
                    mac.update(signed.as_bytes());
                    mac.finalize().into_bytes()
                });
                // HMAC takes a key of any length.
                format!("v1,{}", codec::to_base64(&mac.unwrap_or_default()))
            }
            Self::Own(seed) => {
                let signature = SecretKey::from_seed(seed).sign(signed.as_bytes());
                format!("v1a,{}", codec::to_base64(&signature))
            }
        }
    }

    /// What a receiver of an Ed25519 signature is given: `whpk_` and base64. A shared secret has no
    /// public half.
    pub fn public(&self) -> Option<String> {
        match self {
            Self::Shared(_) => None,
            Self::Own(seed) => {
                let public = SecretKey::from_seed(seed).public();
                Some(format!("whpk_{}", codec::to_base64(public.as_bytes())))
            }
        }
    }
}

/// Posts a message. Redirects are not followed: where alerts go is configuration.
pub(super) async fn post(
    url: &str,
    timeout: Duration,
    key: &WebhookKey,
    message: &Message,
    now: u64,
) -> Result<(), ChannelError> {
    let unreachable = |error: reqwest::Error| {
        // The URL may hold a token of its own.
        ChannelError::Unreachable(error.without_url().to_string())
    };
    let client = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("plainsight-auditor/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(unreachable)?;
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", now.to_string())
        .header(
            "webhook-signature",
            key.sign(&message.id, now, &message.body),
        )
        .body(message.body.clone())
        .send()
        .await
        .map_err(unreachable)?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(ChannelError::Status(status.as_u16()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the Standard Webhooks specification's libraries.
    #[test]
    fn signs_as_standard_webhooks_says() {
        let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_own_key_signs_verifiably() {
        let text = format!("whsk_{}", codec::to_base64(&[7; 32]));
        let key = WebhookKey::parse(&text).unwrap();
        let signature = key.sign("id", 5, "{}");
        let signature = codec::base64_array(signature.strip_prefix("v1a,").unwrap()).unwrap();
        let public = SecretKey::from_seed(&[7; 32]).public();
        public.verify(b"id.5.{}", &signature).unwrap();
        assert!(public.verify(b"id.6.{}", &signature).is_err());
        let printed = key.public().unwrap();
        assert_eq!(
            printed,
            format!("whpk_{}", codec::to_base64(public.as_bytes()))
        );
    }

    #[test]
    fn refuses_what_is_no_key() {
        for bad in ["", "whsec_", "whsec_AAAA", "whsk_AAAA", "secret", "whsec_!"] {
            assert_eq!(
                WebhookKey::parse(bad).unwrap_err(),
                WebhookKeyError::Form,
                "{bad}"
            );
        }
    }
}
