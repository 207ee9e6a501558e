"""Drawing to files, over a fake worker; the command line around it is in test_command_line.py."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.api import (
    MAX_SEED,
    BadInput,
    BadPrompt,
    EngineError,
    Fault,
    GenerationFailed,
    InitImage,
    InvalidSize,
    OutOfRange,
    SafetyUnavailable,
    UnknownModel,
    UnknownScheduler,
    WorkerDied,
    pixel_sha256,
)
from engine.catalog import load_catalog
from engine.command_line import DONE, FAILED, WRONG_INPUT
from engine.draw_command import HELD_BACK, DrawError, DrawOptions, draw, recipe_for
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.settings import EngineSettings

SETTINGS = EngineSettings()
CATALOG = load_catalog(SETTINGS.models_file, SETTINGS.models_dir)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


async def drawn(
    folder: Path, fake: FakeExecutor | None = None, err: io.StringIO | None = None, **options: Any
) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr."""
    asked = DrawOptions("a red apple", output_dir=folder, **{"seed": 7, "steps": 2, **options})
    out, err = io.StringIO(), err or io.StringIO()
    code = await draw(asked, SETTINGS, out, err, [fake or FakeExecutor()])
    return code, out.getvalue(), err.getvalue()


async def test_json_has_one_object_per_picture_and_it_is_true(tmp_path: Path) -> None:
    code, out, err = await drawn(tmp_path, count=2, as_json=True)
    assert code == DONE
    assert err == ""
    facts = [json.loads(line) for line in out.splitlines()]
    assert [(fact["seed"], Path(fact["path"]).name) for fact in facts] == [(7, "easel-7.png"), (8, "easel-8.png")]
    for fact in facts:
        assert list(fact) == [
            "path",
            "seed",
            "sha256",
            "file_sha256",
            "width",
            "height",
            "model",
            "steps",
            "guidance",
            "scheduler",
            "seconds",
        ]
        with Image.open(fact["path"]) as picture:
            assert picture.size == (fact["width"], fact["height"]) == (128, 128)
            assert pixel_sha256(picture.mode, *picture.size, picture.tobytes()) == fact["sha256"]
        data = files(tmp_path)[f"easel-{fact['seed']}.png"]
        assert hashlib.sha256(data).hexdigest() == fact["file_sha256"]
    assert facts[0]["sha256"] != facts[1]["sha256"]


async def test_without_json_there_is_one_line_per_picture(tmp_path: Path) -> None:
    code, out, _ = await drawn(tmp_path, count=2)
    assert code == DONE
    assert len(out.splitlines()) == 2
    assert "easel-7.png" in out
    assert "seed 8" in out


async def test_the_same_picture_again_is_not_written_twice(tmp_path: Path) -> None:
    for _ in range(2):
        await drawn(tmp_path)
    assert list(files(tmp_path)) == ["easel-7.png"]


async def test_a_different_picture_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "easel-7.png").write_bytes(b"precious")
    (tmp_path / "easel-7-2.png").mkdir()
    _, out, _ = await drawn(tmp_path, as_json=True)
    assert Path(json.loads(out)["path"]).name == "easel-7-3.png"
    assert files(tmp_path)["easel-7.png"] == b"precious"


async def test_the_output_folder_is_made(tmp_path: Path) -> None:
    await drawn(tmp_path / "a" / "b")
    assert list(files(tmp_path / "a" / "b")) == ["easel-7.png"]


async def test_a_folder_that_cannot_be_written_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fake = FakeExecutor()
    with pytest.raises(DrawError, match="Choose another --output-dir") as refused:
        await drawn(tmp_path / "file" / "folder", fake)
    assert refused.value.exit_code == WRONG_INPUT
    assert not fake.requests


async def test_a_blocked_picture_is_missing_and_kindly_explained(tmp_path: Path) -> None:
    fake = FakeExecutor(plan=lambda request: FakePlan(block=frozenset({1})))
    code, out, err = await drawn(tmp_path, fake, count=3)
    assert code == DONE
    assert len(out.splitlines()) == 2
    assert "seed 8 was held back by the safety checker" in err
    assert list(files(tmp_path)) == ["easel-7.png", "easel-9.png"]


async def test_when_every_picture_is_blocked_the_exit_code_says_so(tmp_path: Path) -> None:
    fake = FakeExecutor(plan=lambda request: FakePlan(block=frozenset({0})))
    code, out, err = await drawn(tmp_path, fake)
    assert (code, out) == (HELD_BACK, "")
    assert "held back" in err
    assert not files(tmp_path)


async def test_pictures_that_could_not_be_judged_are_faults_told_apart_and_no_accusation(tmp_path: Path) -> None:
    fake = FakeExecutor(plan=lambda request: FakePlan(faults=dict(enumerate(Fault))))
    code, out, err = await drawn(tmp_path, fake, count=4)
    assert (code, out) == (FAILED, "")
    said = [line.partition(" with seed ")[2][2:] for line in err.splitlines()]
    assert len(set(said)) == len(Fault)
    assert "held back" not in err


async def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(tmp_path: Path) -> None:
    _, _, seen = await drawn(tmp_path, err=Terminal())
    assert "2/2" in seen or "step" in seen
    _, _, piped = await drawn(tmp_path)
    assert piped == ""


@pytest.mark.parametrize(
    ("fake", "error"),
    [
        (FakeExecutor(plan=lambda request: FakePlan(die_at_step=1)), WorkerDied),
        (FakeExecutor(plan=lambda request: FakePlan(fail=GenerationFailed("out of memory"))), GenerationFailed),
        (FakeExecutor(starts=[StartOutcome.UNFIT]), SafetyUnavailable),
    ],
    ids=["death", "failure", "unfit"],
)
async def test_a_failure_of_the_engine_is_passed_on(
    tmp_path: Path, fake: FakeExecutor, error: type[EngineError]
) -> None:
    with pytest.raises(error):
        await drawn(tmp_path, fake)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "nope"}, UnknownModel),
        ({"count": 0}, OutOfRange),
        ({"count": 9}, OutOfRange),
        ({"seed": -1}, DrawError),
        ({"seed": MAX_SEED + 1}, DrawError),
        ({"width": 100}, InvalidSize),
        ({"height": 0}, DrawError),
        ({"steps": 0}, DrawError),
        ({"steps": 900}, OutOfRange),
        ({"guidance_scale": float("nan")}, DrawError),
        ({"guidance_scale": 99.0}, OutOfRange),
        ({"scheduler": "Fast"}, UnknownScheduler),
        ({"prompt": ""}, BadPrompt),
        ({"prompt": "x" * 6001}, BadPrompt),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        recipe_for(DrawOptions(**{"prompt": "a red apple", **options}), CATALOG)


def test_what_is_not_given_is_the_models_default() -> None:
    recipe = recipe_for(DrawOptions("a red apple", seed=7), CATALOG)
    info = CATALOG.infos()[0]
    assert (recipe.model, recipe.model_revision, recipe.steps) == (info.id, info.revision, info.steps)
    assert (recipe.width, recipe.height) == (info.sizes[0].width, info.sizes[0].height)
    assert (recipe.guidance_scale, recipe.scheduler) == (info.guidance_scale, info.scheduler)


def test_bytes_that_are_no_text_are_drawn_as_question_marks() -> None:
    recipe = recipe_for(DrawOptions("a red \udcff apple", negative_prompt="\udcfe", seed=7), CATALOG)
    assert (recipe.prompt, recipe.negative_prompt) == ("a red ? apple", "?")
    assert len(recipe.sha256()) == 64


def test_seeds_count_up_from_the_given_one_and_wrap() -> None:
    recipe = recipe_for(DrawOptions("a red apple", seed=MAX_SEED, count=2), CATALOG)
    assert [image.seed for image in recipe.images] == [MAX_SEED, 0]


def test_without_a_seed_it_is_random() -> None:
    seeds = {recipe_for(DrawOptions("a red apple"), CATALOG).images[0].seed for _ in range(5)}
    assert len(seeds) > 1


async def test_a_picture_to_start_from_and_its_mask_go_with_the_request(tmp_path: Path) -> None:
    picture, mask = tmp_path / "picture.png", tmp_path / "mask.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    Image.new("L", (8, 8)).save(mask)
    fake = FakeExecutor()
    assert (await drawn(tmp_path, fake, image=picture, strength=0.4, fit="pad", mask=mask))[0] == DONE
    (request,) = fake.requests
    assert request.inputs == (picture.read_bytes(), mask.read_bytes())
    hashes = [hashlib.sha256(data).hexdigest() for data in request.inputs]
    assert request.recipe.init_image == InitImage(hashes[0], 0.4, "pad", hashes[1])


async def test_a_picture_that_cannot_be_used_is_told_before_anything_is_drawn(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(20 * 2**20 + 1))
    for options, error in (
        ({"image": tmp_path / "missing.png"}, DrawError),
        ({"mask": large}, BadInput),
        ({"image": large}, BadInput),
        ({"image": Path(__file__), "strength": 0.0}, DrawError),
    ):
        fake = FakeExecutor()
        with pytest.raises(error):
            await drawn(tmp_path, fake, **options)
        assert fake.requests == []
