//! `plainsight log`.

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::head::MAX_CHECKPOINT;

use super::args::{LogVerb, Places};
use super::files::read_named;
use super::output::Output;
use super::session::{Session, open_home};
use super::stop::Stop;
use crate::failure::Verdict;
use crate::home::config::Config;
use crate::http::{BaseUrl, Http};
use crate::status;

pub(crate) async fn run(
    places: &Places,
    verb: LogVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        LogVerb::Status => {
            let session = Session::open(places)?;
            let mut reader = session.reader().await?;
            let outcome = status::status(&mut reader).await;
            Ok(output.report(&session.end(&reader, outcome)?))
        }
        LogVerb::Submit {
            checkpoint,
            auditor,
        } => {
            let auditor = BaseUrl::parse(&auditor)?;
            let path = checkpoint;
            let checkpoint = read_named(&path, MAX_CHECKPOINT)?;
            // Any other file is nobody's business.
            UnverifiedCheckpoint::parse(&checkpoint).map_err(|error| Stop::File {
                path,
                reason: format!("no checkpoint: {error}"),
            })?;
            let http = Http::new(Config::load(open_home(places)?.dir())?.patience())?;
            let submitted = status::submit(&http, &auditor, &checkpoint).await?;
            if let Some(evidence) = &submitted.evidence {
                let kept = open_home(places)?.keep_evidence(&evidence.id, &evidence.bytes)?;
                output.note(&format!("The evidence was kept in {}.", kept.display()));
            }
            Ok(output.report(&submitted))
        }
    }
}
