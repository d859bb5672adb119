//! What a log says about a protection in a region.

use plainsight_specs::query::{StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, Name, Place, Protection, Region, Seq, Stream};

use crate::failure::Failure;
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// What the log shows about a protection.
#[derive(Debug, Clone)]
pub struct ProtectionFound {
    /// Which feature.
    pub feature: Name,
    /// In which region.
    pub region: Region,
    /// At which head.
    pub head: HeadSeen,
    /// The latest statement for the region itself.
    pub here: Option<ProtectionSaid>,
    /// The latest statement for everywhere.
    pub everywhere: Option<ProtectionSaid>,
}

/// The latest statement of a stream of protections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectionSaid {
    /// Its place in the stream.
    pub seq: Seq,
    /// What it says.
    pub protection: Protection,
}

impl ProtectionFound {
    /// What holds in the region: the statement about it, else the one about everywhere.
    pub fn said(&self) -> Option<&ProtectionSaid> {
        self.here.as_ref().or(self.everywhere.as_ref())
    }
}

/// Asks for the latest statements about a feature, for the region and for everywhere.
pub async fn status(
    reader: &mut Reader<'_>,
    feature: Name,
    region: Region,
) -> Result<ProtectionFound, Failure> {
    let (_, here) = latest(reader, &feature, &Place::Region(region.clone())).await?;
    let (head, everywhere) = latest(reader, &feature, &Place::Everywhere).await?;
    Ok(ProtectionFound {
        feature,
        region,
        head,
        here,
        everywhere,
    })
}

async fn latest(
    reader: &mut Reader<'_>,
    feature: &Name,
    place: &Place,
) -> Result<(HeadSeen, Option<ProtectionSaid>), Failure> {
    let request = StreamRequest {
        stream: Stream::protection(feature, place),
        since: Some(reader.since()),
        version: None,
        digest: None,
    };
    let body = reader
        .log()
        .ask("v1/stream", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = StreamAnswer::parse(&body).map_err(Failure::refused)?;
    let state = answer
        .verify(&reader.trust(Purpose::Contacts), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let said = state
        .latest()
        .and_then(|latest| match latest.statement.body() {
            Body::Protection(protection) => Some(ProtectionSaid {
                seq: latest.seq,
                protection: protection.clone(),
            }),
            _ => None,
        });
    Ok((reader.accept(state.head()), said))
}
