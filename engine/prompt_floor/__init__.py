"""What no prompt may ask for, on any server: the floor beneath every other rule about words.

The picture gate carries the load; this floor refuses what is plain from the words. `engine.api.folding` undoes
disguises, `lexicon` has the words of thirteen languages, `ages` finds ages, `marks` decides which words count where
they stand, `rules` which of them together are never drawn, `persons` who is real, and `negative` what a negative
prompt may not push away.
"""

from __future__ import annotations

from engine.api import MAX_PROMPT_CHARACTERS, BadPrompt, parse_prompt
from engine.api.folding import Reading, fold
from engine.prompt_floor.marks import Marks, find_marks
from engine.prompt_floor.negative import is_severe_beside
from engine.prompt_floor.persons import find_persons
from engine.prompt_floor.rules import is_severe

__all__ = ["check_negative_prompt", "check_prompt"]


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that is empty, too long, or forbidden everywhere.

    Raises:
        BadPrompt: with reason "empty", "too_long", "unreadable" or "forbidden".
    """
    _check_text(prompt, "whole prompt")
    readings = fold(prompt)
    if not readings[0].words and not _visible_signs(prompt):
        raise BadPrompt("empty")
    marks = find_marks(readings)
    if is_severe(marks) or (marks.sexual and _names_somebody(prompt, readings, marks)):
        raise BadPrompt("forbidden")


def check_negative_prompt(negative_prompt: str, prompt: str) -> None:
    """Refuse a negative prompt that is too long, no text, or makes what is forbidden of the prompt.

    It names what must not be seen, so that any word may be there but those of clothes where the prompt has somebody
    young, and those of grown-ups where it is sexual.

    Raises:
        BadPrompt: with reason "too_long", "unreadable" or "forbidden".
    """
    _check_text(negative_prompt, "whole negative prompt")
    if negative_prompt and is_severe_beside(negative_prompt, find_marks(fold(prompt))):
        raise BadPrompt("forbidden", part="negative prompt")


def _check_text(text: str, part: str) -> None:
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise BadPrompt("too_long", len(text), MAX_PROMPT_CHARACTERS, part)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadPrompt("unreadable")


def _visible_signs(prompt: str) -> bool:
    """Return whether there is something to see in a prompt without words, such as an emoji."""
    return any(not character.isspace() for character in parse_prompt(prompt).text if character.isprintable())


def _names_somebody(prompt: str, readings: tuple[Reading, ...], marks: Marks) -> bool:
    sexual = {mark.chunk for mark in marks.sexual}
    return any(not sexual.isdisjoint(near) for near in find_persons(prompt, readings))
