"""Accept a new request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.policy import GuildPolicy, Limits, Member, check_model, choose_model, limits_for
from bot.records import Generation, Kind, Place
from bot.storage import Store
from bot.usecases.admission import Admission
from bot.usecases.lookup import find_model
from bot.usecases.presets import Preset, preset_scheduler, preset_size, preset_steps
from bot.usecases.starts import Start
from engine.api import (
    MAX_IMAGES,
    MAX_SEED,
    EngineClient,
    ImageSeed,
    ModelInfo,
    OutOfRange,
    Recipe,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a member typed. None means what the preset makes of the model's defaults; a missing seed is random.

    Args:
        seed: of the first picture; the next ones follow it.
        count: pictures, 1 to MAX_IMAGES.
        start: a picture to start from; the size is then the model's that has the most similar shape.
    """

    prompt: str
    negative_prompt: str | None = None
    model: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    count: int = 1
    preset: Preset = Preset.STANDARD
    start: Start | None = None


class Imagine:
    """Turns what a member typed into an accepted job."""

    def __init__(self, store: Store, engine: EngineClient, admission: Admission, new_seed: Callable[[], int]) -> None:
        self._store = store
        self._engine = engine
        self._admission = admission
        self._new_seed = new_seed

    async def accept(self, member: Member, place: Place, ask: Ask) -> Generation:
        """Record the request as a job; nothing is drawn before `Draw.follow`.

        Raises:
            Refusal: the guild's policy forbids it.
            Refused, Unavailable: the engine cannot take it.
        """
        policy = await self._store.guilds.policy(member.guild_id)
        info = self._model(policy, ask.model)
        recipe = build_recipe(info, ask, self._new_seed, limits_for(policy, member.role_ids))
        uploads = ask.start.files if ask.start else {}
        return await self._admission.accept(member, place, Kind.IMAGINE, recipe, uploads=uploads)

    def _model(self, policy: GuildPolicy, asked: str | None) -> ModelInfo:
        models = self._engine.models()
        if asked is None:
            return choose_model(policy, models)
        info = find_model(models, asked)
        check_model(policy, asked, models)
        return info


def build_recipe(info: ModelInfo, ask: Ask, new_seed: Callable[[], int], limits: Limits) -> Recipe:
    """Fill what was not typed from the preset, or the nearest to them that the limits allow.

    Raises:
        OutOfRange, InvalidSize: a number that no recipe can hold or this model cannot draw.
        BadInput: the picture to start from cannot be used.
        UnknownLora, LoraOfOtherFamily: the prompt names a LoRA that cannot change this model.
    """
    size = preset_size(info, ask.preset, limits.largest_side, ask.start.measure() if ask.start else None)
    width = size.width if ask.width is None else ask.width
    height = size.height if ask.height is None else ask.height
    steps = ask.steps
    if steps is None:
        steps = preset_steps(info, ask.preset, ask.scheduler, limits.most_steps)
    guidance_scale = info.guidance_scale if ask.guidance_scale is None else ask.guidance_scale
    _check_range("count", ask.count, 1, MAX_IMAGES)
    info.check_size(width, height)
    _check_range("steps", steps, info.min_steps, info.max_steps)
    _check_range("guidance", guidance_scale, info.min_guidance, info.max_guidance)
    prompt = prompt_for(info, ask.prompt)
    negative_prompt = _storable(info.negative_prompt if ask.negative_prompt is None else ask.negative_prompt)
    return Recipe(
        model=info.id,
        model_revision=info.revision,
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=width,
        height=height,
        steps=steps,
        guidance_scale=guidance_scale,
        scheduler=preset_scheduler(info, ask.preset, steps) if ask.scheduler is None else ask.scheduler,
        images=_seeds(ask, new_seed),
        inversions=info.inversions_in(prompt, negative_prompt),
        loras=info.loras_in(prompt, negative_prompt),
        init_image=ask.start.init_image() if ask.start else None,
    )


def prompt_for(info: ModelInfo, prompt: str) -> str:
    """Return a prompt as a recipe of the model has it: with its trigger words, and nothing that cannot be stored."""
    return _with_trigger_words(_storable(prompt), info.trigger_words)


def _seeds(ask: Ask, new_seed: Callable[[], int]) -> tuple[ImageSeed, ...]:
    if ask.seed is None:
        return tuple(ImageSeed(new_seed()) for _ in range(ask.count))
    _check_range("seed", ask.seed, 0, MAX_SEED)
    return tuple(ImageSeed((ask.seed + index) % (MAX_SEED + 1)) for index in range(ask.count))


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OutOfRange(field, value, low, high)


def _with_trigger_words(prompt: str, words: tuple[str, ...]) -> str:
    """Return the prompt with the trigger words that it lacks at its end; an empty one stays empty, to be refused."""
    missing = [each for each in words if each.casefold() not in prompt.casefold()]
    return ", ".join([prompt.rstrip(" ,"), *missing]) if prompt.strip() and missing else prompt


def _storable(text: str) -> str:
    # Half of a surrogate pair is no character: it can be neither hashed nor stored.
    return text.encode("utf-8", "replace").decode("utf-8")
