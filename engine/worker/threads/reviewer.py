"""What runs on the service thread `reviews`."""

from __future__ import annotations

from engine.worker.threads.messages import (
    GridMade,
    GridReview,
    PictureReview,
    PictureReviewed,
    PreviewMade,
    PreviewReview,
    ReviewTask,
)


def review(task: ReviewTask) -> PictureReviewed | GridMade | PreviewMade:
    """Have a gate look at something of a job. Reads of the job what does not change any more.

    Raises:
        DetectorHung, DetectorLost: as in `SafetyGate.review`.
        ValueError: it is no picture, or a tile of a grid is not what was reviewed.
        Exception: there is no memory left (`ran_out`).
    """
    job = task.job
    match task:
        case PictureReview(index=index, pixels=pixels, latents=latents):
            return PictureReviewed(job, index, job.model.gate.review(pixels, latents, job.wrapping(index)))
        case GridReview():
            return GridMade(job, job.grid())
        case PreviewReview(step=step, images=images, drafts=drafts):
            assert job.previews is not None
            return PreviewMade(job, job.previews.look(step, images, drafts=drafts))
