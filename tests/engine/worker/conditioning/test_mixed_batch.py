"""One step batch of pictures from words, from a picture, behind a mask, with LoRAs, and with all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engine.api import ImageSeed, InitImage
from tests.engine.worker.conditioning.test_init_images import MASK, PHOTOGRAPH, allowing, draw_together, sha, stock
from tests.engine.worker.conditioning.test_loras import use, with_loras, write_kohya

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

FROM_A_PICTURE, BEHIND_A_MASK = InitImage(sha(PHOTOGRAPH), 0.6), InitImage(sha(PHOTOGRAPH), 0.8, mask=sha(MASK))
LORA = use(ink=0.8)


def test_each_picture_of_one_batch_is_the_stock_pipelines_alone(
    family: Family, make_stock: Callable[[str], Any], tmp_path: Path
) -> None:
    file = write_kohya(tmp_path / "ink.safetensors", family.model.pipeline, 0)
    asked: list[dict[str, Any]] = [
        {"init_image": None},
        {"init_image": FROM_A_PICTURE, "scheduler": "Euler a"},
        {"init_image": BEHIND_A_MASK, "scheduler": "DDIM"},
        {"loras": LORA, "scheduler": "DPM++ 2M Karras"},
        {"loras": LORA, "init_image": FROM_A_PICTURE},
        {"loras": LORA, "init_image": BEHIND_A_MASK, "scheduler": "Euler"},
        {"prompt": "a blue tree", "guidance_scale": 7.5, "steps": 3},
    ]
    recipes = [
        replace(family.recipe, **{"steps": 5, **changes}, images=(ImageSeed(seed),))
        for seed, changes in enumerate(asked)
    ]
    image_states = draw_together(allowing(with_loras(family, {"ink": file})), *recipes)
    changed = make_stock(family.recipe.model)
    changed.load_lora_weights(str(tmp_path), weight_name=file.name, adapter_name="ink")
    changed.set_adapters(["ink"], [0.8])
    for image, recipe in zip(image_states, recipes, strict=True):
        alone = replace(family, stock=changed) if recipe.loras else family
        wanted = stock(alone, recipe) if recipe.init_image else alone.stock_latents(recipe)
        assert torch.equal(image.latents[0], wanted), recipe
