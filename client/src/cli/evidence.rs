//! `plainsight evidence`: offline. Evidence needs no home, no policy and no log; a record of what
//! a log said about a label is checked by the reader's own policy.

use plainsight_specs::evidence::{Evidence, MAX_EVIDENCE};
use plainsight_specs::hash::sha256;

use super::args::{EvidenceVerb, Places};
use super::files::read_named;
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::monitor::record::{self, MAX_RECORD};
use crate::protection::refusal;
use crate::report::{Proved, RefusalShown};

pub(crate) async fn run(
    places: &Places,
    verb: EvidenceVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let EvidenceVerb::Verify { file } = verb;
    let bytes = read_named(&file, MAX_EVIDENCE.max(MAX_RECORD))?;
    if record::is_record(&bytes) {
        let session = Session::open(places)?;
        // The network is needed only if this log was never met before.
        let genesis = session.memory().await?.genesis;
        let shown = record::check(&session.trust, &genesis, &bytes)
            .map_err(|failure| Stop::of_file(&file, failure))?;
        return Ok(output.report(&shown));
    }
    if refusal::is_refusal(&bytes) {
        let session = Session::open(places)?;
        let genesis = session.memory().await?.genesis;
        let shown = refusal::check(&session.trust, &genesis, &bytes)
            .map_err(|failure| Stop::of_file(&file, failure))?;
        return Ok(output.report(&RefusalShown(shown)));
    }
    let finding = Evidence::parse(&bytes)
        .and_then(|evidence| evidence.verify())
        .map_err(Stop::Evidence)?;
    Ok(output.report(&Proved {
        id: sha256(&bytes),
        finding,
    }))
}
