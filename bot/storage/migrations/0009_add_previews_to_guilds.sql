-- Whether messages show pictures before they are finished, as moderators chose; NULL for the owner's default.

ALTER TABLE guilds ADD COLUMN previews INTEGER CHECK (previews IN (0, 1));
