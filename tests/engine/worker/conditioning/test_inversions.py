"""Words that stand for vectors from a file, without a change to what other requests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.api import Inversion, Recipe
from engine.catalog import Catalog
from engine.worker.conditioning.inversions import InversionError, read_vectors
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.conditioning.rows import Conditioning
from engine.worker.jobs import WorkerJob
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from tests.engine.stand_in_checker import any_checker

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

SIZES = {"sd1": (32,), "sd2": (48,), "sdxl": (32, 48)}


def encode(family: Family, prompt: str, inversions: Mapping[str, Path]) -> Conditioning:
    recipe = replace(family.recipe, prompt=prompt)
    return encode_prompts(family.model.pipeline, recipe, True, inversions)


def context(family: Family, prompt: str, inversions: Mapping[str, Path]) -> Tensor:
    return encode(family, prompt, inversions).context[1]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a textual inversion of some vectors as A1111 and its trainers do."""

    def do(family: Family, count: int, name: str = "toy") -> Path:
        torch.manual_seed(count + 100 * len(name))
        tensors = [torch.randn(count, size) for size in SIZES[family.recipe.model]]
        keys = ("emb_params",) if len(tensors) == 1 else ("clip_l", "clip_g")
        file = tmp_path / f"{family.recipe.model}-{name}.safetensors"
        save_file(dict(zip(keys, tensors, strict=True)), file)
        return file

    return do


@pytest.mark.parametrize("count", [1, 3])
def test_a_word_stands_for_its_vectors_as_in_the_stock_pipeline(
    family: Family, make_stock: Callable[[str], Any], write: Callable[..., Path], count: int
) -> None:
    file, stock = write(family, count), make_stock(family.recipe.model)
    sizes = SIZES[family.recipe.model]
    for vectors, end in zip(read_vectors(file, sizes), ("", "_2"), strict=False):
        stock.load_textual_inversion(
            {"<toy>": vectors} if count > 1 else {"<toy>": vectors[0]},
            token="<toy>",
            tokenizer=getattr(stock, "tokenizer" + end),
            text_encoder=getattr(stock, "text_encoder" + end),
        )
    theirs = stock.encode_prompt("a <toy> on a table", device="cpu", num_images_per_prompt=1,
                                 do_classifier_free_guidance=False)[0][0]  # fmt: skip
    assert torch.equal(context(family, "a <toy> on a table", {"<toy>": file}), theirs)


def test_nothing_is_left_behind_for_other_requests(family: Family, write: Callable[..., Path]) -> None:
    before = encode(family, "a toy on a table", {})
    vocabulary = len(family.model.pipeline.tokenizer)
    inverted = encode(family, "a toy on a table", {"toy": write(family, 2)})
    assert not torch.equal(before.context[1], inverted.context[1])
    after = encode(family, "a toy on a table", {})
    assert torch.equal(before.context, after.context)
    assert len(family.model.pipeline.tokenizer) == vocabulary


def test_a_word_is_found_whole_and_in_any_case(family: Family, write: Callable[..., Path]) -> None:
    words = {"toy": write(family, 2)}
    assert torch.equal(context(family, "a TOY, a tree", words), context(family, "a toy, a tree", words))
    assert torch.equal(context(family, "toys, a toybox", words), context(family, "toys, a toybox", {}))


def test_a_word_may_weigh_more_or_less(family: Family, write: Callable[..., Path]) -> None:
    words = {"toy": write(family, 2)}
    plain, heavy = context(family, "a toy tree", words), context(family, "a (toy:1.4) tree", words)
    assert (plain != heavy).any(dim=1).nonzero().flatten().tolist() == [2, 3]
    faded = context(family, "a (toy:0) tree", words)
    assert torch.allclose(
        faded, context(family, "a (toy:0) tree", {"toy": write(family, 2, "other")}), rtol=1e-3, atol=0.01
    )
    assert faded.isfinite().all()


def test_the_vectors_of_a_word_stay_in_one_chunk(family: Family, write: Callable[..., Path]) -> None:
    words = {"toy": write(family, 10)}
    both = context(family, "x " * 70 + "toy", words)
    assert torch.equal(both[:77], context(family, "x " * 70, {}))
    assert torch.equal(both[77:], context(family, "toy", words))


def test_pooled_text_is_found_beside_vectors(sdxl: Family, write: Callable[..., Path]) -> None:
    """It is that of the last token, which has the highest number of all."""
    first, second = (encode(sdxl, "a toy tree", {"toy": write(sdxl, count)}).added for count in (1, 2))
    plain = encode(sdxl, "a toy tree", {}).added
    assert first
    assert second
    assert plain
    assert not torch.equal(first.text_embeds[1], second.text_embeds[1])
    assert not torch.equal(first.text_embeds[1], plain.text_embeds[1])


def test_a_worker_draws_what_the_recipe_names_and_nothing_else(
    tiny_folder: Path,
    make_catalog: Callable[..., Catalog],
    device: Device,
    floor: Detector,
    recipe: Recipe,
    denoise: Callable[[LoadedModel, Recipe], WorkerJob],
    tmp_path: Path,
) -> None:
    save_file({"emb_params": torch.randn(2, 32)}, tmp_path / "toy.safetensors")
    (entry,), toy = make_catalog(tiny_folder).entries, Inversion("toy", "1")
    entry = replace(entry, inversions={toy: tmp_path / "toy.safetensors"})
    model = ModelCache(Catalog((entry,)), device, floor, any_checker).get("tiny")
    plain, named = replace(recipe, prompt="a toy"), replace(recipe, prompt="a toy", inversions=(toy,))
    contexts = [denoise(model, wanted).image_states[0].conditioning.context for wanted in (plain, named, plain)]
    assert torch.equal(contexts[0], contexts[2])
    assert not torch.equal(contexts[0], contexts[1])


@pytest.mark.parametrize(
    ("tensors", "features", "complaint"),
    [
        ({"emb_params": torch.zeros(2, 768)}, (1024,), "768 numbers"),
        ({"emb_params": torch.zeros(2, 768)}, (768, 1280), "for 1 text encoders"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, (768,), "for 2 text encoders"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(3, 1280)}, (768, 1280), "as many"),
        ({"emb_params": torch.zeros(76, 768)}, (768,), "1 to 75"),
        ({"emb_params": torch.zeros(0, 768)}, (768,), "1 to 75"),
        ({"emb_params": torch.zeros(1, 2, 768)}, (768,), "numbers"),
        ({"emb_params": torch.full((1, 768), torch.nan)}, (768,), "not finite"),
        ({"emb_params": torch.zeros(1, 768, dtype=torch.int32)}, (768,), "numbers"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor], features: tuple[int, ...], complaint: str
) -> None:
    save_file(tensors, tmp_path / "toy.safetensors")
    with pytest.raises(InversionError, match=complaint):
        read_vectors(tmp_path / "toy.safetensors", features)


def test_a_file_that_is_missing_or_no_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pickled.safetensors").write_bytes(b"\x80\x02}q\x00." * 10)
    for name in ("pickled.safetensors", "missing.safetensors"):
        with pytest.raises(InversionError, match=name):
            read_vectors(tmp_path / name, (768,))
