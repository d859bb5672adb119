//! What stands behind each kind of alert, in plain words: what is proven, what is not, and what to do
//! next. A table, so that whoever raises an alert need not repeat it.

use super::Severity;

/// The three sentences that go with every alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// What is proven, and how a stranger can check it.
    pub proven: &'static str,
    /// What is not proven by it.
    pub not_proven: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// The sentences for an alert of this kind; those of its severity, if the kind is not in the table.
pub fn words(severity: Severity, code: &str) -> Words {
    KINDS
        .iter()
        .find(|(kind, _)| *kind == code)
        .map_or_else(|| of_severity(severity), |(_, words)| *words)
}

/// The kinds of alerts that no log brings about by one lie: about this auditor itself, and about a
/// flood of heads.
const NOT_OF_LOGS: [&str; 15] = [
    "flood",
    "rolled-back",
    "memory-lost",
    "witness-memory-lost",
    "restarted",
    "disk-full",
    "database",
    "no-files",
    "clock-off",
    "peer-other-key",
    "peer-unreachable",
    // Of a log, and only after 65,536 of its heads.
    "unshown-heads",
    "stalled",
    "channel-failing",
    "test",
];

/// The kinds of alerts about what a log does, without those that evidence stands behind.
pub fn about_logs() -> impl Iterator<Item = &'static str> {
    KINDS
        .iter()
        .map(|(kind, _)| *kind)
        .filter(|kind| *kind != super::RULE_BROKEN && !NOT_OF_LOGS.contains(kind))
}

const OUTAGE: &str = "Nothing about anybody's honesty: an outage, a mistake and an attack on the way \
                      look alike from here.";

const FORGOTTEN: Words = Words {
    proven: "The database has cosigned this log, and what is kept apart from it, in the folder \
             high-water, is missing, a copy, or cannot be read.",
    not_proven: "That the database is old: a folder that was moved looks the same.",
    next: "If an older copy was restored, stop, and put the newest database back. Otherwise it goes on by \
           itself when another auditor that remembers this one answers, or the log publishes the newest \
           cosignature. If neither will be and you are sure that this database is the newest that ever \
           signed: `plainsight-auditor resume --log ORIGIN --reason TEXT`. If you are wrong, one key \
           signs two stories, and nobody can rely on it again.",
};

const KINDS: &[(&str, Words)] = &[
    (
        "rule-broken",
        Words {
            proven: "The log signed this, and it breaks a rule. The evidence file, where there is one, \
                     shows it to anybody, offline: `plainsight evidence verify FILE`.",
            not_proven: "Why it happened and who ordered it: a bug and a secret order leave the same \
                         bytes.",
            next: "Read the evidence, ask the provider in public, tell the other auditors. Cosigning \
                   has stopped; `plainsight-auditor acknowledge` goes on where the rule allows it, \
                   for a reason that is published.",
        },
    ),
    (
        "unshown-heads",
        Words {
            proven: "The log signed each of the heads that are kept, more of them than this auditor \
                     is willing to keep, and it has not shown what they cover. `/v1/heads` lists the \
                     newest.",
            not_proven: "That any of them is a lie: what they cover may be shown yet. A log far ahead \
                         of a slow auditor can look like this for a while.",
            next: "Ask the provider why it signs so many heads without showing their entries, and \
                   compare with the other auditors. Cosigning of this log stands still; it goes on by \
                   itself once the log has shown what most of them cover.",
        },
    ),
    (
        "flood",
        Words {
            proven: "There are too many alerts of one kind to list them.",
            not_proven: "That they have one cause.",
            next: "Look at the first of them, and at `/v1/logs` for the whole list of broken rules.",
        },
    ),
    (
        "canary-lapsed",
        Words {
            proven: "The provider promised, in the log, to renew this statement by a date, and no \
                     renewal is in the log as far as this auditor holds it.",
            not_proven: "Why it was not renewed: by negligence, by law, or because it is no longer \
                         true. The text of the canary says what its lapse is meant to say.",
            next: "Read the canary's text, ask the provider in public, and tell those who rely on it.",
        },
    ),
    (
        "canary-dates",
        Words {
            proven: "The provider signed and logged a canary with these dates, after the epoch before it.",
            not_proven: "Why it is dated so: by mistake, or so that nobody would notice its lapse.",
            next: "Do not rely on it: a promise of long ago says nothing of today, and one without an end \
                   never lapses. Ask the provider in public for one that is dated as it is logged.",
        },
    ),
    (
        "protection-withdrawn",
        Words {
            proven: "The provider signed and logged that it withdraws this protection there.",
            not_proven: "Why, whether it was ordered to, and what any one device received.",
            next: "Tell those in that place who rely on it; what they protected before may need \
                   another place.",
        },
    ),
    (
        "protection-weakened",
        Words {
            proven: "The provider signed and logged that it weakens this protection there.",
            not_proven: "Why, whether it was ordered to, and what any one device received.",
            next: "Compare the old wording with the new one by their digests, and tell those who \
                   rely on it.",
        },
    ),
    (
        "narrow-audience",
        Words {
            proven: "The publisher signed and logged a release that is not for everybody.",
            not_proven: "That it is harmful: staged roll-outs look like this. Who received it is not \
                         in the log.",
            next: "Compare the build with the one for everybody; ask what differs and for how long.",
        },
    ),
    (
        "emergency-release",
        Words {
            proven: "The publisher signed and logged a release that it calls an emergency.",
            not_proven: "That there is an emergency, or that there is none.",
            next: "Look at what it mends before it is installed everywhere.",
        },
    ),
    (
        "new-stream",
        Words {
            proven: "The publisher signed and logged the first release of a stream beside those that \
                     the product had.",
            not_proven: "That it is harmful: new architectures and channels begin like this. A build \
                         for a few would too.",
            next: "Find out who is to follow this stream. Devices stay on the stream they pinned.",
        },
    ),
    (
        "look-alike",
        Words {
            proven: "The publisher signed and logged the first release of a product whose name people can \
                     take for that of another one in the log.",
            not_proven: "That it is meant to be taken for the other: names collide by accident too.",
            next: "Find out who is to install it. Devices that pinned the other product do not.",
        },
    ),
    (
        "stream-stalled",
        Words {
            proven: "Other streams of the product had releases in the log that this one did not have.",
            not_proven: "That its users were meant to get them: a stream may have been given up.",
            next: "Ask the publisher whether this stream goes on; its users may be held on an old \
                   version.",
        },
    ),
    (
        "watch-hit",
        Words {
            proven: "The log inserted this index at this position, and somebody who watches it here had \
                     not announced that to this auditor.",
            not_proven: "That a key of somebody else is behind it: an owner may have forgotten to announce, \
                         and whoever once looked a person up can watch the same index. Whose it is, this \
                         auditor does not know.",
            next: "The owner is told when it asks; if you know who watches here, tell them over a way that \
                   is not the provider's: `plainsight keys monitor` opens what was logged.",
        },
    ),
    (
        "rebuild-mismatch",
        Words {
            proven: "A rebuilder that this auditor's operator has listed signed that the source gave it \
                     another file; `/v1/rebuilds/` and the file's digest has the signed result.",
            not_proven: "That the file is harmful, or that the rebuilder built it as the publisher did: \
                         a compiler that puts the time into a file is enough.",
            next: "Compare with the other rebuilders, then the two files with each other. Readers whose \
                   policy asks for rebuilds do not install it.",
        },
    ),
    (
        "withheld",
        Words {
            proven: "Nothing that a stranger could check.",
            not_proven: OUTAGE,
            next: "If it lasts, ask the provider and compare with the other auditors. Nothing that \
                   cannot be read is cosigned.",
        },
    ),
    (
        "bad-checkpoint",
        Words {
            proven: "Nothing: anybody on the way can cause this.",
            not_proven: OUTAGE,
            next: "Check that the key and the address in auditor.toml are the log's \
                   (`plainsight-auditor doctor`), then read the address from another network.",
        },
    ),
    (
        "unreachable",
        Words {
            proven: "Nothing that a stranger could check.",
            not_proven: OUTAGE,
            next: "Check this machine's own network, then the log's status; it is tried again by \
                   itself.",
        },
    ),
    (
        "stale",
        Words {
            proven: "The newest head that this auditor was shown is older than the log promised in \
                     its genesis.",
            not_proven: "That the log has stopped: this auditor may be the only one who is shown an \
                         old head.",
            next: "Compare with what the other auditors see. Readers refuse heads beyond their own \
                   maximum age.",
        },
    ),
    (
        "clock-ahead",
        Words {
            proven: "The log's epoch is ahead of this machine's clock by more than its genesis allows.",
            not_proven: "Whose clock is wrong.",
            next: "Check this machine's clock first (`plainsight-auditor doctor`).",
        },
    ),
    (
        "rolled-back",
        Words {
            proven: "This auditor's own key signed a head that its database does not know of.",
            not_proven: "How the database came to be old: a restored backup, most likely.",
            next: "Restore the newest database. If it is lost, make a new key under a new name, and \
                   tell those who rely on the old one.",
        },
    ),
    (
        "clock-off",
        Words {
            proven: "Nothing about any log: at least two hosts that this auditor talks to, and more than \
                     half of those that answered, agree on a time that is not this machine's.",
            not_proven: "That they are right. If this machine's clock is, they are wrong together.",
            next: "Set this machine's clock by NTP (`timedatectl`, `chronyc tracking`); \
                   `plainsight-auditor doctor` says how it stands to each host. Cosigning goes on by itself.",
        },
    ),
    (
        "peer-other-key",
        Words {
            proven: "What answers at the peer's address shows heads signed under its name by another key than \
                     the one in auditor.toml.",
            not_proven: "Whether the auditor has a new key, the key here is wrong, or somebody else answers.",
            next: "Ask its operator over another way than this address which key is the right one. Never copy \
                   a key from the address that is in doubt.",
        },
    ),
    (
        "peer-unreachable",
        Words {
            proven: "Nothing that a stranger could check.",
            not_proven: OUTAGE,
            next: "If it lasts, tell its operator. Until then a log that shows it another history than this \
                   auditor is noticed by the other peers only, if there are any.",
        },
    ),
    ("memory-lost", FORGOTTEN),
    ("witness-memory-lost", FORGOTTEN),
    (
        "restarted",
        Words {
            proven: "Nothing about the log.",
            not_proven: "That it will not happen again.",
            next: "Read the message and this program's own log; look at disk and memory \
                   (`plainsight-auditor doctor`).",
        },
    ),
    (
        "disk-full",
        Words {
            proven: "Nothing about any log.",
            not_proven: "That what is on the disk is damaged; it is not, as far as is known.",
            next: "Make room or lower `min_free_mb`. Cosigning stands still, and goes on by itself \
                   when there is room.",
        },
    ),
    (
        "database",
        Words {
            proven: "Nothing about any log.",
            not_proven: "That anything is lost: what was committed is there, as far as is known.",
            next: "Look at the database's server and the way to it. Auditing went on by itself; \
                   `plainsight-auditor check` verifies what is kept.",
        },
    ),
    (
        "no-files",
        Words {
            proven: "Nothing about any log: this machine or this process has no file left to open.",
            not_proven: "What uses them up.",
            next: "Raise the limit (LimitNOFILE in the unit, `ulimit -n`) or lower `connections` in \
                   [limits]. Logs are read again by itself.",
        },
    ),
    (
        "stalled",
        Words {
            proven: "Nothing about the log.",
            not_proven: "Whether the log is slow or this machine is.",
            next: "Read this program's own log and run `plainsight-auditor doctor`; a restart goes on \
                   from what is on disk.",
        },
    ),
    (
        "channel-failing",
        Words {
            proven: "Nothing about any log.",
            not_proven: "That nobody got the alerts: a receiver may take a message and fail after it.",
            next: "Mend the channel and try it with `plainsight-auditor alert test`. What waits is \
                   sent again until it is given up.",
        },
    ),
    (
        "test",
        Words {
            proven: "This channel works.",
            not_proven: "That anybody reads it.",
            next: "Nothing.",
        },
    ),
];

fn of_severity(severity: Severity) -> Words {
    match severity {
        Severity::Tamper => Words {
            proven: "The signatures of whoever is named contradict each other or the rules; the \
                     evidence file shows it to anybody, offline.",
            not_proven: "Why it happened and who ordered it.",
            next: "Read the evidence and publish it if it convinces you.",
        },
        Severity::Identity => Words {
            proven: "Keys of a person changed in the log.",
            not_proven: "Who changed them.",
            next: "Ask that person over another way.",
        },
        Severity::Policy => Words {
            proven: "The provider signed and logged this.",
            not_proven: "Why it did so.",
            next: "Judge whether those who rely on it should know, and tell them.",
        },
        Severity::Availability => Words {
            proven: "Nothing that a stranger could check.",
            not_proven: OUTAGE,
            next: "Wait a little, then compare with the other auditors.",
        },
        Severity::Own => Words {
            proven: "Nothing about any log.",
            not_proven: "That it will pass by itself.",
            next: "Run `plainsight-auditor doctor` and read this program's own log.",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_never_said_to_prove_anything_about_the_log() {
        for code in ["withheld", "unreachable", "bad-checkpoint", "of a new kind"] {
            let words = words(Severity::Availability, code);
            assert!(words.proven.starts_with("Nothing"), "{code}");
        }
    }

    #[test]
    fn every_kind_is_listed_once() {
        let mut kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let all = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), all);
    }
}
