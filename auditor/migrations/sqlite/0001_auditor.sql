-- Tables that are there already stay as they are: databases of before the numbers of migrations.

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

-- One row for each fact, as long as it lasts. `name` is the same wherever and whenever the fact is
-- found, so that a database that was built again tells nothing twice to who compares names.
CREATE TABLE IF NOT EXISTS alerts (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    log          INTEGER REFERENCES logs (id),
    severity     TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    -- How often it ended and came back before its end was told.
    again        INTEGER NOT NULL DEFAULT 0,
    resolved     INTEGER,
    end_told     INTEGER NOT NULL DEFAULT 0,
    acknowledged INTEGER,
    reason       TEXT
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS alerts_last ON alerts (coalesce(log, 0), code, subject)
    WHERE resolved IS NULL;
CREATE INDEX IF NOT EXISTS alerts_fact ON alerts (code, subject);

-- The channels of the running configuration: whom a new alert is to be told.
CREATE TABLE IF NOT EXISTS channels (
    name       TEXT PRIMARY KEY,
    -- The severities that it wants, each between commas; empty for all.
    severities TEXT NOT NULL
) STRICT;

-- What is to be told to whom. Written in the transaction of the alert itself, and marked only once
-- it was told: a crash can repeat a delivery under its own id, and lose none.
CREATE TABLE IF NOT EXISTS deliveries (
    id      INTEGER PRIMARY KEY,
    alert   INTEGER NOT NULL REFERENCES alerts (id),
    channel TEXT    NOT NULL,
    event   TEXT    NOT NULL,
    due     INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    done    INTEGER,
    -- Why it was given up.
    failed  TEXT,
    UNIQUE (alert, channel, event)
) STRICT;

CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (channel, due)
    WHERE done IS NULL AND failed IS NULL;

-- Watches. Of the token only the hash is kept: who reads this database can ask about nothing.
CREATE TABLE IF NOT EXISTS watches (
    id      INTEGER PRIMARY KEY,
    log     INTEGER NOT NULL REFERENCES logs (id),
    token   BLOB    NOT NULL UNIQUE,
    -- What the watch is called in reports.
    name    BLOB    NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS watches_expires ON watches (expires);

CREATE TABLE IF NOT EXISTS watched (
    log        INTEGER NOT NULL REFERENCES logs (id),
    idx        BLOB    NOT NULL,
    watch      INTEGER NOT NULL REFERENCES watches (id),
    -- The commitment that was announced last.
    commitment BLOB,
    -- The entry that inserted the index, and whether it is the one announced.
    position   INTEGER,
    announced  INTEGER,
    PRIMARY KEY (log, idx, watch)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS watched_by ON watched (watch);

-- Up to where the entries of each log were looked through for watched indexes.
CREATE TABLE IF NOT EXISTS scans (
    log     INTEGER PRIMARY KEY REFERENCES logs (id),
    scanned INTEGER NOT NULL
) STRICT;

-- Results of rebuilds as they were received: of each rebuilder and file the one that counts.
CREATE TABLE IF NOT EXISTS rebuilds (
    rebuilder BLOB    NOT NULL,
    file      BLOB    NOT NULL,
    body      BLOB    NOT NULL,
    -- The order in which they came. Only grows: a result that replaces another has a new place.
    place     INTEGER NOT NULL UNIQUE,
    mismatch  INTEGER NOT NULL,
    -- When it was last looked whether a log has released the file, and whether that was told.
    looked    INTEGER NOT NULL DEFAULT 0,
    told      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (file, rebuilder)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS rebuilds_waiting ON rebuilds (looked) WHERE mismatch <> told;

-- Up to where each peer's list was read, with the rebuilders of then: with others it is read anew.
CREATE TABLE IF NOT EXISTS rebuild_lists (
    peer       TEXT    NOT NULL PRIMARY KEY,
    rebuilders BLOB    NOT NULL,
    place      INTEGER NOT NULL
) STRICT;

-- What a person looks for among the entries, so that no page reads a whole log: statements by kind
-- and stream, and epochs by time. Made from the entries alone, and again from nothing where it is
-- missing.
CREATE TABLE IF NOT EXISTS marks (
    log      INTEGER NOT NULL REFERENCES logs (id),
    position INTEGER NOT NULL,
    -- A kind of statement, or `genesis`, `close`, `malformed`.
    kind     TEXT    NOT NULL,
    -- The stream's bytes, which are text; empty for what belongs to none.
    stream   TEXT    NOT NULL,
    seq      INTEGER,
    void     INTEGER NOT NULL,
    PRIMARY KEY (log, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS marks_kind ON marks (log, kind, position);
CREATE INDEX IF NOT EXISTS marks_stream ON marks (log, stream, position);

CREATE TABLE IF NOT EXISTS epochs (
    log      INTEGER NOT NULL REFERENCES logs (id),
    position INTEGER NOT NULL,
    -- POSIX milliseconds, as the epoch says.
    time_ms  INTEGER NOT NULL,
    PRIMARY KEY (log, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS epochs_time ON epochs (log, time_ms, position);

-- Up to where the entries of each log were looked through.
CREATE TABLE IF NOT EXISTS marked (
    log  INTEGER PRIMARY KEY REFERENCES logs (id),
    upto INTEGER NOT NULL
) STRICT;

-- The heads cosigned lately.
CREATE TABLE IF NOT EXISTS cosigned (
    log  INTEGER NOT NULL REFERENCES logs (id),
    size INTEGER NOT NULL,
    root BLOB    NOT NULL,
    note BLOB    NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (log, size, time)
) STRICT, WITHOUT ROWID;

-- Who audits from this database: the number of the process that claimed it last.
CREATE TABLE IF NOT EXISTS writer (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    term INTEGER NOT NULL
) STRICT;

INSERT INTO writer (id, term) VALUES (1, 0) ON CONFLICT DO NOTHING;
