"""What a use case refuses besides the policy. Each class is data; `bot.texts.errors` words it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.policy import Refusal


@dataclass(eq=False)
class UnknownGeneration(Refusal):
    """No generation of that id was made in this guild."""

    generation_id: str


@dataclass(eq=False)
class GenerationDeleted(Refusal):
    """The generation was deleted."""

    generation_id: str


@dataclass(eq=False)
class NotAllowed(Refusal):
    """Only the author or a moderator may do this ("delete", "cancel"), or only moderators ("moderate")."""

    action: str


@dataclass(eq=False)
class AlreadyUnderWay(Refusal):
    """The same press is being worked on. `generation_id` names the job that does."""

    generation_id: str


@dataclass(eq=False)
class NoSuchPicture(Refusal):
    """The generation has no such picture to show: never had, blocked, or its file is past retention."""

    generation_id: str
    index: int


@dataclass(eq=False)
class TooManyVariations(Refusal):
    """The picture is already a variation of a variation `limit` times over."""

    limit: int


@dataclass(eq=False)
class NotCancellable(Refusal):
    """The job is over already."""

    generation_id: str


@dataclass(eq=False)
class NoRecipe(Refusal):
    """The picture's file does not say how it was drawn."""


@dataclass(eq=False)
class UnknownStyle(Refusal):
    """There is no style of that name or title."""

    style: str
    known: tuple[str, ...]


@dataclass(eq=False)
class NotBlocked(Refusal):
    """No such phrase is blocked in this guild."""

    phrase: str


@dataclass(eq=False)
class OfferOver(Refusal):
    """What was offered to be drawn is not remembered any more, or was offered to somebody else."""


@dataclass(eq=False)
class PictureInSeries(Refusal):
    """A picture to start from was uploaded with several prompts at once."""


# What a moderator may not decide


@dataclass(eq=False)
class BadNegativeLength(Refusal):
    """A server's negative prompt has 1 to `limit` characters."""

    limit: int


@dataclass(eq=False)
class LorasInNegative(Refusal):
    """A server's negative prompt holds a LoRA tag, which fits the models of one family only."""

    words: str


@dataclass(eq=False)
class NoWords(Refusal):
    """A phrase to block has no word in it; it is empty where there is no phrase."""

    phrase: str


@dataclass(eq=False)
class PhraseTooLong(Refusal):
    """A phrase to block has more than `limit` characters."""

    phrase: str
    limit: int


@dataclass(eq=False)
class NoLimitNamed(Refusal):
    """No limit was named that is to be changed."""

    known: tuple[str, ...]


@dataclass(eq=False)
class UnknownLimit(Refusal):
    """There is no limit of that name."""

    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class LimitOutOfRange(Refusal):
    """A limit can be `low` to `high` only."""

    name: str
    value: int
    low: int
    high: int
