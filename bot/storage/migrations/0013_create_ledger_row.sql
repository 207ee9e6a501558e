-- What the ledger knows of itself: which one it is, how many changes it has seen, and the last moment that a clock told
-- which could be right. The first two are noted beside the database, too, so that an older one is known for what it is;
-- the third keeps a wrong clock from making every picture old.

CREATE TABLE ledger (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    id       TEXT NOT NULL,
    changes  INTEGER NOT NULL,
    clock_at REAL
) STRICT;

-- No record here says what a clock told when it was read last, since a server may have been quiet: the first change will.
INSERT INTO ledger (only, id, changes, clock_at) VALUES (1, lower(hex(randomblob(16))), 0, NULL);
