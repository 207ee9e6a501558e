"""LoRAs: what they change in the pictures that ask for them, and in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Conv2d, Linear

from engine.api import ImageSeed, Lora, LoraUnavailable, LoraUse, Recipe, UnknownLora
from engine.catalog import Catalog
from engine.worker.jobs import begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loading.proofs import RowRules
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.sampling.batch import pack
from engine.worker.sampling.compiler import compile_unet
from engine.worker.sampling.loras import LoraError, Loras, applied, read_lora
from tests.engine.stand_in_checker import any_checker

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

UNET_LAYERS = (".to_q", ".to_v", ".to_out.0", ".ff.net.0.proj", ".proj_in", ".conv1", ".time_emb_proj")
TEXT_LAYERS = (".q_proj", ".out_proj", ".fc1")
RANK = 3


def write_kohya(file: Path, pipeline: Any, seed: int) -> Path:
    """Write random changes to some layers of all parts, as Kohya's trainers name them."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    two = hasattr(pipeline, "text_encoder_2")
    parts = {"unet": "lora_unet_", "text_encoder": "lora_te1_text_model_" if two else "lora_te_text_model_"}
    parts |= {"text_encoder_2": "lora_te2_text_model_"} if two else {}
    for part, prefix in parts.items():
        for path, layer in getattr(pipeline, part).named_modules():
            if path.endswith(UNET_LAYERS if part == "unet" else TEXT_LAYERS):
                name = prefix + path.removeprefix("text_model.").replace(".", "_")
                tensors |= _pair(name, layer, generator)
    save_file(tensors, file)
    return file


def _pair(name: str, layer: Any, generator: torch.Generator) -> dict[str, Tensor]:
    assert isinstance(layer, Linear | Conv2d)
    outputs, inputs, *kernel = layer.weight.shape
    return {
        f"{name}.lora_down.weight": torch.randn(RANK, inputs, *kernel, generator=generator) * 0.3,
        f"{name}.lora_up.weight": torch.randn(outputs, RANK, *[1 for _ in kernel], generator=generator) * 0.3,
        f"{name}.alpha": torch.tensor(2.0),
    }


@pytest.fixture
def files(family: Family, tmp_path: Path) -> dict[str, Path]:
    """Two LoRAs for a family's model."""
    pipeline = family.model.pipeline
    return {name: write_kohya(tmp_path / f"{name}.safetensors", pipeline, seed) for seed, name in enumerate("ab")}


def with_loras(family: Family, files: dict[str, Path]) -> LoadedModel:
    return replace(
        family.model, loras=Loras({Lora(name, "1", family.recipe.model): file for name, file in files.items()})
    )


def use(**weights: float) -> tuple[LoraUse, ...]:
    return tuple(LoraUse(name, "1", weight) for name, weight in weights.items())


def stock_latents(family: Family, stock: Any, files: dict[str, Path], recipe: Recipe) -> Tensor:
    """Draw with the stock pipeline, with the recipe's LoRAs in it if it has any."""
    for lora in recipe.loras:
        stock.load_lora_weights(str(files[lora.name].parent), weight_name=files[lora.name].name, adapter_name=lora.name)
    if recipe.loras:
        stock.set_adapters([lora.name for lora in recipe.loras], [lora.weight for lora in recipe.loras])
    return replace(family, stock=stock).stock_latents(recipe)


def test_each_picture_of_a_mixed_batch_is_the_stock_pipelines_with_its_loras_alone(
    family: Family,
    make_stock: Callable[[str], Any],
    draw_together: Callable[..., tuple[list[Tensor], list[Tensor]]],
    files: dict[str, Path],
) -> None:
    sets: Sequence[tuple[LoraUse, ...]] = ((), use(a=0.8), use(a=0.8, b=-0.5), (), use(a=0.8))
    recipes = [
        replace(family.recipe, loras=loras, images=(ImageSeed(seed),), scheduler=scheduler)
        for seed, (loras, scheduler) in enumerate(
            zip(sets, ("DDIM", "Euler", "DPM++ 2M", "Euler a", "DDIM"), strict=True)
        )
    ]
    latents, _ = draw_together(with_loras(family, files), *recipes)
    for mine, recipe in zip(latents, recipes, strict=True):
        assert torch.equal(mine, stock_latents(family, make_stock(recipe.model), files, recipe))
    plain = stock_latents(family, make_stock(family.recipe.model), files, replace(recipes[1], loras=()))
    assert not torch.equal(latents[1], plain)


def test_images_share_a_call_with_those_of_the_same_loras_and_weights_alone(
    family: Family, files: dict[str, Path], request_for: Callable[..., Any]
) -> None:
    model = with_loras(family, files)
    recipes = [replace(family.recipe, loras=loras) for loras in ((), use(a=0.8), use(a=0.7), use(a=0.8))]
    image_states = [image for recipe in recipes for image in begin_job(request_for(recipe), model).image_states]
    batch = pack(image_states[1:], 16, {})
    assert batch
    assert list(batch.image_states) == [image_states[1], image_states[3]]


def test_a_model_is_what_it_was_afterwards(
    family: Family, files: dict[str, Path], denoise: Callable[[LoadedModel, Recipe], Any]
) -> None:
    pipeline = family.model.pipeline
    models = (pipeline.unet, pipeline.text_encoder)
    denoise(family.model, family.recipe)
    before = {name: tensor.clone() for name, tensor in pipeline.unet.state_dict().items()}
    hooks = [list(module._forward_hooks) for model in models for module in model.modules()]
    denoise(with_loras(family, files), replace(family.recipe, loras=use(a=1.0)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in pipeline.unet.state_dict().items())
    assert hooks == [list(module._forward_hooks) for model in models for module in model.modules()]


def test_another_thread_sees_nothing_of_it(family: Family, files: dict[str, Path]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pipeline = family.model.pipeline
    changes = with_loras(family, files).loras.read(pipeline, use(a=1.0)).unet
    layer = next(layer for layer in changes if isinstance(layer, Linear))
    inputs = torch.ones(2, layer.in_features)
    with torch.no_grad(), ThreadPoolExecutor(1) as other:
        plain = layer(inputs)
        with applied(changes):
            assert not torch.equal(layer(inputs), plain)
            assert torch.equal(other.submit(layer, inputs).result(), plain)


def test_files_as_diffusers_writes_them_are_read_alike(
    make_stock: Callable[[str], Any], make_family: Callable[[str], Family], tmp_path: Path
) -> None:
    family = make_family("sd1")
    kohya = write_kohya(tmp_path / "a.safetensors", family.model.pipeline, 0)
    stock = make_stock("sd1")
    stock.load_lora_weights(str(tmp_path), weight_name=kohya.name, adapter_name="a")
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    stock.save_lora_weights(
        tmp_path / "again",
        unet_lora_layers=get_peft_model_state_dict(stock.unet, adapter_name="a"),
        text_encoder_lora_layers=convert_state_dict_to_diffusers(
            get_peft_model_state_dict(stock.text_encoder, adapter_name="a")
        ),
        unet_lora_adapter_metadata=stock.unet.peft_config["a"].to_dict(),
        text_encoder_lora_adapter_metadata=stock.text_encoder.peft_config["a"].to_dict(),
    )
    (again,) = (tmp_path / "again").iterdir()
    ours, theirs = read_lora(kohya, family.model.pipeline), read_lora(again, family.model.pipeline)
    assert {part: set(layers) for part, layers in ours.items()} == {part: set(each) for part, each in theirs.items()}
    for part, layers in ours.items():
        for name, change in layers.items():
            assert torch.equal(change.down, theirs[part][name].down)
            assert change.alpha == theirs[part][name].alpha


def test_a_lora_that_the_model_does_not_have_is_refused(family: Family, files: dict[str, Path]) -> None:
    loras = with_loras(family, files).loras
    for wanted in (LoraUse("c", "1", 1.0), LoraUse("a", "2", 1.0)):
        with pytest.raises(UnknownLora):
            loras.read(family.model.pipeline, (wanted,))


def test_a_file_for_another_family_is_refused(make_family: Callable[[str], Family], tmp_path: Path) -> None:
    sd1, sdxl = make_family("sd1"), make_family("sdxl")
    files = {"a": write_kohya(tmp_path / "a.safetensors", sdxl.model.pipeline, 0)}
    with pytest.raises(LoraUnavailable, match="a"):
        with_loras(sd1, files).loras.read(sd1.model.pipeline, use(a=1.0))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.update({"lora_unet_conv_in.dora_scale": torch.ones(1)}), "a kind that is not read"),
        (lambda t: t.update({"emb_params": torch.ones(1, 32)}), "no place for|names are known"),
        (lambda t: t.update({key: value * torch.nan for key, value in t.items()}), "not finite"),
        (lambda t: t.update({key: value[:, :1] for key, value in t.items() if "lora_down" in key}), "other sizes"),
        (lambda t: [t.pop(key) for key in list(t) if "lora_up" in key], "names are known"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    make_family: Callable[[str], Family], tmp_path: Path, change: Callable[[dict[str, Tensor]], Any], complaint: str
) -> None:
    pipeline = make_family("sd1").model.pipeline
    file = write_kohya(tmp_path / "a.safetensors", pipeline, 0)
    tensors = load_file(file)
    change(tensors)
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, file)
    with pytest.raises(LoraError, match=complaint):
        read_lora(file, pipeline)


def test_a_file_that_is_missing_or_no_safetensors_is_refused(
    make_family: Callable[[str], Family], tmp_path: Path
) -> None:
    (tmp_path / "pickled.safetensors").write_bytes(b"\x80\x02}q\x00." * 10)
    for name in ("pickled.safetensors", "missing.safetensors"):
        with pytest.raises(LoraError, match=name):
            read_lora(tmp_path / name, make_family("sd1").model.pipeline)


def test_calls_with_loras_are_not_compiled_because_what_is_does_not_know_them(
    make_stock: Callable[[str], Any],
    make_family: Callable[[str], Family],
    draw_together: Callable[..., tuple[list[Tensor], list[Tensor]]],
    tmp_path: Path,
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("compiled")

    family, pipeline = make_family("sd1"), make_stock("sd1")
    model = with_loras(family, {"a": write_kohya(tmp_path / "a.safetensors", pipeline, 0)})
    compile_unet(pipeline.unet, backend=refuse)
    compiled = replace(model, pipeline=pipeline, rules=RowRules(pipeline.unet, 16, exact=True, compiled=True))
    recipe = replace(family.recipe, loras=use(a=0.8))
    assert torch.equal(draw_together(compiled, recipe)[0][0], draw_together(model, recipe)[0][0])


def test_a_worker_draws_with_the_lora_of_its_catalogue_where_the_recipe_names_it(
    tiny_folder: Path,
    tiny: LoadedModel,
    make_catalog: Callable[..., Catalog],
    device: Device,
    floor: Detector,
    recipe: Recipe,
    denoise: Callable[[LoadedModel, Recipe], Any],
    tmp_path: Path,
) -> None:
    (entry,), ink = make_catalog(tiny_folder).entries, Lora("ink", "1", "sd1")
    file = write_kohya(tmp_path / "ink.safetensors", tiny.pipeline, 0)
    model = ModelCache(Catalog((replace(entry, loras={ink: file}),)), device, floor, any_checker).get("tiny")
    named = replace(recipe, loras=use(ink=0.8))
    latents = [denoise(model, wanted).image_states[0].latents for wanted in (recipe, named, recipe)]
    assert torch.equal(latents[0], latents[2])
    assert not torch.equal(latents[0], latents[1])
