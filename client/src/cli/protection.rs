//! `plainsight protection`.

use plainsight_specs::statement::{Name, Region};

use super::args::{Places, ProtectionVerb};
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::protection;

pub(crate) async fn run(
    places: &Places,
    verb: ProtectionVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let ProtectionVerb::Status { feature, region } = verb;
    let refused = |error: plainsight_specs::statement::GrammarError| Stop::Usage(error.to_string());
    let feature = Name::parse(&feature).map_err(refused)?;
    let region = Region::parse(&region).map_err(refused)?;
    let session = Session::open(places)?;
    let mut reader = session.reader().await?;
    let outcome = protection::status(&mut reader, feature, region).await;
    Ok(output.report(&session.end(&reader, outcome)?))
}
