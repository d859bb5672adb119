//! Signed key sets, made before they are sent: a log checks every signature, so they are real, and
//! a million of them take a minute.
//!
//! A pure function of the number of a person, kept in a file as the very bytes that a publish
//! request has between its brackets. All records are of one length, so that any run of them is one
//! read. The keys are nobody's: who knows this file's source knows them.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use indicatif::ProgressBar;
use plainsight_specs::codec::to_base64;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::keyset::{KeyRecord, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::time::Timestamp;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// The file's name, which changes whenever the records do.
const FILE: &str = "key-sets-v1";
/// How many people there can be: their numbers have this many digits.
pub(crate) const MAX_PEOPLE: u64 = 1_000_000_000;
/// Devices of one person, which make a key set some 700 bytes long.
const DEVICES: u8 = 2;
/// When every key set says that it was made: 2026-01-01.
const CREATED_S: u64 = 1_767_225_600;
/// Records made between two writes.
const CHUNK: u64 = 8_192;

/// Key sets of people, by number.
#[derive(Debug)]
pub(crate) struct Material {
    file: File,
    record: usize,
    key_set: usize,
}

/// The label of a person.
pub(crate) fn label(number: u64) -> Result<Label> {
    Ok(Label::email(&format!("person{number:09}@load.example"))?)
}

/// 32 bytes that only the person's number and the purpose decide.
fn derived(purpose: &str, number: u64) -> [u8; 32] {
    *sha256(format!("plainsight load {purpose} {number}").as_bytes()).as_bytes()
}

/// The first key set of a person, signed by its own identity key.
fn key_set(number: u64) -> Result<Vec<u8>> {
    let identity = SecretKey::from_seed(&derived("identity", number));
    let mut keys = vec![KeyRecord {
        id: "identity".into(),
        role: Role::Identity,
        alg: "ed25519".into(),
        key: identity.public().as_bytes().to_vec(),
    }];
    for device in 0..DEVICES {
        keys.push(KeyRecord {
            id: format!("device-{device}"),
            role: Role::Device,
            alg: "x25519".into(),
            key: derived(&format!("device {device}"), number).to_vec(),
        });
    }
    let draft = KeySetDraft {
        label: label(number)?,
        version: Version::FIRST,
        prev: None,
        created: Timestamp::from_seconds(CREATED_S).context("no such time")?,
        keys,
    };
    Ok(draft.sign(&[&identity]))
}

/// An item of a publish request, with the comma that the next one needs.
fn record(number: u64) -> Result<Vec<u8>> {
    let opening = derived("opening", number);
    let opening = opening.first_chunk::<16>().context("a hash is longer")?;
    let json = format!(
        "{{\"key_set\":\"{}\",\"opening\":\"{}\"}},\n",
        to_base64(&key_set(number)?),
        to_base64(opening)
    );
    Ok(json.into_bytes())
}

impl Material {
    /// Key sets of the people 0 to `people`-1: what the folder holds of them is used, the rest is
    /// made on all cores and kept.
    pub(crate) fn prepare(folder: &Path, people: u64, bar: &ProgressBar) -> Result<Self> {
        ensure!(
            people <= MAX_PEOPLE,
            "there are at most {MAX_PEOPLE} people"
        );
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        // Another run may be making them in this folder.
        file.lock()?;
        let first = record(0)?;
        let record_length = first.len() as u64;
        // A run that was interrupted may have left a part of a record.
        let mut held = file.metadata()?.len() / record_length;
        for number in [0, held.saturating_sub(1)] {
            let mut found = vec![0; first.len()];
            let read = file.read_exact_at(&mut found, number * record_length);
            if read.is_err() || found != record(number)? {
                held = 0;
            }
        }
        file.set_len(held * record_length)?;
        file.seek(SeekFrom::End(0))?;
        bar.set_length(people);
        bar.set_position(held.min(people));
        while held < people {
            let end = people.min(held + CHUNK);
            let records: Vec<_> = (held..end)
                .into_par_iter()
                .map(record)
                .collect::<Result<_>>()?;
            file.write_all(&records.concat())?;
            held = end;
            bar.set_position(held);
        }
        file.unlock()?;
        Ok(Self {
            file,
            record: first.len(),
            key_set: key_set(0)?.len(),
        })
    }

    /// The length of a key set in bytes.
    pub(crate) fn key_set_length(&self) -> usize {
        self.key_set
    }

    /// How long the JSON of `items` people is.
    pub(crate) fn length(&self, items: usize) -> usize {
        // The last comma and its line feed are not sent.
        (items * self.record).saturating_sub(2)
    }

    /// Appends the JSON items of these people, with commas between them.
    pub(crate) fn append(&self, people: Range<u64>, request: &mut Vec<u8>) -> Result<()> {
        let items = usize::try_from(people.end.saturating_sub(people.start))?;
        let at = request.len();
        request.resize(at + self.length(items), 0);
        let into = request.get_mut(at..).unwrap_or_default();
        let offset = people.start * self.record as u64;
        self.file
            .read_exact_at(into, offset)
            .context("reading prepared key sets")
    }
}

#[cfg(test)]
mod tests {
    use plainsight_specs::keyset::KeySet;
    use plainsight_specs::publish::{PublishItem, PublishRequest};

    use super::*;

    fn request(material: &Material, people: Range<u64>) -> PublishRequest {
        let mut body = b"{\"items\":[".to_vec();
        material.append(people, &mut body).unwrap();
        body.extend_from_slice(b"],\"wait\":\"sequenced\"}");
        PublishRequest::parse(&body).unwrap()
    }

    #[test]
    fn records_are_signed_key_sets_of_the_people_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let bar = ProgressBar::hidden();
        let material = Material::prepare(dir.path(), 20, &bar).unwrap();
        let request = request(&material, 3..20);
        assert_eq!(request.items.len(), 17);
        for (number, item) in (3..).zip(&request.items) {
            let PublishItem::KeySet { key_set, .. } = item else {
                panic!("{item:?}");
            };
            let parsed = KeySet::parse(key_set).unwrap();
            assert_eq!(parsed.label(), &label(number).unwrap());
            assert_eq!(key_set.len(), material.key_set_length());
            assert!((600..800).contains(&key_set.len()), "{}", key_set.len());
        }
    }

    #[test]
    fn what_is_there_is_used_and_what_is_broken_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let bar = ProgressBar::hidden();
        Material::prepare(dir.path(), 4, &bar).unwrap();
        let path = dir.path().join(FILE);
        let four = std::fs::read(&path).unwrap();
        // Cut within the third record: two are kept.
        std::fs::write(&path, &four[..four.len() / 4 * 3 - 1]).unwrap();
        Material::prepare(dir.path(), 4, &bar).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), four);
        // Fewer are asked for: nothing is dropped.
        Material::prepare(dir.path(), 1, &bar).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), four);
        std::fs::write(&path, vec![b'x'; four.len()]).unwrap();
        Material::prepare(dir.path(), 4, &bar).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), four);
    }
}
