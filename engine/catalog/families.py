"""The three architectures that can be drawn with, and what an entry of the catalogue takes from its own unless it says
otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.api import Size

BLUEPRINTS = Path(__file__).parent / "blueprints"
"""For each family the configs of its public model, for checkpoints that come as one file without any; and CLIP's merges
of byte pairs, from which the tokenizer of all three is made."""


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Args:
        id: "sd1", "sd2" or "sdxl".
        title: as people call it.
        pipeline: class in `diffusers`.
        parts: component of the pipeline to its class; all have to be in the files.
        defaults: values of `ModelInfo` that an entry may leave out.
    """

    id: str
    title: str
    pipeline: str
    parts: Mapping[str, str]
    defaults: Mapping[str, Any]


_PARTS = {
    "text_encoder": "CLIPTextModel",
    "tokenizer": "CLIPTokenizer",
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
}
_TWO_ENCODERS = {**_PARTS, "text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": "CLIPTokenizer"}
_DEFAULTS = {
    "size_step": 64,
    "steps": 25,
    "min_steps": 1,
    "max_steps": 100,
    "guidance_scale": 7.0,
    "min_guidance": 1.0,
    "max_guidance": 15.0,
    "scheduler": "DPM++ 2M Karras",
}


def _family(
    id: str,
    title: str,
    pipeline: str,
    parts: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    sides: tuple[int, int],
) -> Family:
    defaults = {
        **_DEFAULTS,
        "sizes": tuple(Size(name, width, height) for name, (width, height) in sizes.items()),
        "min_side": sides[0],
        "max_side": sides[1],
    }
    return Family(id, title, pipeline, MappingProxyType(parts), MappingProxyType(defaults))


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.id: family
        for family in (
            _family(
                "sd1",
                "Stable Diffusion 1.x",
                "StableDiffusionPipeline",
                _PARTS,
                {"square": (512, 512), "portrait": (512, 768), "landscape": (768, 512), "wide": (896, 512)},
                (256, 1024),
            ),
            _family(
                "sd2",
                "Stable Diffusion 2.x",
                "StableDiffusionPipeline",
                _PARTS,
                {"square": (768, 768), "portrait": (640, 896), "landscape": (896, 640), "wide": (1024, 576)},
                (384, 1152),
            ),
            # Four of the sizes that SDXL was trained on, all of about one megapixel.
            _family(
                "sdxl",
                "Stable Diffusion XL",
                "StableDiffusionXLPipeline",
                _TWO_ENCODERS,
                {"square": (1024, 1024), "portrait": (832, 1216), "landscape": (1216, 832), "wide": (1344, 768)},
                (512, 1536),
            ),
        )
    }
)
