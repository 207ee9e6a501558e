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
class PictureTooLarge(Refusal):
    """The server takes no file as large as this picture's any more."""


@dataclass(eq=False)
class TooManyVariations(Refusal):
    """The picture is already a variation of a variation `limit` times over."""

    limit: int


@dataclass(eq=False)
class NotCancellable(Refusal):
    """The job is over already."""

    generation_id: str


@dataclass(eq=False)
class NoPicture(Refusal):
    """The message has no picture."""


@dataclass(eq=False)
class NoRecipe(Refusal):
    """The picture's file does not say how it was drawn."""


@dataclass(eq=False)
class RecipeGone(Refusal):
    """The message no longer holds what was read from a picture."""


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


@dataclass(eq=False)
class NotFetched(Refusal):
    """A file that was uploaded did not come."""


@dataclass(eq=False)
class WrongValue(Refusal):
    """A value that cannot be used. `hint` is a sentence that says what can."""

    field: str
    value: str
    hint: str
