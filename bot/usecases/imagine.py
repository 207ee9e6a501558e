"""Accept a new request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.policy import GuildPolicy, Limits, Member, check_model, choose_model, limits_for
from bot.records import Generation, Kind, Place
from bot.storage import Store
from bot.usecases.admission import Admission
from bot.usecases.lookup import find_model
from bot.usecases.loras import with_loras, with_trigger_words
from bot.usecases.presets import Preset, preset_scheduler, preset_size, preset_steps
from engine.api import (
    MAX_IMAGES,
    MAX_SEED,
    EngineClient,
    ImageSeed,
    LoraTag,
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
        loras: those asked for beside the prompt, which may name others; without a weight, each has its own.
        clip_skip: last layers of the text encoders that the prompt skips.
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
    loras: tuple[LoraTag, ...] = ()
    clip_skip: int | None = None


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
        return await self._admission.accept(member, place, Kind.IMAGINE, recipe)

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
        UnknownLora, LoraOfOtherFamily, NotHereYet: a LoRA was asked for that cannot change this model.
    """
    size = preset_size(info, ask.preset, limits.largest_side)
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
    clip_skip = info.clip_skip if ask.clip_skip is None else ask.clip_skip
    _check_range("clip skip", clip_skip, 0, info.max_clip_skip)
    prompt = with_trigger_words(with_loras(_storable(ask.prompt), ask.loras, info), info)
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
        clip_skip=clip_skip,
    )


def _seeds(ask: Ask, new_seed: Callable[[], int]) -> tuple[ImageSeed, ...]:
    if ask.seed is None:
        return tuple(ImageSeed(new_seed()) for _ in range(ask.count))
    _check_range("seed", ask.seed, 0, MAX_SEED)
    return tuple(ImageSeed((ask.seed + index) % (MAX_SEED + 1)) for index in range(ask.count))


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OutOfRange(field, value, low, high)


def _storable(text: str) -> str:
    # Half of a surrogate pair is no character: it can be neither hashed nor stored.
    return text.encode("utf-8", "replace").decode("utf-8")
