-- What the negative prompt of every new request holds besides, as moderators chose; empty for nothing.

ALTER TABLE guilds ADD COLUMN negative_prompt TEXT NOT NULL DEFAULT '';
