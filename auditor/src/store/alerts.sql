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
