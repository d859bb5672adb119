"""Answers of a log, true and false, made and judged by the Rust tests: the same verdicts from Python."""

import hashlib
import json
import pathlib
import unittest

import plainsight

SAID = json.loads((pathlib.Path(__file__).parent / "answers.json").read_text())


class Reader(unittest.TestCase):
    def setUp(self):
        self.policy = plainsight.Policy(SAID["policy"])
        answer = SAID["genesis"].encode()
        self.head, self.genesis = plainsight.verify_genesis(answer, self.policy, SAID["now"])

    def trust(self, remembered=None):
        if remembered:
            size, root = remembered
            remembered = plainsight.TreeHead(size, bytes.fromhex(root))
        return plainsight.Trust(
            self.policy,
            self.genesis,
            SAID["now"],
            max_age_s=SAID["max_age_s"],
            remembered=remembered,
        )

    def judged_as(self, case, verify):
        """What was accepted, or None if it was refused as the case says."""
        if case["verdict"] == "accept":
            return verify()
        with self.assertRaises(plainsight.Refused) as caught:
            verify()
        self.assertEqual((caught.exception.blame, caught.exception.step), (case["verdict"], case["step"]))
        return None

    def test_first_contact(self):
        self.assertEqual(self.genesis.origin, "log.example/tiny")
        self.assertEqual(self.head.checkpoint.origin, self.genesis.origin)
        self.assertEqual([name for name, _ in self.head.checkpoint.cosigned], ["w0", "w1", "w2"])
        kept = plainsight.Genesis(bytes(self.genesis))
        self.assertEqual(kept.vrf_key, self.genesis.vrf_key)
        with self.assertRaises(plainsight.Unavailable) as caught:
            plainsight.verify_genesis(SAID["genesis"].encode(), self.policy, SAID["now"] + 10**9)
        self.assertEqual(caught.exception.step, "freshness")

    def test_look_ups(self):
        for case in SAID["lookups"]:
            with self.subTest(case["name"]):
                trust = self.trust(case["remembered"])
                logged = case["remembered"] is not None
                since = case["remembered"][0] if logged else None
                request = plainsight.lookup_request(case["label"], since=since, logged=logged)
                self.assertEqual(request, case["request"].encode())
                answer = case["answer"].encode()
                verify = lambda: plainsight.verify_lookup(answer, case["label"], trust, logged=logged)
                lookup = self.judged_as(case, verify)
                if lookup is None:
                    continue
                self.assertEqual(lookup.head.tree_head.size, case["size"])
                self.assertEqual(lookup.found and lookup.found.version, case["version"])
                if lookup.found:
                    self.assertEqual(lookup.found.key_set.hash.hex(), case["key_set"])
                    self.assertEqual(lookup.found.key_set.label, case["label"])
                    self.assertEqual(lookup.found.position, case["position"])

    def test_an_answer_is_for_the_label_that_was_asked(self):
        case = next(case for case in SAID["lookups"] if case["verdict"] == "accept" and case["version"])
        with self.assertRaises(plainsight.Unproven) as caught:
            plainsight.verify_lookup(case["answer"].encode(), "bob@example.org", self.trust())
        self.assertEqual(caught.exception.step, "vrf")

    def test_bundles(self):
        for case in SAID["bundles"]:
            with self.subTest(case["name"]):
                digest = hashlib.sha256(case["file"].encode()).digest()
                verify = lambda: plainsight.verify_bundle(case["bundle"].encode(), digest, self.trust())
                release = self.judged_as(case, verify)
                if release:
                    self.assertEqual((release.purl, release.version), ("pkg:generic/app", "1.0"))
                    self.assertEqual(release.seq, case["seq"])
                    self.assertEqual(sorted(digest.hex() for digest, _ in release.files), case["files"])

    def test_evidence(self):
        said = SAID["evidence"]
        finding = plainsight.verify_evidence(said["file"].encode())
        self.assertEqual((finding.rule, finding.log, finding.proves), (said["rule"], said["log"], said["proves"]))
        self.assertTrue(finding.does_not_show)
        other = said["file"].replace('"rule":"fork"', '"rule":"extension"')
        with self.assertRaises(plainsight.Unproven):
            plainsight.verify_evidence(other.encode())
        with self.assertRaises(plainsight.Malformed):
            plainsight.verify_evidence(said["file"].encode()[:99])

    def test_proofs_and_each_change_of_them(self):
        said = SAID["proofs"]
        unhex = bytes.fromhex
        leaf, root, old_root = (unhex(said[name]) for name in ("leaf", "root", "old_root"))
        inclusion = [unhex(one) for one in said["inclusion"]]
        plainsight.verify_inclusion(leaf, said["index"], said["size"], root, inclusion)
        consistency = [unhex(one) for one in said["consistency"]]
        plainsight.verify_consistency(said["old_size"], old_root, said["size"], root, consistency)
        for proof in (inclusion[:-1], inclusion + inclusion[:1], inclusion[::-1]):
            with self.assertRaises(plainsight.Refused):
                plainsight.verify_inclusion(leaf, said["index"], said["size"], root, proof)
        for proof in (consistency[:-1], consistency + consistency[:1]):
            with self.assertRaises(plainsight.Refused):
                plainsight.verify_consistency(said["old_size"], old_root, said["size"], root, proof)
        with self.assertRaises(plainsight.Unproven) as caught:
            plainsight.verify_consistency(said["old_size"], root, said["size"], root, consistency)
        self.assertEqual(caught.exception.step, "consistency")

    def test_a_tlog_proof(self):
        said = SAID["proofs"]
        leaf = bytes.fromhex(said["leaf"])
        checkpoint, index = plainsight.verify_tlog_proof(said["tlog_proof"].encode(), leaf, self.policy)
        self.assertEqual((checkpoint.size, checkpoint.root.hex(), index), (said["size"], said["root"], said["index"]))
        with self.assertRaises(plainsight.Unproven):
            plainsight.verify_tlog_proof(said["tlog_proof"].encode(), bytes(32), self.policy)
        strict = SAID["policy"].replace("group all-of-them 2", "group all-of-them 3")
        with self.assertRaises(plainsight.Malformed):
            plainsight.verify_tlog_proof(b"no proof", leaf, plainsight.Policy(strict))

    def test_a_policy(self):
        self.assertEqual(self.policy.logs, ["log.example/tiny"])
        self.assertEqual(self.policy.witnesses, ["w0", "w1", "w2"])
        note = json.loads(SAID["genesis"])["checkpoint"]
        self.assertEqual(self.policy.verify(note.encode()).size, 2)
        text, lines = note.split("\n\n")
        alone = text + "\n\n" + lines.splitlines()[0] + "\n"
        with self.assertRaises(plainsight.Unproven) as caught:
            self.policy.verify(alone.encode())
        self.assertEqual(caught.exception.step, "quorum")
        with self.assertRaises(plainsight.Misuse):
            plainsight.Policy("quorum 2 of them\n")

    def test_what_the_caller_gets_wrong(self):
        with self.assertRaises(ValueError):
            plainsight.TreeHead(1, b"short")
        with self.assertRaises(plainsight.Refused):
            plainsight.lookup_request("not a label")
        with self.assertRaises(plainsight.Misuse):
            plainsight.Trust(self.policy, self.genesis, 2**63)


if __name__ == "__main__":
    unittest.main()
