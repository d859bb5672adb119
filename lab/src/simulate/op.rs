//! What can happen in a simulated network, and the list of it that a seed stands for.
//!
//! Each operation can be carried out at any time: where it has no sense it does nothing. So any part
//! of a list is a list, and a failure can be cut down to the few operations that matter.

use std::fmt;

/// Replicas of the log.
pub const REPLICAS: u8 = 2;
/// Auditors, of which the readers and the log want two.
pub const AUDITORS: u8 = 3;
/// People who publish and look each other up.
pub const PEOPLE: u8 = 3;
/// Operations of one seed.
const LENGTH: u64 = 120;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A replica takes over as the writer, whoever is it now.
    TakeOver(u8),
    /// Somebody publishes the next key set at a replica.
    Publish {
        /// Who.
        person: u8,
        /// Where.
        replica: u8,
        /// Whether the same commit ends at an epoch.
        epoch: bool,
        /// Whether the answer is lost.
        lost: bool,
    },
    /// A replica appends an epoch.
    Epoch(u8),
    /// A replica writes objects and signs.
    Sign(u8),
    /// A replica asks an auditor to cosign.
    Ask {
        /// Which replica.
        replica: u8,
        /// Which auditor.
        auditor: u8,
        /// Whether the answer is lost.
        lost: bool,
    },
    /// A replica publishes what the quorum has cosigned.
    Finish(u8),
    /// All of the above in their order, without a fault.
    Round(u8),
    /// A replica loses its memory.
    CrashReplica(u8),
    /// An auditor reads the log's published head, and what it covers.
    Poll(u8),
    /// An auditor looks at another one's head.
    Look {
        /// Who looks.
        auditor: u8,
        /// At whom.
        peer: u8,
    },
    /// An auditor dies after so many more effects, and starts again when it is next needed.
    CrashAuditor {
        /// Which.
        auditor: u8,
        /// After how many effects.
        effects: u8,
    },
    /// An auditor's database is copied.
    BackUpAuditor(u8),
    /// An auditor starts from the copy.
    RestoreAuditor(u8),
    /// The log's database and objects are copied.
    BackUpLog,
    /// The log starts from the copy, all its auditors in reach.
    RestoreLog,
    /// The log's newest database and objects are put back by its operator.
    PutBackLog,
    /// Somebody looks another person up.
    LookUp {
        /// Who asks.
        person: u8,
        /// About whom.
        about: u8,
    },
    /// Nothing passes between the log and an auditor.
    CutLog(u8),
    /// Nothing passes between two auditors.
    CutAuditors(u8, u8),
    /// Everything passes again.
    Heal,
    /// After so many more requests nothing passes, until it heals.
    FailAfter(u8),
    /// Time goes on by so many seconds.
    Wait(u16),
    /// The clock of a party is wrong by so many seconds: auditors first, then the log.
    Skew {
        /// Whose.
        party: u8,
        /// By how much.
        seconds: i16,
    },
    /// The log signs another tree of the size that it published, and shows it to this auditor alone.
    Lie(u8),
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Numbers from a seed, the same everywhere (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is small.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn small(&mut self, bound: u8) -> u8 {
        u8::try_from(self.below(u64::from(bound))).unwrap_or_default()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Whether a seed's log lies at some time: every fourth one does.
pub fn lies(seed: u64) -> bool {
    seed % 4 == 3
}

/// The operations of a seed.
pub fn list(seed: u64) -> Vec<Op> {
    let mut dice = Dice::new(seed);
    let mut list = vec![Op::TakeOver(0)];
    let lie_at = lies(seed).then(|| LENGTH / 2 + dice.below(LENGTH / 2));
    for at in 0..LENGTH {
        if lie_at == Some(at) {
            list.push(Op::Lie(dice.small(AUDITORS)));
        }
        list.push(one(&mut dice));
    }
    list
}

fn one(dice: &mut Dice) -> Op {
    let replica = dice.small(REPLICAS);
    let auditor = dice.small(AUDITORS);
    let person = dice.small(PEOPLE);
    match dice.below(100) {
        0..16 => Op::Publish {
            person,
            replica,
            epoch: dice.one_in(2),
            lost: dice.one_in(5),
        },
        16..20 => Op::Epoch(replica),
        20..26 => Op::Sign(replica),
        26..42 => Op::Ask {
            replica,
            auditor,
            lost: dice.one_in(6),
        },
        42..48 => Op::Finish(replica),
        48..56 => Op::Round(replica),
        56..62 => Op::TakeOver(replica),
        62..65 => Op::CrashReplica(replica),
        65..72 => Op::Poll(auditor),
        72..77 => Op::Look {
            auditor,
            peer: dice.small(AUDITORS),
        },
        77..80 => Op::CrashAuditor {
            auditor,
            effects: dice.small(5),
        },
        80..82 => Op::BackUpAuditor(auditor),
        82..84 => Op::RestoreAuditor(auditor),
        84 => Op::BackUpLog,
        85 => Op::RestoreLog,
        86 => Op::PutBackLog,
        87..91 => Op::LookUp {
            person,
            about: dice.small(PEOPLE),
        },
        91 => Op::CutLog(auditor),
        92 => Op::CutAuditors(auditor, dice.small(AUDITORS)),
        93..95 => Op::Heal,
        95 => Op::FailAfter(dice.small(12)),
        96..98 => Op::Wait(u16::try_from(dice.below(4000)).unwrap_or_default()),
        _ => Op::Skew {
            party: dice.small(AUDITORS + 1),
            seconds: i16::try_from(dice.below(240)).unwrap_or_default() - 120,
        },
    }
}
