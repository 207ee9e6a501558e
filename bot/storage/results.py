"""Record what the engine made of a job."""

from __future__ import annotations

from bot.storage import rows
from bot.storage.database import Transaction
from engine.api import Finished, Recipe, ReviewedImage


def allowed_pictures(result: Finished) -> tuple[ReviewedImage, ...]:
    """Return every picture of a result, the grid last."""
    pictures = tuple(image.image for image in result.images if image.image is not None)
    return (*pictures, result.grid) if result.grid else pictures


async def insert_results(transaction: Transaction, job_id: str, recipe: Recipe, result: Finished) -> None:
    """Insert the files, images, grid and facts of a job that has just finished."""
    if [image.index for image in result.images] != list(range(len(recipe.images))):
        raise ValueError(f"the engine's results do not match the recipe of job {job_id}")
    await _insert_files(transaction, allowed_pictures(result))
    await transaction.run_many(
        """
        INSERT INTO images (job_id, image_index, seed_json, verdict, fault, reason, file_sha256)
        VALUES (:job, :image, :seed, :verdict, :fault, :reason, :file)
        """,
        [
            {
                "job": job_id,
                "image": image.index,
                "seed": rows.seed_to_json(recipe.images[image.index]),
                "verdict": image.verdict,
                "fault": image.fault,
                "reason": image.reason,
                "file": image.image.file_sha256 if image.image else None,
            }
            for image in result.images
        ],
    )
    await transaction.run(
        "UPDATE jobs SET grid_file = :grid, facts_json = :facts WHERE id = :id",
        {
            "id": job_id,
            "grid": result.grid.file_sha256 if result.grid else None,
            "facts": rows.facts_to_json(result.facts),
        },
    )


async def _insert_files(transaction: Transaction, pictures: tuple[ReviewedImage, ...]) -> None:
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
