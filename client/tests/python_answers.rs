//! What the Python bindings are tested on: answers, bundles, proofs and evidence of a log in memory,
//! true and false, each with the verdict that the pure layer comes to here. The file beside the
//! Python tests is what this makes; `PLAINSIGHT_WRITE=1` writes it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod tiny_log;

use plainsight_specs::Blame;
use plainsight_specs::bundle::{BundleError, UnverifiedBundle, searched};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::{Entry, Genesis};
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::{GenesisAnswer, Trust};
use plainsight_specs::label::Label;
use plainsight_specs::ladder;
use plainsight_specs::lookup::{LookupAnswer, LookupError, LookupRequest};
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::merkle::build::{consistency_proof, inclusion_proof};
use plainsight_specs::merkle::verify::{verify_consistency, verify_inclusion};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Policy;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::Seq;
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;
use serde_json::{Value, json};
use tiny_log::{Lie, TinyLog, position, product};

const MAX_AGE_S: u64 = 86_400;

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_hex).collect()
}

/// A log, who trusts it, and the cases so far.
struct Cases {
    log: TinyLog,
    policy: Policy,
    genesis: Genesis,
    lookups: Vec<Value>,
}

impl Cases {
    fn trust(&self, remembered: Option<TreeHead>) -> Trust<'_> {
        Trust {
            policy: &self.policy,
            genesis: &self.genesis,
            remembered,
            now: now(),
            max_age_s: MAX_AGE_S,
        }
    }

    fn head(&self) -> TreeHead {
        self.log.heads.last().unwrap().head
    }

    /// A look-up, answered by the log as it is now.
    fn look_up(&mut self, name: &str, label: &str, remembered: Option<TreeHead>) {
        let request = LookupRequest {
            label: Label::from_typed(label).unwrap(),
            since: remembered.map(|head| head.size),
            logged: remembered.is_some(),
        };
        let mut answer = self.log.lookup(&request.to_json());
        if self.log.lie == Lie::BrokenProof {
            answer = TinyLog::break_proof(&answer);
        }
        self.judge(name, &request, remembered, &answer);
    }

    fn judge(
        &mut self,
        name: &str,
        request: &LookupRequest,
        remembered: Option<TreeHead>,
        answer: &[u8],
    ) {
        let trust = self.trust(remembered);
        let judged = LookupAnswer::parse(answer).and_then(|answer| answer.verify(&trust, request));
        let mut case = json!({
            "name": name,
            "label": request.label.display(),
            "request": text(&request.to_json()),
            "answer": text(answer),
            "remembered": remembered.map(|head| json!([head.size.get(), head.root.to_hex()])),
        });
        let verdict = match &judged {
            Ok(lookup) => json!({
                "verdict": "accept",
                "size": lookup.head().tree_head().size.get(),
                "version": lookup.found().map(|found| found.key_set().version().get()),
                "key_set": lookup.found().map(|found| found.key_set().hash().to_hex()),
                "position": lookup.found().and_then(|found| found.logged())
                    .map(|logged| logged.position.get()),
            }),
            Err(error) => refusal(error.blame(), Some(LookupError::step(error).as_str())),
        };
        let members = case.as_object_mut().unwrap();
        members.extend(verdict.as_object().unwrap().clone());
        self.lookups.push(case);
    }
}

fn refusal(blame: Blame, step: Option<&str>) -> Value {
    json!({ "verdict": blame.as_str(), "step": step })
}

fn look_ups(cases: &mut Cases) {
    let (alice, nobody) = ("alice@example.org", "nobody@example.org");
    let first = cases.head();
    cases.look_up("a label that was never logged", nobody, None);
    let label = Label::from_typed(alice).unwrap();
    for device in ["phone", "tablet", "watch"] {
        cases.log.log_next(&label, device, true);
    }
    cases.look_up("the latest version", alice, None);
    cases.look_up(
        "the latest version, with consistency and when logged",
        alice,
        Some(first),
    );
    let newest = cases.head();
    cases.look_up("the same head again", alice, Some(newest));
    let other = TreeHead {
        root: sha256(b"another tree"),
        ..first
    };
    cases.look_up("another history", alice, Some(other));
    for (name, lie) in [
        ("an earlier version as the latest", Lie::OldVersion),
        ("an entry at another index", Lie::Decoy),
        ("a version that is not opened", Lie::Withhold),
        ("a changed index proof", Lie::BrokenProof),
        ("a false cosignature", Lie::FalseCosignature),
    ] {
        cases.log.lie = lie;
        cases.look_up(name, alice, None);
    }
    cases.log.lie = Lie::OldHead;
    cases.look_up("a smaller head", alice, Some(newest));
    cases.log.lie = Lie::None;
    cases.log.cosigning = 1;
    cases.look_up("one cosignature of two", alice, None);
    cases.log.cosigning = 3;
    cases.log.age_s = MAX_AGE_S + 1;
    cases.look_up("an old head", alice, None);
    cases.log.age_s = 2;
    let request = LookupRequest {
        label,
        since: None,
        logged: false,
    };
    let answer = cases.log.lookup(&request.to_json());
    cases.judge(
        "half an answer",
        &request,
        None,
        &answer[..answer.len() / 2],
    );
    let more = text(&answer).replacen('{', "{\"more\":1,", 1);
    cases.judge("a member more", &request, None, more.as_bytes());
}

/// A bundle of the first release, at the newest head.
fn bundle(cases: &Cases, release: &[u8]) -> Vec<u8> {
    let Entry::Statement(entry) = Entry::parse(release).unwrap() else {
        panic!("a release")
    };
    let statement = entry.statement();
    let latest: Option<Seq> = cases.log.last_of(&statement.stream());
    let mut keys = searched(statement).unwrap();
    let rungs = ladder::rungs_for(latest);
    keys.extend(
        rungs
            .into_iter()
            .map(|seq| statement.stream().seq_index(seq)),
    );
    let snapshot = cases.log.heads.last().unwrap();
    let block = cases.log.head_block(None);
    let proof = TlogProof {
        extra: None,
        index: snapshot.head.size.last().unwrap(),
        inclusion: block.epoch_proof,
        checkpoint: UnverifiedCheckpoint::parse(&block.checkpoint).unwrap(),
    };
    let index = snapshot.index.prove(&keys);
    UnverifiedBundle::new(proof, block.epoch, release.to_vec(), index).to_json()
}

fn bundles(cases: &mut Cases) -> Vec<Value> {
    let app = product("pkg:generic/app");
    cases.log.release(&app, "1.0", &[b"one", b"two"]);
    // The epoch after it is the last entry.
    let stated = |cases: &Cases| cases.log.entries[cases.log.entries.len() - 2].clone();
    let release = stated(cases);
    cases.log.release(&app, "2.0", &[b"four"]);
    let later = stated(cases);
    let good = bundle(cases, &release);
    cases.log.yank(&app, "2.0", b"four");
    let yanked = bundle(cases, &later);
    let judge = |name: &str, file: &[u8], bytes: &[u8]| {
        let judged =
            UnverifiedBundle::parse(bytes).and_then(|bundle| bundle.verify(&cases.trust(None)));
        let verdict = match judged {
            Ok(bundle) if bundle.release.digests().contains(&sha256(file)) => {
                json!({ "verdict": "accept", "seq": bundle.release.seq().get(),
                    "files": hex(&bundle.release.digests().into_iter().collect::<Vec<_>>()) })
            }
            Ok(_) => refusal(Blame::Unproven, Some("statement")),
            Err(BundleError::Head(error)) => refusal(error.blame(), Some(error.step().as_str())),
            Err(error) => refusal(error.blame(), None),
        };
        let case = json!({ "name": name, "file": text(file), "bundle": text(bytes) });
        merged(case, &verdict)
    };
    let other = text(&good).replace("plainsight-bundle/v1", "plainsight-bundle/v2");
    vec![
        judge("a file of the release", b"one", &good),
        judge("the other file of the release", b"two", &good),
        judge("a file that is none of it", b"three", &good),
        judge("a release that was yanked", b"four", &yanked),
        judge("another format", b"one", other.as_bytes()),
        judge("half a bundle", b"one", &good[..good.len() / 2]),
    ]
}

fn merged(mut case: Value, verdict: &Value) -> Value {
    let members = case.as_object_mut().unwrap();
    members.extend(verdict.as_object().unwrap().clone());
    case
}

fn tree_proofs(cases: &Cases) -> Value {
    let snapshot = cases.log.heads.last().unwrap();
    let (older, head) = (cases.log.heads[1].head, snapshot.head);
    let at = 2;
    let leaf = leaf_hash(&cases.log.entries[at]);
    let index = position(at as u64);
    let inclusion = inclusion_proof(index, head.size, &snapshot.tiles).unwrap();
    verify_inclusion(&leaf, index, &head, &inclusion).unwrap();
    let consistency = consistency_proof(older.size, head.size, &snapshot.tiles).unwrap();
    verify_consistency(&older, &head, &consistency).unwrap();
    let tlog_proof = TlogProof {
        extra: None,
        index,
        inclusion: inclusion.clone(),
        checkpoint: UnverifiedCheckpoint::parse(&cases.log.checkpoint(head)).unwrap(),
    }
    .to_bytes();
    let parsed = TlogProof::parse(&tlog_proof).unwrap();
    parsed.verify(&leaf, &cases.policy).unwrap();
    json!({
        "leaf": leaf.to_hex(),
        "index": at,
        "size": head.size.get(),
        "root": head.root.to_hex(),
        "inclusion": hex(&inclusion),
        "old_size": older.size.get(),
        "old_root": older.root.to_hex(),
        "consistency": hex(&consistency),
        "tlog_proof": text(&tlog_proof),
    })
}

fn evidence(cases: &Cases) -> Value {
    let head = cases.head();
    let other = TreeHead {
        root: sha256(b"another tree"),
        ..head
    };
    let key = TinyLog::policy("").split(' ').nth(1).unwrap().to_owned();
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key: VerifierKey::parse(&key).unwrap(),
        proof: Proof::Fork {
            first: cases.log.checkpoint(head),
            second: cases.log.checkpoint(other),
        },
    };
    let finding = evidence.verify().unwrap();
    json!({
        "file": text(&evidence.to_json()),
        "rule": finding.rule.as_str(),
        "log": finding.log_key.name().as_str(),
        "proves": finding.proves,
    })
}

#[test]
fn python_is_tested_on_what_this_log_says() {
    let log = TinyLog::new(now());
    let policy = TinyLog::policy("http://log.example");
    let genesis_answer = log.genesis(None);
    let parsed = Policy::parse(&policy).unwrap();
    let answer = GenesisAnswer::parse(&genesis_answer).unwrap();
    let (_, genesis) = answer.verify(&parsed, now(), MAX_AGE_S).unwrap();
    let mut cases = Cases {
        log,
        policy: parsed,
        genesis,
        lookups: Vec::new(),
    };
    look_ups(&mut cases);
    let bundles = bundles(&mut cases);
    let refused = cases
        .lookups
        .iter()
        .filter(|case| case["verdict"] != "accept");
    assert_eq!((cases.lookups.len(), refused.count()), (15, 11));
    let made = json!({
        "now": now().seconds(),
        "max_age_s": MAX_AGE_S,
        "policy": policy,
        "genesis": text(&genesis_answer),
        "proofs": tree_proofs(&cases),
        "evidence": evidence(&cases),
        "bundles": bundles,
        "lookups": cases.lookups,
    });
    let made = serde_json::to_string_pretty(&made).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/python/tests/answers.json");
    if std::env::var_os("PLAINSIGHT_WRITE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == made, "run this test with PLAINSIGHT_WRITE=1");
}
