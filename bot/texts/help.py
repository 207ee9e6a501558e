"""What `/help` says. Each topic is one message that can be read on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.domain.styles import Style
from bot.texts import words
from bot.texts.phrases import MESSAGE_LENGTH, choices
from bot.texts.sanitize import inert
from engine.api import ModelInfo

HELP = "How to draw: prompts, styles, settings, and what to do when it goes wrong"
HELP_TOPIC = "What you want to read about"

TOPICS = {
    "start": "Start · what to type",
    "prompts": "Prompts · how to write a good one",
    "styles": "Styles · looks you can choose",
    "syntax": "Syntax · weights, LoRAs, several at once",
    "settings": "Settings · steps, guidance, scheduler, size",
    "trouble": "Trouble · when it looks wrong",
    "models": "Models · what they are for and what is allowed",
}

START = """\
**Draw a picture**
Type `/imagine` and what you want to see:
```
a lighthouse on a cliff, watercolour, evening light
```
The pictures come into this channel. The buttons under them draw them again, vary or enlarge them.

- `style` gives them a look.
- `negative_prompt` says what you do not want to see.
- `count` draws up to 4 at once.
- `preset` draft is quick, quality takes its time.

`/build` asks five questions and draws from your answers. `/quota` says what you have left for today.

-# More: /help topic, with prompts, styles, syntax, settings, trouble or models"""

PROMPTS = """\
**Write a good prompt**
Name these, the most important first, with commas between:
1. Subject: who or what, and what it does
2. Style: photo, watercolour, pixel art
3. Quality: detailed, sharp focus
4. Lighting: soft morning light, neon at night
5. Composition: close-up, from above, wide view
6. Details: the place, clothes, weather, colours

```
an old fisherman mending a net, oil painting, highly detailed, warm evening light, close-up, harbour in the background
```
- Say what you want to see. What you do not want belongs into `negative_prompt`: "no hat" in the prompt draws hats.
- Plain, concrete words work best.
- To compare, keep the `seed` and change one thing at a time."""

SYNTAX = """\
**Weights, LoRAs, several at once**
`(red:1.3)` counts for more, `(red:0.7)` for less. Best between 0.5 and 1.5.
`(red)` is 1.1 times as much, `[red]` 1.1 times less.
`BREAK` keeps what follows apart from what went before.
`<lora:ink:0.8>` adds a LoRA called ink, at weight 0.8.
`{red, blue} apple` draws a red apple and a blue apple, each in a message of its own. You see what it costs first.
`\\(`, `\\[`, `\\{` is the bracket itself.

```
a (red:1.3) fox in the [snow], {morning, night}
```"""

SETTINGS = """\
**Settings of /imagine**
Leave them out, and they suit the model. To try something:
- `steps`: 20 to 30 suits most. More add a little detail and take longer.
- `guidance`: how closely to follow the prompt. 5 to 9 suits most; more burns colours, less wanders off.
- `scheduler`: how noise is removed. DPM++ 2M Karras is a good one, UniPC is quick, Euler a is livelier.
- `size`: the model's own sizes look best. Make pictures larger with Upscale.
- `seed`: the same number and the same settings give the same picture. You find it under each picture.
- `preset`: draft, standard or quality set these for you. What you set yourself wins."""

TROUBLE = """\
**When it looks wrong**
- Washed out, or colours too harsh: lower `guidance`, or take another `scheduler`.
- It ignores the prompt: raise `guidance`, put what matters first, or say it in other words.
- Extra fingers, smears, odd bits: another seed (Reroll), a `negative_prompt`, or other `steps`.
- Things appear twice: choose one of the model's own sizes, then Upscale.
- Unfinished or blurry: more `steps`, at least 20.
- Nearly right: Vary keeps the picture and changes a little.
- Held back: the safety checker is careful and can be wrong. Reroll, or use other words.
- Refused for its words: some things are drawn on no server. For grown-ups, write woman or man, not girl or boy."""

# Topics that need nothing but words.
PAGES = {"start": START, "prompts": PROMPTS, "syntax": SYNTAX, "settings": SETTINGS, "trouble": TROUBLE}

RESPONSIBLE = (
    "**Use them with care**\n"
    "You answer for what you draw. Do not harm, deceive or insult people, and say that a picture was made by a machine "
    "where that matters. The models learnt from pictures of the web and repeat their prejudices: say age, clothes or "
    "looks if you want others."
)


def styles(styles: Sequence[Style]) -> str:
    if not styles:
        return "There are no styles here."
    lines = [f"- `{style.name}` {inert(style.description, 80)}" for style in styles]
    closing = "A style's words go around yours, and you see them with the picture."
    return _fitting(["**Styles**, for `/imagine style`", closing], lines)


def models(models: Iterable[ModelInfo], words_blocked: bool = False) -> str:
    first = [RESPONSIBLE, *([words.SOME_BLOCKED] if words_blocked else []), "", "**Models here**"]
    return _fitting(first, [_model(model) for model in models])


def _model(model: ModelInfo) -> str:
    restrictions = f" {inert(model.restrictions, 150)}" if model.restrictions else ""
    triggers = f" Brings out its style: {choices(model.trigger_words)}." if model.trigger_words else ""
    licence = inert(model.licence, 80).rstrip(".")
    return f"- `{model.id}` {inert(model.description, 120)} Licence: {licence}.{restrictions}{triggers}"


def _fitting(first: Sequence[str], lines: Sequence[str]) -> str:
    """Return the lines as one message, with a last one that counts those for which there is no room."""
    room = MESSAGE_LENGTH - len("\n".join(first)) - 20
    kept = list(first)
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*kept, f"… and {len(lines) - number} more"])
        kept.append(line)
    return "\n".join(kept)
