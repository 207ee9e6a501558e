"""What LoRAs, textual inversions and upscalers have in common: they are read by the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog import Catalog, CatalogError, load_catalog

MODEL = '[one]\nfamily = "sd1"\ntitle = "One"\nlicence = "none"\ndescription = ""\nsource = { folder = "one" }\n'
OWN_KEYS = {"loras": 'family = "sd1"\n', "inversions": 'family = "sd1"\n', "upscalers": "factor = 2\n"}
SOURCE = 'source = { file = "ink.safetensors" }\n'


def load(folder: Path, kind: str, lines: str, name: str = "ink") -> Catalog:
    (folder / "models.toml").write_text(f'{MODEL}[{kind}."{name}"]\n{OWN_KEYS[kind]}{SOURCE}{lines}')
    return load_catalog(folder / "models.toml", folder / "own")


def said(catalog: Catalog) -> tuple[str, str, str]:
    """Return title, licence and revision of the one thing beside the model."""
    for entry in catalog.upscalers:
        return entry.upscaler.title, entry.licence, entry.upscaler.revision
    (addon,) = catalog.addons
    return addon.title, addon.licence, addon.meaning.revision


@pytest.mark.parametrize("kind", OWN_KEYS)
def test_spaces_around_a_text_are_left_out(kind: str, tmp_path: Path) -> None:
    lines = 'title = " Ink "\nlicence = " MIT "\nrevision = " 3 "\n'
    assert said(load(tmp_path, kind, lines)) == ("Ink", "MIT", "3")


@pytest.mark.parametrize("kind", OWN_KEYS)
def test_an_empty_title_or_revision_is_as_good_as_none(kind: str, tmp_path: Path) -> None:
    for lines in ('licence = "MIT"\n', 'licence = "MIT"\ntitle = " "\nrevision = ""\n'):
        assert said(load(tmp_path, kind, lines)) == ("ink", "MIT", "1")


@pytest.mark.parametrize("kind", OWN_KEYS)
@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("", "must name its licence"),
        ('licence = " "\n', "must name its licence"),
        ("licence = 3\n", "licence must be a text"),
        ('licence = "MIT"\ntitle = 3\n', "title must be a text"),
        ('licence = "MIT"\nrevision = 3\n', "revision must be a text"),
        ('licence = "MIT"\nmood = 3\n', "must be a table of"),
    ],
)
def test_what_is_wrong_in_any_kind_is_named_alike(kind: str, lines: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=rf"models\.toml: \[{kind}\.ink\] {complaint}"):
        load(tmp_path, kind, lines)


@pytest.mark.parametrize("kind", OWN_KEYS)
def test_no_name_has_a_part_in_the_syntax_of_prompts_or_leaves_a_folder(kind: str, tmp_path: Path) -> None:
    for name in ("../ink", "a:b", "a>b", "<ink", "", "x" * 64):
        with pytest.raises(CatalogError, match=r"name .*is letters, digits"):
            load(tmp_path, kind, 'licence = "MIT"\n', name)
