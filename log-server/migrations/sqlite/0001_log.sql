-- One log in one database. Every table with a single row says so by a check.
-- Version of the schema: sqlx's own table of migrations; an unknown version is refused.
-- The same tables as in ../postgres, with this engine's names for the types.

CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    origin TEXT NOT NULL,
    vkey TEXT NOT NULL,
    vrf_key BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
    reason TEXT NOT NULL
) STRICT;

-- The fencing token. 'term' only ever grows; 'beat' moves with every write of the holder and
-- while it is idle; an empty holder has let go.
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    term INTEGER NOT NULL,
    beat INTEGER NOT NULL,
    holder TEXT NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;

-- The commit point: what is sequenced.
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    epoch_size INTEGER NOT NULL,
    last_ms INTEGER NOT NULL
) STRICT;

-- One row a commit; the body is in the encoding of entry bundles: u16 length, bytes.
CREATE TABLE segment (
    start INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Every checkpoint that was ever signed. One root a size, by the primary key.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    cosigned BLOB,
    term INTEGER NOT NULL,
    signed_at INTEGER NOT NULL,
    published_at INTEGER
) STRICT;

-- What opens a key entry. The row's number is the entry's position. Erased parts are NULL.
CREATE TABLE key_version (
    position INTEGER PRIMARY KEY,
    label_hash BLOB NOT NULL,
    version INTEGER NOT NULL,
    opening BLOB,
    key_set BLOB,
    UNIQUE (label_hash, version)
) STRICT;

-- Where a statement is. The row's number is the entry's position.
CREATE TABLE statement (
    position INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL UNIQUE,
    stream BLOB NOT NULL,
    seq INTEGER NOT NULL,
    UNIQUE (stream, seq)
) STRICT;

-- How far the public objects are: 'materialised' is the last size whose objects are all durable.
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    materialised INTEGER NOT NULL,
    published INTEGER NOT NULL
) STRICT;

-- The size each auditor last cosigned, as far as the log knows.
CREATE TABLE auditor (
    vkey TEXT PRIMARY KEY,
    size INTEGER NOT NULL
) STRICT;

-- Bearer tokens of publishers: only their hashes.
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('keys', 'releases', 'protections', 'root')),
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    items_per_s INTEGER
) STRICT;

-- The first answer to a request with an idempotency key, stored with what it logged.
CREATE TABLE idempotency (
    token BLOB NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    answer BLOB NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (token, key)
) STRICT;
