//! Pins in one file, to be taken to another home.

use std::path::Path;

use plainsight_specs::checkpoint::Origin;
use serde::{Deserialize, Serialize};

use super::pins::Kept;
use super::{Home, HomeError, file};

/// What the file calls itself.
const FORMAT: &str = "plainsight-contacts/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    format: String,
    origin: String,
    contacts: Vec<Kept>,
}

/// How many contacts came from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Pinned now.
    pub new: usize,
    /// Pinned before, and left alone.
    pub kept: usize,
}

impl Home {
    /// Writes all pins of a log to a file for its owner only.
    pub fn export_pins(&self, origin: &Origin, to: &Path) -> Result<usize, HomeError> {
        let pins = self.pins(origin)?;
        let book = Book {
            format: FORMAT.into(),
            origin: origin.to_string(),
            contacts: pins
                .iter()
                .map(|(label, pin)| Kept::of(label, pin))
                .collect(),
        };
        file::replace_json(to, &book)?;
        Ok(pins.len())
    }

    /// Pins what a file has and this home has not.
    pub fn import_pins(&self, origin: &Origin, from: &Path) -> Result<Imported, HomeError> {
        let damaged = |reason: &str| HomeError::damaged(from, reason);
        let book =
            file::read_json::<Book>(from)?.ok_or_else(|| damaged("there is no such file"))?;
        if book.format != FORMAT || book.origin != origin.as_str() {
            return Err(damaged("not contacts of this log"));
        }
        let contacts = book.contacts.iter().map(Kept::restore_any);
        let contacts: Option<Vec<_>> = contacts.collect();
        let contacts = contacts.ok_or_else(|| damaged("not a list of pins"))?;
        let mut imported = Imported { new: 0, kept: 0 };
        for (label, pin) in contacts {
            if self.pin(origin, &label)?.is_some() {
                imported.kept += 1;
            } else {
                self.keep_pin(origin, &label, &pin)?;
                imported.new += 1;
            }
        }
        Ok(imported)
    }
}
