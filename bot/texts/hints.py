"""What is said, in small print, when a value that a member set may have spoiled a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bot.domain.hints import Hint, Rule
from bot.texts.phrases import number

_WORDS: Mapping[Rule, Callable[[Hint], str]] = MappingProxyType(
    {
        Rule.LARGE: lambda hint: (
            f"this size is far over what the model learnt, so things may repeat. Draw at {_size(hint)}, then Upscale."
        ),
        Rule.SMALL: lambda hint: (
            f"this size is far under what the model learnt, so shapes may fall apart. It is best at {_size(hint)}."
        ),
        Rule.GUIDANCE_HIGH: lambda hint: (
            f"guidance over {number(hint.high)} tends to burn the colours of this model. Try less."
        ),
        Rule.GUIDANCE_LOW: lambda hint: (
            f"with guidance under {number(hint.low)} this model hardly follows the prompt, and the negative prompt "
            "does little. Try more."
        ),
        Rule.STEPS_HIGH: lambda hint: (
            f"more than {number(hint.high)} steps with {hint.scheduler} mostly take longer. Fewer should do."
        ),
        Rule.STEPS_LOW: lambda hint: (
            f"under {number(hint.low)} steps {hint.scheduler} often leaves a picture unfinished. Try more."
        ),
        Rule.STRENGTH_HIGH: lambda hint: (
            f"strength over {number(hint.high)} leaves little of the picture you gave. Try less to keep more of it."
        ),
        Rule.STRENGTH_LOW: lambda hint: (
            f"strength under {number(hint.low)} changes hardly anything. Try more to see the prompt."
        ),
    }
)


def hint(hint: Hint) -> str:
    return f"-# Hint: {_WORDS[hint.rule](hint)}"


def _size(hint: Hint) -> str:
    return f"{number(hint.low)}x{number(hint.high)}"
