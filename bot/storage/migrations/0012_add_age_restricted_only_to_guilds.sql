-- Whether pictures are drawn and shown in channels with an age restriction alone.

ALTER TABLE guilds ADD COLUMN age_restricted_only INTEGER NOT NULL DEFAULT 0;
