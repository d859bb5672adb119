//! What an auditor is asked to cosign, and what it answers.

use anyhow::Context as _;
use plainsight_auditor::audit::{Answer, Event, RequestId, Standing};
use plainsight_log_server::wire::Answered;
use plainsight_specs::witness::{
    AddCheckpoint, SIZE_MEDIA_TYPE, cosignature_lines_to_bytes, size_to_bytes,
};

use super::{Carried, Died, Reply, SimAuditor};

impl SimAuditor {
    /// C2SP `add-checkpoint`; `None` if it died.
    pub(in crate::simulate) async fn add_checkpoint(&mut self, body: &[u8]) -> Option<Answered> {
        match self.cosign(body).await {
            Ok(Ok(reply)) => Some(reply),
            Ok(Err(Died)) => {
                self.die().await;
                None
            }
            Err(error) => {
                // An unknown state: it starts again from what is on disk.
                tracing::warn!(auditor = self.number, %error, "the auditor starts again");
                self.die().await;
                None
            }
        }
    }

    pub(super) async fn cosign(&mut self, body: &[u8]) -> Carried<Answered> {
        self.wake().await?;
        let Ok(request) = AddCheckpoint::parse(body) else {
            return Ok(Ok(plain(400)));
        };
        let keys = &self.config.logs.first().context("no log")?.keys;
        let Ok(checkpoint) = request.checkpoint.verify_log(keys) else {
            return Ok(Ok(plain(403)));
        };
        if self
            .awake
            .as_ref()
            .is_some_and(|awake| awake.state.standing == Standing::Unchecked)
        {
            for step in [self.look_at_the_log().await?, self.look_at_all().await?] {
                if let Err(died) = step {
                    return Ok(Err(died));
                }
            }
        }
        let awake = self.awake.as_mut().context("asleep")?;
        awake.requests += 1;
        let id = RequestId(awake.requests);
        let asked = Event::Asked {
            request: id,
            old: request.old,
            proof: request.proof,
            checkpoint,
        };
        let replies = match self.happen(asked).await? {
            Ok(replies) => replies,
            Err(died) => return Ok(Err(died)),
        };
        let reply = replies.into_iter().find(|(request, _)| *request == id);
        Ok(Ok(match reply {
            None => plain(503),
            Some((_, Reply::Cosigned(line))) => Answered {
                body: Some(cosignature_lines_to_bytes(&[line])),
                ..plain(200)
            },
            Some((_, Reply::Refused(answer))) => refused(&answer),
        }))
    }
}

fn plain(status: u16) -> Answered {
    Answered {
        status,
        media_type: None,
        retry_after: None,
        body: Some(b"\n".to_vec()),
    }
}

fn refused(answer: &Answer) -> Answered {
    match answer {
        Answer::Malformed(_) => plain(400),
        Answer::OtherSize(size) => Answered {
            media_type: Some(SIZE_MEDIA_TYPE.into()),
            body: Some(size_to_bytes(*size)),
            ..plain(409)
        },
        Answer::BadProof(_) | Answer::Broken(_) | Answer::Unfit(_) => plain(422),
        Answer::Later(_) => plain(503),
    }
}
