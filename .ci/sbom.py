#!/usr/bin/env python3
"""The parts of Plainsight's programs as CycloneDX 1.5 JSON: .ci/sbom.py OUT

From `cargo metadata`, for every target and feature, tests included and marked as such. The same
source gives the same bytes. Fails unless it is complete against Cargo.lock: each package of the
lock is a part with the lock's hash, and nothing else is; each part has a licence."""

import hashlib
import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def licences(package):
    text = package["license"]
    if text is None:
        raise SystemExit(f"{purl(package)} has no licence")
    return [{"expression": " OR ".join(part.strip() for part in text.split("/"))}]


def reached(resolved, starts, kinds):
    """The ids of what is built for `starts`, over dependencies of these kinds."""
    seen, ahead = set(), list(starts)
    while ahead:
        node = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        for dependency in resolved[node]["deps"]:
            if any(kind["kind"] in kinds for kind in dependency["dep_kinds"]):
                ahead.append(dependency["pkg"])
    return seen


def component(package, hashes, shipped):
    part = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "scope": "required" if package["id"] in shipped else "excluded",
        "licenses": licences(package),
    }
    if package["source"] is not None:
        digest = hashes[package["name"], package["version"]]
        part["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return part


def main(out):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    lock_bytes = (ROOT / "Cargo.lock").read_bytes()
    lock = tomllib.loads(lock_bytes.decode())
    locked = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    packages = {p["id"]: p for p in metadata["packages"]}
    resolved = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    members = metadata["workspace_members"]
    shipped = reached(resolved, members, {None, "build"})
    parts = sorted(packages.values(), key=purl)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.UUID(bytes=hashlib.sha256(lock_bytes).digest()[:16], version=4).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "plainsight",
                "name": "plainsight",
                "version": packages[members[0]]["version"],
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": [component(p, locked, shipped) for p in parts],
        "dependencies": [
            {"ref": "plainsight", "dependsOn": sorted(purl(packages[m]) for m in members)}
        ]
        + [
            {
                "ref": purl(p),
                "dependsOn": sorted({purl(packages[d["pkg"]]) for d in resolved[p["id"]]["deps"]}),
            }
            for p in parts
        ],
    }
    complete(document, locked, lock["package"])
    Path(out).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    print(f"{len(parts)} parts, {len(shipped)} of them in programs: {out}")


def complete(document, locked, packages):
    """Compares with Cargo.lock alone."""
    parts = {(c["name"], c["version"]): c for c in document["components"]}
    if parts.keys() != locked.keys():
        raise SystemExit(f"not the parts of Cargo.lock: {sorted(parts.keys() ^ locked.keys())}")
    for key, digest in locked.items():
        hashes = [h["content"] for h in parts[key].get("hashes", [])]
        if hashes != ([digest] if digest else []):
            raise SystemExit(f"{key} has another hash than in Cargo.lock")
    edges = {d["ref"]: set(d["dependsOn"]) for d in document["dependencies"]}
    for package in packages:
        named = {d.split(" ")[0] for d in package.get("dependencies", [])}
        listed = {ref.split("/")[1].split("@")[0] for ref in edges[purl(package)]}
        # What the lock keeps for features that nobody has on is not built.
        if not listed <= named:
            raise SystemExit(f"{purl(package)} is built with {sorted(listed - named)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
