//! What is asked of a log and of an auditor, by name, each with its bound: the C2SP objects that
//! any static server can serve, and the two forms of question.
//!
//! Everything returned is bytes from a stranger. Who parses and verifies them is the caller.

use crate::http::{Answer, BaseUrl, Http, HttpError, Post};

/// Bound of a checkpoint: a text of a few lines and a few dozen signature lines, the longest of
/// which (ML-DSA-44) have 3.3 KB.
pub const MAX_CHECKPOINT: usize = 128 * 1024;
/// Bound of the answer to `add-checkpoint`: a few signature lines, or a line of text.
const MAX_COSIGNATURES: usize = 64 * 1024;

/// The read side of one log, or of an auditor's mirror of it.
#[derive(Debug, Clone)]
pub struct Source {
    http: Http,
    base: BaseUrl,
}

impl Source {
    /// Reads below `base`.
    pub fn new(http: Http, base: BaseUrl) -> Self {
        Self { http, base }
    }

    /// Where it reads.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The newest published checkpoint.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, HttpError> {
        self.http
            .read(&self.base.join("checkpoint"), MAX_CHECKPOINT)
            .await
    }

    /// GET of any other path, for answers that have their own bound.
    pub async fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
        self.http.read(&self.base.join(path), limit).await
    }

    /// POST of a JSON question that changes nothing, such as `v1/lookup`.
    pub async fn ask(
        &self,
        path: &str,
        question: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, HttpError> {
        self.http
            .ask(Post {
                url: &self.base.join(path),
                content_type: "application/json",
                body: question,
                bearer: None,
                limit,
            })
            .await
    }

    /// POST of JSON that changes something, such as `v1/publish`: sent once, any status.
    pub async fn send(
        &self,
        path: &str,
        json: &[u8],
        bearer: Option<&str>,
        limit: usize,
    ) -> Result<Answer, HttpError> {
        self.http
            .send(Post {
                url: &self.base.join(path),
                content_type: "application/json",
                body: json,
                bearer,
                limit,
            })
            .await
    }

    /// C2SP `add-checkpoint`, sent once: any status, since each has a meaning to a log.
    pub async fn add_checkpoint(&self, request: &[u8]) -> Result<Answer, HttpError> {
        self.http
            .send(Post {
                url: &self.base.join("add-checkpoint"),
                content_type: "text/plain; charset=utf-8",
                body: request,
                bearer: None,
                limit: MAX_COSIGNATURES,
            })
            .await
    }
}
