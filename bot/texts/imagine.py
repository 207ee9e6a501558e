"""`/imagine` and its options."""

from __future__ import annotations

IMAGINE = "Draw pictures from a description"
IMAGINE_PROMPT = "What you want to see"
IMAGINE_NEGATIVE = "What you do not want to see"
IMAGINE_MODEL = "Which model draws"
IMAGINE_SIZE = "A size from the list, or WIDTHxHEIGHT in pixels"
IMAGINE_STEPS = "More steps take longer and add detail"
IMAGINE_GUIDANCE = "How closely to follow the prompt"
IMAGINE_SCHEDULER = "How noise is removed, step by step"
IMAGINE_SEED = "A number from 0 to 4294967295; the same seed gives the same picture"
IMAGINE_COUNT = "How many pictures, 1 to 4"
IMAGINE_PRESET = "Speed or detail; what you set yourself wins over it"
IMAGINE_PRESETS = {
    "draft": "Draft · about twice as fast, to try an idea",
    "standard": "Standard · what suits the model",
    "quality": "Quality · slower, with more steps",
}
