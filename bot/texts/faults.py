"""What a member is told of pictures that the safety gate could not judge: whose fault it was not, and what may help."""

from __future__ import annotations

from engine.api import Fault

_WHOLE = {
    Fault.DETECTOR_BROKE: (
        "The safety check broke down before it had seen {these}, so nothing is shown. This was not your prompt, and "
        "the bot's owner hears of it. Reroll to try again."
    ),
    Fault.DETECTOR_HUNG: (
        "The safety check got stuck on {these}, so nothing is shown. This was not your prompt, and the check is being "
        "restarted: please Reroll in a minute."
    ),
    Fault.NOT_FINITE: (
        "At these settings the model ended up with numbers that make no picture. Another seed, size or scheduler may "
        "help: Reroll takes new seeds."
    ),
    Fault.ONE_COLOUR: (
        "At these settings the model filled {these} with a single colour. Another seed, size or scheduler may help: "
        "Reroll takes new seeds."
    ),
}
_PART = {
    Fault.DETECTOR_BROKE: "not shown, because the safety check broke down. This was not your prompt; Reroll may help.",
    Fault.DETECTOR_HUNG: "not shown, because the safety check got stuck. This was not your prompt; Reroll in a minute.",
    Fault.NOT_FINITE: "lost: at these settings the model ended up with numbers that make no picture. Reroll may help.",
    Fault.ONE_COLOUR: "left out: at these settings the model filled {them} with a single colour. Reroll may help.",
}
_INPUT = {
    Fault.DETECTOR_BROKE: (
        "The safety check broke down before it had seen the picture you handed in, so nothing was drawn from it. This "
        "was not your picture; please try again."
    ),
    Fault.DETECTOR_HUNG: (
        "The safety check got stuck on the picture you handed in, so nothing was drawn from it. The check is being "
        "restarted: please try again in a minute."
    ),
}


def missing(fault: Fault, number: int, count: int) -> str:
    """Return what is said of `number` pictures of `count` that one fault kept from being shown."""
    if number == count:
        return _WHOLE[fault].format(these="this picture" if count == 1 else "these pictures")
    verb, them = ("was", "it") if number == 1 else ("were", "them")
    return f"{number} of {count} pictures {verb} {_PART[fault].format(them=them)}"


def input_not_judged(fault: Fault) -> str:
    """Return what is said of a picture to start from that could not be judged."""
    return _INPUT.get(fault, _INPUT[Fault.DETECTOR_BROKE])
