-- Upscaling is a kind of its own, and was stored as varying. A CHECK cannot be changed, so the column gives way to a new
-- one; that leaves every other column of jobs as it is.

ALTER TABLE jobs ADD COLUMN new_kind TEXT NOT NULL DEFAULT 'imagine'
    CHECK (new_kind IN ('imagine', 'reroll', 'vary', 'upscale'));
UPDATE jobs SET new_kind = CASE WHEN press LIKE 'upscale:%' THEN 'upscale' ELSE kind END;
ALTER TABLE jobs DROP COLUMN kind;
ALTER TABLE jobs RENAME COLUMN new_kind TO kind;
