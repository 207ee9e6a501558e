"""What is said before and while several prompts, written as one, are drawn."""

from __future__ import annotations

from bot.texts.hints import hint
from bot.texts.phrases import MESSAGE_LENGTH, pictures
from bot.texts.sanitize import inert
from bot.usecases.series import Offer

PROMPT_LENGTH = 60

CANCEL = "Cancel"
WITHDRAWN = "Nothing was drawn."
OFFER_OVER = "This offer is over. Please type /imagine again."


def draw(prompts: int) -> str:
    return f"Draw {prompts}"


def offer(offer: Offer) -> str:
    count = len(offer.prompts)
    lines = [
        f"The braces stand for {count} prompts: {count} messages, {pictures(offer.pictures)} in all.",
        f"This takes {offer.pictures} of the {offer.left_today} you have left for today.",
    ]
    if offer.ahead:
        requests = "1 request" if offer.ahead == 1 else f"{offer.ahead} requests"
        lines.append(f"Before them in the queue: {requests}.")
    if offer.hint:
        lines.append(hint(offer.hint))
    # Last, since Discord takes a line under a list for a part of it.
    lines += [f"{number}. {inert(prompt, PROMPT_LENGTH)}" for number, prompt in enumerate(offer.prompts, 1)]
    return "\n".join(lines)[:MESSAGE_LENGTH]


def accepted(prompts: int) -> str:
    return f"Drawing {prompts} prompts, each in a message of its own."
