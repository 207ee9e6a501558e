-- Whether a job's message says how it ended, so that a bot that stops in between tells it at its next start.

ALTER TABLE jobs ADD COLUMN told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1));
UPDATE jobs SET told = 1 WHERE state NOT IN ('accepted', 'running', 'finished');

DROP INDEX jobs_in_hand;
CREATE INDEX jobs_in_hand ON jobs (accepted_at) WHERE told = 0;
