//! What a folder holds after the power went, on a disk that forgets everything that was not made
//! durable, at every place where that can happen.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use super::super::disk::{Disk, Item};
use super::super::rules::Note;
use super::*;

const SEEDS: u64 = 10_000;
/// Sizes that are published one after the other; a run takes some of them.
const SIZES: [u64; 10] = [2, 3, 40, 255, 256, 257, 300, 511, 512, 700];
const ROOT: &str = "/log";

/// A disk in memory that knows what of it is durable.
struct SimDisk {
    state: Mutex<State>,
}

#[derive(Clone)]
struct State {
    nodes: Vec<Node>,
    /// Operations until the power goes.
    left: u64,
    /// The synchronisation that fails, counted from now.
    fails: Option<u64>,
    lie: Lie,
}

#[derive(Clone)]
enum Node {
    File {
        live: Vec<u8>,
        /// `None` before the first synchronisation.
        durable: Option<Vec<u8>>,
        /// A synchronisation failed: the next one says yes and does nothing.
        is_lost: bool,
    },
    Directory {
        live: BTreeMap<String, usize>,
        durable: BTreeMap<String, usize>,
    },
}

/// What a broken disk pretends to have done: shows that the test would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    Files,
    Directories,
}

fn power() -> io::Error {
    io::Error::other("the power is gone")
}

impl State {
    fn new(lie: Lie) -> Self {
        let mut state = Self {
            nodes: Vec::new(),
            left: u64::MAX,
            fails: None,
            lie,
        };
        state.nodes.push(Node::Directory {
            live: BTreeMap::new(),
            durable: BTreeMap::new(),
        });
        state
    }

    fn step(&mut self) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(power)?;
        Ok(())
    }

    fn node(&self, path: &Path) -> io::Result<usize> {
        let inside = path.strip_prefix(ROOT).map_err(io::Error::other)?;
        let mut at = 0;
        for part in inside {
            let Node::Directory { live, .. } = &self.nodes[at] else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            let found = live.get(part.to_str().unwrap());
            at = *found.ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    fn entries(&mut self, path: &Path) -> io::Result<(&mut BTreeMap<String, usize>, String)> {
        let at = self.node(path.parent().unwrap())?;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match &mut self.nodes[at] {
            Node::Directory { live, .. } => Ok((live, name)),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn add(&mut self, path: &Path, node: usize) -> io::Result<()> {
        let (entries, name) = self.entries(path)?;
        if entries.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        entries.insert(name, node);
        Ok(())
    }

    fn make(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let number = self.nodes.len();
        self.add(path, number)?;
        self.nodes.push(node);
        Ok(number)
    }

    /// Whether a synchronisation that is due now fails.
    fn is_failing(&mut self) -> bool {
        let is_due = self.fails == Some(0);
        self.fails = self.fails.and_then(|left| left.checked_sub(1));
        is_due
    }

    /// What is there when the power comes back: of all that was not made durable, some.
    fn after_the_cut(mut self, random: &mut Random) -> Self {
        for node in &mut self.nodes {
            match node {
                Node::File { live, durable, .. } => {
                    let kept = durable.clone().unwrap_or_default();
                    if durable.as_ref() != Some(live) {
                        *live = match random.below(3) {
                            0 => kept,
                            1 => {
                                let length = random.below(live.len() as u64 + 1);
                                live[..usize::try_from(length).unwrap()].to_vec()
                            }
                            _ => live.clone(),
                        };
                    }
                    *durable = Some(live.clone());
                }
                Node::Directory { live, durable } => {
                    let names: Vec<_> = live.keys().chain(durable.keys()).cloned().collect();
                    for name in names {
                        let (new, old) = (live.get(&name).copied(), durable.get(&name).copied());
                        if new == old || random.below(2) == 0 {
                            continue;
                        }
                        match old {
                            Some(old) => live.insert(name, old),
                            None => live.remove(&name),
                        };
                    }
                    *durable = live.clone();
                }
            }
        }
        self.left = u64::MAX;
        self.fails = None;
        self
    }
}

impl SimDisk {
    fn lock_state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Disk for SimDisk {
    type File = usize;
    type Lock = ();

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.lock_state();
        state.step()?;
        let file = state.make(
            path,
            Node::File {
                live: Vec::new(),
                durable: None,
                is_lost: false,
            },
        )?;
        // The power may go between the name and the bytes.
        state.step()?;
        if let Node::File { live, .. } = &mut state.nodes[file] {
            *live = bytes.to_vec();
        }
        Ok(file)
    }

    fn open(&self, path: &Path) -> io::Result<usize> {
        self.lock_state().node(path)
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let (is_failing, lie) = (state.is_failing(), state.lie);
        if let Node::File {
            live,
            durable,
            is_lost,
        } = &mut state.nodes[*file]
        {
            if is_failing {
                *is_lost = true;
                return Err(io::Error::other("input/output error"));
            }
            if !*is_lost && lie != Lie::Files {
                *durable = Some(live.clone());
            }
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let file = state.node(from)?;
        state.add(to, file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let file = state.node(from)?;
        let (entries, name) = state.entries(from)?;
        entries.remove(&name);
        let (entries, name) = state.entries(to)?;
        entries.insert(name, file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let (entries, name) = state.entries(path)?;
        entries.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        let node = Node::Directory {
            live: BTreeMap::new(),
            durable: BTreeMap::new(),
        };
        state.make(path, node).map(|_| ())
    }

    fn remove_directory(&self, _path: &Path) -> io::Result<()> {
        Err(io::ErrorKind::DirectoryNotEmpty.into())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock_state();
        state.step()?;
        if state.is_failing() {
            return Err(io::Error::other("input/output error"));
        }
        let (at, lie) = (state.node(path)?, state.lie);
        match &mut state.nodes[at] {
            Node::Directory { live, durable } if lie != Lie::Directories => {
                *durable = live.clone();
            }
            _ => {}
        }
        Ok(())
    }

    fn read(&self, path: &Path, _limit: u64) -> io::Result<(Vec<u8>, SystemTime)> {
        let state = self.lock_state();
        match &state.nodes[state.node(path)?] {
            Node::File { live, .. } => Ok((live.clone(), SystemTime::UNIX_EPOCH)),
            Node::Directory { .. } => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Item>> {
        let state = self.lock_state();
        let Node::Directory { live, .. } = &state.nodes[state.node(path)?] else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let item = |(name, node): (&String, &usize)| Item {
            path: path.join(name),
            is_directory: matches!(state.nodes[*node], Node::Directory { .. }),
            bytes: 0,
            modified: SystemTime::UNIX_EPOCH,
        };
        Ok(live.iter().map(item).collect())
    }

    fn lock(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A publication: what it writes, and the head that it makes public.
struct Publication {
    objects: Vec<(TilePath, Bytes)>,
    head: TreeHead,
    note: Note,
}

/// From each size to each larger one.
fn publications() -> &'static BTreeMap<(u64, u64), Publication> {
    static ALL: OnceLock<BTreeMap<(u64, u64), Publication>> = OnceLock::new();
    ALL.get_or_init(|| {
        let pairs = std::iter::once(0).chain(SIZES).flat_map(|from| {
            let larger = SIZES.into_iter().filter(move |to| *to > from);
            larger.map(move |to| (from, to))
        });
        let publication = |(from, to)| {
            let (objects, head) = batch(from, to);
            let note = Note::parse(note(&head)).unwrap();
            let publication = Publication {
                objects,
                head,
                note,
            };
            ((from, to), publication)
        };
        pairs.map(publication).collect()
    })
}

/// What a writer was told.
#[derive(Default)]
struct Told {
    durable: BTreeMap<String, Bytes>,
    published: u64,
}

/// Writes until the end or until something fails.
fn write(
    folder: &Folder<SimDisk>,
    steps: &[&Publication],
    told: &mut Told,
) -> Result<(), ObjectError> {
    // As a start reads it back: a write that was cut short may be public all the same.
    let public = folder.checkpoint()?;
    let public = public.map_or(0, |note| note.head().size.get());
    told.published = told.published.max(public);
    for step in steps {
        folder.put(&step.objects, told.published)?;
        for (path, bytes) in &step.objects {
            told.durable.insert(path.to_string(), bytes.clone());
        }
        if step.head.size.get() >= told.published {
            folder.publish(&step.note)?;
            told.published = step.head.size.get();
        }
    }
    Ok(())
}

/// What must hold whenever the power comes back.
fn verify(folder: &Folder<SimDisk>, steps: &[&Publication], told: &Told) -> Result<(), String> {
    let expected: BTreeMap<String, &Bytes> = steps
        .iter()
        .flat_map(|step| &step.objects)
        .map(|(path, bytes)| (path.to_string(), bytes))
        .collect();
    let public = match folder.checkpoint() {
        Ok(public) => public.map(|note| note.head()),
        Err(error) => return Err(format!("the checkpoint is torn: {error}")),
    };
    let size = public.map_or(0, |head| head.size.get());
    if size < told.published {
        return Err(format!("{size} is public after {}", told.published));
    }
    if let Some(public) = public
        && !steps.iter().any(|step| step.head == public)
    {
        return Err("the checkpoint is of no publication".into());
    }
    let mut needed: BTreeMap<String, &Bytes> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.head.size.get() <= size) {
        needed.extend(
            step.objects
                .iter()
                .map(|(path, bytes)| (path.to_string(), bytes)),
        );
    }
    needed.extend(
        told.durable
            .iter()
            .map(|(path, bytes)| (path.clone(), bytes)),
    );
    for (path, bytes) in needed {
        let found = folder.get(&TilePath::parse(&path).unwrap()).unwrap();
        if found.map(|found| found.bytes).as_ref() != Some(bytes) {
            return Err(format!("{path} is lost or torn, at size {size}"));
        }
    }
    let mut wrong = None;
    let each = |listed: Result<Listed, ObjectError>| {
        let listed = listed.unwrap();
        if !listed.is_leftover() && listed.name != "checkpoint" {
            let path = TilePath::parse(&listed.name).unwrap();
            let found = folder.get(&path).unwrap().map(|found| found.bytes);
            if found.as_ref() != expected.get(&listed.name).copied() {
                wrong = Some(format!("{path} is torn under its final name"));
            }
        }
        true
    };
    folder.list(each).unwrap();
    wrong.map_or(Ok(()), Err)
}

/// Publishes some sizes through up to three power cuts and perhaps a failed synchronisation.
fn run(seed: u64, lie: Lie) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut steps = Vec::new();
    let mut from = 0;
    for to in SIZES {
        if random.below(3) == 0 && steps.len() < 4 {
            steps.push(&publications()[&(from, to)]);
            from = to;
        }
    }
    let mut told = Told::default();
    let mut state = State::new(lie);
    for cut in 0..4 {
        if cut < 3 {
            state.left = random.below(160);
            state.fails = (random.below(3) == 0).then(|| random.below(40));
        }
        let disk = SimDisk {
            state: Mutex::new(state),
        };
        let folder = Folder::new(disk, Path::new(ROOT), seed * 4 + cut, 1);
        let ended = write(&folder, &steps, &mut told);
        if let Err(ObjectError::Unconfirmed { .. }) = ended {
            // Not once more in this process, whatever the disk says now.
            let again = write(&folder, &steps, &mut Told::default());
            if !steps.is_empty() && !matches!(again, Err(ObjectError::Stopped)) {
                return Err(format!(
                    "it wrote on after a failed synchronisation: {again:?}"
                ));
            }
        } else if let Err(error) = &ended
            && !error.is_transient()
        {
            return Err(error.to_string());
        }
        if cut == 3 {
            ended.map_err(|error| format!("the redo fails: {error}"))?;
        }
        let found = folder.into_disk().state.into_inner().unwrap();
        state = found.after_the_cut(&mut random);
        let disk = SimDisk {
            state: Mutex::new(state),
        };
        let folder = Folder::new(disk, Path::new(ROOT), u64::MAX, 1);
        verify(&folder, &steps, &told)?;
        state = folder.into_disk().state.into_inner().unwrap();
    }
    // The last writer was not cut short.
    if told.published == from {
        return Ok(());
    }
    Err("the redo did not publish".into())
}

/// H1, H6: what was reported durable is, what is public is whole, and a redo repairs the rest.
#[test]
fn h6_ten_thousand_power_cuts_lose_nothing_that_was_reported_durable() {
    for seed in 0..SEEDS {
        if let Err(why) = run(seed, Lie::None) {
            panic!("seed {seed}: {why}");
        }
    }
}

#[test]
fn a_disk_that_lies_is_noticed() {
    for lie in [Lie::Files, Lie::Directories] {
        let noticed = (0..500).filter(|seed| run(*seed, lie).is_err()).count();
        assert!(noticed > 100, "{lie:?}: {noticed} of 500");
    }
}

#[test]
fn a_path_of_the_simulated_disk_is_below_its_root() {
    assert!(
        State::new(Lie::None)
            .node(&PathBuf::from("/elsewhere"))
            .is_err()
    );
}
