"""The catalogue file: what a right one gives, and the sentence a wrong one gets."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.api import Size
from engine.catalog import FAMILIES, SCHEDULERS, CatalogError, Family, Source, load_catalog
from engine.pocket import WEIGHTS

SHIPPED = Path(__file__).parents[3] / "config" / "models.toml"
NOWHERE = Path("/nowhere")
PUBLIC_CHECKER = Source(
    NOWHERE / "hub" / "stable-diffusion-v1-5--stable-diffusion-v1-5" / "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
)

ENTRY = """
[{model}]
title = "Tiny"
family = "sd1"
revision = "1"
licence = "none"
description = "random"
source = {{ folder = "/models/tiny" }}
sizes = [{{ name = "square", width = 64, height = 64 }}, {{ name = "wide", width = 96, height = 64 }}]
size_step = 8
min_side = 64
max_side = 128
steps = 20
min_steps = 1
max_steps = 60
guidance_scale = 4.5
min_guidance = 1.0
max_guidance = 15.0
schedulers = ["DPM++ 2M", "Euler"]
scheduler = "Euler"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def do(text: str) -> Path:
        path = tmp_path / "models.toml"
        path.write_text(text)
        return path

    return do


def entry(model: str = "tiny", **changes: str | None) -> str:
    """An entry's TOML with some lines exchanged, or left out when None."""
    lines = ENTRY.format(model=model).splitlines()
    for key, value in changes.items():
        (index,) = [number for number, line in enumerate(lines) if line.startswith(f"{key} =")] or [len(lines)]
        lines[index : index + 1] = [] if value is None else [f"{key} = {value}"]
    return "\n".join(lines) + "\n"


def test_the_shipped_catalogue_begins_with_pocket_from_its_own_weights() -> None:
    catalog = load_catalog(SHIPPED, NOWHERE)
    first = catalog.entries[0]
    assert first.info.id == "pocket"
    assert first.source == first.safety_checker == Source(folder=WEIGHTS, builtin="pocket")
    assert first.info.sizes[0] == Size("square", 128, 128)
    assert set(tomllib.loads(SHIPPED.read_text())) == {info.id for info in catalog.infos()}


def test_an_entry_is_read_whole(write: Write) -> None:
    (read,) = load_catalog(write(entry()), NOWHERE).entries
    assert read.info.sizes == (Size("square", 64, 64), Size("wide", 96, 64))
    assert [each.name for each in read.info.schedulers] == ["DPM++ 2M", "Euler"]
    assert read.info.scheduler == "Euler"
    assert read.info.negative_prompt == ""
    assert read.source == Source(folder=Path("/models/tiny"))
    assert read.safety_checker == PUBLIC_CHECKER


def test_an_entry_that_names_no_schedulers_offers_all(write: Write) -> None:
    (read,) = load_catalog(write(entry(schedulers=None)), NOWHERE).entries
    assert read.info.schedulers == tuple(spec.info for spec in SCHEDULERS.values())


SHORT = """
[short]
title = "Short"
family = "{family}"
licence = "none"
description = "all else is its family's"
source = {{ hub = "owner/model", revision = "abc", variant = "fp16" }}
"""


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_an_entry_takes_from_its_family_what_it_does_not_say(family: Family, write: Write) -> None:
    (read,) = load_catalog(write(SHORT.format(family=family.id)), NOWHERE).entries
    assert {key: getattr(read.info, key) for key in family.defaults} == dict(family.defaults)
    assert read.info.revision == "abc"
    assert read.source.variant == "fp16"
    assert read.safety_checker == PUBLIC_CHECKER


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "source",
    [
        '{ hub = "owner/model" }',
        '{ folder = "/models/tiny" }',
        '{ file = "/models/tiny.safetensors" }',
        f'{{ file = "{WEIGHTS}/other.safetensors" }}',
        f'{{ folder = "{WEIGHTS}", variant = "other" }}',
        f'{{ folder = "{WEIGHTS}" }}',
    ],
)
def test_everything_but_the_built_in_model_has_the_public_safety_checker(
    source: str, family: str, write: Write
) -> None:
    (read,) = load_catalog(write(entry("pocket", source=source, family=f'"{family}"')), NOWHERE).entries
    assert read.safety_checker == PUBLIC_CHECKER


@pytest.mark.parametrize(
    "checker", ['{ builtin = "pocket" }', '{ folder = "/mine" }', '{ hub = "a/b" }', '"none"', "[]"]
)
@pytest.mark.parametrize("source", ['{ builtin = "pocket" }', '{ hub = "owner/model" }'])
def test_no_table_may_choose_a_safety_checker(checker: str, source: str, write: Write, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "models.toml").write_text(entry("sd15", source=source, safety_checker=checker))
    with pytest.raises(CatalogError) as raised:
        load_catalog(write(entry()), own)
    assert str(raised.value) == (
        f"{own / 'models.toml'}: [sd15]: take safety_checker out: the built-in pocket has its own, and every other "
        "model the public one, so that no table can make it weaker; additional_checkers can add to it."
    )


def test_additional_checkers_are_folders_beside_the_catalogue(write: Write, tmp_path: Path) -> None:
    text = entry(additional_checkers='[{ folder = "/checkers/one" }, { folder = "two" }]')
    (read,) = load_catalog(write(text), NOWHERE).entries
    assert read.additional_checkers == (Source(Path("/checkers/one")), Source(tmp_path / "two"))
    assert read.safety_checker == PUBLIC_CHECKER


def test_a_file_and_its_config_are_beside_the_catalogue_unless_they_say_otherwise(write: Write, tmp_path: Path) -> None:
    changes = {"source": '{ file = "a/b.safetensors", config = "/shapes" }', "prediction_type": '"v_prediction"'}
    (read,) = load_catalog(write(entry(**changes)), NOWHERE).entries
    assert read.source == Source(tmp_path / "a", file="b.safetensors", config=Path("/shapes"))
    assert read.prediction_type == "v_prediction"


def test_a_repository_without_a_revision_is_its_main_branch(write: Write) -> None:
    text = entry(source='{ hub = "a/b", file = "c.safetensors" }', revision=None)
    (read,) = load_catalog(write(text), NOWHERE).entries
    assert read.source == Source(NOWHERE / "hub" / "a--b" / "main", "a/b", "main", "c.safetensors")
    assert read.info.revision == "main"


def test_what_was_added_on_this_machine_comes_last_or_in_place_of_the_same_id(write: Write, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "models.toml").write_text(entry("bee") + entry("ant", title='"My ant"', source='{ folder = "ant" }'))
    catalog = load_catalog(write(entry("ant") + entry("cat")), own)
    assert [info.id for info in catalog.infos()] == ["ant", "cat", "bee"]
    assert catalog.infos()[0].title == "My ant"
    assert catalog.entries[0].source == Source(own / "ant")


def test_a_mistake_in_what_was_added_names_its_file(write: Write, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "models.toml").write_text(entry("bee", steps='"many"'))
    with pytest.raises(CatalogError, match=rf"{own / 'models.toml'}: \[bee\]: "):
        load_catalog(write(entry()), own)


def test_entries_keep_the_files_order_and_are_found_by_id(write: Write) -> None:
    catalog = load_catalog(write(entry("zebra") + entry("ant")), NOWHERE)
    assert [info.id for info in catalog.infos()] == ["zebra", "ant"]
    found = catalog.get("ant")
    assert found is not None
    assert found.info.id == "ant"
    assert catalog.get("bee") is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": '"red"'}, "unknown key 'colour'; known keys are "),
        ({"title": None}, "title"),
        ({"steps": '"many"'}, "steps"),
        ({"steps": "61"}, "steps must lie between min_steps and max_steps"),
        ({"guidance_scale": "0.5"}, "guidance_scale must lie between min_guidance and max_guidance"),
        ({"sizes": "[]"}, "sizes must name at least one size"),
        ({"size_step": "12"}, "size_step must be a multiple of 8"),
        ({"min_side": "256"}, "min_side must not exceed max_side"),
        ({"max_side": "64"}, "every size must be a multiple of size_step between min_side and max_side"),
        ({"schedulers": '["Euler", "Best"]'}, "schedulers must be among DPM++ 2M, "),
        ({"schedulers": "[]"}, "schedulers must be among"),
        ({"schedulers": "3"}, "schedulers must be among"),
        ({"scheduler": '"DDIM"'}, "scheduler must be one of schedulers"),
        ({"schedulers": '["Heun"]', "scheduler": '"Heun"', "steps": "3"}, "in the range of the default scheduler"),
        ({"source": None}, "source must be "),
        ({"source": '{ hub = "no-owner" }'}, "is no repository"),
        ({"source": '{ folder = "/a", hub = "b/c" }'}, "source must be "),
        ({"source": '{ builtin = "other" }'}, "source must be "),
        ({"source": '{ hub = "owner/../x" }'}, "is no repository"),
        ({"source": '{ hub = "owner/.." }'}, "is no repository"),
        ({"source": '{ hub = "a/b", revision = "../x" }'}, "is no revision"),
        ({"source": '{ hub = "a/b", file = "../x.safetensors" }'}, "must be the name of a file, without a folder"),
        ({"source": '{ hub = "a/b", variant = "../x" }'}, 'must be a word such as "fp16"'),
        ({"source": '{ file = "/models/old.ckpt" }'}, "other formats can run code"),
        ({"source": "{ file = 3 }"}, "source must be "),
        ({"family": '"flux"'}, "family must be one of sd1, sd2, sdxl"),
        ({"family": None}, "family must be one of"),
        ({"prediction_type": '"noise"'}, "prediction_type must be one of epsilon, v_prediction"),
        ({"additional_checkers": '"none"'}, "additional_checkers must be a list such as "),
        ({"additional_checkers": '[{ hub = "a/b" }]'}, "additional_checkers must be a list such as "),
        ({"additional_checkers": "[{ folder = 3 }]"}, "additional_checkers must be a list such as "),
    ],
)
def test_a_wrong_entry_is_named_with_what_to_change(changes: dict[str, Any], sentence: str, write: Write) -> None:
    path = write(entry(**changes))
    with pytest.raises(CatalogError) as raised:
        load_catalog(path, NOWHERE)
    assert str(raised.value).startswith(f"{path}: [tiny]: ")
    assert sentence in str(raised.value)


@pytest.mark.parametrize("model", ['"../../x"', '"a/b"', '"Tiny"', '""', f'"{"a" * 64}"', '".hidden"'])
def test_an_id_that_could_leave_a_folder_is_refused(model: str, write: Write) -> None:
    with pytest.raises(CatalogError, match="a model id is"):
        load_catalog(write(entry(model)), NOWHERE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "holds no model"), ("[tiny", "is not valid TOML"), ("tiny = 3", "must be a table"), ("\udcff", "not valid")],
)
def test_a_file_that_is_no_catalogue_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CatalogError, match=sentence):
        load_catalog(path, NOWHERE)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.toml: cannot be read"):
        load_catalog(tmp_path / "none.toml", NOWHERE)


def test_a_model_may_skip_layers_of_clip_but_no_more_than_it_has(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    head = (
        '[one]\nfamily = "sd1"\ntitle = "One"\nlicence = "none"\ndescription = "random"\nsource = { folder = "one" }\n'
    )
    path.write_text(head + "clip_skip = 1\n")
    (entry,) = load_catalog(path, tmp_path).entries
    assert (entry.info.clip_skip, entry.info.max_clip_skip) == (1, 10)
    path.write_text(head + "clip_skip = 3\nmax_clip_skip = 2\n")
    with pytest.raises(CatalogError, match=r"\[one\]: clip_skip must lie between 0 and max_clip_skip\."):
        load_catalog(path, tmp_path)
