"""The project's own vectors, from Python: the verdicts are those of every other component."""

import base64
import json
import pathlib
import unittest

import plainsight

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "specs" / "vectors"


def cases(name):
    found = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    assert len(found) > 5, name
    return found


def verdict(read):
    """`accept` and what was read, or whose fault it is."""
    try:
        return "accept", read()
    except plainsight.Refused as error:
        return error.blame, error


def digests(values):
    return [value.hex() for value in values]


class Vectors(unittest.TestCase):
    def test_ed25519(self):
        words = {"accept": "accept", "key": "malformed", "signature": "unproven"}
        for case in cases("ed25519"):
            with self.subTest(case["name"]):
                key, message, signature = (bytes.fromhex(case[name]) for name in ("key", "message", "signature"))
                found, _ = verdict(lambda: plainsight.verify_signature(key, message, signature))
                self.assertEqual(found, words[case["verdict"]])

    def test_vrf(self):
        for case in cases("vrf"):
            with self.subTest(case["name"]):
                key, alpha, proof = (bytes.fromhex(case[name]) for name in ("key", "alpha", "proof"))
                found, output = verdict(lambda: plainsight.verify_vrf(key, alpha, proof))
                self.assertEqual(found == "accept", "error" not in case)
                if found == "accept":
                    self.assertEqual(output.hex(), case["output"])
                else:
                    self.assertEqual(output.step, "vrf")

    def test_entries(self):
        for case in cases("entry"):
            with self.subTest(case["name"]):
                bytes_ = base64.b64decode(case["entry"])
                found, entry = verdict(lambda: plainsight.Entry(bytes_))
                self.assertEqual(found, case["verdict"])
                if found == "accept":
                    self.assertEqual(entry.kind, case["kind"])
                    self.assertEqual(entry.leaf_hash.hex(), case["leaf_hash"])
                    self.assertEqual(plainsight.leaf_hash(bytes_).hex(), case["leaf_hash"])
                    self.assertEqual(bytes(entry), bytes_)

    def test_key_sets(self):
        sets = {}
        for case in cases("keyset"):
            with self.subTest(case["name"]):
                found, key_set = verdict(lambda: plainsight.KeySet(case["key_set"].encode()))
                self.assertEqual(found, case["verdict"])
                if found != "accept":
                    self.assertEqual(key_set.step, "key-set")
                    continue
                sets[case["name"]] = (case, key_set)
                self.assertEqual(key_set.hash.hex(), case["hash"])
                self.assertEqual(key_set.label_bytes.hex(), case["label"])
                self.assertEqual(key_set.version, case["version"])
                self.assertEqual(key_set.prev.hex() if key_set.prev else None, case.get("prev"))
                self.assertEqual([key.id for key in key_set.keys], case["ids"])
        for case, key_set in sets.values():
            previous = case.get("previous")
            previous = sets[previous][1] if previous else None
            self.assertEqual(key_set.continuity(previous), case["continuity"], case["name"])

    def test_statements(self):
        for case in cases("statement"):
            with self.subTest(case["name"]):
                found, statement = verdict(lambda: plainsight.Statement(case["envelope"].encode()))
                self.assertEqual(found, case["verdict"])
                if found != "accept":
                    continue
                self.assertEqual((statement.kind, statement.role), (case["kind"], case["role"]))
                self.assertEqual((statement.stream.hex(), statement.seq), (case["stream"], case["seq"]))
                self.assertEqual(statement.prev.hex() if statement.prev else None, case.get("prev"))
                self.assertEqual(digests(statement.digests), case["digest_set"])
                self.assertEqual(digests(statement.indexes), case["indexes"])
                signers = [bytes.fromhex(key) for key in case["signers"]]
                self.assertEqual(sorted(statement.signers(signers)), sorted(signers))


if __name__ == "__main__":
    unittest.main()
