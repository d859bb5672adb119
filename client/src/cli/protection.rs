//! `plainsight protection`.

use plainsight_specs::hash::sha256;
use plainsight_specs::statement::{GrammarError, Name, Place, Region, Stream};

use super::args::{Places, ProtectionVerb};
use super::files::to_write;
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use super::watch;
use crate::failure::Verdict;
use crate::home::file;
use crate::protection;
use crate::reader::Purpose;
use crate::report::RefusalKept;

pub(crate) async fn run(
    places: &Places,
    verb: ProtectionVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        ProtectionVerb::Status {
            feature,
            region,
            refused,
        } => {
            let refused = refused.as_deref().map(to_write).transpose()?;
            let (feature, region) = names(&feature, &region)?;
            let session = Session::open(places)?;
            let mut reader = session.reader().await?;
            let outcome = protection::status(&mut reader, feature, region).await;
            let found = session.end(&reader, outcome)?;
            let Some(path) = refused else {
                return Ok(output.report(&found));
            };
            let bytes = found.refusal().ok_or_else(|| {
                Stop::Usage(
                    "the log does not offer it, so that a refusal shows nothing; see \
                     `plainsight protection status`"
                        .into(),
                )
            })?;
            file::replace(&path, &bytes)?;
            Ok(output.report(&RefusalKept {
                path,
                id: sha256(&bytes),
                found,
            }))
        }
        ProtectionVerb::Watch {
            feature,
            region,
            again,
        } => {
            let (feature, region) = names(&feature, &region)?;
            let here = Stream::protection(&feature, &Place::Region(region.clone()));
            let everywhere = Stream::protection(&feature, &Place::Everywhere);
            let streams = [
                (format!("{feature} in {region}"), here),
                (format!("{feature} everywhere"), everywhere),
            ];
            watch::run(places, &streams, Purpose::Contacts, &again, output).await
        }
    }
}

fn names(feature: &str, region: &str) -> Result<(Name, Region), Stop> {
    let refused = |typed: &str, error: GrammarError| Stop::Usage(format!("{typed:?} is {error}"));
    let named = Name::parse(feature).map_err(|error| refused(feature, error))?;
    let region = Region::parse(region).map_err(|error| refused(region, error))?;
    Ok((named, region))
}
