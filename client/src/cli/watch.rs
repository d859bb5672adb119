//! `release watch` and `protection watch`: what is new in streams since the last look.

use std::time::Duration;

use plainsight_specs::statement::Stream;

use super::args::{Again, Places};
use super::monitor::told_to_end;
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::reader::Purpose;
use crate::report::StreamReport;
use crate::streams::{self, MAX_LISTED};

/// Looks at streams, each with its name for people, once or until a signal.
pub(super) async fn run(
    places: &Places,
    watched: &[(String, Stream)],
    purpose: Purpose,
    again: &Again,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let Some(seconds) = again.every else {
        return Ok(report(&look(places, watched, purpose).await?, output));
    };
    let mut worst = Verdict::Verified;
    let mut out_of_reach = false;
    let mut end = std::pin::pin!(told_to_end());
    loop {
        let looked = tokio::select! {
            looked = look(places, watched, purpose) => looked,
            () = &mut end => return Ok(worst),
        };
        match looked {
            Ok(mut reports) => {
                out_of_reach = false;
                reports.retain(|report| !report.listed.statements.is_empty());
                if report(&reports, output) == Verdict::Refuted {
                    worst = Verdict::Refuted;
                }
            }
            // An outage is told once, and passes or not.
            Err(stop) if stop.verdict() == Verdict::Undecided => {
                if !out_of_reach {
                    output.stop(&stop);
                }
                out_of_reach = true;
            }
            Err(stop) => return Err(stop),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            () = &mut end => return Ok(worst),
        }
    }
}

async fn look(
    places: &Places,
    watched: &[(String, Stream)],
    purpose: Purpose,
) -> Result<Vec<StreamReport>, Stop> {
    let session = Session::open(places)?;
    let mut reader = session.reader().await?;
    let mut reports = Vec::new();
    for (name, stream) in watched {
        let seen = session.home.watched(&session.origin, stream)?;
        // The first look says where the stream is, not all that it ever said.
        let limit = if seen.is_some() { MAX_LISTED } else { 1 };
        let outcome = streams::list(&mut reader, stream, purpose, limit, seen).await;
        let listed = session.end(&reader, outcome)?;
        if let Some(latest) = listed.latest {
            session.home.note_watched(&session.origin, stream, latest)?;
        }
        reports.push(StreamReport {
            name: name.clone(),
            listed,
            watched: true,
        });
    }
    Ok(reports)
}

/// The worst of all; a stream that says nothing counts only if none says anything.
fn report(reports: &[StreamReport], output: &mut Output) -> Verdict {
    let verdicts: Vec<_> = reports.iter().map(|one| output.report(one)).collect();
    let any = |wanted: Verdict| verdicts.contains(&wanted);
    if any(Verdict::Refuted) {
        Verdict::Refuted
    } else if any(Verdict::NotFound) && !any(Verdict::Verified) {
        Verdict::NotFound
    } else {
        Verdict::Verified
    }
}
