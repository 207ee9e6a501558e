"""Pictures that were uploaded: decoded, judged and encoded before anything else is done for their job."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from engine.api import (
    MAX_INPUT_BYTES,
    MAX_INPUT_PIXELS,
    BadInput,
    Fault,
    GenerationRequest,
    InitImage,
    InputNotJudged,
    InputWithheld,
    Placement,
    Verdict,
)
from engine.worker.safety import SafetyGate

FORMATS = ("PNG", "JPEG", "WEBP")
_WHITE = (255, 255, 255)
_LIGHT = 128


@dataclass(frozen=True, slots=True)
class EncodedInitImage:
    """A picture to start from. All on the CPU in float32.

    Args:
        strength: share of the steps that are taken.
        pixels: (3, height, width), -1.0 to 1.0.
        mask: (1, 1, height, width), 1.0 where the picture may change and 0.0 where not; None for everywhere.
        mean, deviation: (1, channels, rows, columns), of the latents, as the VAE gives them.
        stretched: height and width that the latents are brought to; None where they have them already.
        scaling_factor: of the VAE.
    """

    strength: float
    pixels: Tensor
    mask: Tensor | None
    mean: Tensor
    deviation: Tensor
    scaling_factor: float
    stretched: tuple[int, int] | None = None

    def begin(self, steps: int) -> int:
        """Return how many of the steps are left out; at least one is taken."""
        return steps - max(1, int(steps * self.strength))

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw the picture's latents."""
        latents = self.scaling_factor * (self.mean + self.deviation * torch.randn(self.mean.shape, generator=generator))
        if self.stretched is None:
            return latents
        return functional.interpolate(latents, size=self.stretched, mode="bilinear")


def read_start(request: GenerationRequest, pipeline: Any, gate: SafetyGate) -> EncodedInitImage | None:
    """Return what the recipe starts from; None for noise.

    Raises:
        BadInput: a file is missing, too large, no picture, or a mask of another size.
        InputWithheld, InputNotJudged: the gate blocks the picture, or cannot judge it.
        DetectorHung, DetectorLost: a detector hangs.
    """
    recipe, wanted = request.recipe, request.recipe.init_image
    if wanted is None:
        return None
    picture = decode_input(request.input(wanted.sha256))
    mask = _mask(request, wanted, picture.size)
    size, factor = (recipe.width, recipe.height), pipeline.vae_scale_factor
    stretched = None
    if wanted.fit == "latents":
        stretched = (recipe.height // factor, recipe.width // factor)
        size = _whole_latents(picture.size, size, factor)
    fitted = fit_picture(picture, size, wanted)
    # Edges that go on for long look like nothing that a detector knows; there is nothing new in them.
    _check(_resized(picture, wanted.placed) if wanted.placed else fitted, gate)
    start = encode_start(pipeline, wanted.strength, fitted, mask and fit_mask(mask, size, wanted))
    return replace(start, stretched=stretched)


def read_small_picture(request: GenerationRequest, gate: SafetyGate) -> Image.Image:
    """Return the picture that the recipe's upscaler is to make as large as the recipe says.

    Raises:
        BadInput: it is missing, too large, or no picture.
        InputWithheld, InputNotJudged, DetectorHung, DetectorLost: as in `read_start`.
    """
    recipe = request.recipe
    assert recipe.init_image is not None
    assert recipe.upscaler is not None
    size = (recipe.width // recipe.upscaler.factor, recipe.height // recipe.upscaler.factor)
    picture = decode_input(request.input(recipe.init_image.sha256))
    fitted = fit_picture(picture, size, recipe.init_image)
    _check(fitted, gate)
    return fitted


def _check(picture: Image.Image, gate: SafetyGate) -> None:
    review = gate.judge(picture)
    if review.verdict is Verdict.BLOCK:
        raise InputWithheld
    if review.verdict is not Verdict.ALLOW:
        raise InputNotJudged(review.fault or Fault.DETECTOR_BROKE, review.reason)


def _whole_latents(own: tuple[int, int], most: tuple[int, int], factor: int) -> tuple[int, int]:
    """Return a picture's own size in whole latents, and no larger than it is to be drawn."""
    width, height = (max(factor, min(side, limit) // factor * factor) for side, limit in zip(own, most, strict=True))
    return width, height


def decode_input(data: bytes) -> Image.Image:
    """Return the RGB picture in a file: upright, what is transparent on white.

    Raises:
        BadInput: the file is too large, has too many pixels, or is no whole picture.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_INPUT_PIXELS:  # told by the header, before anything is unpacked
                raise BadInput("too_many_pixels", MAX_INPUT_PIXELS)
            return _on_white(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError as error:
        raise BadInput("too_many_pixels", MAX_INPUT_PIXELS) from error
    except BadInput:
        raise
    except Exception as error:  # whatever a damaged file makes its decoder raise
        raise BadInput("unreadable") from error


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*_WHITE, 255)), picture).convert("RGB")


def _mask(request: GenerationRequest, wanted: InitImage, size: tuple[int, int]) -> Image.Image | None:
    if not wanted.mask:
        return Image.new("L", size) if wanted.placed else None
    mask = decode_input(request.input(wanted.mask))
    if mask.size != size:
        raise BadInput("mask_size")
    return mask.convert("L")


def fit_picture(picture: Image.Image, size: tuple[int, int], wanted: InitImage) -> Image.Image:
    """Return the picture in a size, cropped, padded or placed as wanted; itself, if it has that size."""
    if wanted.placed:
        return _placed(picture, size, wanted.placed)
    if picture.size == size:
        return picture
    if wanted.fit == "pad":
        return ImageOps.pad(picture, size, Image.Resampling.LANCZOS, color=_WHITE)
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def fit_mask(mask: Image.Image, size: tuple[int, int], wanted: InitImage) -> Image.Image:
    """Return a mask as its picture is fitted; light where there was no picture."""
    if wanted.placed:
        framed = Image.new("L", size, 255)
        framed.paste(_resized(mask, wanted.placed), (wanted.placed.left, wanted.placed.top))
        return framed
    if mask.size == size:
        return mask
    if wanted.fit == "pad":
        return ImageOps.pad(mask, size, Image.Resampling.LANCZOS, color=255)
    return ImageOps.fit(mask, size, Image.Resampling.LANCZOS)


def _placed(picture: Image.Image, size: tuple[int, int], placed: Placement) -> Image.Image:
    """Return the frame with the picture in its place; around it its edges go on outwards."""
    columns, rows = (
        np.clip(np.arange(side) - begin, 0, own - 1)
        for side, begin, own in zip(size, (placed.left, placed.top), (placed.width, placed.height), strict=True)
    )
    return Image.fromarray(np.asarray(_resized(picture, placed))[rows[:, None], columns])


def _resized(picture: Image.Image, placed: Placement) -> Image.Image:
    size = (placed.width, placed.height)
    return picture if picture.size == size else ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


@torch.no_grad()
def encode_start(pipeline: Any, strength: float, picture: Image.Image, mask: Image.Image | None) -> EncodedInitImage:
    """Encode a picture of the recipe's size with a pipeline's VAE."""
    # In memory as the stock pipelines have it, colours innermost: the encoder's kernels depend on it.
    pixels = torch.from_numpy(np.asarray(picture)[None].astype(np.float32) / 255.0).permute(0, 3, 1, 2)
    pixels = 2.0 * pixels - 1.0
    vae = pipeline.vae
    latents = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
    light = None if mask is None else torch.from_numpy((np.asarray(mask) >= _LIGHT).astype(np.float32))[None, None]
    return EncodedInitImage(
        strength, pixels[0], light, latents.mean.float().cpu(), latents.std.float().cpu(), vae.config.scaling_factor
    )
