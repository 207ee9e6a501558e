"""LoRAs and textual inversions of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api import Inversion, Lora, LoraOfOtherFamily
from engine.catalog import CatalogError, load_catalog

MODELS = """
[one]
family = "sd1"
title = "One"
licence = "none"
description = "random"
source = { folder = "one" }

[two]
family = "sdxl"
title = "Two"
licence = "none"
description = "random"
source = { folder = "two" }
"""
INK = """
[loras.ink]
family = "sd1"
licence = "MIT"
revision = "3"
source = { file = "loras/ink.safetensors" }
"""
TOY = INK.replace("loras.ink", "inversions.ink").replace("loras/", "words/")


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_every_model_knows_all_loras_and_has_the_files_of_its_family(tmp_path: Path) -> None:
    one, two = load_catalog(write(tmp_path, MODELS + INK), tmp_path / "own").entries
    assert one.info.loras == two.info.loras == (Lora("ink", "3", "sd1"),)
    assert one.loras == {Lora("ink", "3", "sd1"): tmp_path / "loras" / "ink.safetensors"}
    assert two.loras == {}


def test_a_model_of_other_sizes_than_its_familys_takes_no_addons_of_it(tmp_path: Path) -> None:
    models = MODELS.replace('title = "One"', 'title = "One"\naddon_family = "small"')
    one, _ = load_catalog(write(tmp_path, models + INK + TOY), tmp_path / "own").entries
    assert (one.loras, one.info.inversions, one.info.offered_loras()) == ({}, (), ())
    with pytest.raises(LoraOfOtherFamily, match="is for sd1 models, and this is one of small"):
        one.info.lora("ink")


def test_a_lora_says_what_it_is_and_what_brings_it_out(tmp_path: Path) -> None:
    about = 'title = "Ink"\ndescription = "Black lines."\ntrigger_words = ["ink drawing", " pen "]\nweight = 0.7\n'
    (ink,) = load_catalog(write(tmp_path, MODELS + INK + about), tmp_path / "own").entries[0].info.loras
    assert (ink.title, ink.description, ink.trigger_words, ink.weight) == (
        "Ink",
        "Black lines.",
        ("ink drawing", "pen"),
        0.7,
    )
    (plain,) = load_catalog(write(tmp_path, MODELS + INK), tmp_path / "own").entries[0].info.loras
    assert (plain.title, plain.description, plain.trigger_words, plain.weight) == ("ink", "", (), 1.0)


def test_an_inversion_belongs_to_the_models_of_its_family(tmp_path: Path) -> None:
    one, two = load_catalog(write(tmp_path, MODELS + TOY), tmp_path / "own").entries
    assert one.info.inversions == (Inversion("ink", "3"),)
    assert one.inversions == {Inversion("ink", "3"): tmp_path / "words" / "ink.safetensors"}
    assert two.info.inversions == ()


def test_one_file_of_a_repository_is_where_it_will_be_pulled_to(tmp_path: Path) -> None:
    for text in (INK, TOY):
        hub = text.replace(
            '{ file = "', '{ hub = "owner/name", revision = "abc", file = "'
        ).replace("loras/", "").replace("words/", "").replace('revision = "3"\n', "")  # fmt: skip
        (addon,) = load_catalog(write(tmp_path, MODELS + hub), tmp_path / "own").addons
        assert (addon.source.hub, addon.meaning.revision) == ("owner/name", "abc")
        assert addon.file == tmp_path / "own" / "hub" / "owner--name" / "abc" / "ink.safetensors"


def test_one_from_this_machine_takes_the_place_of_one_with_its_name(tmp_path: Path) -> None:
    own = '[loras.ink]\nfamily = "sdxl"\nlicence = "own"\nsource = { file = "/ink.safetensors" }\n'
    write(tmp_path / "own", own)
    catalog = load_catalog(write(tmp_path, MODELS + INK), tmp_path / "own")
    one, two = catalog.entries
    assert one.loras == {}
    assert two.loras == {Lora("ink", "1", "sdxl"): Path("/ink.safetensors")}
    assert [addon.licence for addon in catalog.addons] == ["own"]


def test_a_word_may_be_another_than_the_table_and_the_later_of_one_word_counts(tmp_path: Path) -> None:
    own = '[inversions.mine]\nword = "Ink"\nfamily = "sd1"\nlicence = "own"\nsource = { file = "/ink.safetensors" }\n'
    write(tmp_path / "own", own)
    one, _ = load_catalog(write(tmp_path, MODELS + TOY), tmp_path / "own").entries
    assert one.inversions == {Inversion("Ink", "1"): Path("/ink.safetensors")}


@pytest.mark.parametrize("text", [INK, TOY], ids=["a LoRA", "an inversion"])
@pytest.mark.parametrize(
    ("line", "other", "complaint"),
    [
        (".ink]", '."../ink"]', "the name of a (LoRA|textual inversion) is letters"),
        ('family = "sd1"', 'family = "flux"', "family must be one of"),
        ('licence = "MIT"', "", "must name its licence"),
        ('licence = "MIT"', "licence = 3", "licence must be a text"),
        ('licence = "MIT"', 'licence = "MIT"\ntitle = 3', "title must be a text"),
        ('revision = "3"', "revision = 3", "revision must be a text"),
        ('revision = "3"', 'rank = "3"', "must be a table of"),
        ("/ink.safetensors", "/ink.pt", "can run code"),
        ('{ file = "', '{ hub = "a/b", file = "', "without a folder"),
        (".safetensors", "", "can run code"),
        ("file =", "folder =", "must be one file"),
    ],
)
def test_an_entry_that_is_wrong_is_named(tmp_path: Path, text: str, line: str, other: str, complaint: str) -> None:
    path = write(tmp_path, MODELS + text.replace(line, other))
    with pytest.raises(CatalogError, match=rf"models\.toml: \[(loras|inversions)\.(ink|\.\./ink)\] .*{complaint}"):
        load_catalog(path, tmp_path / "own")


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        (INK, 'trigger_words = "ink"', "trigger_words must be a list of texts"),
        (INK, "trigger_words = [3]", "trigger_words must be a list of texts"),
        (INK, "weight = 5", "weight must be a number from -4 to 4"),
        (INK, "weight = nan", "weight must be a number from -4 to 4"),
        (INK, 'word = "ink"', "must be a table of"),
        (TOY, 'word = " "', "word must not be empty"),
        (TOY, "weight = 1", "must be a table of"),
    ],
)
def test_what_only_one_kind_has_is_checked_too(tmp_path: Path, text: str, line: str, complaint: str) -> None:
    with pytest.raises(CatalogError, match=complaint):
        load_catalog(write(tmp_path, MODELS + text + line), tmp_path / "own")


@pytest.mark.parametrize("kind", ["loras", "inversions"])
def test_no_model_can_be_called_as_a_kind_of_addon(tmp_path: Path, kind: str) -> None:
    with pytest.raises(CatalogError, match=rf"\[{kind}.family\] must be a table"):
        load_catalog(write(tmp_path, MODELS.replace("[one]", f"[{kind}]")), tmp_path / "own")
