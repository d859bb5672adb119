//! Lies to somebody who begins to watch.

use anyhow::Result;
use plainsight_specs::label::Version;

use super::{alice, tell_one};
use crate::clock;
use crate::liar::Script;
use crate::lies::Told;
use crate::lies::theatre::{Theatre, cosigned};
use crate::story::forged;

/// A ghost is logged between the proof that there is none and the first report about it.
pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let ghost = forged(&theatre.alices().await?, &["ghost-device"])?;
    let twin = {
        let mut twin = theatre.log.liar().await.clone();
        twin.push_key_set(&alice()?, Version::new(3), ghost)?;
        twin.push_epoch()?;
        let note = cosigned(&twin.sign()?, &theatre.colluders, clock::now()?)?;
        twin.show(note).await?;
        twin
    };
    let script = Script {
        looked_up: Some(std::sync::Arc::new(twin)),
        ..Script::default()
    };
    let name = "a-ghost-as-watches-begin";
    tell_one(theatre, told, name, &["new watcher"], script).await
}
