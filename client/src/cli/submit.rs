//! Handing the newest verified head to an auditor of the reader's choice, after the answer is
//! given and over another way than the one that the answer came.

use std::time::Duration;

use super::args::Places;
use super::output::Output;
use super::session::Session;
use crate::failure::Verdict;
use crate::http::{BaseUrl, Http, Patience};
use crate::status::{self, AuditorVerdict};

/// An answer is already given; nobody waits long for this.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(1),
    answer: Duration::from_secs(3),
    attempts: 1,
    pause: Duration::from_millis(100),
};

/// Hands the head over if an auditor is configured and has not seen it. `Some` only if the auditor
/// has another history: then what was answered is not to be relied on.
pub(crate) async fn verified_head(places: &Places, output: &Output) -> Option<Verdict> {
    // A session that cannot be opened has told its reason already.
    let session = Session::open(places).ok()?;
    let auditor = session.submits_to()?.to_owned();
    let checkpoint = session.home.unsubmitted(&session.origin, &auditor).ok()??;
    let (home, origin) = (session.home, session.origin);
    let submitted = async {
        let http = Http::new(PATIENCE)?;
        let base = BaseUrl::parse(&auditor)?;
        status::submit(&http, &base, &checkpoint).await
    };
    let submitted = match submitted.await {
        Ok(submitted) => submitted,
        Err(failure) => {
            output.note(&format!("The head was not handed over: {failure}."));
            return None;
        }
    };
    // What cannot be noted is handed over again, which costs nothing but the request.
    let _noted = home.note_submitted(&origin, &auditor, &checkpoint);
    if submitted.verdict != AuditorVerdict::Fork {
        return None;
    }
    if let Some(evidence) = &submitted.evidence
        && let Ok(kept) = home.keep_evidence(&evidence.id, &evidence.bytes)
    {
        output.note(&format!("The evidence was kept in {}.", kept.display()));
    }
    Some(output.alarm(&submitted))
}
