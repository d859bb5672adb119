//! What there is among the objects that the walk did not ask for.

use futures::TryStreamExt as _;
use plainsight_specs::tile::TilePath;

use super::CheckError;
use super::walk::Walk;
use crate::objects::end;

impl Walk {
    /// Every object by name: none but the log's own, and no partial one with other bytes. Files
    /// that never got a final name, and objects that no signed size needs, are listed.
    pub(super) async fn check_list(&mut self) -> Result<(), CheckError> {
        let mut all = self.objects.list();
        let walked = u128::from(self.head.tree.size.get());
        while let Some(listed) = all.try_next().await? {
            if listed.is_leftover() {
                self.report.leftovers += 1;
                self.report.list(&listed.name, "never got a final name");
                continue;
            }
            self.report.object_bytes += listed.bytes;
            if listed.name == "checkpoint" {
                continue;
            }
            let Ok(path) = TilePath::parse(&listed.name) else {
                self.report
                    .fault(format!("{} is no object of a log", listed.name));
                continue;
            };
            if end(&path) > walked {
                // A server may have gone on meanwhile: objects are only ever written of what is
                // committed.
                let sequenced = self.store.head().await?.tree.size;
                if end(&path) > u128::from(sequenced.get()) {
                    self.report
                        .fault(format!("{path} is not what the log holds there"));
                } else {
                    self.report.newer += 1;
                }
            } else if !path.is_full() {
                self.check_partial(&path).await?;
            } else if end(&path) > u128::from(self.progress.materialised.get()) {
                self.report.early += 1;
                self.report.list(
                    &listed.name,
                    "of a publication that was cut short; right in itself",
                );
            }
        }
        Ok(())
    }
}
