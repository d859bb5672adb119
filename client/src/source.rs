//! What is asked of a log and of an auditor, by name, each with its bound: the C2SP objects that
//! any static server can serve, and the two forms of question.
//!
//! Everything returned is bytes from a stranger. Who parses and verifies them is the caller.

use plainsight_specs::hash::Hash;
use plainsight_specs::tile::{MAX_BUNDLE_BYTES, TILE_WIDTH, TileError, TilePath, parse_bundle};

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

    /// The read side of something at another address, over the same transport.
    #[must_use]
    pub fn elsewhere(&self, base: BaseUrl) -> Self {
        Self::new(self.http.clone(), base)
    }

    /// The newest published checkpoint.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, HttpError> {
        self.http
            .read(&self.base.join("checkpoint"), MAX_CHECKPOINT)
            .await
    }

    /// A hash tile of exactly the width that its path says. A log may drop a partial tile once the
    /// full one exists; then the full one is read and cut.
    pub async fn tile(&self, path: TilePath) -> Result<Vec<u8>, HttpError> {
        let (found, mut bytes) = self.narrow_or_full(path, tile_bytes(path.full())).await?;
        let (got, expected) = (bytes.len(), tile_bytes(found));
        if got != expected {
            return Err(self.not_a_tile(found, TileError::Length { got, expected }));
        }
        bytes.truncate(tile_bytes(path));
        Ok(bytes)
    }

    /// The entries of a bundle, exactly as many as its path says, from the full bundle if the
    /// partial one is gone.
    pub async fn bundle(&self, path: TilePath) -> Result<Vec<Vec<u8>>, HttpError> {
        let (found, bytes) = self.narrow_or_full(path, MAX_BUNDLE_BYTES).await?;
        let entries =
            parse_bundle(&bytes, found.width()).map_err(|reason| self.not_a_tile(found, reason))?;
        let wanted = entries.into_iter().take(usize::from(path.width()));
        Ok(wanted.map(<[u8]>::to_vec).collect())
    }

    async fn narrow_or_full(
        &self,
        path: TilePath,
        limit: usize,
    ) -> Result<(TilePath, Vec<u8>), HttpError> {
        match self.read(&path.to_string(), limit).await {
            Err(error) if error.is_not_found() && path.width() < TILE_WIDTH => {
                // If the full one is missing too, the log has lost the partial one.
                match self.read(&path.full().to_string(), limit).await {
                    Ok(bytes) => Ok((path.full(), bytes)),
                    Err(full) if full.is_not_found() => Err(error),
                    Err(full) => Err(full),
                }
            }
            Err(error) => Err(error),
            Ok(bytes) => Ok((path, bytes)),
        }
    }

    fn not_a_tile(&self, path: TilePath, reason: TileError) -> HttpError {
        HttpError::Tile {
            url: self.base.join(&path.to_string()),
            reason,
        }
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

fn tile_bytes(path: TilePath) -> usize {
    usize::from(path.width()) * Hash::LEN
}

#[cfg(test)]
mod tests {
    use plainsight_specs::Blame;
    use plainsight_specs::tile::bundle_to_bytes;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::http::Patience;

    /// Serves these paths and 404 for any other.
    async fn serving(files: Vec<(String, Vec<u8>)>) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 8192];
                let n = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..n]).into_owned();
                let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
                let (status, body) = match files.iter().find(|(name, _)| name == path) {
                    Some((_, body)) => ("200 OK", body.as_slice()),
                    None => ("404 Not Found", b"".as_slice()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body).await.unwrap();
            }
        });
        Source::new(Http::new(Patience::default()).unwrap(), base)
    }

    #[tokio::test]
    async fn a_partial_tile_that_is_gone_is_cut_from_the_full_one() {
        let bytes: Vec<u8> = (0..8192u32).map(|n| n.to_be_bytes()[3]).collect();
        let source = serving(vec![("tile/0/000".into(), bytes.clone())]).await;
        let path = TilePath::hashes(0, 0, 3).unwrap();
        assert_eq!(source.tile(path).await, Ok(bytes[..96].to_vec()));
        let missing = TilePath::hashes(0, 1, 3).unwrap();
        assert!(source.tile(missing).await.unwrap_err().is_not_found());
    }

    #[tokio::test]
    async fn a_bundle_is_cut_and_a_truncated_one_is_malformed() {
        let entries: Vec<Vec<u8>> = (0..=255u8).map(|n| vec![n; 3]).collect();
        let full = bundle_to_bytes(&entries).unwrap();
        let source = serving(vec![
            ("tile/entries/000".into(), full.clone()),
            ("tile/entries/001.p/2".into(), full[..9].to_vec()),
            ("tile/1/000.p/1".into(), vec![0; 31]),
        ])
        .await;
        let path = TilePath::entries(0, 2).unwrap();
        assert_eq!(source.bundle(path).await, Ok(entries[..2].to_vec()));
        let cut = source.bundle(TilePath::entries(1, 2).unwrap()).await;
        assert_eq!(cut.unwrap_err().blame(), Blame::Malformed);
        let short = source.tile(TilePath::hashes(1, 0, 1).unwrap()).await;
        assert_eq!(short.unwrap_err().blame(), Blame::Malformed);
    }
}
