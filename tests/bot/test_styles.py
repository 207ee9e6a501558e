"""Styles from Easel's file and the owner's, and every mistake in them at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.styles import Style, find_style
from bot.style_files import StylesError, load_styles
from engine.api import parse_prompt
from engine.prompt_floor import check_prompt

CONFIG = Path(__file__).resolve().parents[2] / "config"
INK = '[ink]\ntitle = "Ink"\ndescription = "black"\nprompt = "ink drawing of {prompt}, bold"\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes the owner's own file, in the data folder."""

    def write(text: str) -> Path:
        path = tmp_path / "styles.toml"
        path.write_text(text)
        return path

    return write


def problems(data_dir: Path, config_dir: Path = CONFIG) -> tuple[str, ...]:
    with pytest.raises(StylesError) as refused:
        load_styles(config_dir, data_dir)
    assert all(problem in str(refused.value) for problem in refused.value.problems)
    return refused.value.problems


SHIPPED = load_styles(CONFIG, CONFIG / "nowhere")


def test_a_dozen_styles_and_more_come_with_easel_under_names_of_their_own() -> None:
    assert len(SHIPPED) >= 12
    assert len({style.title for style in SHIPPED}) == len(SHIPPED)
    assert all(style.description for style in SHIPPED)


@pytest.mark.parametrize("style", SHIPPED, ids=lambda style: str(style.name))
def test_a_style_leaves_the_members_words_and_their_weights_as_they_are(style: Style) -> None:
    wrapped = style.wrap("a (red:1.3) apple <lora:pen:0.5>")

    check_prompt(wrapped)
    prompt = parse_prompt(wrapped)
    assert ("red", 1.3) in [(passage.text, passage.weight) for section in prompt.sections for passage in section]
    assert [tag.name for tag in prompt.loras] == ["pen"]


def test_the_owners_styles_come_after_and_take_the_place_of_those_of_the_same_name(
    tmp_path: Path, write: Write
) -> None:
    write(INK + INK.replace("[ink]", "[mine]").replace('"Ink"', '"Mine"'))

    styles = load_styles(CONFIG, tmp_path)

    assert [style.name for style in styles] == [*(style.name for style in SHIPPED), "mine"]
    assert find_style(styles, "ink") == Style("ink", "Ink", "black", "ink drawing of {prompt}, bold")


def test_a_style_is_found_by_its_name_or_its_title_in_any_case() -> None:
    assert {find_style(SHIPPED, text) for text in ("film-noir", "Film noir", " FILM-NOIR ")} == {SHIPPED[2]}
    assert find_style(SHIPPED, "nosuch") is None


def test_all_mistakes_are_named_at_once_with_their_file(tmp_path: Path, write: Write) -> None:
    path = write(
        'Bad = { title = "x", description = "y", prompt = "{prompt} {prompt}" }\n'
        'no-place = { title = "x", description = "y", prompt = "ink" }\n'
        'short = { title = "", prompt = "{prompt}", colour = "red" }\n'
        f'long = {{ title = "x", description = "y", prompt = "{{prompt}}", negative_prompt = "{"x" * 301}" }}\n'
        'number = { title = 7, description = "y", prompt = "{prompt}" }\n'
        "none = 3\n"
    )

    assert list(problems(tmp_path)) == [
        f"{path}: [Bad]: a style's name is lower-case letters, digits and '-'.",
        f"{path}: [Bad]: prompt must hold {{prompt}} once, where the member's words go.",
        f"{path}: [no-place]: prompt must hold {{prompt}} once, where the member's words go.",
        f"{path}: [short]: unknown key 'colour'; known keys are title, description, prompt, negative_prompt.",
        f"{path}: [short]: title is missing.",
        f"{path}: [short]: description is missing.",
        f"{path}: [long]: negative_prompt may have 300 characters.",
        f"{path}: [number]: title must be a text in quotes.",
        f"{path}: [none]: must be a table.",
    ]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path, write: Write) -> None:
    path = write("[ink\n")
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"{path} is not valid TOML")


def test_easels_own_file_has_to_be_there(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, tmp_path)
    assert problem.startswith(f"{tmp_path / 'styles.toml'} cannot be read")


@pytest.mark.parametrize(
    ("typed", "wrapped"),
    [
        ("a cat", "ink drawing of a cat, bold"),
        ("a cat,  ", "ink drawing of a cat, bold"),
        ("{a, b} cat", "ink drawing of {a, b} cat, bold"),
        ("  ", "  "),
    ],
)
def test_a_style_goes_around_the_words_and_leaves_nothing_empty(typed: str, wrapped: str) -> None:
    assert Style("ink", "Ink", "black", "ink drawing of {prompt}, bold").wrap(typed) == wrapped
