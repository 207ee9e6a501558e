"""What becomes of a job when something is raised, and whether the worker can go on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from engine.api import EngineError, Fault, GenerationFailed, InputNotJudged, OutOfMemory
from engine.wire import FromWorker, JobFailed, Leaving
from engine.worker.runtime.faults import one_line, ran_out
from engine.worker.safety import DetectorHung, DetectorLost

_log = logging.getLogger(__name__)


def ends_worker(error: Exception) -> bool:
    """Tell whether this process can do nothing more with its card, or with a detector."""
    return isinstance(error, torch.AcceleratorError | DetectorHung)


def last_words(job_id: str, error: Exception) -> Sequence[FromWorker]:
    """Return what the parent is told of a job that failed; nothing where the worker's end makes it retryable."""
    match error:
        case torch.AcceleratorError() | DetectorLost():  # DetectorLost: whoever asked before is about to end the worker
            return ()
        case DetectorHung():
            return Leaving(job_id, str(error)), _failed(job_id, InputNotJudged(Fault.DETECTOR_HUNG, str(error)))
        case EngineError():
            return (_failed(job_id, error),)
    if ran_out(error):
        _log.error("job %s ran out of memory: %s", job_id, one_line(error))
        return (_failed(job_id, OutOfMemory(one_line(error))),)
    _log.error("job %s failed", job_id, exc_info=error)
    return (_failed(job_id, GenerationFailed(one_line(error))),)


def _failed(job_id: str, error: EngineError) -> JobFailed:
    return JobFailed(job_id, error.code, error.to_data())
