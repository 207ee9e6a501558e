-- What moderators decided for their guild. Absence means the owner's default, so a changed default reaches every guild
-- that did not choose otherwise.

CREATE TABLE guilds (
    guild_id      INTEGER PRIMARY KEY,
    default_model TEXT
) STRICT;

-- role_id 0 is every member: no role has that id.
CREATE TABLE limits (
    guild_id INTEGER NOT NULL,
    role_id  INTEGER NOT NULL,
    name     TEXT NOT NULL,
    value    INTEGER NOT NULL,
    PRIMARY KEY (guild_id, role_id, name)
) STRICT;

CREATE TABLE denied_models (
    guild_id INTEGER NOT NULL,
    model    TEXT NOT NULL,
    PRIMARY KEY (guild_id, model)
) STRICT;

CREATE TABLE settings_log (
    id       INTEGER PRIMARY KEY,
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    at       REAL NOT NULL,
    action   TEXT NOT NULL,
    details  TEXT NOT NULL
) STRICT;

CREATE INDEX settings_log_by_guild ON settings_log (guild_id, id);
