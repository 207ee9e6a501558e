"""What messages about generations say and show."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain import policy
from bot.domain.records import Generation, JobState
from bot.texts import faults as fault_texts
from bot.texts import generation as generation_texts
from bot.texts import hints as hint_texts
from bot.texts import phrases
from bot.texts import refusals as refusal_texts
from bot.texts import trouble as trouble_texts
from bot.texts import words as word_texts
from bot.texts.errors import sentence_for
from bot.usecases.deliver import Result
from bot.usecases.running_jobs import Drawing, Waiting
from engine import api

ENDINGS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What a message about a generation says and shows.

    Args:
        text: its content.
        image: the picture to attach.
        alt: words for those who cannot see it.
        keep_image: leave the picture that the message has; never true of the last card of a job.
    """

    text: str
    image: api.ReviewedImage | None = None
    alt: str = ""
    keep_image: bool = False


def accepted(generation: Generation) -> MessageContent:
    """Return what is said as soon as a job is in the ledger."""
    return MessageContent(generation_texts.accepted(generation))


def waiting(generation: Generation, update: Waiting) -> MessageContent:
    """Return the place in the queue."""
    return MessageContent(generation_texts.waiting(generation, update))


def drawing(generation: Generation, update: Drawing, *, new: bool) -> MessageContent:
    """Return the progress, with its preview.

    Args:
        new: whether the message does not show that yet; then whatever it shows goes.
    """
    picture = update.preview.picture if new and update.preview else None
    return MessageContent(
        generation_texts.drawing(generation, update), picture, generation_texts.alt_text(generation), keep_image=not new
    )


def result(finished: Result) -> MessageContent:
    """Return the pictures, and a kind sentence about those held back."""
    generation = finished.generation
    indexes = [index for index, _ in finished.pictures]
    image = finished.grid or (finished.pictures[0][1] if finished.pictures else None)
    notices = [*_notices(finished), *_form(image)]
    return MessageContent(
        generation_texts.result(generation, indexes, notices), image, generation_texts.alt_text(generation)
    )


def _form(image: api.ReviewedImage | None) -> list[str]:
    """Return what there is to say about the form of a picture's file."""
    ending = ENDINGS[image.media_type] if image else "png"
    return [] if ending == "png" else [generation_texts.SENT_AS[ending]]


def _notices(finished: Result) -> list[str]:
    count = len(finished.generation.recipe.images)
    notices = []
    if finished.blocked:
        notices.append(generation_texts.blocked(finished.blocked, count))
    notices += [fault_texts.missing(fault, faulty, count) for fault, faulty in finished.faults.items()]
    if finished.gone:
        notices.append(generation_texts.gone(finished.gone, count))
    if finished.hint and finished.pictures:
        notices.append(hint_texts.hint(finished.hint))
    return notices


def without_picture(content: MessageContent) -> MessageContent:
    """Return the card for a server that takes no file as large as its picture."""
    return replace(content, text=_with_line(content.text, generation_texts.PICTURE_TOO_LARGE), image=None)


def plainer(content: MessageContent) -> tuple[MessageContent, ...]:
    """Return the forms of a card that Discord takes more readily, one plainer than the other, all without buttons.

    Nothing special about its picture, then its words alone, then words of ours that say nothing about it.
    """
    words_alone = MessageContent(generation_texts.WORDS_NOT_TAKEN)
    if content.image is None:
        return MessageContent(content.text), words_alone
    return (
        MessageContent(_with_line(content.text, generation_texts.NOT_AS_IT_WAS), content.image),
        MessageContent(_with_line(content.text, generation_texts.PICTURES_NOT_TAKEN)),
        words_alone,
    )


def from_thread(content: MessageContent, user_id: int, thread_id: int) -> MessageContent:
    """Return the card for the channel of a thread that takes no more messages."""
    return replace(content, text=_with_line(content.text, generation_texts.from_thread(user_id, thread_id)))


def _with_line(text: str, line: str) -> str:
    return f"{text[: phrases.MESSAGE_LENGTH - len(line) - 1]}\n{line}"


def picture(generation: Generation, index: int, image: api.ReviewedImage) -> MessageContent:
    """Return one picture at full size."""
    return MessageContent(
        generation_texts.result(generation, [index], _form(image)), image, generation_texts.alt_text(generation)
    )


def ended(generation: Generation) -> MessageContent:
    """Return what became of a job that has no pictures to show."""
    if generation.state is JobState.CANCELLED:
        return MessageContent(generation_texts.ended_badly(generation, generation_texts.CANCELLED))
    if generation.pictures and generation.error is None:
        return MessageContent(generation_texts.ended_badly(generation, generation_texts.NOT_POSTED))
    reason = sentence_for(generation.error) if generation.error else None
    return MessageContent(generation_texts.ended_badly(generation, reason or generation_texts.NOTHING_TO_SHOW))


def over(generation: Generation) -> MessageContent:
    """Return what became of a job whose message could not be written when it ended."""
    return withheld(generation, None) if generation.state is JobState.WITHHELD else ended(generation)


def shown_elsewhere(generation: Generation) -> MessageContent:
    """Return where the message of a job is, for another one that still seems to wait for it."""
    link = f"https://discord.com/channels/{generation.place.guild_id}/{generation.place.channel_id}/{generation.message_id}"
    return MessageContent(generation_texts.ended_badly(generation, generation_texts.SHOWN_ELSEWHERE.format(link=link)))


def withheld(generation: Generation, why: policy.Refusal | None) -> MessageContent:
    """Return why finished pictures are not posted; `why` is None if what kept them back is gone."""
    match why:
        case policy.ModelDenied(model):
            sentence = refusal_texts.withheld(model)
        case policy.WordsBlocked(phrase):
            sentence = word_texts.withheld(phrase)
        case policy.NotAgeRestricted():
            sentence = refusal_texts.WITHHELD_BY_CHANNEL
        case _:
            sentence = refusal_texts.WITHHELD
    return MessageContent(generation_texts.ended_badly(generation, sentence))


def broken(generation: Generation, reference: str) -> MessageContent:
    """Return the last word on a job that met a fault of the bot."""
    return MessageContent(generation_texts.ended_badly(generation, trouble_texts.something_went_wrong(reference)))
