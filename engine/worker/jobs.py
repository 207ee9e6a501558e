"""One job under way: its drawings, from initial noise to results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.api import GenerationRequest, ImageResult, ReviewedImage, Verdict
from engine.worker.batch import Drawing, advance, begin_drawing, decode
from engine.worker.pipelines import LoadedModel
from engine.worker.previews import preview_due, preview_pixels
from engine.worker.prompts import encode_prompts


@dataclass(slots=True)
class Job:
    """A request being drawn.

    Args:
        request: what was asked.
        model: what draws it.
        drawings: one per image of the recipe, in its order.
        results: of the images that are decoded and judged.
        previews: whether to go on showing previews; a withheld one ends them.
        started: when it began, on the monotonic clock in seconds.
    """

    request: GenerationRequest
    model: LoadedModel
    drawings: Sequence[Drawing]
    previews: bool
    started: float
    results: dict[int, ImageResult] = field(default_factory=dict)

    @property
    def step(self) -> int:
        """Scheduler steps done, over all images."""
        return sum(drawing.step for drawing in self.drawings)

    @property
    def total(self) -> int:
        """Scheduler steps in all, over all images."""
        return sum(drawing.steps for drawing in self.drawings)

    @property
    def finished(self) -> bool:
        """Whether every image has its result."""
        return len(self.results) == len(self.drawings)

    def pack(self) -> list[Drawing]:
        """Return the batch of the next step: the image that is furthest behind, or none when all are denoised.

        One image at a time, so that a cancel is seen after every UNet call.
        """
        waiting = [drawing for drawing in self.drawings if not drawing.denoised]
        return [min(waiting, key=lambda drawing: drawing.step)] if waiting else []

    def advance(self, batch: Sequence[Drawing]) -> None:
        """Take a batch of this job's drawings one step further."""
        advance(self.model.pipeline, batch)

    def detach(self) -> None:
        """Decode and judge one denoised image that has no result yet, if there is one."""
        for index, drawing in enumerate(self.drawings):
            if drawing.denoised and index not in self.results:
                review = self.model.gate.review(decode(self.model.pipeline, drawing), drawing.latents)
                self.results[index] = ImageResult(index, review.verdict, review.reason, review.image)
                return

    def preview(self) -> ReviewedImage | None:
        """Return a reviewed picture of the unfinished images, if one is due and the gate allows all of it."""
        steps = {drawing.step for drawing in self.drawings}
        if not self.previews or len(steps) > 1 or not preview_due(steps.pop(), self.drawings[0].steps):
            return None
        tiles: list[ReviewedImage] = []
        for drawing in self.drawings:
            review = self.model.gate.review(*preview_pixels(drawing, self.model.colours))
            if review.image is None:
                self.previews = False
                return None
            tiles.append(review.image)
        return tiles[0] if len(tiles) == 1 else self.model.gate.compose(tiles)

    def images(self) -> tuple[ImageResult, ...]:
        """Return the results in the recipe's order."""
        return tuple(self.results[index] for index in range(len(self.drawings)))

    def grid(self) -> ReviewedImage | None:
        """Return the allowed pictures as one; None when there are fewer than two."""
        allowed = [result.image for result in self.images() if result.image and result.verdict is Verdict.ALLOW]
        return self.model.gate.compose(allowed) if len(allowed) > 1 else None


def begin_job(request: GenerationRequest, model: LoadedModel, started: float) -> Job:
    """Encode the prompts and set every image of the recipe to its initial noise."""
    recipe = request.recipe
    embeddings = encode_prompts(model.pipeline, recipe.prompt, recipe.negative_prompt, recipe.guidance_scale)
    drawings = [begin_drawing(model.pipeline, recipe, seed, embeddings) for seed in recipe.images]
    return Job(request, model, drawings, request.previews, started)
