-- The ledger: what was asked for, what became of it, and which files show it. Discord only ever holds ids, so that
-- buttons work for as long as these rows exist.

-- Recipes never change; equal recipes are one row.
CREATE TABLE recipes (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    json   TEXT NOT NULL
) STRICT;

-- Reviewed picture files. A row outlives its file: forgotten_at says when retention or a deletion removed it.
CREATE TABLE files (
    file_sha256  TEXT PRIMARY KEY CHECK (length(file_sha256) = 64),
    sha256       TEXT NOT NULL CHECK (length(sha256) = 64),
    media_type   TEXT NOT NULL,
    width        INTEGER NOT NULL,
    height       INTEGER NOT NULL,
    forgotten_at REAL
) STRICT;

CREATE TABLE jobs (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('imagine', 'reroll', 'vary')),
    recipe_sha256 TEXT NOT NULL REFERENCES recipes (sha256),
    guild_id      INTEGER NOT NULL,
    channel_id    INTEGER NOT NULL,
    user_id       INTEGER NOT NULL,
    message_id    INTEGER,
    state         TEXT NOT NULL CHECK (state IN (
        'accepted', 'running', 'finished', 'delivered', 'failed', 'cancelled', 'withheld', 'deleted'
    )),
    attempts      INTEGER NOT NULL DEFAULT 0,
    count         INTEGER NOT NULL CHECK (count > 0),
    accepted_at   REAL NOT NULL,
    ended_at      REAL,
    parent_id     TEXT REFERENCES jobs (id),
    parent_index  INTEGER,
    press         TEXT,
    error_code    TEXT,
    error_json    TEXT,
    facts_json    TEXT,
    grid_file     TEXT REFERENCES files (file_sha256)
) STRICT;

-- A button pressed twice is one job: only one unfinished job may stand for a press.
CREATE UNIQUE INDEX jobs_by_unfinished_press ON jobs (press) WHERE press IS NOT NULL AND state IN ('accepted', 'running');
-- Usage is counted at every acceptance.
CREATE INDEX jobs_by_member ON jobs (guild_id, user_id, accepted_at);
CREATE INDEX jobs_by_busy_member ON jobs (guild_id, user_id) WHERE state IN ('accepted', 'running');
-- A restart asks for what is not over.
CREATE INDEX jobs_in_hand ON jobs (accepted_at) WHERE state IN ('accepted', 'running', 'finished');
CREATE INDEX jobs_by_grid ON jobs (grid_file) WHERE grid_file IS NOT NULL;

-- One row for each image of a finished job's recipe. Only an allowed image has a file.
CREATE TABLE images (
    job_id        TEXT NOT NULL REFERENCES jobs (id),
    image_index   INTEGER NOT NULL CHECK (image_index >= 0),
    seed_json     TEXT NOT NULL,
    verdict       TEXT NOT NULL CHECK (verdict IN ('allow', 'block', 'error')),
    reason        TEXT NOT NULL,
    file_sha256   TEXT REFERENCES files (file_sha256),
    attachment_id INTEGER,
    PRIMARY KEY (job_id, image_index),
    CHECK ((verdict = 'allow') = (file_sha256 IS NOT NULL))
) STRICT;

CREATE INDEX images_by_file ON images (file_sha256) WHERE file_sha256 IS NOT NULL;
