"""Turn results and errors into messages: the one place where an error becomes words for a user."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import discord
from discord import app_commands

from bot import policy, texts
from bot.records import Generation, JobState
from bot.storage.errors import CannotSave, StorageError
from bot.texts import faults as fault_texts
from bot.texts import hints as hint_texts
from bot.texts import inputs as input_texts
from bot.texts import loras as lora_texts
from bot.texts import prompts as prompt_texts
from bot.texts import recipes as recipe_texts
from bot.texts import refusals as refusal_texts
from bot.texts import series as series_texts
from bot.texts import upscaling as upscaling_texts
from bot.texts import words as word_texts
from bot.usecases import refusals
from bot.usecases.deliver import Parcel
from bot.usecases.draw import Drawing, Waiting
from engine import api

log = logging.getLogger(__name__)

ENDINGS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}
NO_MENTIONS = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True)
class Card:
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

    def files(self, name: str) -> list[discord.File]:
        """Return the picture as a fresh upload; an upload can be sent once only."""
        if self.image is None:
            return []
        filename = f"{name}.{ENDINGS[self.image.media_type]}"
        return [discord.File(BytesIO(self.image.data), filename=filename, description=self.alt or None)]


def accepted(generation: Generation) -> Card:
    """Return what is said as soon as a job is in the ledger."""
    return Card(texts.accepted(generation))


def waiting(generation: Generation, update: Waiting) -> Card:
    """Return the place in the queue."""
    return Card(texts.waiting(generation, update))


def drawing(generation: Generation, update: Drawing, *, new: bool) -> Card:
    """Return the progress, with its preview.

    Args:
        new: whether the message does not show that yet; then whatever it shows goes.
    """
    picture = update.preview.picture if new and update.preview else None
    return Card(texts.drawing(generation, update), picture, texts.alt_text(generation), keep_image=not new)


def result(parcel: Parcel) -> Card:
    """Return the pictures, and a kind sentence about those held back."""
    generation = parcel.generation
    indexes = [index for index, _ in parcel.pictures]
    image = parcel.grid or (parcel.pictures[0][1] if parcel.pictures else None)
    notices = [*_notices(parcel), *_form(image)]
    return Card(texts.result(generation, indexes, notices), image, texts.alt_text(generation))


def _form(image: api.ReviewedImage | None) -> list[str]:
    """Return what there is to say about the form of a picture's file."""
    ending = ENDINGS[image.media_type] if image else "png"
    return [] if ending == "png" else [texts.SENT_AS[ending]]


def _notices(parcel: Parcel) -> list[str]:
    count = len(parcel.generation.recipe.images)
    notices = []
    if parcel.blocked:
        notices.append(texts.blocked(parcel.blocked, count))
    notices += [fault_texts.missing(fault, faulty, count) for fault, faulty in parcel.faults.items()]
    if parcel.gone:
        notices.append(texts.gone(parcel.gone, count))
    if parcel.hint and parcel.pictures:
        notices.append(hint_texts.hint(parcel.hint))
    return notices


def without_picture(card: Card) -> Card:
    """Return the card for a server that takes no file as large as its picture."""
    return replace(card, text=_with_line(card.text, texts.PICTURE_TOO_LARGE), image=None)


def plainer(card: Card) -> tuple[Card, ...]:
    """Return the forms of a card that Discord takes more readily, one plainer than the other, all without buttons.

    Nothing special about its picture, then its words alone, then words of ours that say nothing about it.
    """
    words_alone = Card(texts.WORDS_NOT_TAKEN)
    if card.image is None:
        return Card(card.text), words_alone
    return (
        Card(_with_line(card.text, texts.NOT_AS_IT_WAS), card.image),
        Card(_with_line(card.text, texts.PICTURES_NOT_TAKEN)),
        words_alone,
    )


def from_thread(card: Card, user_id: int, thread_id: int) -> Card:
    """Return the card for the channel of a thread that takes no more messages."""
    return replace(card, text=_with_line(card.text, texts.from_thread(user_id, thread_id)))


def _with_line(text: str, line: str) -> str:
    return f"{text[: texts.MESSAGE_LENGTH - len(line) - 1]}\n{line}"


def picture(generation: Generation, index: int, image: api.ReviewedImage) -> Card:
    """Return one picture at full size."""
    return Card(texts.result(generation, [index], _form(image)), image, texts.alt_text(generation))


def ended(generation: Generation) -> Card:
    """Return what became of a job that has no pictures to show."""
    if generation.state is JobState.CANCELLED:
        return Card(texts.ended_badly(generation, texts.CANCELLED))
    if generation.pictures and generation.error is None:
        return Card(texts.ended_badly(generation, texts.NOT_POSTED))
    reason = sentence_for(generation.error) if generation.error else None
    return Card(texts.ended_badly(generation, reason or texts.NOTHING_TO_SHOW))


def over(generation: Generation) -> Card:
    """Return what became of a job whose message could not be written when it ended."""
    return withheld(generation, None) if generation.state is JobState.WITHHELD else ended(generation)


def shown_elsewhere(generation: Generation) -> Card:
    """Return where the message of a job is, for another one that still seems to wait for it."""
    link = f"https://discord.com/channels/{generation.place.guild_id}/{generation.place.channel_id}/{generation.message_id}"
    return Card(texts.ended_badly(generation, texts.SHOWN_ELSEWHERE.format(link=link)))


def withheld(generation: Generation, why: policy.Refusal | None) -> Card:
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
    return Card(texts.ended_badly(generation, sentence))


def broken(generation: Generation, reference: str) -> Card:
    """Return the last word on a job that met a fault of the bot."""
    return Card(texts.ended_badly(generation, texts.something_went_wrong(reference)))


def sentence_for(error: BaseException) -> str | None:
    """Return what to tell the user about an error, or None if it is a fault nobody foresaw."""
    word = REPLIES.get(type(error))
    return word(error) if word else None


def log_fault(where: str, error: BaseException) -> str:
    """Log an unforeseen error and return the reference id that finds it in the log."""
    reference = secrets.token_hex(4)
    log.error("Reference %s, %s", reference, where, exc_info=error)
    return reference


def _bad_prompt(error: api.BadPrompt) -> str:
    if error.reason == "empty":
        return refusal_texts.PROMPT_EMPTY
    if error.reason == "too_long":
        return refusal_texts.text_too_long(error.part, error.length, error.limit)
    if error.reason == "unreadable":
        return refusal_texts.PROMPT_UNREADABLE
    if error.reason == "permutations":
        return refusal_texts.too_many_permutations(error.limit)
    return refusal_texts.PROMPT_FORBIDDEN if error.part == "prompt" else refusal_texts.NEGATIVE_FORBIDDEN


def _bad_input(error: api.BadInput) -> str:
    if error.reason == "too_large":
        return input_texts.input_too_large(error.limit)
    if error.reason == "too_many_pixels":
        return input_texts.input_has_too_many_pixels(error.limit)
    return {"unreadable": input_texts.INPUT_UNREADABLE, "missing": input_texts.INPUT_MISSING}.get(
        error.reason, input_texts.MASK_SIZE
    )


REPLIES: Mapping[type[BaseException], Callable[[Any], str]] = {
    # the engine
    api.UnknownModel: lambda e: refusal_texts.unknown_model(e.model, e.known),
    api.UnknownScheduler: lambda e: refusal_texts.unknown_scheduler(e.scheduler, e.known),
    api.UnknownInversion: lambda e: lora_texts.unknown_inversion(e.word, e.known),
    api.UnknownLora: lambda e: lora_texts.unknown_lora(e.lora, e.known),
    api.LoraOfOtherFamily: lambda e: lora_texts.lora_of_other_family(e.lora, e.family, e.wanted),
    api.UnknownUpscaler: lambda e: upscaling_texts.unknown(e.upscaler),
    api.InvalidSize: lambda e: refusal_texts.invalid_size(e.width, e.height, e.nearest),
    api.OutOfRange: lambda e: refusal_texts.out_of_range(e.field, e.value, e.low, e.high),
    api.BadPrompt: _bad_prompt,
    api.BadInput: _bad_input,
    api.TooBusy: lambda e: refusal_texts.too_busy(e.eta_s),
    api.SafetyUnavailable: lambda e: refusal_texts.SAFETY_UNAVAILABLE,
    api.ModelUnavailable: lambda e: refusal_texts.model_unavailable(e.model),
    api.LoraUnavailable: lambda e: lora_texts.lora_unavailable(e.lora),
    api.UpscalerUnavailable: lambda e: upscaling_texts.unavailable(e.upscaler),
    api.NotHereYet: lambda e: lora_texts.not_here_yet(e.kind, e.name),
    api.EngineStopped: lambda e: refusal_texts.ENGINE_STOPPED,
    api.WorkerDied: lambda e: refusal_texts.WORKER_DIED,
    api.WorkerReplaced: lambda e: refusal_texts.WORKER_DIED,
    api.EndsWorkers: lambda e: refusal_texts.ENDS_WORKERS,
    api.GenerationFailed: lambda e: refusal_texts.GENERATION_FAILED,
    api.NotKept: lambda e: refusal_texts.NOT_KEPT,
    api.OutOfMemory: lambda e: refusal_texts.OUT_OF_MEMORY,
    api.InputWithheld: lambda e: input_texts.INPUT_BLOCKED,
    api.InputNotJudged: lambda e: fault_texts.input_not_judged(e.fault),
    api.DeadlinePassed: lambda e: refusal_texts.DEADLINE_PASSED,
    # the guild's policy
    policy.ModelDenied: lambda e: refusal_texts.model_denied(e.model, e.allowed),
    policy.NoModelAllowed: lambda e: refusal_texts.NO_MODEL_ALLOWED,
    policy.TooManyPictures: lambda e: refusal_texts.too_many_pictures(e.asked, e.limit),
    policy.DailyQuotaUsed: lambda e: refusal_texts.daily_quota_used(e.asked, e.used, e.limit, e.resets_at),
    policy.TooManyAtOnce: lambda e: refusal_texts.too_many_at_once(e.asked, e.active, e.limit),
    policy.SizeOverLimit: lambda e: refusal_texts.size_over_limit(e.width, e.height, e.limit, e.nearest),
    policy.StepsOverLimit: lambda e: refusal_texts.steps_over_limit(e.asked, e.limit),
    policy.WordsBlocked: lambda e: word_texts.refused(e.phrase),
    policy.NotAgeRestricted: lambda e: refusal_texts.NOT_AGE_RESTRICTED,
    policy.TooManyPhrases: lambda e: word_texts.too_many(e.limit),
    # the use cases
    refusals.UnknownGeneration: lambda e: texts.UNKNOWN_GENERATION,
    refusals.GenerationDeleted: lambda e: texts.GENERATION_DELETED,
    refusals.NotAllowed: lambda e: texts.NOT_ALLOWED[e.action],
    refusals.AlreadyUnderWay: lambda e: texts.ALREADY_UNDER_WAY,
    refusals.NoSuchPicture: lambda e: texts.NO_SUCH_PICTURE,
    refusals.PictureTooLarge: lambda e: texts.SHOWN_TOO_LARGE,
    refusals.TooManyVariations: lambda e: texts.too_many_variations(e.limit),
    refusals.NotCancellable: lambda e: texts.NOT_CANCELLABLE,
    refusals.NoPicture: lambda e: recipe_texts.NO_PICTURE,
    refusals.NoRecipe: lambda e: recipe_texts.NONE_IN_FILE,
    refusals.RecipeGone: lambda e: recipe_texts.GONE,
    refusals.UnknownStyle: lambda e: prompt_texts.unknown_style(e.style, e.known),
    refusals.NotBlocked: lambda e: word_texts.not_blocked(e.phrase),
    refusals.OfferOver: lambda e: series_texts.OFFER_OVER,
    refusals.PictureInSeries: lambda e: input_texts.ONE_PROMPT,
    refusals.NotFetched: lambda e: input_texts.NOT_FETCHED,
    refusals.WrongValue: lambda e: refusal_texts.wrong_value(e.field, e.value, e.hint),
    # the ledger
    StorageError: lambda e: texts.STORAGE_TROUBLE,
    CannotSave: lambda e: texts.CANNOT_SAVE,
    # Discord
    app_commands.NoPrivateMessage: lambda e: texts.SERVER_ONLY,
    app_commands.CommandNotFound: lambda e: texts.COMMAND_CHANGED,
    app_commands.CommandSignatureMismatch: lambda e: texts.COMMAND_CHANGED,
}
