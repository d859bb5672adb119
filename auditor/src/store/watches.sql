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
