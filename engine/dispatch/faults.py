"""What the gates could not judge and what found no memory, by model, until that goes well again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.api import Fault, ImageResult, Trouble
from engine.dispatch.jobs import EngineJob

log = logging.getLogger(__name__)

OUT_OF_MEMORY = "out_of_memory"

_LINES: Mapping[str, str] = {
    OUT_OF_MEMORY: "a job ran out of memory",
    Fault.DETECTOR_BROKE: "a safety detector broke",
    Fault.DETECTOR_HUNG: "a safety detector hung, and its worker is replaced",
    Fault.NOT_FINITE: "a picture is not finite",
    Fault.ONE_COLOUR: "a picture is all of one colour",
}
_SENTENCES: Mapping[str, str] = {
    OUT_OF_MEMORY: (
        "The worker {worker} ran out of memory over a job of the model {model!r} ({size}, pictures: {count}): "
        "{reason}. Allow members smaller sizes or fewer pictures, set [engine] memory to low, or give the machine more."
    ),
    Fault.DETECTOR_BROKE: (
        "A safety detector broke on the worker {worker} over a picture of the model {model!r}, which was held back: "
        "{reason}. If it goes on, look at the files with easel models check."
    ),
    Fault.DETECTOR_HUNG: (
        "A safety detector hung over a picture of the model {model!r}, so the worker {worker} is replaced: {reason}."
    ),
    Fault.NOT_FINITE: (
        "The model {model!r} drew a picture that is not finite (NaN), so it was not shown: {reason}. Job {job_id} has "
        "the settings; if others fail too, its files may be damaged."
    ),
    Fault.ONE_COLOUR: (
        "The model {model!r} drew a picture all of one colour, so it was not shown: {reason}. Job {job_id} has the "
        "settings; if others fail too, its files may be damaged."
    ),
}


@dataclass(frozen=True, slots=True)
class _Case:
    """The last time that a fault was met: by which worker, over which job, and what was said."""

    worker: str
    job: EngineJob
    reason: str

    @property
    def pixels(self) -> int:
        """How much was drawn at once."""
        return _pixels(self.job)


class Faults:
    """Logs each fault of a review, and each lack of memory, and remembers them for the owner."""

    def __init__(self) -> None:
        self._cases: dict[tuple[str, str], _Case] = {}

    def judged(self, worker: str, job: EngineJob, images: Sequence[ImageResult]) -> None:
        """Learn what became of a job's images. If all were judged, its model's troubles are over.

        For want of memory they are so only if the job was as large.
        """
        by_fault: dict[Fault, list[ImageResult]] = {}
        for image in images:
            if image.fault is not None:
                by_fault.setdefault(image.fault, []).append(image)
        for fault, faulty in by_fault.items():
            self.met(worker, job, fault, faulty[0].reason, (image.index for image in faulty))
        if not by_fault:
            self._cases = {key: case for key, case in self._cases.items() if not _is_over(*key, case, job)}

    def met(self, worker: str, job: EngineJob, fault: str, reason: str, indexes: Iterable[int] | None = None) -> None:
        """Learn of a fault.

        Args:
            worker: that met it.
            job: over which.
            fault: a `Fault`, or OUT_OF_MEMORY.
            reason: what the worker said.
            indexes: of the job's images; all if None.
        """
        images = job.request.recipe.images
        seeds = ", ".join(str(images[index].seed) for index in (range(len(images)) if indexes is None else indexes))
        about = f"job {job.job_id}, seed {seeds}, model {job.model}, worker {worker}"
        log.error("%s: %s: %s", _LINES[fault], about, reason)
        self._cases[job.model, fault] = _Case(worker, job, reason)

    def troubles(self) -> list[Trouble]:
        """Return what the owner should know."""
        return [
            Trouble(f"{fault} of {model}", _sentence(model, fault, case))
            for (model, fault), case in self._cases.items()
        ]


def _sentence(model: str, fault: str, case: _Case) -> str:
    recipe = case.job.request.recipe
    return _SENTENCES[fault].format(
        model=model,
        worker=case.worker,
        job_id=case.job.job_id,
        reason=case.reason,
        size=f"{recipe.width}x{recipe.height}",
        count=len(recipe.images),
    )


def _is_over(model: str, fault: str, case: _Case, drawn: EngineJob) -> bool:
    return model == drawn.model and (fault != OUT_OF_MEMORY or _pixels(drawn) >= case.pixels)


def _pixels(job: EngineJob) -> int:
    recipe = job.request.recipe
    return recipe.width * recipe.height * len(recipe.images)
