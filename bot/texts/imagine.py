"""`/imagine` and its options."""

from __future__ import annotations

IMAGINE = "Draw pictures from a description"
PROMPT = "What you want to see"
NEGATIVE = "What you do not want to see"
MODEL = "Which model draws"
SIZE = "A size from the list, or WIDTHxHEIGHT in pixels"
STEPS = "More steps take longer and add detail"
GUIDANCE = "How closely to follow the prompt"
SCHEDULER = "How noise is removed, step by step"
SEED = "A number from 0 to 4294967295; the same seed gives the same picture"
COUNT = "How many pictures, 1 to 4"
PRESET = "Speed or detail; what you set yourself wins over it"
PRESETS = {
    "draft": "Draft · about twice as fast, to try an idea",
    "standard": "Standard · what suits the model",
    "quality": "Quality · slower, with more steps",
}
STYLE = "A look: its words go around yours, and you see them with the picture"
LORA = "LoRAs that change the model: ink, or ink:0.8 for less of it; several with commas"
CLIP_SKIP = "Last layers of the text encoder to leave out; A1111's “Clip skip: 2” is 1 here"
IMAGE = "A picture to start from: PNG, JPEG or WebP, up to 20 MB"
STRENGTH = "How much of the picture is drawn anew, 0.05 to 1; 0.6 if you leave it out"
FIT = "What happens to a picture of another shape"
FITS = {
    "crop": "Crop · fill the size, cut what stands out",
    "pad": "Pad · keep all of it, with white around",
}
MASK = "A picture of the same size, light where it may change and dark where it must stay"
