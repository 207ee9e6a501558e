"""Why a request that may be right is not drawn: the engine cannot now, or the job ended without pictures."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api.errors import JobFailed, Unavailable
from engine.api.results import Fault


@dataclass(eq=False)
class SafetyUnavailable(Unavailable):
    """The safety gate failed its start-up proof, so nothing is drawn."""

    code = "safety_unavailable"
    reason: str

    def sentence(self) -> str:
        return f"Nothing is drawn, because the safety checker did not pass its own test: {self.reason}."


@dataclass(eq=False)
class ModelUnavailable(Unavailable):
    """The model is known but could not be loaded."""

    code = "model_unavailable"
    model: str
    reason: str

    def sentence(self) -> str:
        return f"The model {self.model!r} could not be loaded: {self.reason}."


@dataclass(eq=False)
class LoraUnavailable(Unavailable):
    """The LoRA is known but its file cannot be used. `reason` is for logs and operators."""

    code = "lora_unavailable"
    lora: str
    reason: str

    def sentence(self) -> str:
        return f"The LoRA {self.lora!r} could not be used: {self.reason}."


@dataclass(eq=False)
class UpscalerUnavailable(Unavailable):
    """The upscaler is known but its files cannot be used. `reason` is for logs and operators."""

    code = "upscaler_unavailable"
    upscaler: str
    reason: str

    def sentence(self) -> str:
        return f"The upscaler {self.upscaler!r} could not be used: {self.reason}."


@dataclass(eq=False)
class NotHereYet(Unavailable):
    """The catalogue has the LoRA or textual inversion (`kind`), and its file was not pulled yet."""

    code = "not_here_yet"
    kind: str
    name: str

    def sentence(self) -> str:
        return f"The file of the {self.kind} {self.name!r} is not here yet; easel models list says how to bring it."


@dataclass(eq=False)
class EngineStopped(Unavailable):
    """The engine is shutting down, or was never started."""

    code = "engine_stopped"
    retryable = True

    def sentence(self) -> str:
        return "The engine is not running."


@dataclass(eq=False)
class WorkerDied(JobFailed):
    """The worker that drew the job is gone, perhaps because of it. The ledger decides whether to submit it again."""

    code = "worker_died"
    retryable = True
    worker: str

    def sentence(self) -> str:
        return f"The worker {self.worker} stopped while it was drawing."


@dataclass(eq=False)
class WorkerReplaced(JobFailed):
    """The worker was told to stop, or a detector hung over another job's picture: this job had no part in its end."""

    code = "worker_replaced"
    retryable = True
    worker: str

    def sentence(self) -> str:
        return f"The worker {self.worker} was replaced while it was drawing, through no fault of the job."


@dataclass(eq=False)
class EndsWorkers(JobFailed):
    """What drew the job ended `deaths` times, the last times with nothing beside it: it is not tried again."""

    code = "ends_workers"
    deaths: int

    def sentence(self) -> str:
        return f"What drew this ended {self.deaths} times, lately with nothing beside it, so it is not tried again."


@dataclass(eq=False)
class GenerationFailed(JobFailed):
    """Drawing raised. `reason` is for logs and operators."""

    code = "generation_failed"
    reason: str

    def sentence(self) -> str:
        return f"Drawing failed: {self.reason}."


@dataclass(eq=False)
class NotKept(JobFailed):
    """What was drawn, or how far it was, could not be saved by who asked for it. The engine itself saves nothing."""

    code = "not_kept"

    def sentence(self) -> str:
        return "The job ended, because it could not be saved."


@dataclass(eq=False)
class OutOfMemory(JobFailed):
    """The job did not fit into the worker's memory, or card, by itself. `reason` is for logs and operators."""

    code = "out_of_memory"
    reason: str

    def sentence(self) -> str:
        return f"There was not enough memory for this; a smaller size or fewer pictures may fit ({self.reason})."


@dataclass(eq=False)
class InputWithheld(JobFailed):
    """The gate blocked the picture that was uploaded."""

    code = "input_withheld"

    def sentence(self) -> str:
        return "The picture that was handed in is held back by the safety checker, so nothing was drawn from it."


@dataclass(eq=False)
class InputNotJudged(JobFailed):
    """The gate could not judge the picture that was uploaded. `reason` is for logs and operators."""

    code = "input_not_judged"
    fault: Fault
    reason: str

    def __post_init__(self) -> None:
        self.fault = Fault(self.fault)  # travels as its code

    def sentence(self) -> str:
        return f"The picture that was handed in could not be checked, so nothing was drawn from it: {self.reason}."


@dataclass(eq=False)
class DeadlinePassed(JobFailed):
    """The job was still waiting when its deadline passed."""

    code = "deadline_passed"

    def sentence(self) -> str:
        return "The job waited too long and was given up."
