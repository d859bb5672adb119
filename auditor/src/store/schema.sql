-- One row a log. `signed_*` is the newest head cosigned, swapped only against what was read.
CREATE TABLE IF NOT EXISTS logs (
    id          INTEGER PRIMARY KEY,
    origin      TEXT    NOT NULL UNIQUE,
    vkey        TEXT    NOT NULL,
    -- Entries held and replayed, and the compact range over them.
    held        INTEGER NOT NULL,
    frontier    BLOB    NOT NULL,
    -- The newest signed head of which everything is held, and the one being followed.
    mirrored    BLOB,
    target      BLOB,
    signed_size INTEGER NOT NULL,
    signed_root BLOB    NOT NULL,
    -- The note with the log's lines and our own.
    signed_note BLOB,
    signed_time INTEGER,
    -- Set when our own cosignature was seen on a head that we do not know of.
    rolled_back INTEGER
) STRICT;

CREATE TABLE IF NOT EXISTS entries (
    log      INTEGER NOT NULL REFERENCES logs (id),
    position INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (log, position)
) STRICT, WITHOUT ROWID;

-- The widest hash tile known at each place: a partial one is a prefix of it.
CREATE TABLE IF NOT EXISTS tiles (
    log    INTEGER NOT NULL REFERENCES logs (id),
    level  INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    PRIMARY KEY (log, level, place)
) STRICT;

CREATE TABLE IF NOT EXISTS breaks (
    log          INTEGER NOT NULL REFERENCES logs (id),
    at           INTEGER NOT NULL,
    rule         TEXT    NOT NULL,
    seen         INTEGER NOT NULL,
    -- The address of the evidence file, or why there is none.
    evidence     TEXT,
    unproven     TEXT,
    acknowledged INTEGER,
    reason       TEXT,
    PRIMARY KEY (log, at, rule)
) STRICT;

-- Evidence that is being put together: what is found here after a start ended with the program.
CREATE TABLE IF NOT EXISTS proofs_begun (
    log   INTEGER NOT NULL REFERENCES logs (id),
    at    INTEGER NOT NULL,
    rule  TEXT    NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (log, at, rule)
) STRICT;

CREATE INDEX IF NOT EXISTS breaks_of_heads ON breaks (log, seen, at)
    WHERE rule IN ('fork', 'extension');
CREATE INDEX IF NOT EXISTS breaks_open ON breaks (log, at) WHERE acknowledged IS NULL;

-- Heads that the log signed and how each fits: the newest of each peer, named by its verifier key, and
-- without a name all that are not explained, by whatever way they came.
CREATE TABLE IF NOT EXISTS shown (
    log      INTEGER NOT NULL REFERENCES logs (id),
    source   TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB    NOT NULL,
    note     BLOB    NOT NULL,
    verdict  TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    evidence TEXT,
    -- What it was held against.
    own_size INTEGER NOT NULL,
    own_root BLOB    NOT NULL,
    time     INTEGER NOT NULL,
    PRIMARY KEY (log, source, size, root)
) STRICT;

-- The plain witness: of each log the head cosigned last, swapped only against what was read.
CREATE TABLE IF NOT EXISTS witnessed (
    origin      TEXT    NOT NULL PRIMARY KEY,
    size        INTEGER NOT NULL,
    root        BLOB    NOT NULL,
    note        BLOB,
    time        INTEGER,
    -- When an own cosignature was seen on a head that is not known here.
    rolled_back INTEGER,
    -- When the log contradicted itself, and the address of the evidence.
    broken      INTEGER,
    evidence    TEXT
) STRICT;

-- Heads that witnessed logs signed and that are neither cosigned nor explained.
CREATE TABLE IF NOT EXISTS witnessed_heads (
    origin TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    root   BLOB    NOT NULL,
    note   BLOB    NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT;
