"""`easel models` with LoRAs and textual inversions: pulled, checked and added like models."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from engine.__main__ import main
from engine.api import Inversion, Lora
from engine.catalog import load_catalog
from tests.engine.stand_in import Hub

CATALOGUE = """
[model]
title = "Model"
family = "sd1"
licence = "open"
description = "draws"
source = { folder = "/nowhere" }

[loras.ink]
title = "Ink"
description = "Black lines."
family = "sd1"
licence = "open"
source = { hub = "owner/addons", revision = "main", file = "ink.safetensors" }
trigger_words = ["ink drawing"]
weight = 0.7

[inversions.easy]
family = "sd1"
licence = "open"
word = "easynegative"
source = { hub = "owner/addons", revision = "main", file = "easy.safetensors" }
"""
Run = Callable[..., int]
Shapes = Mapping[str, Sequence[int]]
SELF_ATTENTION = "lora_unet_up_blocks_1_attn1_to_q"


def kohya(width: int, layer: str = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k") -> Shapes:
    return {f"{layer}.lora_down.weight": (4, width), f"{layer}.lora_up.weight": (320, 4)}


def peft(width: int) -> Shapes:
    layer = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_v"
    return {f"{layer}.lora_A.weight": (4, width), f"{layer}.lora_B.weight": (320, 4)}


def tensors(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(*shape) for name, shape in shapes.items()}


SD1_LORA, SD1_WORD = kohya(768), {"emb_params": (2, 768)}


@pytest.fixture
def run(tmp_path: Path, models_dir: Path) -> Run:
    """Run a command on a catalogue whose LoRA and inversion are on the hub; give back the exit code."""

    def do(*arguments: object) -> int:
        file = tmp_path / "models.toml"
        file.write_text(CATALOGUE)
        return main(["models", "--models-file", str(file), *map(str, arguments)])

    return do


@pytest.fixture
def stocked(hub: Hub) -> Hub:
    files = hub.put("owner/addons").files
    files["ink.safetensors"] = save(tensors(SD1_LORA))
    files["easy.safetensors"] = save(tensors(SD1_WORD))
    return hub


def test_a_lora_and_an_inversion_of_one_repository_are_listed_pulled_and_checked(
    run: Run, stocked: Hub, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    listed = capsys.readouterr().out
    assert "ink: Ink, a LoRA, for Stable Diffusion 1.x. Black lines. Trigger words: ink drawing. Weight: 0.7." in listed
    assert "easy: easy, a textual inversion, the word easynegative, for Stable Diffusion 1.x. Licence: open." in listed
    assert "Not here yet: easel models pull ink" in listed
    assert run("pull", "ink", "easy") == 0
    assert capsys.readouterr() == ("ink: here, and verified.\neasy: here, and verified.\n", "")
    assert stocked.fetched() == ["ink.safetensors", "easy.safetensors"]
    assert run("pull", "ink") == 0
    assert capsys.readouterr().out == "ink: its file is here already.\n"
    assert run("list") == 0
    assert "models pull ink" not in capsys.readouterr().out
    assert run("check", "ink", "easy") == 0
    assert "ink: a LoRA for Stable Diffusion 1.x, 0.0 MB, as it should be." in capsys.readouterr().out
    (file,) = models_dir.rglob("ink.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert run("check", "ink") == 1
    assert "is damaged. Delete it and pull again." in capsys.readouterr().out


def test_a_pull_of_a_lora_goes_on_where_it_broke_off(run: Run, stocked: Hub) -> None:
    stocked.break_after["ink.safetensors"] = [100]
    assert run("pull", "ink") == 0
    assert {asked for _, _, asked in stocked.requests} == {"", "bytes=100-"}


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        (SD1_WORD, "ink: ink.safetensors is not what its table says, [loras]."),
        (kohya(2048), "ink: it is for Stable Diffusion XL (family 'sdxl'), and the catalogue says 'sd1'."),
    ],
)
def test_a_pulled_file_that_is_something_else_is_named(
    shapes: Shapes, sentence: str, run: Run, stocked: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    stocked.repositories["owner/addons"].files["ink.safetensors"] = save(tensors(shapes))
    assert run("pull", "ink") == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        (kohya(768), "sd1"),
        (kohya(1024), "sd2"),
        (kohya(2048), "sdxl"),
        (peft(768), "sd1"),
        (peft(2048), "sdxl"),
        (kohya(768, "lora_te_text_model_encoder_layers_0_self_attn_q_proj"), "sd1"),
        (kohya(1024, "lora_te_text_model_encoder_layers_0_mlp_fc1"), "sd2"),
        (kohya(768, "lora_te1_text_model_encoder_layers_0_self_attn_q_proj"), "sdxl"),
        ({**kohya(320, SELF_ATTENTION), **kohya(768)}, "sd1"),
    ],
)
def test_a_lora_is_added_with_the_family_that_its_shapes_say(
    shapes: Shapes, family: str, run: Run, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file(tensors(shapes), tmp_path / "My Style.safetensors")
    assert run("add", tmp_path / "My Style.safetensors", "--trigger", "my style", "--weight", "0.6") == 0
    assert "my-style: added" in (said := capsys.readouterr().out)
    assert "members write <lora:my-style>" in said
    (added,) = load_catalog(tmp_path / "models.toml", models_dir).addons[2:]
    assert added.meaning == Lora("my-style", "1", family)
    assert isinstance(added.meaning, Lora)
    assert (added.meaning.trigger_words, added.meaning.weight) == (("my style",), 0.6)
    assert added.file == tmp_path / "My Style.safetensors"
    assert set(tomllib.loads((models_dir / "models.toml").read_text())) == {"loras"}


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"emb_params": (3, 768)}, "sd1"),
        ({"<any>": (1024,)}, "sd2"),
        ({"clip_g": (2, 1280), "clip_l": (2, 768)}, "sdxl"),
    ],
)
def test_an_inversion_is_added_under_its_files_name(
    shapes: Shapes, family: str, run: Run, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file(tensors(shapes), tmp_path / "Bad Hands.safetensors")
    assert run("add", tmp_path / "Bad Hands.safetensors") == 0
    assert "members write Bad Hands" in capsys.readouterr().out
    (added,) = load_catalog(tmp_path / "models.toml", models_dir).addons[2:]
    assert (added.name, added.family, added.meaning) == ("bad-hands", family, Inversion("Bad Hands", "1"))


def test_one_file_of_a_repository_is_added_beside_what_was_added_before(
    run: Run, stocked: Hub, models_dir: Path, tmp_path: Path
) -> None:
    stocked.repositories["owner/addons"].files["pen.safetensors"] = save(tensors(SD1_LORA))
    for name in ("pen", "pen-2"):
        assert run("add", "owner/addons", "--file", "pen.safetensors", "--name", name) == 0
    catalog = load_catalog(tmp_path / "models.toml", models_dir)
    assert [(addon.name, addon.licence) for addon in catalog.addons if "pen" in addon.name] == [
        ("pen", "openrail"),
        ("pen-2", "openrail"),
    ]


@pytest.mark.parametrize(
    ("shapes", "arguments", "sentence"),
    [
        (kohya(4096), (), "it is a LoRA for models that attend to 4096 numbers"),
        (
            kohya(320, SELF_ATTENTION),
            (),
            "does not say what models it is for. Say it with --family",
        ),
        ({"emb_params": (2, 640)}, (), "does not say what models it is for. Say it with --family"),
        (SD1_LORA, ("--family", "sdxl"), "is for Stable Diffusion 1.x, family sd1, not sdxl."),
        (SD1_LORA, ("--weight", "5"), "--weight must be between -4 and 4, not 5."),
        (SD1_LORA, ("--name", "../../x"), "'../../x' cannot be a model's id. Choose one with --name"),
        (SD1_LORA, ("--name", "ink"), "There is a LoRA called 'ink' already. Choose another name with --name."),
        (SD1_LORA, ("--name", "model"), "There is a model called 'model' already. Choose another name with --name."),
        (SD1_LORA, ("--name", "loras"), "'loras' cannot be a model's id."),
        (SD1_LORA, ("--prediction-type", "epsilon"), "is a LoRA, and one of these options is not for it"),
        (SD1_WORD, ("--trigger", "x"), "is a textual inversion, and one of these options is not for it"),
        ({**SD1_LORA, "a.hada_w1_a": (1, 1)}, (), "a LoRA of a kind that is not read here (a.hada_w1_a)"),
        ({"emb_params": (76, 768)}, (), "it holds no UNet of Stable Diffusion"),
    ],
)
def test_what_cannot_be_added_is_one_sentence_and_no_table(
    shapes: Shapes,
    arguments: tuple[str, ...],
    sentence: str,
    run: Run,
    models_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_file(tensors(shapes), tmp_path / "new.safetensors")
    assert run("add", tmp_path / "new.safetensors", *arguments) in (1, 2)
    said = capsys.readouterr()
    assert sentence in said.err
    assert (said.out, len(said.err.strip().splitlines())) == ("", 1)
    assert not models_dir.exists()


def test_a_family_that_a_file_does_not_say_is_taken_from_its_owner(run: Run, models_dir: Path, tmp_path: Path) -> None:
    save_file(tensors(kohya(320, SELF_ATTENTION)), tmp_path / "new.safetensors")
    assert run("add", tmp_path / "new.safetensors", "--family", "sd2") == 0
    assert load_catalog(tmp_path / "models.toml", models_dir).addons[2].family == "sd2"


@pytest.mark.parametrize("name", ["ink.ckpt", "ink.pt", "ink.bin"])
def test_a_pickled_lora_is_refused(
    name: str, run: Run, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    assert run("add", tmp_path / name) == 2
    assert (
        f"'{name}' is no .safetensors file; other formats can run code when they are read." in capsys.readouterr().err
    )
    assert not models_dir.exists()
