"""What the worker's own threads tell the step thread, and what two of them are asked for.

Each is taken in one place, `Loop`. Those of a task name the job as it was when that was begun: it may have ended since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from engine.api import GenerationRequest, Preview, ReviewedImage
from engine.wire import Loaded
from engine.worker.jobs import WorkerJob
from engine.worker.loading.pipelines import ModelParts
from engine.worker.runtime.messages import ThreadEnded, Unexpected
from engine.worker.safety import Review
from engine.worker.sampling.drafts import Unfinished
from engine.worker.upscaling.enlargement import Enlargement
from engine.worker.upscaling.upscalers import Enlarged


@dataclass(frozen=True, slots=True, eq=False)
class PictureReview:
    """A picture to be judged, and made a file of.

    Args:
        job: whose it is.
        index: of the job's images.
        pixels: (3, height, width), -1.0 to 1.0.
        latents: what they were decoded from, any shape.
        again: whether memory ran out over it before.
    """

    job: WorkerJob
    index: int
    pixels: Tensor
    latents: Tensor
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class GridReview:
    """The pictures of a job, all of them judged, to be put together."""

    job: WorkerJob
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PreviewReview:
    """Unfinished images of a job to be looked at, all of them as they were after so many steps of the job.

    Args:
        job: whose they are.
        step: of the job.
        images: all of its images.
        drafts: whether drafts of them are made, to be shown.
        again: whether memory ran out over it before.
    """

    job: WorkerJob
    step: int
    images: Sequence[Unfinished]
    drafts: bool
    again: bool = False


ReviewTask = PictureReview | GridReview | PreviewReview


@dataclass(frozen=True, slots=True, eq=False)
class EnlargeTask:
    """A picture to be made larger, for a job; `again` says whether memory ran out over it before."""

    job: WorkerJob
    enlargement: Enlargement
    again: bool = False


@dataclass(frozen=True, slots=True)
class JobComing:
    """The reader handed a job to the thread that prepares."""

    request: GenerationRequest


@dataclass(frozen=True, slots=True, eq=False)
class JobPrepared:
    """A job can be drawn; its model is held until it is released."""

    request: GenerationRequest
    job: WorkerJob


@dataclass(frozen=True, slots=True)
class ModelNotReady:
    """A job was not prepared, because its model would have had to be brought to the device first."""

    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class JobNotPrepared:
    """A job could not be prepared."""

    request: GenerationRequest
    error: Exception


@dataclass(frozen=True, slots=True)
class LoadingPlanned:
    """There is room for a model. `load` loads it, on any thread; None if it is here already, or there is no room."""

    model: str
    load: Callable[[], ModelParts] | None


@dataclass(frozen=True, slots=True, eq=False)
class ModelFetched:
    """A model was loaded, and is to be kept."""

    model: str
    parts: ModelParts


@dataclass(frozen=True, slots=True)
class PrefetchEnded:
    """A model that was to be loaded ahead is in memory, or will not come: then `error` says why."""

    model: str
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class RowsProven:
    """A call was made of what is still to be proven; `went_on` is False where nothing was left."""

    went_on: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked for is done, and nothing follows."""


@dataclass(frozen=True, slots=True)
class CollectGarbage:
    """Idle models were evicted after an error; what its frames held is to be given back too."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeAgain:
    """Idle models were evicted, so that an image can be decoded for which there was no memory."""

    job: WorkerJob
    index: int


@dataclass(frozen=True, slots=True)
class ReviewAgain:
    """The same for a review."""

    task: ReviewTask


@dataclass(frozen=True, slots=True)
class EnlargeAgain:
    """The same for a picture to be made larger."""

    task: EnlargeTask


@dataclass(frozen=True, slots=True, eq=False)
class PictureReviewed:
    """What became of a picture."""

    job: WorkerJob
    index: int
    review: Review


@dataclass(frozen=True, slots=True, eq=False)
class GridMade:
    """A job's pictures as one; None where fewer than two may be seen."""

    job: WorkerJob
    grid: ReviewedImage | None


@dataclass(frozen=True, slots=True, eq=False)
class PreviewMade:
    """What may be shown of a job now; None for nothing new."""

    job: WorkerJob
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class ReviewFailed:
    """A review raised."""

    task: ReviewTask
    error: Exception


@dataclass(frozen=True, slots=True)
class EnlargeProgress:
    """So many tiles or steps of all are done."""

    task: EnlargeTask
    done: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class PictureEnlarged:
    """A picture is larger."""

    task: EnlargeTask
    enlarged: Enlarged


@dataclass(frozen=True, slots=True)
class NotEnlarged:
    """A picture is not larger; `Unwanted` where that ended early."""

    task: EnlargeTask
    error: Exception


AfterEviction = Done | CollectGarbage | DecodeAgain | ReviewAgain | EnlargeAgain
"""What follows when idle models were evicted."""

FromPreparer = (
    JobPrepared | ModelNotReady | JobNotPrepared | LoadingPlanned | PrefetchEnded | AfterEviction | Unexpected
)


@dataclass(frozen=True, slots=True, eq=False)
class WithModels:
    """An answer of the thread that prepares, and the models that were in memory after what it did."""

    loaded: Loaded
    answer: FromPreparer


ThreadMessage = (
    WithModels
    | FromPreparer
    | JobComing
    | ModelFetched
    | RowsProven
    | PictureReviewed
    | GridMade
    | PreviewMade
    | ReviewFailed
    | EnlargeProgress
    | PictureEnlarged
    | NotEnlarged
    | ThreadEnded
)
"""Whatever the worker's own threads tell the step thread."""
