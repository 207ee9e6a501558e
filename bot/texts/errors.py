"""The one place where an error becomes words for a user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain import policy
from bot.storage.errors import CannotSave, StorageError
from bot.texts import admin as admin_texts
from bot.texts import buttons as button_texts
from bot.texts import faults as fault_texts
from bot.texts import inputs as input_texts
from bot.texts import loras as lora_texts
from bot.texts import prompts as prompt_texts
from bot.texts import recipes as recipe_texts
from bot.texts import refusals as refusal_texts
from bot.texts import series as series_texts
from bot.texts import trouble as trouble_texts
from bot.texts import upscaling as upscaling_texts
from bot.texts import words as word_texts
from bot.usecases import refusals
from engine import api


def sentence_for(error: BaseException) -> str | None:
    """Return what to tell the user about an error, or None if it is a fault nobody foresaw."""
    word = SENTENCES.get(type(error))
    return word(error) if word else None


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


SENTENCES: Mapping[type[BaseException], Callable[[Any], str]] = {
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
    refusals.UnknownGeneration: lambda e: button_texts.UNKNOWN_GENERATION,
    refusals.GenerationDeleted: lambda e: button_texts.GENERATION_DELETED,
    refusals.NotAllowed: lambda e: button_texts.NOT_ALLOWED[e.action],
    refusals.AlreadyUnderWay: lambda e: button_texts.ALREADY_UNDER_WAY,
    refusals.NoSuchPicture: lambda e: button_texts.NO_SUCH_PICTURE,
    refusals.TooManyVariations: lambda e: button_texts.too_many_variations(e.limit),
    refusals.NotCancellable: lambda e: button_texts.NOT_CANCELLABLE,
    refusals.NoRecipe: lambda e: recipe_texts.NONE_IN_FILE,
    refusals.UnknownStyle: lambda e: prompt_texts.unknown_style(e.style, e.known),
    refusals.NotBlocked: lambda e: word_texts.not_blocked(e.phrase),
    refusals.OfferOver: lambda e: series_texts.OFFER_OVER,
    refusals.PictureInSeries: lambda e: input_texts.ONE_PROMPT,
    # what a moderator may not decide
    refusals.BadNegativeLength: lambda e: admin_texts.bad_negative_length(e.limit),
    refusals.LorasInNegative: lambda e: admin_texts.loras_in_negative(e.words),
    refusals.NoWords: lambda e: word_texts.no_words(e.phrase),
    refusals.PhraseTooLong: lambda e: word_texts.phrase_too_long(e.phrase, e.limit),
    refusals.NoLimitNamed: lambda e: admin_texts.no_limit_named(e.known),
    refusals.UnknownLimit: lambda e: admin_texts.unknown_limit(e.name, e.known),
    refusals.LimitOutOfRange: lambda e: admin_texts.limit_out_of_range(e.name, e.value, e.low, e.high),
    # the ledger
    StorageError: lambda e: trouble_texts.STORAGE_TROUBLE,
    CannotSave: lambda e: trouble_texts.CANNOT_SAVE,
}
