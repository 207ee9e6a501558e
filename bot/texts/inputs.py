"""Sentences about pictures to start from."""

LOOKING = "Looking at your picture…"
ASK_AGAIN = "I was restarted while I looked at your picture. Please use /imagine again, with the picture."

IMAGE_NEEDED = {
    "strength": "Strength needs a picture to start from. Add one with the image option.",
    "fit": "Fit needs a picture to start from. Add one with the image option.",
    "mask": "A mask needs the picture it belongs to. Add that one with the image option.",
}
ONE_PROMPT = (
    "A picture goes with one prompt at a time, and the braces of this one make it several. Please leave them out, or "
    "put a backslash before each."
)
NOT_FETCHED = "Discord did not hand me your picture. Please send the command again."

INPUT_UNREADABLE = "This file is no whole PNG, JPEG or WebP picture. Please save it as one of these and try again."
INPUT_MISSING = "The picture that this starts from is not there any more. Please hand it in again."
MASK_SIZE = "The mask must have the same width and height as the picture. Please make it again over the picture."
INPUT_BLOCKED = "The picture you handed in was held back by the safety checker, so nothing was drawn from it."

USE_AS_INPUT = "Use as input"
ZOOM_OUT = "Zoom out"
PAN = {"left": "Pan ←", "right": "Pan →", "up": "Pan ↑", "down": "Pan ↓"}

FORM_TITLE = "Draw this picture over"
FORM_PROMPT = "What you want to see"
FORM_STRENGTH = "How much is drawn anew, 0.05 to 1"
STRENGTH_HINT = "Write a number from 0.05 (hardly any of the picture) to 1 (nearly all of it), such as 0.6."
FORM_UNREADABLE = "I do not know this form any more. Please press the button again."


def started_from(strength: float) -> str:
    return f"from a picture at strength {strength:g}"


def input_too_large(limit: int) -> str:
    return f"A picture's file may have {limit // 2**20} MB. Please hand in a smaller one."


def input_has_too_many_pixels(limit: int) -> str:
    return f"A picture may have {limit // 10**6} million pixels. Please scale it down and hand it in again."
