"""Images that start from a picture: each as the stock pipeline draws it alone, in one batch with others."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.api import (
    BadInput,
    Direction,
    Fault,
    GenerationRequest,
    ImageSeed,
    InitImage,
    InputNotJudged,
    InputWithheld,
    Placement,
    Recipe,
    Verdict,
    panned,
    zoomed_out,
)
from engine.catalog import SCHEDULERS
from engine.worker.jobs import begin_job
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.safety import Detector, SafetyGate, TimedDetector
from engine.worker.safety.detectors import Finding
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import decode, pack
from engine.worker.sampling.init_images import decode_input, fit_mask, fit_picture
from engine.worker.sampling.steps import advance

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

SIDE = 64
STOCK = {
    "sd1": ("StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    "sd2": ("StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    "sdxl": ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline"),
}


class Opinion:
    """A detector that says of every picture what it was told."""

    name = "opinion"

    def __init__(self, blocked: bool) -> None:
        self.blocked = blocked

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        return Finding(self.blocked, "told so" if self.blocked else "")


def gate_of(floor: Detector, checker: Detector) -> SafetyGate:
    return SafetyGate(TimedDetector(floor), TimedDetector(checker), side=512)


def photograph(width: int = SIDE, height: int = SIDE) -> Image.Image:
    noise = np.random.default_rng(5).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def left_half() -> Image.Image:
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    return mask


def file_of(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


PHOTOGRAPH, MASK = file_of(photograph()), file_of(left_half())


def allowing(model: LoadedModel) -> LoadedModel:
    return replace(model, gate=gate_of(Opinion(False), Opinion(False)))


def request(recipe: Recipe, *inputs: bytes) -> GenerationRequest:
    return GenerationRequest(recipe, "job", 1, 0.0, "guild:user", inputs=inputs)


def stock(family: Family, recipe: Recipe, picture: Image.Image | None = None, mask: Image.Image | None = None) -> Any:
    """Draw with the stock pipeline for what the recipe starts from, or for a picture and a mask of the test's."""
    wanted = recipe.init_image
    assert wanted
    masked = bool(wanted.mask or mask)
    spec = SCHEDULERS[recipe.scheduler]
    own = getattr(diffusers, STOCK[family.recipe.model][masked])
    pipeline = own(**{name: part for name, part in family.stock.components.items() if name != "image_encoder"},
                   **({} if family.recipe.model == "sdxl" else {"requires_safety_checker": False}))  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    config = family.model.pipeline.scheduler.config
    pipeline.scheduler = getattr(diffusers, spec.class_name).from_config(config, **spec.changes)
    sides = {"mask_image": mask or left_half(), "width": recipe.width, "height": recipe.height} if masked else {}
    return pipeline(
        recipe.prompt,
        negative_prompt=recipe.negative_prompt or None,
        image=picture or photograph(),
        strength=wanted.strength,
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(recipe.images[0].seed),
        output_type="latent",
        **sides,
    ).images[0]


def draw_together(model: LoadedModel, *recipes: Recipe) -> list[Any]:
    jobs = [begin_job(request(recipe, PHOTOGRAPH, MASK), model) for recipe in recipes]
    image_states = [drawing for job in jobs for drawing in job.image_states]
    while batch := pack(image_states, 16, {}):
        advance(batch)
    return image_states


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler a", "DPM++ 2M Karras", "Heun"])
def test_each_picture_of_a_mixed_batch_is_the_stock_pipelines_alone(family: Family, scheduler: str) -> None:
    recipes = [
        replace(family.recipe, scheduler=scheduler, steps=5, images=(ImageSeed(seed),), init_image=init_image)
        for seed, init_image in enumerate(
            [InitImage(sha(PHOTOGRAPH), 0.6), None, InitImage(sha(PHOTOGRAPH), 1.0), InitImage(sha(PHOTOGRAPH), 0.25)]
        )
    ]
    image_states = draw_together(allowing(family.model), *recipes)
    assert [drawing.steps for drawing in image_states][1] > image_states[0].steps > image_states[3].steps
    for drawing, recipe in zip(image_states, recipes, strict=True):
        wanted = stock(family, recipe) if recipe.init_image else family.stock_latents(recipe)
        assert torch.equal(drawing.latents[0], wanted)


@pytest.mark.parametrize(
    ("scheduler", "strength"), [("DDIM", 0.6), ("Euler a", 0.6), ("DPM++ 2M Karras", 1.0), ("Heun", 0.8)]
)
def test_inpainting_is_the_stock_pipelines_before_compositing(family: Family, scheduler: str, strength: float) -> None:
    recipe = replace(family.recipe, scheduler=scheduler, steps=5)
    masked = replace(recipe, init_image=InitImage(sha(PHOTOGRAPH), strength, mask=sha(MASK)))
    drawing, plain = draw_together(allowing(family.model), masked, recipe)
    assert torch.equal(drawing.latents[0], stock(family, masked))
    assert torch.equal(plain.latents[0], family.stock_latents(recipe))


def test_what_a_mask_leaves_out_is_the_picture_byte_for_byte(make_family: Callable[[str], Family]) -> None:
    family = make_family("sd1")
    recipe = replace(family.recipe, init_image=InitImage(sha(PHOTOGRAPH), 0.8, mask=sha(MASK)))
    (drawing,) = draw_together(allowing(family.model), recipe)
    drawn, before = np.asarray(to_picture(decode(drawing))), np.asarray(photograph())
    assert np.array_equal(drawn[:, SIDE // 2 :], before[:, SIDE // 2 :])
    assert not np.array_equal(drawn[:, : SIDE // 2], before[:, : SIDE // 2])


def test_a_picture_is_padded_or_cropped_and_what_was_padded_may_change(make_family: Callable[[str], Family]) -> None:
    family, wide = make_family("sd1"), file_of(photograph(128, 64))
    everything = file_of(Image.new("L", (128, 64)))
    starts: list[Tensor] = []
    for fit in ("pad", "crop"):
        recipe = replace(family.recipe, init_image=InitImage(sha(wide), 0.5, fit, mask=sha(everything)))
        (drawing,) = begin_job(request(recipe, wide, everything), allowing(family.model)).image_states
        assert drawing.inpaint
        starts.append(drawing.inpaint.pixels)
        free = drawing.inpaint.free[0] > 0
        assert free[:16].all().item() == free[48:].all().item() == (fit == "pad")
        assert not free[16:48].any()
    assert starts[0][:, :15].eq(1.0).all()
    assert not starts[1][:, :15].eq(1.0).all()


def around(placed: Placement, strength: float = 0.8) -> InitImage:
    return InitImage(sha(PHOTOGRAPH), strength, "pad", placed=placed)


@pytest.mark.parametrize(
    ("direction", "kept", "was"),
    [
        ("left", np.s_[:, 32:], np.s_[:, :32]),
        ("right", np.s_[:, :32], np.s_[:, 32:]),
        ("up", np.s_[32:], np.s_[:32]),
        ("down", np.s_[:32], np.s_[32:]),
    ],
)
def test_the_half_that_a_pan_keeps_is_the_pictures_byte_for_byte(
    make_family: Callable[[str], Family], direction: Direction, kept: Any, was: Any
) -> None:
    family = make_family("sd1")
    recipe = replace(family.recipe, init_image=around(panned(SIDE, SIDE, direction)))
    (drawing,) = draw_together(allowing(family.model), recipe)
    drawn, before = np.asarray(to_picture(decode(drawing))), np.asarray(photograph())
    assert np.array_equal(drawn[kept], before[was])
    assert not np.array_equal(drawn[was], before[was])


@pytest.mark.parametrize("placed", [panned(SIDE, SIDE, "right"), zoomed_out(SIDE, SIDE, 2.0)], ids=["pan", "zoom"])
@pytest.mark.parametrize("strength", [0.8, 1.0])
def test_what_is_around_a_picture_is_inpainted_as_by_the_stock_pipeline(
    family: Family, placed: Placement, strength: float
) -> None:
    recipe = replace(family.recipe, scheduler="DPM++ 2M Karras", steps=5, init_image=around(placed, strength))
    drawing, plain = draw_together(allowing(family.model), recipe, replace(recipe, init_image=None))
    assert recipe.init_image
    frame = fit_picture(photograph(), (SIDE, SIDE), recipe.init_image)
    mask = fit_mask(Image.new("L", (SIDE, SIDE)), (SIDE, SIDE), recipe.init_image)
    assert torch.equal(drawing.latents[0], stock(family, recipe, frame, mask))
    assert torch.equal(plain.latents[0], family.stock_latents(replace(recipe, init_image=None)))


def test_a_frame_begins_with_the_edges_of_its_picture() -> None:
    before = np.asarray(photograph())
    frame = np.asarray(fit_picture(photograph(), (SIDE, SIDE), around(panned(SIDE, SIDE, "left"))))
    assert np.array_equal(frame[:, 32:], before[:, :32])
    assert (frame[:, :32] == before[:, :1]).all()
    small = np.asarray(photograph().resize((32, 32), Image.Resampling.LANCZOS))
    frame = np.asarray(fit_picture(photograph(), (SIDE, SIDE), around(zoomed_out(SIDE, SIDE, 2.0))))
    assert np.array_equal(frame[16:48, 16:48], small)
    assert (frame[:16, 16:48] == small[0]).all()
    assert (frame[48:, 48:] == small[-1, -1]).all()


def test_only_what_is_around_a_placed_picture_and_what_its_mask_has_light_may_change() -> None:
    placed = Placement(-16, 8, 64, 48)
    plain = np.asarray(fit_mask(Image.new("L", (SIDE, SIDE)), (SIDE, SIDE), around(placed)))
    assert (plain[8:56, :48] == 0).all()
    assert plain.astype(int).sum() == 255 * (SIDE * SIDE - 48 * 48)
    masked = np.asarray(fit_mask(left_half(), (SIDE, SIDE), around(placed)))
    assert (masked[8:56, :14] == 255).all()
    assert (masked[8:56, 18:48] == 0).all()


def test_a_picture_that_is_placed_is_judged_without_what_is_around_it(make_family: Callable[[str], Family]) -> None:
    class Seeing(Opinion):
        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
            seen.extend(views)
            return super().look(views, unfinished)

    seen: list[Image.Image] = []
    family = make_family("sd1")
    model = replace(family.model, gate=gate_of(Seeing(False), Opinion(False)))
    recipe = replace(family.recipe, init_image=around(panned(SIDE, SIDE, "left")))
    begin_job(request(recipe, PHOTOGRAPH), model)
    assert [np.asarray(picture).tobytes() for picture in seen] == [np.asarray(photograph()).tobytes()]


def test_variations_start_from_the_same_picture_with_other_noise(make_family: Callable[[str], Family]) -> None:
    family = make_family("sd1")
    images = (ImageSeed(7), ImageSeed(7).vary(8, 0.0), ImageSeed(7).vary(8, 0.4))
    recipe = replace(family.recipe, init_image=InitImage(sha(PHOTOGRAPH), 0.5), images=images)
    same, zero, varied = (drawing.latents for drawing in draw_together(allowing(family.model), recipe))
    assert torch.equal(same, zero)
    assert not torch.equal(same, varied)


def test_a_picture_that_the_gate_blocks_is_not_used(make_family: Callable[[str], Family]) -> None:
    family = make_family("sd1")
    recipe = replace(family.recipe, init_image=InitImage(sha(PHOTOGRAPH), 0.5))
    with pytest.raises(InputWithheld):
        begin_job(request(recipe, PHOTOGRAPH), replace(family.model, gate=gate_of(Opinion(False), Opinion(True))))


def test_a_picture_that_the_gate_cannot_judge_is_not_used_and_not_accused(make_family: Callable[[str], Family]) -> None:
    class Broken(Opinion):
        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
            raise RuntimeError("out of order")

    family = make_family("sd1")
    recipe = replace(family.recipe, init_image=InitImage(sha(PHOTOGRAPH), 0.5))
    with pytest.raises(InputNotJudged) as failed:
        begin_job(request(recipe, PHOTOGRAPH), replace(family.model, gate=gate_of(Opinion(False), Broken(False))))
    assert failed.value.fault is Fault.DETECTOR_BROKE
    assert "out of order" in failed.value.reason


def test_a_picture_is_turned_upright_and_laid_on_white() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_input(file_of(photograph(32, 16), "JPEG", exif=exif))
    assert turned.size == (16, 32)
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decode_input(file_of(clear)).getpixel((3, 3)) == (255, 255, 255)
    palette = Image.new("P", (8, 8))
    assert decode_input(file_of(palette, transparency=0)).getpixel((3, 3)) == (255, 255, 255)
    deep = Image.fromarray(np.full((8, 8), 0x8000, dtype=np.uint16))
    assert decode_input(file_of(deep)).getpixel((3, 3)) == (128, 128, 128)


def _bomb() -> bytes:
    return file_of(Image.new("1", (12000, 12000)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unreadable"),
        (b"", "unreadable"),
        (PHOTOGRAPH[: len(PHOTOGRAPH) // 2], "unreadable"),
        (file_of(photograph(), "JPEG")[:200], "unreadable"),
        (file_of(photograph(), "GIF"), "unreadable"),
        (_bomb(), "too_many_pixels"),
        (PHOTOGRAPH + bytes(20 * 2**20), "too_large"),
    ],
    ids=["svg", "nothing", "half a png", "part of a jpeg", "gif", "bomb", "20 MB"],
)
def test_what_is_no_picture_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode_input(data)
    assert refused.value.reason == reason


def test_a_missing_file_and_a_mask_of_another_size_are_refused(make_family: Callable[[str], Family]) -> None:
    family, small = make_family("sd1"), file_of(Image.new("L", (32, 32)))
    recipe = replace(family.recipe, init_image=InitImage(sha(PHOTOGRAPH), 0.5, mask=sha(small)))
    for inputs, reason in (((PHOTOGRAPH,), "missing"), ((PHOTOGRAPH, small), "mask_size")):
        with pytest.raises(BadInput) as refused:
            begin_job(request(recipe, *inputs), allowing(family.model))
        assert refused.value.reason == reason


def test_a_picture_that_was_handed_in_is_judged_and_never_minted() -> None:
    review = gate_of(Opinion(False), Opinion(False)).judge(photograph())
    assert (review.verdict, review.image) == (Verdict.ALLOW, None)


def test_a_picture_grows_by_its_latents_and_a_second_pass(make_family: Callable[[str], Family]) -> None:
    family = make_family("sd1")
    recipe = replace(family.recipe, steps=5).upscaled(0, sha(PHOTOGRAPH), 2)
    assert (recipe.width, recipe.height) == (2 * SIDE, 2 * SIDE)
    (drawing,) = draw_together(allowing(family.model), recipe)
    assert drawing.steps == 1
    generator = torch.Generator("cpu").manual_seed(recipe.images[0].seed)
    with torch.no_grad():
        pixels = torch.from_numpy(np.asarray(photograph())[None].astype(np.float32) / 255.0).permute(0, 3, 1, 2)
        latents = family.stock.vae.encode(2.0 * pixels - 1.0).latent_dist.sample(generator)
    stretched = torch.nn.functional.interpolate(
        family.stock.vae.config.scaling_factor * latents, scale_factor=2, mode="bilinear"
    )
    pipeline = diffusers.StableDiffusionImg2ImgPipeline(
        **{name: part for name, part in family.stock.components.items() if name != "image_encoder"},
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    spec = SCHEDULERS[recipe.scheduler]
    config = family.model.pipeline.scheduler.config
    pipeline.scheduler = getattr(diffusers, spec.class_name).from_config(config, **spec.changes)
    theirs = pipeline(
        recipe.prompt,
        image=stretched,
        strength=0.35,
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        generator=generator,
        output_type="latent",
    ).images[0]
    assert torch.equal(drawing.latents[0], theirs)
