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
