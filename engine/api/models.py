"""What options, autocomplete, policy and the queue need to know of a model, and the checks that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from engine.api.addons import MAX_LORA_WEIGHT, MAX_LORAS, Inversion, Lora, LoraUse
from engine.api.drafts import RecipeDraft, storable
from engine.api.job_errors import NotHereYet
from engine.api.request_errors import (
    InvalidSize,
    LoraOfOtherFamily,
    OutOfRange,
    UnknownInversion,
    UnknownLora,
    UnknownScheduler,
    UnknownUpscaler,
)
from engine.api.requests import InitImage, Recipe
from engine.api.seeds import ImageSeed
from engine.api.syntax import Prompt, parse_prompt, words_pattern
from engine.api.upscalers import Upscaler, UpscalerUse

GROWTH = 2
"""By how much a side may exceed what a model draws from nothing, when it draws over a picture that has its shapes."""


@dataclass(frozen=True, slots=True)
class Size:
    """A named size in pixels."""

    name: str
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class SchedulerInfo:
    """A noise scheduler as a model offers it.

    Args:
        name: as people know it, e.g. "DPM++ 2M".
        note: its trade-off in one line.
        min_steps, max_steps: range of steps in which it gives a picture.
    """

    name: str
    note: str = ""
    min_steps: int = 1
    max_steps: int = 1000


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of the catalogue as the bot sees it.

    Args:
        id: short name people type.
        title: name people read.
        family: architecture: "sd1", "sd2" or "sdxl".
        revision: revision of its files; part of every recipe.
        licence: name of the licence and its use restrictions, one line.
        description: what it draws well, one line.
        sizes: sizes offered by name; the first is the default.
        size_step: width and height are multiples of this many pixels.
        min_side, max_side: range of width and height in pixels.
        steps: default num_inference_steps.
        min_steps, max_steps: range of steps.
        guidance_scale: default.
        min_guidance, max_guidance: range of guidance_scale.
        schedulers: the noise schedulers offered.
        scheduler: name of the default one.
        negative_prompt: default negative prompt.
        trigger_words: words that bring out what the model was trained for; shown to members.
        restrictions: what its licence forbids, one line.
        inversions: textual inversions that it understands.
        loras: all of the catalogue, so that one for another family can be told from one that is unknown.
        upscalers: what makes pictures larger, of this model or another.
        absent_inversions, absent_loras: those of them whose files are not here yet.
        clip_skip: default, as in `Recipe`.
        max_clip_skip: most layers that can be skipped.
        addon_family: whose LoRAs and textual inversions fit, where its layers have other sizes than its family's; empty
            for those of its family.
        vram_gb: memory that it takes on a card, in gigabytes, with a picture of its default size; 0 if unknown.
    """

    id: str
    title: str
    family: str
    revision: str
    licence: str
    description: str
    sizes: tuple[Size, ...]
    size_step: int
    min_side: int
    max_side: int
    steps: int
    min_steps: int
    max_steps: int
    guidance_scale: float
    min_guidance: float
    max_guidance: float
    schedulers: tuple[SchedulerInfo, ...]
    scheduler: str
    negative_prompt: str = ""
    trigger_words: tuple[str, ...] = ()
    restrictions: str = ""
    vram_gb: float = 0.0
    inversions: tuple[Inversion, ...] = ()
    loras: tuple[Lora, ...] = ()
    upscalers: tuple[Upscaler, ...] = ()
    absent_inversions: tuple[Inversion, ...] = ()
    absent_loras: tuple[Lora, ...] = ()
    clip_skip: int = 0
    max_clip_skip: int = 10
    addon_family: str = ""

    def complete(
        self, draft: RecipeDraft, images: tuple[ImageSeed, ...], init_image: InitImage | None = None
    ) -> Recipe:
        """Return the recipe that a draft asks this model for, with the add-ons that its prompts name.

        Raises:
            ValueError: no recipe can hold a value; `check_draft` says which range it is out of.
            UnknownLora, LoraOfOtherFamily, NotHereYet, OutOfRange: as in `with_addons`.
        """
        return self.with_addons(self._filled(draft, images, init_image))

    def usual_recipe(self) -> Recipe:
        """Return a recipe of the defaults, to make ready for: without add-ons, whose files may not be here."""
        return self._filled(RecipeDraft(), (ImageSeed(0),))

    def with_addons(self, recipe: Recipe) -> Recipe:
        """Return a recipe that says which add-ons its prompts name.

        Raises:
            UnknownLora, LoraOfOtherFamily, NotHereYet, OutOfRange: as in `inversions_in` and `loras_in`.
        """
        prompts = parse_prompt(recipe.prompt), parse_prompt(recipe.negative_prompt)
        return replace(recipe, inversions=self.inversions_in(*prompts), loras=self.loras_in(*prompts))

    def check_draft(self, draft: RecipeDraft) -> None:
        """Raise the first number in a draft that this model cannot take, also one that no recipe can hold.

        Raises:
            InvalidSize, OutOfRange: see their fields.
        """
        values = self._values(draft)
        self.check_size(values["width"], values["height"])
        self._check_ranges(values["steps"], values["guidance_scale"], values["clip_skip"])

    def _filled(self, draft: RecipeDraft, images: tuple[ImageSeed, ...], init_image: InitImage | None = None) -> Recipe:
        values = self._values(draft)
        values |= {name: storable(values[name]) for name in ("prompt", "negative_prompt")}
        return Recipe(model=self.id, model_revision=self.revision, images=images, init_image=init_image, **values)

    def _values(self, draft: RecipeDraft) -> dict[str, Any]:
        """Return what a draft asks for, and where it asks for nothing the model's own, which is named likewise."""
        usual = {each.name: getattr(self, each.name) for each in fields(RecipeDraft) if hasattr(self, each.name)}
        size = {"width": self.sizes[0].width, "height": self.sizes[0].height}
        return usual | size | draft.values()

    def _check_ranges(self, steps: int, guidance_scale: float, clip_skip: int) -> None:
        _check_range("steps", steps, self.min_steps, self.max_steps)
        _check_range("guidance", guidance_scale, self.min_guidance, self.max_guidance)
        _check_range("clip skip", clip_skip, 0, self.max_clip_skip)

    @property
    def compatible_family(self) -> str:
        """The family of the LoRAs and textual inversions that fit."""
        return self.addon_family or self.family

    def check(self, recipe: Recipe) -> None:
        """Raise the first thing in the recipe that this model cannot take.

        Raises:
            InvalidSize, OutOfRange, UnknownScheduler, UnknownInversion, UnknownLora, NotHereYet, UnknownUpscaler: see
                their fields.
        """
        if recipe.upscaler is not None:  # the model draws nothing
            self._check_upscaler(recipe.upscaler)
            return
        self.check_size(recipe.width, recipe.height, self.max_side * (GROWTH if recipe.grows else 1))
        self._check_ranges(recipe.steps, recipe.guidance_scale, recipe.clip_skip)
        scheduler = next((each for each in self.schedulers if each.name == recipe.scheduler), None)
        if scheduler is None:
            raise UnknownScheduler(recipe.scheduler, tuple(each.name for each in self.schedulers))
        _check_range(f"steps with {scheduler.name}", recipe.steps, scheduler.min_steps, scheduler.max_steps)
        self._check_additions(recipe)

    def _check_additions(self, recipe: Recipe) -> None:
        for inversion in recipe.inversions:
            if inversion not in self.inversions:
                raise UnknownInversion(inversion.word, tuple(each.word for each in self.inversions))
            self._check_here((inversion,))
        _check_range("LoRAs", len(recipe.loras), 0, MAX_LORAS)
        for use in recipe.loras:
            lora = Lora(use.name, use.revision, self.compatible_family)
            if lora not in self.loras:
                raise UnknownLora(use.name, self._own_loras())
            self._check_lora_is_here(lora)

    def upscaler(self, factor: int) -> Upscaler | None:
        """Return the upscaler for a factor, of several the one with the least to reduce; None if there is none."""
        able = (upscaler for upscaler in self.upscalers if upscaler.factor >= factor)
        return min(able, key=lambda upscaler: upscaler.factor, default=None)

    def _check_upscaler(self, use: UpscalerUse) -> None:
        for upscaler in self.upscalers:
            if (upscaler.name, upscaler.revision) == (use.name, use.revision) and use.factor <= upscaler.factor:
                return
        raise UnknownUpscaler(use.name, tuple(upscaler.name for upscaler in self.upscalers))

    @property
    def native_side(self) -> int:
        """Side in pixels of the largest square that this model draws natively."""
        return max(min(size.width, size.height) for size in self.sizes)

    def inversions_in(self, *prompts: Prompt) -> tuple[Inversion, ...]:
        """Return the textual inversions that the prompts name; a recipe has to say which.

        Raises:
            NotHereYet: the file of one was not pulled.
        """
        pattern = words_pattern([inversion.word for inversion in self.inversions])
        texts = [passage.text for prompt in prompts for section in prompt.sections for passage in section]
        named = {word.lower() for text in texts for word in pattern.findall(text)}
        found = tuple(inversion for inversion in self.inversions if inversion.word.lower() in named)
        self._check_here(found)
        return found

    def loras_in(self, *prompts: Prompt) -> tuple[LoraUse, ...]:
        """Return the LoRAs that the prompts name; a recipe has to say which. The weights of one named twice add up.

        Raises:
            UnknownLora, LoraOfOtherFamily, NotHereYet: as in `lora`.
            OutOfRange: a weight beyond MAX_LORA_WEIGHT, or more than MAX_LORAS of them.
        """
        weights: dict[Lora, float] = {}
        for tag in (tag for prompt in prompts for tag in prompt.loras):
            lora = self.lora(tag.name)
            weights[lora] = weights.get(lora, 0.0) + (lora.weight if tag.weight is None else tag.weight)
        for weight in weights.values():
            _check_range("LoRA weight", weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
        uses = tuple(LoraUse(lora.name, lora.revision, weight) for lora, weight in weights.items() if weight)
        _check_range("LoRAs", len(uses), 0, MAX_LORAS)
        return uses

    def offered_loras(self) -> tuple[Lora, ...]:
        """Return the LoRAs that can change this model and whose files are here."""
        return tuple(
            lora for lora in self.loras if lora.family == self.compatible_family and lora not in self.absent_loras
        )

    def lora(self, name: str) -> Lora:
        """Return the LoRA of that name, in any case.

        Raises:
            UnknownLora, LoraOfOtherFamily: none can change this model.
            NotHereYet: its file was not pulled.
        """
        lora = next((lora for lora in self.loras if lora.name.lower() == name.lower()), None)
        if lora is None:
            raise UnknownLora(name, self._own_loras())
        if lora.family != self.compatible_family:
            raise LoraOfOtherFamily(lora.name, lora.family, self.compatible_family)
        self._check_lora_is_here(lora)
        return lora

    def _check_lora_is_here(self, lora: Lora) -> None:
        if lora in self.absent_loras:
            raise NotHereYet("LoRA", lora.name)

    def _check_here(self, inversions: tuple[Inversion, ...]) -> None:
        for inversion in inversions:
            if inversion in self.absent_inversions:
                raise NotHereYet("textual inversion", inversion.word)

    def _own_loras(self) -> tuple[str, ...]:
        return tuple(lora.name for lora in self.offered_loras())

    def check_size(self, width: int, height: int, max_side: int | None = None) -> None:
        """Raise InvalidSize, naming the nearest right sizes, unless this model can draw width x height pixels.

        Args:
            width, height: pixels.
            max_side: another than the model's.
        """
        most = max_side or self.max_side
        if any(side % self.size_step or not self.min_side <= side <= most for side in (width, height)):
            nearest = sorted(self.sizes, key=lambda size: abs(size.width - width) + abs(size.height - height))[:2]
            raise InvalidSize(width, height, tuple(str(size) for size in nearest))


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OutOfRange(field, value, low, high)
