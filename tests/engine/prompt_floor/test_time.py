"""The floor takes time in proportion to a text, whatever is in it. `pytest -s` prints milliseconds."""

from __future__ import annotations

import gc
import re
import time

import pytest

from engine.api import MAX_PROMPT_CHARACTERS
from tests.engine.prompt_floor.corpora import captions, is_forbidden

PLAIN = ", ".join(caption for caption in captions()["en_plain"] if not re.search(r"[0-9]", caption))
MOST = 5.0
TRIES = 4

# A piece a line, to be repeated.
PIECES = tuple(
    line.strip("|")
    for line in """\
|a|
|a |
|a-|
|a1 |
|a*3 |
|*|
|1 |
|12 |
|(|
|([{<|
|\ufdfa|
|㌀|
|⑽|
|裸|
|ロリ |
|裸子|
|ロリ裸 |
|nude |
|child |
|nude statue |
|teen wolf beside a sexy |
|baby bird |
|Emma Stone nude |
|Aa Bb nude |
|emma |
|my |
|girl 8 |
|age 12 |
|twelve years |
|twenty five years |
|十二|
|no |
|n*de |
|p o r n |
|zeeebra1! |
|e\u0301\u0327|
|\u202ea |
|\u202ezebra |
|!a|
|@|
|a\u200b|
|\U0001f1ff|
|아이 |
|дети голые |
|aaa bbb1 c* |
|un un |
|of a child nude statue |
|naked red red red red |
|<lora:a:1>|
|(a:1.2)|
|(a:7)|
|BREAK |
|\\(|
|:1.2)|
|{a,b}|
|\u3099|
|a\u3099|
|क\u093f|
|\x01|
|,|
|, |
|stripping the |
|nackt|
|nackt |""".splitlines()
)


def cost_s(text: str, rounds: int = 3) -> float:
    """Return the least processor time of this thread that a text took, without searches for garbage of the tests."""
    took = []
    gc.disable()
    try:
        for _ in range(rounds):
            began = time.thread_time()
            is_forbidden(text)
            took.append(time.thread_time() - began)
    finally:
        gc.enable()
    return min(took)


def as_long_as_may_be(piece: str) -> str:
    return f"x {piece * MAX_PROMPT_CHARACTERS}"[:MAX_PROMPT_CHARACTERS]


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_costs_more_than_five_times_as_much_as_plain_text_of_its_length(piece: str) -> None:
    text, plain = as_long_as_may_be(piece), as_long_as_may_be(PLAIN)
    ratios = []
    for _ in range(TRIES):
        taken_s, plain_s = cost_s(text), cost_s(plain)
        ratios.append(taken_s / plain_s)
        if ratios[-1] <= MOST:
            break
    print(f"{piece!r}: {1000 * taken_s:.1f} ms, plain text {1000 * plain_s:.1f} ms, {ratios[-1]:.1f} times")
    assert min(ratios) <= MOST


def test_twice_the_text_costs_about_twice_as_much() -> None:
    for piece in ("n*de a1 ", "裸子", PLAIN):
        text = as_long_as_may_be(piece)
        for _ in range(TRIES):
            ratio = cost_s(text) / cost_s(text[: len(text) // 2])
            if ratio <= 3:
                break
        assert ratio <= 3, piece[:20]
