"""Between database columns and records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from bot.domain.records import Generation, InteractionKey, JobKind, JobState, PictureRecord, Place
from bot.storage.database import Row
from engine.api import (
    EngineError,
    Fault,
    GenerationFailed,
    ImageSeed,
    Provenance,
    Recipe,
    Variation,
    Verdict,
    error_from_data,
)

GENERATIONS = """
SELECT jobs.*, recipes.json AS recipe_json, interactions.id AS interaction_id, token, is_answer,
    image_index, seed_json, verdict, fault, reason, attachment_id, images.file_sha256, files.sha256
FROM jobs
    JOIN recipes ON recipes.sha256 = recipe_sha256
    LEFT JOIN interactions ON interactions.job_id = jobs.id
    LEFT JOIN images ON images.job_id = jobs.id
    LEFT JOIN files ON files.file_sha256 = images.file_sha256
"""
"""What `generations` reads: a row for each image of a job, or one for a job without images."""


def generations(rows: Iterable[Row]) -> tuple[Generation, ...]:
    """Build generations, in their order, from rows of GENERATIONS; those of a job follow one another, by image."""
    return tuple(_generation(list(of_job)) for _, of_job in groupby(rows, key=lambda row: row["id"]))


def _generation(rows: Sequence[Row]) -> Generation:
    job = rows[0]
    return Generation(
        id=job["id"],
        kind=JobKind(job["kind"]),
        recipe=Recipe.from_json(job["recipe_json"]),
        user_id=job["user_id"],
        place=Place(job["guild_id"], job["channel_id"], _key(job)),
        message_id=job["message_id"],
        state=JobState(job["state"]),
        attempts=job["attempts"],
        accepted_at=job["accepted_at"],
        parent_id=job["parent_id"],
        parent_index=job["parent_index"],
        press=job["press"],
        pictures=tuple(_picture(row) for row in rows if row["image_index"] is not None),
        error=error_from_columns(job["error_code"], job["error_json"]),
        facts=facts_from_json(job["facts_json"]),
        is_announced=bool(job["told"]),
    )


def _key(job: Row) -> InteractionKey | None:
    if job["interaction_id"] is None:
        return None
    return InteractionKey(job["interaction_id"], job["token"], bool(job["is_answer"]))


def _picture(image: Row) -> PictureRecord:
    return PictureRecord(
        index=image["image_index"],
        seed=seed_from_json(image["seed_json"]),
        verdict=Verdict(image["verdict"]),
        fault=None if image["fault"] is None else Fault(image["fault"]),
        reason=image["reason"],
        sha256=image["sha256"],
        file_sha256=image["file_sha256"],
        attachment_id=image["attachment_id"],
    )


def seed_to_json(seed: ImageSeed) -> str:
    """Return a seed and its variations as JSON."""
    return json.dumps(asdict(seed), sort_keys=True, separators=(",", ":"))


def seed_from_json(text: str) -> ImageSeed:
    """Read `seed_to_json` back."""
    data = json.loads(text)
    return ImageSeed(data["seed"], tuple(Variation(**variation) for variation in data["variations"]))


def facts_to_json(facts: Provenance) -> str:
    """Return facts as JSON."""
    return json.dumps(asdict(facts), sort_keys=True, separators=(",", ":"))


def facts_from_json(text: str | None) -> Provenance | None:
    """Read `facts_to_json` back; None stays None."""
    if text is None:
        return None
    data: dict[str, Any] = json.loads(text)
    data["versions"] = tuple((name, version) for name, version in data["versions"])
    return Provenance(**data)


def error_to_columns(error: EngineError) -> tuple[str, str]:
    """Return an error's code and its data as JSON."""
    return error.code, json.dumps(error.to_data(), separators=(",", ":"))


def error_from_columns(code: str | None, data: str | None) -> EngineError | None:
    """Read `error_to_columns` back. None if the engine was not at fault."""
    if code is None or data is None:
        return None
    try:
        return error_from_data(code, json.loads(data))
    except (KeyError, TypeError, ValueError):
        # Written by another version, whose errors were other ones.
        return GenerationFailed(code)
