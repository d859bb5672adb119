"""Verify what a Plainsight log says: bytes in, a proven value or a named failure out.

Hashes, keys and roots are 32 bytes. Times are seconds since 1970, except where `_ms` says milliseconds.
"""

from typing import Literal, final

_Blame = Literal["malformed", "unproven", "violation", "unavailable", "misuse"]

class Refused(ValueError):
    """Something was not accepted."""

    blame: _Blame
    """Whose fault it is."""
    step: str | None
    """The step of verification that failed, if there are steps."""

class Malformed(Refused):
    """The bytes are not the protocol's."""

class Unproven(Refused):
    """A signature or proof does not hold, which proves nothing against anyone."""

class Violation(Refused):
    """The log's own signatures contradict each other."""

class Unavailable(Refused):
    """Something could not be had; never an accusation."""

class Misuse(Refused):
    """The question or the configuration is wrong."""

@final
class Policy:
    """A C2SP tlog-policy: which logs, and whose cosignatures count."""

    def __new__(cls, text: str) -> Policy: ...
    @property
    def logs(self) -> list[str]:
        """The origins of the logs."""
    @property
    def witnesses(self) -> list[str]:
        """The names of the witnesses."""
    def verify(self, note: bytes) -> Checkpoint:
        """Verifies a checkpoint: the log's signature and the quorum. Not how old it is."""

@final
class Checkpoint:
    """A checkpoint under which a policy is met."""

    @property
    def origin(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def root(self) -> bytes: ...
    @property
    def cosigned(self) -> list[tuple[str, int]]:
        """The policy's witnesses whose cosignatures were verified, each with its time."""

@final
class TreeHead:
    """The size and the root of a log: what a reader remembers of it."""

    def __new__(cls, size: int, root: bytes) -> TreeHead: ...
    @property
    def size(self) -> int: ...
    @property
    def root(self) -> bytes: ...

@final
class Genesis:
    """The first entry of a log, which a reader remembers for the life of the log."""

    def __new__(cls, entry: bytes) -> Genesis: ...
    @property
    def origin(self) -> str: ...
    @property
    def vrf_key(self) -> bytes: ...
    def __bytes__(self) -> bytes: ...

@final
class Head:
    """A head that passed every step."""

    @property
    def checkpoint(self) -> Checkpoint: ...
    @property
    def tree_head(self) -> TreeHead:
        """To be remembered."""
    @property
    def fresh(self) -> int:
        """The time that the quorum vouches for."""
    @property
    def epoch_ms(self) -> int:
        """The time of the epoch it ends at."""
    @property
    def index_size(self) -> int: ...
    @property
    def index_root(self) -> bytes: ...

@final
class Trust:
    """With what an answer is verified."""

    def __new__(
        cls,
        policy: Policy,
        genesis: Genesis,
        now: int,
        *,
        max_age_s: int = 86_400,
        remembered: TreeHead | None = None,
    ) -> Trust: ...

def verify_genesis(
    answer: bytes, policy: Policy, now: int, *, max_age_s: int = 604_800
) -> tuple[Head, Genesis]:
    """Verifies the answer to `GET v1/genesis` of a log that is met for the first time."""

@final
class Key:
    """One key of a set."""

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> Literal["identity", "device", "recovery", "escrow"]: ...
    @property
    def alg(self) -> str: ...
    @property
    def key(self) -> bytes: ...

@final
class KeySet:
    """All keys of a label at one version, signed by its owner."""

    def __new__(cls, envelope: bytes) -> KeySet: ...
    @property
    def label(self) -> str:
        """The label as it is typed."""
    @property
    def label_bytes(self) -> bytes: ...
    @property
    def version(self) -> int: ...
    @property
    def prev(self) -> bytes | None:
        """The hash of the previous key set."""
    @property
    def created(self) -> int: ...
    @property
    def keys(self) -> list[Key]: ...
    @property
    def hash(self) -> bytes: ...
    def continuity(
        self, previous: KeySet | None = None
    ) -> Literal[
        "first",
        "signed",
        "previous-unknown",
        "not-previous",
        "wrong-link",
        "not-signed-by-previous",
    ]:
        """How it follows the version before: `first`, `signed`, or why it is a reset."""
    def __bytes__(self) -> bytes: ...

@final
class Found:
    """The latest key set of a label, proved."""

    @property
    def version(self) -> int: ...
    @property
    def key_set(self) -> KeySet: ...
    @property
    def entry(self) -> bytes: ...
    @property
    def position(self) -> int | None: ...
    @property
    def logged_no_later_than_ms(self) -> int | None: ...

@final
class Lookup:
    """A look-up that passed every step."""

    @property
    def head(self) -> Head: ...
    @property
    def found(self) -> Found | None:
        """`None`: the label is proved to have no key set."""

def lookup_request(label: str, *, since: int | None = None, logged: bool = False) -> bytes:
    """The body of a question, for `POST v1/lookup`."""

def verify_lookup(answer: bytes, label: str, trust: Trust, *, logged: bool = False) -> Lookup:
    """Verifies an answer to that question, asked with the size of the head that `trust` remembers."""

@final
class Release:
    """A release that a bundle proves to be logged, and not yanked at its head."""

    @property
    def head(self) -> Head: ...
    @property
    def purl(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def arch(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def emergency(self) -> bool: ...
    @property
    def published(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def latest_seq(self) -> int | None: ...
    @property
    def files(self) -> list[tuple[bytes, int]]:
        """The SHA-256 and the size of each of its files."""

def verify_bundle(bundle: bytes, sha256: bytes, trust: Trust) -> Release:
    """Verifies that the file with this SHA-256 is one of the release that a bundle proves."""

@final
class Finding:
    """What an evidence file proves, and what it does not."""

    @property
    def rule(self) -> str: ...
    @property
    def log(self) -> str: ...
    @property
    def log_key(self) -> str: ...
    @property
    def position(self) -> int | None: ...
    @property
    def proves(self) -> str: ...
    @property
    def does_not_show(self) -> str: ...

def verify_evidence(file: bytes) -> Finding:
    """Verifies an evidence file with nothing but the file."""

@final
class Entry:
    """An entry of a log that parses."""

    def __new__(cls, bytes: bytes) -> Entry: ...
    @property
    def kind(self) -> Literal["genesis", "epoch", "key", "statement", "close"]: ...
    @property
    def leaf_hash(self) -> bytes: ...
    @property
    def key(self) -> tuple[bytes, bytes] | None:
        """The index and the commitment of a key entry."""
    @property
    def statement(self) -> Statement | None: ...
    def __bytes__(self) -> bytes: ...

@final
class Statement:
    """A signed public claim that parses. That its signers have their role is shown by its presence in
    the log's index, not by its signatures alone."""

    def __new__(cls, envelope: bytes) -> Statement: ...
    @property
    def kind(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def stream(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def prev(self) -> bytes | None: ...
    @property
    def digests(self) -> list[bytes]: ...
    @property
    def indexes(self) -> list[bytes]: ...
    def signers(self, keys: list[bytes]) -> list[bytes]:
        """Which of these keys have signed it."""

def verify_signature(key: bytes, message: bytes, signature: bytes) -> None:
    """Verifies an Ed25519 signature as strictly as every component does."""

def verify_vrf(key: bytes, alpha: bytes, proof: bytes) -> bytes:
    """Verifies a VRF proof (RFC 9381, ECVRF-EDWARDS25519-SHA512-ELL2) and returns the output."""

def leaf_hash(entry: bytes) -> bytes:
    """The leaf hash of an entry."""

def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, proof: list[bytes]) -> None:
    """Verifies that the leaf with this hash stands at `index` in the tree."""

def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]
) -> None:
    """Verifies that the newer tree contains the older one."""

def verify_tlog_proof(proof: bytes, leaf: bytes, policy: Policy) -> tuple[Checkpoint, int]:
    """Verifies a tlog-proof of the entry with this leaf hash: the policy and the inclusion.

    Returns the checkpoint and the entry's position."""

__all__ = [
    "Checkpoint",
    "Entry",
    "Finding",
    "Found",
    "Genesis",
    "Head",
    "Key",
    "KeySet",
    "Lookup",
    "Malformed",
    "Misuse",
    "Policy",
    "Refused",
    "Release",
    "Statement",
    "TreeHead",
    "Trust",
    "Unavailable",
    "Unproven",
    "Violation",
    "leaf_hash",
    "lookup_request",
    "verify_bundle",
    "verify_consistency",
    "verify_evidence",
    "verify_genesis",
    "verify_inclusion",
    "verify_lookup",
    "verify_signature",
    "verify_tlog_proof",
    "verify_vrf",
]
