//! The first answers to requests with an idempotency key.

use plainsight_specs::hash::Hash;
use sqlx::{Any, Connection as _, Row as _, Transaction};

use super::{Store, StoreError, to_sql};

/// An answer to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    /// The hash of the token that asked.
    pub token: Hash,
    /// The key that it chose.
    pub key: String,
    /// SHA-256 of the request's body.
    pub request: Hash,
    /// The answer's body.
    pub answer: Vec<u8>,
    /// When, in POSIX milliseconds.
    pub created: u64,
}

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SHA-256 of the body that was answered so.
    pub request: Hash,
    /// The answer's body.
    pub answer: Vec<u8>,
}

const INSERT: &str = "INSERT INTO idempotency (token, key, request, answer, created) \
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

impl Store {
    /// The first answer to a token's key.
    pub async fn kept_answer(
        &self,
        token: &Hash,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let row =
            sqlx::query("SELECT request, answer FROM idempotency WHERE token = $1 AND key = $2")
                .bind(token.as_bytes().as_slice())
                .bind(key)
                .fetch_optional(&self.pool)
                .await?;
        row.map(|row| {
            Ok(KeptAnswer {
                request: super::read::hash(row.try_get("request")?)?,
                answer: row.try_get("answer")?,
            })
        })
        .transpose()
    }

    /// Keeps an answer of a request that logged nothing, unless there is a first one.
    pub async fn keep_answer(&self, answer: &NewAnswer) -> Result<(), StoreError> {
        // One session at a time for all of these, however many ask.
        let _turn = self.keeping.lock().await;
        let mut connection = self.address.connect().await?;
        sqlx::query(INSERT)
            .bind(answer.token.as_bytes().as_slice())
            .bind(answer.key.as_str())
            .bind(answer.request.as_bytes().as_slice())
            .bind(answer.answer.as_slice())
            .bind(to_sql(answer.created)?)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(())
    }

    /// Forgets the answers from before a time, in POSIX milliseconds, and says how many.
    pub async fn forget_answers(&self, before_ms: u64) -> Result<u64, StoreError> {
        let mut connection = self.address.connect().await?;
        let done = sqlx::query("DELETE FROM idempotency WHERE created < $1")
            .bind(to_sql(before_ms)?)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(done.rows_affected())
    }
}

/// Keeps answers with the commit of what they answer. The first one stays.
pub(super) async fn insert_answers(
    transaction: &mut Transaction<'_, Any>,
    answers: &[NewAnswer],
) -> Result<(), StoreError> {
    for answer in answers {
        sqlx::query(INSERT)
            .bind(answer.token.as_bytes().as_slice())
            .bind(answer.key.as_str())
            .bind(answer.request.as_bytes().as_slice())
            .bind(answer.answer.as_slice())
            .bind(to_sql(answer.created)?)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
