-- One log in one database. Every table with a single row says so by a check.
-- Version of the schema: sqlx's own table of migrations; an unknown version is refused.
-- The same tables as in ../sqlite, with this engine's names for the types.

CREATE TABLE log (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    origin TEXT NOT NULL,
    vkey TEXT NOT NULL,
    vrf_key BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'frozen')),
    reason TEXT NOT NULL
);

-- The fencing token. 'term' only ever grows; 'beat' moves with every write of the holder and
-- while it is idle; an empty holder has let go.
CREATE TABLE lease (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    term BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    holder TEXT NOT NULL,
    taken_at BIGINT NOT NULL
);

-- The commit point: what is sequenced.
CREATE TABLE head (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    epoch_size BIGINT NOT NULL,
    last_ms BIGINT NOT NULL
);

-- One row a commit; the body is in the encoding of entry bundles: u16 length, bytes.
CREATE TABLE segment (
    start BIGINT PRIMARY KEY,
    entries BIGINT NOT NULL,
    body BYTEA NOT NULL
);

-- Every checkpoint that was ever signed. One root a size, by the primary key.
CREATE TABLE checkpoint (
    size BIGINT PRIMARY KEY,
    root BYTEA NOT NULL,
    note BYTEA NOT NULL,
    cosigned BYTEA,
    term BIGINT NOT NULL,
    signed_at BIGINT NOT NULL,
    published_at BIGINT
);

-- What opens a key entry. The row's number is the entry's position. Erased parts are NULL.
CREATE TABLE key_version (
    position BIGINT PRIMARY KEY,
    label_hash BYTEA NOT NULL,
    version BIGINT NOT NULL,
    opening BYTEA,
    key_set BYTEA,
    UNIQUE (label_hash, version)
);

-- Where a statement is. The row's number is the entry's position.
CREATE TABLE statement (
    position BIGINT PRIMARY KEY,
    leaf BYTEA NOT NULL UNIQUE,
    stream BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    UNIQUE (stream, seq)
);

-- How far the public objects are: 'materialised' is the last size whose objects are all durable.
CREATE TABLE progress (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    materialised BIGINT NOT NULL,
    published BIGINT NOT NULL
);

-- The size each auditor last cosigned, as far as the log knows.
CREATE TABLE auditor (
    vkey TEXT PRIMARY KEY,
    size BIGINT NOT NULL
);

-- Bearer tokens of publishers: only their hashes.
CREATE TABLE token (
    hash BYTEA PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('keys', 'releases', 'protections', 'root')),
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    items_per_s BIGINT
);

-- The first answer to a request with an idempotency key, stored with what it logged.
CREATE TABLE idempotency (
    token BYTEA NOT NULL,
    key TEXT NOT NULL,
    request BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (token, key)
);
