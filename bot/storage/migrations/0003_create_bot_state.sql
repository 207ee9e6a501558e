-- What the bot remembers of itself, by name; first the hash of the command tree, so that Discord is told of commands
-- only when they have changed.

CREATE TABLE bot_state (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
