//! `plainsight evidence`: offline, without a home, a policy or a log.

use plainsight_specs::evidence::{Evidence, MAX_EVIDENCE};
use plainsight_specs::hash::sha256;

use super::args::EvidenceVerb;
use super::output::Output;
use super::session::read_named;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::report::Proved;

pub(crate) fn run(verb: EvidenceVerb, output: &mut Output) -> Result<Verdict, Stop> {
    let EvidenceVerb::Verify { file } = verb;
    let bytes = read_named(&file, MAX_EVIDENCE)?;
    let finding = Evidence::parse(&bytes)
        .and_then(|evidence| evidence.verify())
        .map_err(Stop::Evidence)?;
    Ok(output.report(&Proved {
        id: sha256(&bytes),
        finding,
    }))
}
