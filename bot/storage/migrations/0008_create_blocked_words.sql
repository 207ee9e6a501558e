-- Phrases that no prompt of a guild may hold, as its moderators typed them.

CREATE TABLE blocked_words (
    guild_id INTEGER NOT NULL,
    phrase   TEXT NOT NULL,
    PRIMARY KEY (guild_id, phrase)
) STRICT;
