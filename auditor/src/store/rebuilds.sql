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
