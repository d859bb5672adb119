//! What a log says about a protection in a region, and a file about it for whoever was refused
//! what is offered.

pub mod refusal;

use plainsight_specs::query::{StreamAnswer, StreamRequest};
use plainsight_specs::statement::{
    Body, Name, Place, Protection, ProtectionState, Region, Seq, Stream,
};

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
    /// The answer that shows what holds, as it came.
    answer: Vec<u8>,
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

    /// A file for whoever was refused it just now; `None` if it is not offered.
    pub fn refusal(&self) -> Option<Vec<u8>> {
        let said = self.said()?;
        let offered = said.protection.state == ProtectionState::Offered;
        let stream = said.protection.stream();
        offered
            .then(|| refusal::file(&stream, self.head.now, &self.answer))
            .flatten()
    }
}

/// Asks for the latest statements about a feature, for the region and for everywhere.
pub async fn status(
    reader: &mut Reader<'_>,
    feature: Name,
    region: Region,
) -> Result<ProtectionFound, Failure> {
    let of_region = latest(reader, &feature, &Place::Region(region.clone())).await?;
    let of_all = latest(reader, &feature, &Place::Everywhere).await?;
    let holds = if of_region.said.is_some() {
        &of_region
    } else {
        &of_all
    };
    let (answer, head) = (holds.answer.clone(), of_all.head.clone());
    let (here, everywhere) = (of_region.said, of_all.said);
    Ok(ProtectionFound {
        feature,
        region,
        head,
        here,
        everywhere,
        answer,
    })
}

/// The latest statement of a stream, with what shows it.
struct LatestSaid {
    head: HeadSeen,
    said: Option<ProtectionSaid>,
    answer: Vec<u8>,
}

async fn latest(
    reader: &mut Reader<'_>,
    feature: &Name,
    place: &Place,
) -> Result<LatestSaid, Failure> {
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
    Ok(LatestSaid {
        head: reader.accept(state.head()),
        said,
        answer: body,
    })
}
