-- Files that members handed in to start from. They are kept as pictures are, so that a job can be tried, rerolled and
-- varied again; nobody is ever shown them. A row outlives its file, as in `files`.

CREATE TABLE inputs (
    sha256       TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    forgotten_at REAL
) STRICT;

-- Which jobs start from which of them.
CREATE TABLE job_inputs (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    sha256 TEXT NOT NULL REFERENCES inputs (sha256),
    PRIMARY KEY (job_id, sha256)
) STRICT;

CREATE INDEX job_inputs_by_file ON job_inputs (sha256);
