"""Prompts that stand for several: `{red, blue} apple` is `red apple` and `blue apple`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.api.request_errors import BadPrompt

_MARK = re.compile(r"\\.|[{},]", re.DOTALL)


def expand_permutations(prompt: str, limit: int) -> tuple[str, ...]:
    r"""Return the prompts that one with braces stands for, in the order of writing; itself, if it has none.

    Braces may stand inside braces. Braces without partner, or without a comma between them, are text, and so is a
    character after a backslash; the backslash stays, for the prompt's syntax to read. A result stands for itself.

    Args:
        prompt: as typed.
        limit: how many prompts it may stand for, at least 1.

    Raises:
        BadPrompt: it stands for more ("permutations").
    """
    done: list[list[str]] = []  # of every group that is open: the alternatives before the one being written
    forms: list[list[str]] = [[""]]  # and all forms of that one; first, those of the whole prompt
    end = 0
    for place in [*_active(prompt), len(prompt)]:
        text, sign = prompt[end:place], prompt[place : place + 1]
        forms[-1] = [form + text for form in forms[-1]]
        end = place + 1
        if sign == "{":
            done.append([])
            forms.append([""])
        elif sign == ",":
            done[-1] += _stripped(forms[-1])
            forms[-1] = [""]
        elif sign == "}":
            alternatives = done.pop() + _stripped(forms.pop())
            if len(forms[-1]) * len(alternatives) > limit:
                raise BadPrompt("permutations", limit=limit)
            forms[-1] = [form + alternative for form in forms[-1] for alternative in alternatives]
    return tuple(forms[0])


def _active(prompt: str) -> Sequence[int]:
    """Return the places of the braces and commas that make permutations, rising."""
    active: list[int] = []
    groups: list[list[int]] = []
    for mark in _MARK.finditer(prompt):
        if mark[0] == "{":
            groups.append([mark.start()])
        elif groups and mark[0] == ",":
            groups[-1].append(mark.start())
        elif groups and mark[0] == "}":
            group = groups.pop()
            if len(group) > 1:
                active += [*group, mark.start()]
    return sorted(active)


def _stripped(forms: Iterable[str]) -> list[str]:
    return [form.strip() for form in forms]
