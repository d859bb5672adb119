//! The table of lies: every lie of the chapter `specs/lies.md`, told with the real programs, and who
//! catches it by what.
//!
//! Each section of the chapter is a module here. It tells the section's lies and gives back all that
//! anybody noticed, which must be what the table says: no more, no less. Out of scope: what a person
//! reads about a few of them, which is [`crate::story`].

mod about_releases;
mod by_auditors;
mod by_clients;
mod front;
mod homes;
mod in_the_log;
mod observe;
mod table;
mod theatre;
mod to_readers;
mod to_strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

pub use table::{Caught, SECTIONS, Section, Table};

use crate::story::Plainsight;

/// All that anybody noticed of each lie.
pub type Told = BTreeMap<String, BTreeSet<Caught>>;

/// Tells all lies of a section in `dir`, which is made, and leaves the auditors' evidence in
/// `dir/evidence`.
pub async fn tell(
    section: &str,
    table: &Table,
    plainsight: &Plainsight,
    dir: &Path,
) -> Result<Told> {
    std::fs::create_dir_all(dir.join("evidence"))?;
    let section = table.section(section)?;
    match section.title.as_str() {
        "In the log" => in_the_log::tell(section, dir).await,
        "To readers" => to_readers::tell(plainsight, dir).await,
        "About releases" => about_releases::tell(section, plainsight, dir).await,
        "By auditors" => by_auditors::tell(section, plainsight, dir).await,
        "By clients" => by_clients::tell(plainsight, dir).await,
        "To strangers" => to_strangers::tell(plainsight, dir).await,
        other => bail!("nobody tells the lies of the section {other:?}"),
    }
}
