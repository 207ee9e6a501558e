-- Whether simple plurals of a phrase are blocked, too. Those that are there get them: that is what blocking means now.

ALTER TABLE blocked_words ADD COLUMN forms INTEGER NOT NULL DEFAULT 1;
