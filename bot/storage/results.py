"""Record what the engine made of a job."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.records import PictureRecord
from bot.storage import rows
from bot.storage.database import Transaction
from engine.api import Finished, Recipe, ReviewedImage


def allowed_pictures(result: Finished) -> tuple[ReviewedImage, ...]:
    """Return every picture of a result, the grid last."""
    pictures = tuple(image.image for image in result.images if image.image is not None)
    return (*pictures, result.grid) if result.grid else pictures


def records_of(recipe: Recipe, result: Finished) -> tuple[PictureRecord, ...]:
    """Return what is recorded of each image of a job that has just finished.

    Raises:
        ValueError: the engine's results do not match the recipe.
    """
    if [image.index for image in result.images] != list(range(len(recipe.images))):
        raise ValueError("the engine's results do not match the recipe")
    return tuple(
        PictureRecord(
            index=image.index,
            seed=seed,
            verdict=image.verdict,
            fault=image.fault,
            reason=image.reason,
            sha256=image.image.sha256 if image.image else None,
            file_sha256=image.image.file_sha256 if image.image else None,
            attachment_id=None,
        )
        for image, seed in zip(result.images, recipe.images, strict=True)
    )


async def insert_results(
    transaction: Transaction, job_id: str, records: Sequence[PictureRecord], files: Sequence[ReviewedImage]
) -> None:
    """Insert the files and images of a job that has just finished."""
    await _insert_files(transaction, files)
    await transaction.run_many(
        """
        INSERT INTO images (job_id, image_index, seed_json, verdict, fault, reason, file_sha256)
        VALUES (:job, :image, :seed, :verdict, :fault, :reason, :file)
        """,
        [
            {
                "job": job_id,
                "image": record.index,
                "seed": rows.seed_to_json(record.seed),
                "verdict": record.verdict,
                "fault": record.fault,
                "reason": record.reason,
                "file": record.file_sha256,
            }
            for record in records
        ],
    )


async def _insert_files(transaction: Transaction, pictures: Sequence[ReviewedImage]) -> None:
    await transaction.run_many(
        """
        INSERT INTO files (file_sha256, sha256, media_type, width, height)
        VALUES (:file_sha256, :sha256, :media_type, :width, :height)
        ON CONFLICT (file_sha256) DO UPDATE SET forgotten_at = NULL
        """,
        [
            {
                "file_sha256": picture.file_sha256,
                "sha256": picture.sha256,
                "media_type": picture.media_type,
                "width": picture.width,
                "height": picture.height,
            }
            for picture in pictures
        ],
    )
