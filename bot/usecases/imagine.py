"""Accept a new request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.domain.loras import with_loras, with_trigger_words
from bot.domain.policy import GuildPolicy, Limits, Member
from bot.domain.presets import Preset, preset_scheduler, preset_size, preset_steps
from bot.domain.prompts import check_typed, whole_negative_prompt
from bot.domain.records import Generation, JobKind, Place
from bot.domain.styles import Style, find_style
from bot.storage import Store
from bot.usecases.acceptance import Acceptance, Origin
from bot.usecases.init_images import UploadedInitImage
from bot.usecases.refusals import UnknownStyle
from bot.usecases.terms import Terms, load_terms
from engine.api import (
    MAX_IMAGES,
    MAX_SEED,
    EngineClient,
    ImageSeed,
    LoraTag,
    ModelInfo,
    OutOfRange,
    Recipe,
    RecipeDraft,
    seeds_from,
    storable,
)


@dataclass(frozen=True, slots=True)
class Ask(RecipeDraft):
    """What a member typed. None means what the preset makes of the model's defaults; a missing seed is random.

    Args:
        model: name of the model; None for the server's choice.
        seed: of the first picture; the next ones follow it.
        count: pictures, 1 to MAX_IMAGES.
        style: name or title of the style whose words go around the prompt.
        loras: those asked for beside the prompt, which may name others; without a weight, each has its own.
        start: a picture to start from; the size is then the model's that has the most similar shape.
    """

    model: str | None = None
    seed: int | None = None
    count: int = 1
    preset: Preset = Preset.STANDARD
    style: str | None = None
    loras: tuple[LoraTag, ...] = ()
    start: UploadedInitImage | None = None


class Imagine:
    """Turns what a member typed into an accepted job.

    Args:
        styles: those that members may choose.
    """

    def __init__(
        self,
        store: Store,
        engine: EngineClient,
        acceptance: Acceptance,
        new_seed: Callable[[], int],
        styles: Sequence[Style],
    ) -> None:
        self._store = store
        self._engine = engine
        self._acceptance = acceptance
        self._new_seed = new_seed
        self.styles = styles

    async def terms(self, guild_id: int) -> Terms:
        """Return what holds in a guild now, for a request that has just come."""
        return await load_terms(self._store, self._engine, guild_id)

    async def accept(
        self, member: Member, place: Place, ask: Ask, press: str | None = None, terms: Terms | None = None
    ) -> Generation:
        """Record the request as a job; nothing is drawn before `Draw.follow`.

        Args:
            member: who asks.
            place: where.
            ask: for what.
            press: names what was pressed or submitted to ask for it; None for a command.
            terms: what the caller knows to hold; None to ask now.

        Raises:
            Refusal: the guild's policy forbids it, there is no such style, or the press is under way already.
            Refused, Unavailable: the engine cannot take it.
        """
        origin = Origin(None, None, press) if press else None
        terms = terms or await self.terms(member.guild_id)
        recipe = self.recipe(member, terms, ask)
        uploads = ask.start.files if ask.start else {}
        return await self._acceptance.accept(member, terms, place, JobKind.IMAGINE, recipe, origin, uploads)

    def recipe(self, member: Member, terms: Terms, ask: Ask) -> Recipe:
        """Return what `accept` would have drawn. Raises what is wrong with the request, whatever was drawn before."""
        check_typed(ask.prompt, ask.negative_prompt)
        info = terms.choose(ask.model)
        worded = self._worded(ask, info, terms.policy)
        return build_recipe(info, worded, self._new_seed, terms.limits(member))

    def _worded(self, ask: Ask, info: ModelInfo, policy: GuildPolicy) -> Ask:
        """Return the request with the words of its style, its model and its guild in the prompts."""
        style = find_style(self.styles, ask.style) if ask.style else None
        if ask.style and style is None:
            raise UnknownStyle(ask.style, tuple(each.name for each in self.styles))
        avoided = whole_negative_prompt(
            ask.negative_prompt,
            model=info.negative_prompt,
            style=style.negative_prompt if style else "",
            guild=policy.negative_prompt,
        )
        return replace(ask, prompt=style.wrap(ask.prompt) if style else ask.prompt, negative_prompt=avoided)


def build_recipe(info: ModelInfo, ask: Ask, new_seed: Callable[[], int], limits: Limits) -> Recipe:
    """Fill what was not typed from the preset, or the nearest to them that the limits allow.

    Raises:
        OutOfRange, InvalidSize: a number that no recipe can hold or this model cannot draw.
        BadInput: the picture to start from cannot be used.
        UnknownLora, LoraOfOtherFamily, NotHereYet: a LoRA was asked for that cannot change this model.
    """
    size = preset_size(info, ask.preset, limits.largest_side, ask.start.measure() if ask.start else None)
    steps = ask.steps
    if steps is None:
        steps = preset_steps(info, ask.preset, ask.scheduler, limits.most_steps)
    draft = replace(
        ask,
        width=size.width if ask.width is None else ask.width,
        height=size.height if ask.height is None else ask.height,
        steps=steps,
        scheduler=preset_scheduler(info, ask.preset, steps) if ask.scheduler is None else ask.scheduler,
    )
    _check_range("count", ask.count, 1, MAX_IMAGES)
    info.check_draft(draft)
    draft = replace(draft, prompt=prompt_for(info, ask.prompt, ask.loras))
    return info.complete(draft, _seeds(ask, new_seed), ask.start.init_image() if ask.start else None)


def prompt_for(info: ModelInfo, prompt: str, loras: Sequence[LoraTag] = ()) -> str:
    """Return a prompt as a recipe of the model has it: with LoRAs and trigger words, and nothing that cannot be stored.

    Raises:
        UnknownLora, LoraOfOtherFamily, NotHereYet, OutOfRange: a LoRA cannot change this model.
    """
    return with_trigger_words(with_loras(storable(prompt), loras, info), info)


def _seeds(ask: Ask, new_seed: Callable[[], int]) -> tuple[ImageSeed, ...]:
    if ask.seed is None:
        return tuple(ImageSeed(new_seed()) for _ in range(ask.count))
    _check_range("seed", ask.seed, 0, MAX_SEED)
    return seeds_from(ask.seed, ask.count)


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise OutOfRange(field, value, low, high)
