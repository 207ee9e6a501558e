"""What is pulled from the hub is whole and verified, goes on where it broke off, and is said in a sentence if not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import Source
from engine.catalog.checkpoint_inspection import inspect
from engine.catalog.sources import repository_folder
from engine.hub import HubError, PullProgress, check, is_here, licence_of, missing, pull
from tests.engine.stand_in import Hub

NAME = "owner/model"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Source]:
    def make(hub: str = NAME, revision: str = "main", **values: Any) -> Source:
        return Source(repository_folder(tmp_path, hub, revision), hub, revision, **values)

    return make


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source()


@pytest.fixture
def model(hub: Hub, family_folder: Callable[..., Path]) -> Hub:
    """The hub with a whole model."""
    hub.put(NAME, family_folder("sd1"), README_DOT_md=b"a card", assets_DOT_png=b"no part of it")
    return hub


@pytest.fixture
def waits() -> list[float]:
    return []


def test_a_pulled_model_is_one_that_can_be_loaded(model: Hub, source: Source) -> None:
    assert not is_here(source, "pipeline")
    told: list[PullProgress] = []
    report = pull([(source, "pipeline")], told.append)
    assert inspect(source).family.id == "sd1"
    assert is_here(source, "pipeline")
    assert report.commits == (model.repositories[NAME].commit,)
    assert told[-1] == PullProgress(report.size, report.size)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    assert report.pulled == report.size == check(source, "pipeline")
    assert licence_of(source, "pipeline") == "openrail"


def test_only_what_the_model_needs_is_pulled(model: Hub, source: Source, family_folder: Callable[..., Path]) -> None:
    files = model.repositories[NAME].files
    files |= {"v1.ckpt": b"pickle", "unet/diffusion_pytorch_model.bin": b"pickle", "x/model.safetensors": b"x"}
    files["unet/diffusion_pytorch_model.fp16.safetensors"] = b"half"
    pull([(source, "pipeline")])
    expected = {path.relative_to(family_folder("sd1")).as_posix() for path in family_folder("sd1").rglob("*.*")}
    assert set(model.fetched()) == expected | {"README.md"}


def test_a_variant_is_pulled_where_there_is_one(model: Hub, make_source: Callable[..., Source]) -> None:
    files = model.repositories[NAME].files
    files["unet/diffusion_pytorch_model.fp16.safetensors"] = files[WEIGHTS]
    pull([(make_source(variant="fp16"), "pipeline")])
    fetched = model.fetched()
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in fetched
    assert WEIGHTS not in fetched
    assert "vae/diffusion_pytorch_model.safetensors" in fetched
    assert is_here(make_source(variant="fp16"), "pipeline")
    assert not is_here(make_source(), "pipeline")


def test_a_second_pull_brings_nothing_and_a_third_needs_no_hub(model: Hub, source: Source) -> None:
    pull([(source, "pipeline")])
    assert pull([(source, "pipeline")]).pulled == 0
    del model.repositories[NAME]
    assert missing([(source, "pipeline")]) == []
    assert check(source, "pipeline") > 0


def test_a_model_and_its_safety_checker_are_one_pull(
    model: Hub, source: Source, make_source: Callable[..., Source]
) -> None:
    names = ("config.json", "model.safetensors", "preprocessor_config.json")
    model.put("a/checker").files.update(dict.fromkeys(names, b"x" * 1000))
    checker, told = make_source("a/checker"), list[PullProgress]()
    report = pull([(checker, "safety_checker"), (source, "pipeline")], told.append)
    assert report.size == check(source, "pipeline") + check(checker, "safety_checker")
    assert {progress.total for progress in told} == {report.size}
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_one_file_of_a_repository_is_enough_for_a_checkpoint(
    hub: Hub, make_source: Callable[..., Source], family_file: Callable[..., Path]
) -> None:
    hub.put(NAME, **{"style_DOT_safetensors": family_file("sd1").read_bytes(), "other_DOT_safetensors": b"x"})
    source = make_source(file="style.safetensors")
    pull([(source, "pipeline")])
    assert hub.fetched() == ["style.safetensors"]
    assert inspect(source).family.id == "sd1"


def test_a_safety_checker_is_pulled_from_beside_a_pipeline_or_by_itself(
    hub: Hub, make_source: Callable[..., Source]
) -> None:
    names = (
        "safety_checker/config.json",
        "safety_checker/model.safetensors",
        "feature_extractor/preprocessor_config.json",
    )
    hub.put("a/nested").files.update(dict.fromkeys((*names, "unet/config.json"), b"x"))
    hub.put("a/alone").files.update(dict.fromkeys((Path(name).name for name in names), b"x"))
    pull([(make_source("a/nested"), "safety_checker")])
    assert set(hub.fetched()) == set(names)
    pull([(make_source("a/alone"), "safety_checker")])
    assert set(hub.fetched()[3:]) == {Path(name).name for name in names}


def test_a_pull_that_breaks_off_goes_on_where_it_ended(model: Hub, source: Source, waits: list[float]) -> None:
    model.break_after[WEIGHTS] = [1000, 500, 0, 0]
    pull([(source, "pipeline")], sleep=waits.append)
    ranges = [asked for _, path, asked in model.requests if path.startswith("/content/") and asked]
    assert ranges[:4] == ["bytes=1000-", "bytes=1500-", "bytes=1500-", "bytes=1500-"]
    assert waits == [1.0, 2.0]
    assert is_here(source, "pipeline")


def test_a_pull_that_was_given_up_goes_on_in_the_next(model: Hub, source: Source, waits: list[float]) -> None:
    model.break_after[WEIGHTS] = [1000, *[0] * 6]
    with pytest.raises(HubError, match="cannot be reached"):
        pull([(source, "pipeline")], sleep=waits.append)
    assert not is_here(source, "pipeline")
    model.requests.clear()
    report = pull([(source, "pipeline")], sleep=waits.append)
    assert ("GET", "bytes=1000-") in {(method, asked) for method, _, asked in model.requests}
    assert report.pulled < report.size
    assert is_here(source, "pipeline")
    assert list(source.folder.rglob("*.part")) == []


def test_a_server_that_knows_no_ranges_still_serves_a_broken_pull(model: Hub, source: Source) -> None:
    model.break_after[WEIGHTS] = [1000]
    model.ignores_ranges = True
    pull([(source, "pipeline")])
    assert check(source, "pipeline")


def test_a_file_that_arrives_damaged_is_pulled_again(model: Hub, source: Source) -> None:
    model.damaged = [WEIGHTS, "model_index.json"]
    report = pull([(source, "pipeline")])
    assert report.pulled > report.size
    assert check(source, "pipeline") == report.size


def test_a_file_that_arrives_damaged_twice_is_refused(model: Hub, source: Source) -> None:
    model.damaged = [f"*{WEIGHTS}"]
    with pytest.raises(HubError, match=rf"{WEIGHTS} of owner/model arrives damaged"):
        pull([(source, "pipeline")])
    assert not (source.folder / WEIGHTS).exists()
    assert not is_here(source, "pipeline")


def test_a_file_that_was_damaged_or_lost_since_is_noticed(model: Hub, source: Source) -> None:
    pull([(source, "pipeline")])
    file = source.folder / WEIGHTS
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(HubError, match="is damaged"):
        check(source, "pipeline")
    assert pull([(source, "pipeline")]).pulled == len(data)
    file.unlink()
    assert not is_here(source, "pipeline")


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_gated_repository_says_where_to_accept_its_terms(
    signed_in: bool, model: Hub, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    if signed_in:
        monkeypatch.setenv("HF_TOKEN", "hf_token")
    model.repositories[NAME].gated = True
    with pytest.raises(HubError, match=rf"open {model.address}/owner/model, accept them"):
        pull([(source, "pipeline")])
    assert not is_here(source, "pipeline")


def test_a_repository_that_is_not_there_is_named(hub: Hub, source: Source) -> None:
    with pytest.raises(HubError, match=r"There is no repository owner/model .* or it is private"):
        pull([(source, "pipeline")])


def test_a_revision_that_is_not_there_is_named(model: Hub, make_source: Callable[..., Source]) -> None:
    with pytest.raises(HubError, match=r"owner/model has no revision abc"):
        pull([(make_source(revision="abc"), "pipeline")])


def no_weights(files: dict[str, bytes]) -> None:
    files["unet/diffusion_pytorch_model.bin"] = files.pop(WEIGHTS)


@pytest.mark.parametrize(
    ("change", "part", "sentence"),
    [
        (no_weights, "pipeline", "has no safetensors weights for its unet"),
        (lambda files: files.pop("model_index.json"), "pipeline", "owner/model has no model_index.json at main"),
        (lambda files: None, "safety_checker", "owner/model has no safety checker"),
    ],
)
def test_a_repository_that_is_half_there_says_what_it_lacks(
    change: Callable[[dict[str, bytes]], Any], part: str, sentence: str, model: Hub, source: Source
) -> None:
    change(model.repositories[NAME].files)
    with pytest.raises(HubError, match=sentence):
        pull([(source, part)])
    assert model.fetched() == []


def test_a_hub_in_trouble_is_told_by_its_answer(model: Hub, source: Source, waits: list[float]) -> None:
    model.answers = 503
    with pytest.raises(HubError, match="answered 503"):
        pull([(source, "pipeline")], sleep=waits.append)


def test_a_hub_that_is_not_there_is_told(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(HubError, match=r"The model hub at http://127\.0\.0\.1:1 cannot be reached"):
        pull([(source, "pipeline")])


def test_a_receipt_that_cannot_be_read_is_none(model: Hub, source: Source) -> None:
    pull([(source, "pipeline")])
    receipt = source.folder / "receipt-pipeline.json"
    assert json.loads(receipt.read_text())["commit"] == model.repositories[NAME].commit
    receipt.write_text("{")
    assert not is_here(source, "pipeline")
    with pytest.raises(HubError, match="are not all there"):
        check(source, "pipeline")
