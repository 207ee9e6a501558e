"""One job under way: its drawings, from initial noise to results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from engine.api import Fault, GenerationRequest, ImageResult, ModelInfo, Provenance, ReviewedImage, Verdict
from engine.encoding import FileOptions
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.device import Device
from engine.worker.sampling.batch import Group, ImageState, begin_image
from engine.worker.sampling.buckets import RowShape
from engine.worker.sampling.init_images import read_small_picture, read_start
from engine.worker.sampling.loras import applied
from engine.worker.sampling.previews import Previews, may_be_shown, preview_due
from engine.worker.upscaling.enlargement import Enlargement
from engine.worker.upscaling.upscalers import LoadedUpscaler

_VERSIONED = ("diffusers", "torch", "transformers")


@dataclass(slots=True, eq=False)
class WorkerJob:
    """A request being drawn. Owned by the step thread once it is begun.

    Args:
        request: what was asked.
        model: what draws it.
        image_states: one per image of the recipe, in its order; none where a picture is made larger.
        previews: what may be seen of the images before they are finished; None if nobody wants that.
        started: when it joined the batch, on the monotonic clock in seconds.
        results: of the images that are decoded and judged.
        bucket: rows of the largest UNet call it had a part in.
        looked_at: step of the last look for a preview.
        enlargement: the picture that is made larger; None where something is drawn.
    """

    request: GenerationRequest
    model: LoadedModel
    image_states: Sequence[ImageState]
    previews: Previews | None
    started: float
    results: dict[int, ImageResult] = field(default_factory=dict)
    bucket: int = 0
    looked_at: int = 0
    enlargement: Enlargement | None = None

    @property
    def job_id(self) -> str:
        """The ledger's id of the job."""
        return self.request.job_id

    @property
    def step(self) -> int:
        """Scheduler steps done, over all images."""
        return sum(image.step for image in self.image_states)

    @property
    def total(self) -> int:
        """Scheduler steps in all, over all images."""
        return sum(image.steps for image in self.image_states)

    @property
    def finished(self) -> bool:
        """Whether every image has its result."""
        return len(self.results) == len(self.request.recipe.images)

    def take_look(self) -> bool:
        """Say, once for each look for a preview, whether the image furthest behind has come to one."""
        step = min(image.step for image in self.image_states)
        if step == self.looked_at or not preview_due(step, self.image_states[0].steps):
            return False
        self.looked_at = step
        return self.previews is not None and not self.previews.over

    @property
    def shows_drafts(self) -> bool:
        """Whether the last look is at drafts."""
        return may_be_shown(self.looked_at, self.image_states[0].steps)

    def close_previews(self) -> None:
        """Make no more previews."""
        if self.previews is not None:
            self.previews.close()

    def images(self) -> tuple[ImageResult, ...]:
        """Return the results in the recipe's order."""
        return tuple(self.results[index] for index in range(len(self.request.recipe.images)))

    def allowed(self) -> list[ReviewedImage]:
        """Return the pictures that the gate let pass, in the recipe's order."""
        return [result.image for result in self.images() if result.image and result.verdict is Verdict.ALLOW]

    def widen(self, index: int) -> bool:
        """Have an image that is not finite decoded once more in float32, if that may help; tell whether it may."""
        if not self.image_states or self.image_states[index].wide:
            return False
        image = self.image_states[index]
        image.wide = self.model.wide.may_help(image.latents)
        return image.wide

    def give_up(self, fault: Fault, reason: str) -> None:
        """Let the images that are not judged yet end with a fault; those that are stay as they are."""
        for index in range(len(self.request.recipe.images)):
            self.results.setdefault(index, ImageResult(index, Verdict.ERROR, reason, fault=fault))

    def grid(self) -> ReviewedImage | None:
        """Return the pictures that the gate let pass as one; None for fewer than two."""
        allowed = self.allowed()
        return self.model.gate.compose(allowed, self.grid_wrapping) if len(allowed) > 1 else None

    def facts(self, worker: str, device: Device) -> Provenance:
        """Return how it was drawn, by which worker, on what."""
        return Provenance(
            worker=worker,
            device=device.name,
            threads=device.threads,
            dtype=str(device.dtype).removeprefix("torch."),
            versions=tuple((package, version(package)) for package in _VERSIONED),
            seconds=time.monotonic() - self.started,
            service=device.service,
            bucket=self.bucket,
            memory=self.model.memory,
            compiled=self.model.compiled,
        )

    def wrapping(self, index: int) -> FileOptions:
        """Return how an image becomes a file."""
        return FileOptions(self.request.recipe, index, self.request.max_file_bytes)

    @property
    def grid_wrapping(self) -> FileOptions:
        """How the pictures together become a file, which tells nothing: they have a seed each."""
        return FileOptions(max_bytes=self.request.max_file_bytes)


def begin_job(request: GenerationRequest, model: LoadedModel) -> WorkerJob:
    """Check and encode what was uploaded, encode the prompts, begin the images.

    Raises:
        BadInput, InputWithheld, InputNotJudged: what was uploaded cannot be used.
        DetectorHung, DetectorLost: a detector hangs.
        UnknownLora, LoraUnavailable: a LoRA cannot be used.
        OutOfRange: the text encoder has no more layers to skip.
    """
    recipe, pipeline = request.recipe, model.pipeline
    inversions = {inversion.word: model.inversions[inversion] for inversion in recipe.inversions}
    start = read_start(request, pipeline, model.gate)
    loras = model.loras.read(pipeline, recipe.loras)
    with applied(loras.text):
        # Where parts take turns, no part can be asked where an image is computed.
        conditioning = encode_prompts(pipeline, recipe, model.exact, inversions).to(model.where)
    height, width = (side // pipeline.vae_scale_factor for side in (recipe.height, recipe.width))
    shape = RowShape.of(pipeline.unet.config.in_channels, height, width, conditioning)
    rule = model.rules.get(shape, recipe.loras, loras.unet)
    group = Group(recipe.model, height, width, shape.tokens, recipe.loras)
    image_states = [
        begin_image(pipeline, recipe, seed, conditioning, rule, group, loras.unet, start) for seed in recipe.images
    ]
    previews = Previews(len(image_states), pipeline.vae, model.gate) if request.previews else None
    return WorkerJob(request, model, image_states, previews, time.monotonic())


def warm_up(info: ModelInfo, model: LoadedModel) -> None:
    """Prepare a model's usual recipe, which begins to prove what most jobs will need. Raises as `begin_job`."""
    begin_job(GenerationRequest(info.usual_recipe(), "first", 1, 0.0, ""), model)


def begin_enlarging(request: GenerationRequest, model: LoadedModel, upscaler: LoadedUpscaler) -> WorkerJob:
    """Check what is to be made larger.

    Raises:
        BadInput, InputWithheld, InputNotJudged, DetectorHung, DetectorLost: as in `begin_job`.
    """
    enlargement = Enlargement(read_small_picture(request, model.gate), request.recipe, upscaler)
    return WorkerJob(request, model, (), None, time.monotonic(), enlargement=enlargement)
