-- Interactions whose answer may have to be found or changed after a restart, while their tokens open it. A token is a
-- secret; a row goes as soon as it is of no more use.

CREATE TABLE interactions (
    id        INTEGER NOT NULL,
    token     TEXT NOT NULL,
    kept_at   REAL NOT NULL,
    job_id    TEXT UNIQUE REFERENCES jobs (id), -- NULL for one that is answered, but not accepted yet
    is_answer INTEGER NOT NULL DEFAULT 1 CHECK (is_answer IN (0, 1))
) STRICT;
