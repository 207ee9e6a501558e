"""What is asked of the engine: a recipe (what decides the pixels) inside a request (who and when)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from engine.api.addons import Inversion, LoraUse
from engine.api.numbers import real, whole
from engine.api.placement import Placement
from engine.api.request_errors import BadInput
from engine.api.seeds import ImageSeed, Variation
from engine.api.upscalers import Upscaler, UpscalerUse

MAX_IMAGES = 4
MAX_CLIP_SKIP = 32
MAX_TYPED_CHARACTERS = 4000  # of a prompt, or a negative prompt, as a member types it
MAX_PROMPT_CHARACTERS = 6000  # of what is made of it, with the words of style, model, LoRAs and server
PARSER_VERSION = 2
MAX_INPUT_BYTES = 20 * 2**20
MAX_INPUT_PIXELS = 50_000_000
FITS = ("crop", "pad", "latents")
UPSCALE_STRENGTH = 0.35
_LATER_FIELDS = ("inversions", "loras", "init_image", "upscaler", "clip_skip")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class InitImage:
    """A picture to start from. Its bytes travel beside the recipe (`GenerationRequest.inputs`).

    Args:
        sha256: hexadecimal, over the file's bytes.
        strength: share of the steps that are taken, over 0.0 (keeps the picture) to 1.0 (leaves little of it).
        fit: how a picture of another size comes to the recipe's, one of FITS: "crop" from its middle, "pad" with white,
            or stretch its "latents", which keeps its edges clean where it is to grow.
        mask: hash of a second file, a picture of the same size that is light where the picture may change; empty for
            none. What was padded may always change.
        placed: where the picture lies in the recipe's size, if not in its middle; its edges go on outwards instead of
            white, and what is around it is drawn new. Only with "pad".
    """

    sha256: str
    strength: float
    fit: str = "crop"
    mask: str = ""
    placed: Placement | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "strength", real("strength", self.strength, 0.0, 1.0))
        if self.strength == 0.0:
            raise ValueError("strength must be over 0.0")
        if self.fit not in FITS:
            raise ValueError(f"fit must be one of {', '.join(FITS)}, not {self.fit!r}")
        if not _SHA256.fullmatch(self.sha256) or (self.mask and not _SHA256.fullmatch(self.mask)):
            raise ValueError("a picture and its mask are named by 64 hexadecimal digits")
        if self.mask and self.fit == "latents":
            raise ValueError("latents are stretched without a mask")
        if self.placed and self.fit != "pad":
            raise ValueError("a picture that is placed is padded")

    @property
    def files(self) -> tuple[str, ...]:
        """The hashes of the files that have to be there."""
        return (self.sha256, self.mask) if self.mask else (self.sha256,)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the pixels. Equal recipes have equal canonical JSON and equal hashes.

    Args:
        model: catalogue id.
        model_revision: revision of the model's files, as in the catalogue.
        prompt: positive prompt, as typed.
        negative_prompt: replaces the empty unconditional prompt.
        width, height: pixels.
        steps: num_inference_steps.
        guidance_scale: classifier-free guidance; none if it is not `guided`.
        scheduler: noise scheduler by the name people know, e.g. "DPM++ 2M".
        images: one entry per image, 1 to MAX_IMAGES.
        parser_version: version of the prompt syntax (`engine.api.syntax`) that reads the prompts; 1 has none.
        inversions: those that the prompts name, in the catalogue's order.
        loras: those that the prompts name, in their order.
        init_image: what to start from instead of noise; None for noise.
        upscaler: what makes that picture larger, to this width and height; None where the model draws.
        clip_skip: last layers of the text encoders that the prompt skips, as in diffusers: A1111's "Clip skip: 2" is 1
            here; 0 for none.

    Raises:
        ValueError: a field is not a finite number, or outside what any model could take.
    """

    model: str
    model_revision: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    scheduler: str
    images: tuple[ImageSeed, ...]
    parser_version: int = PARSER_VERSION
    inversions: tuple[Inversion, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    init_image: InitImage | None = None
    upscaler: UpscalerUse | None = None
    clip_skip: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", whole("width", self.width, 1, 16384))
        object.__setattr__(self, "height", whole("height", self.height, 1, 16384))
        object.__setattr__(self, "steps", whole("steps", self.steps, 1, 1000))
        object.__setattr__(self, "guidance_scale", real("guidance_scale", self.guidance_scale, 0.0, 100.0))
        object.__setattr__(self, "images", tuple(self.images))
        object.__setattr__(self, "inversions", tuple(self.inversions))
        object.__setattr__(self, "loras", tuple(self.loras))
        object.__setattr__(self, "clip_skip", whole("clip_skip", self.clip_skip, 0, MAX_CLIP_SKIP))
        if not 1 <= len(self.images) <= MAX_IMAGES:
            raise ValueError(f"a recipe has 1 to {MAX_IMAGES} images, not {len(self.images)}")
        if self.upscaler is not None:
            start = self.init_image
            if start is None or start.mask or start.placed or len(self.images) > 1:
                raise ValueError("an upscaler takes one picture, whole")
            if self.width % self.upscaler.factor or self.height % self.upscaler.factor:
                raise ValueError(f"{self.width}x{self.height} is no size x{self.upscaler.factor}")

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance has a part in it, as `is_guided`."""
        return is_guided(self.guidance_scale)

    @property
    def grows(self) -> bool:
        """Whether it makes a picture larger."""
        return self.upscaler is not None or (self.init_image is not None and self.init_image.fit == "latents")

    def canonical_json(self) -> str:
        """Return the one JSON text of this recipe: sorted keys, no spaces, numbers normalised.

        Fields that recipes did not always have are left out where they are empty, so that old recipes keep their text.
        """
        data = {name: value for name, value in asdict(self).items() if name not in _LATER_FIELDS or value}
        if self.init_image and not self.init_image.placed:
            del data["init_image"]["placed"]
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def sha256(self) -> str:
        """Return the hexadecimal SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @property
    def steps_taken(self) -> int:
        """The steps that are really taken: a share of them where the recipe starts from a picture."""
        return self.steps if self.init_image is None else max(1, int(self.steps * self.init_image.strength))

    def upscaled(self, index: int, sha256: str, factor: int, upscaler: Upscaler | None = None) -> Recipe:
        """Return the recipe of one image grown.

        Args:
            index: of the image.
            sha256: of the image's file.
            factor: by which each side grows.
            upscaler: what makes it larger; None for the model itself (its latents stretched, then img2img at a low
                strength).
        """
        width, height = self.width * factor, self.height * factor
        alone = replace(self, width=width, height=height, images=(self.images[index],), upscaler=None)
        if upscaler is None:
            return replace(alone, init_image=InitImage(sha256, UPSCALE_STRENGTH, "latents"))
        use = UpscalerUse(upscaler.name, upscaler.revision, factor)
        return replace(alone, init_image=InitImage(sha256, 1.0), upscaler=use, inversions=(), loras=(), clip_skip=0)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe back from its canonical JSON.

        Raises:
            ValueError: the text is not a recipe's JSON.
        """
        try:
            data: Mapping[str, Any] = json.loads(text)
            images = tuple(
                ImageSeed(image["seed"], tuple(Variation(**variation) for variation in image["variations"]))
                for image in data["images"]
            )
            inversions = tuple(Inversion(**inversion) for inversion in data.get("inversions", ()))
            loras = tuple(LoraUse(**lora) for lora in data.get("loras", ()))
            init_image = _init_image(data["init_image"]) if "init_image" in data else None
            nested: dict[str, Any] = {"images": images, "inversions": inversions, "loras": loras}
            nested["init_image"] = init_image
            nested["upscaler"] = UpscalerUse(**data["upscaler"]) if "upscaler" in data else None
            known = {field.name for field in fields(cls)} - set(nested)
            if unknown := set(data) - known - set(nested):
                raise ValueError(f"unknown fields: {sorted(unknown)}")
            return cls(**nested, **{name: data[name] for name in known if name in data or name not in _LATER_FIELDS})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a recipe: {error!r}") from error


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A recipe and what decides when it is drawn and for whom.

    Args:
        recipe: what to draw.
        job_id: the ledger's id of the job; unique among live jobs.
        attempt: 1 for the first submission, counted by the ledger.
        accepted_at: when the ledger first accepted the job, seconds since the epoch; kept over attempts.
        tenant: who the queue must be fair to, e.g. "guild:user".
        weight: share of the queue against other tenants, over 0.
        deadline: give up if not started by then, seconds since the epoch; None for never.
        previews: whether previews are wanted.
        inputs: the files that the recipe names by their hashes.
        max_file_bytes: what a picture's file may have; what is larger as a PNG becomes WebP or JPEG. 0 for PNGs only.
        alone: whether it has a worker to itself, because it may be what ended one.
    """

    recipe: Recipe
    job_id: str
    attempt: int
    accepted_at: float
    tenant: str
    weight: float = 1.0
    deadline: float | None = None
    previews: bool = True
    inputs: tuple[bytes, ...] = ()
    max_file_bytes: int = 0
    alone: bool = False

    def check_inputs(self) -> None:
        """Raise BadInput unless every file that the recipe names is there, and none is larger than MAX_INPUT_BYTES."""
        if any(len(data) > MAX_INPUT_BYTES for data in self.inputs):
            raise BadInput("too_large", MAX_INPUT_BYTES)
        for sha256 in self.recipe.init_image.files if self.recipe.init_image else ():
            self.input(sha256)

    def input(self, sha256: str) -> bytes:
        """Return the bytes of a file. Raises BadInput: it is not among the inputs."""
        for data in self.inputs:
            if hashlib.sha256(data).hexdigest() == sha256:
                return data
        raise BadInput("missing")


def is_guided(guidance_scale: float) -> bool:
    """Tell whether classifier-free guidance has a part in an image.

    Each image then takes two rows of the UNet's batch, unconditional and conditional; otherwise the conditional alone.
    """
    return guidance_scale > 1.0


def _init_image(data: Mapping[str, Any]) -> InitImage:
    placed = Placement(**data["placed"]) if "placed" in data else None
    return InitImage(**{**data, "placed": placed})
