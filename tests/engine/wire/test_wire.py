from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from engine.api import Fault, GenerationRequest, ImageResult, ImageSeed, Provenance, Recipe, Variation, Verdict
from engine.wire import (
    LENGTH,
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Leaving,
    Loaded,
    Prefetch,
    Ready,
    Stop,
    ToWorker,
    Unfit,
    decode_from_worker,
    decode_to_worker,
    frame,
)

RECIPE = Recipe(
    "pocket", "1", "a red apple 🍎", "", 64, 96, 3, 4.5, "Euler", (ImageSeed(7), ImageSeed(8, (Variation(9, 0.15),)))
)
FACTS = Provenance("cpu-0", "cpu", 2, "float32", (("torch", "2.13.0"),), 1.25, "fast", 32)
IMAGE = {
    "data": b"not really a PNG",
    "media_type": "image/png",
    "width": 64,
    "height": 96,
    "sha256": "0" * 64,
    "file_sha256": hashlib.sha256(b"not really a PNG").hexdigest(),
}
FINISHED: dict[str, Any] = {
    "type": "finished",
    "job_id": "job",
    "images": [
        {"index": 0, "verdict": "allow", "image": IMAGE},
        {"index": 1, "verdict": "block", "reason": "concept 3 by 0.02"},
    ],
    "grid": None,
    "facts": msgspec.to_builtins(FACTS),
}


def body(message: ToWorker | FromWorker) -> bytes:
    """Return the frame's body after checking its length."""
    whole = frame(message)
    (length,) = LENGTH.unpack(whole[: LENGTH.size])
    assert length == len(whole) - LENGTH.size
    return whole[LENGTH.size :]


def changed(**image: Any) -> bytes:
    return msgspec.msgpack.encode(
        {**FINISHED, "images": [{"index": 0, "verdict": "allow", "image": {**IMAGE, **image}}]}
    )


@pytest.mark.parametrize(
    "message",
    [
        Draw(GenerationRequest(RECIPE, "job", 2, 1e9, "guild:user", 0.5, 2e9, False)),
        Cancel("job"),
        Prefetch("pocket"),
        Stop(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_to_the_worker_arrives_as_it_was_sent(message: ToWorker) -> None:
    assert decode_to_worker(body(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Ready("cpu-0", "cpu", 2, 16),
        Unfit("the planted picture was allowed"),
        Loaded(("pocket",), ("sd15", "sdxl")),
        JobStarted("job"),
        JobProgress("job", 3, 20),
        JobFinished(
            "job",
            (
                ImageResult(0, Verdict.BLOCK, "concept 3"),
                ImageResult(1, Verdict.ERROR, "NaN", fault=Fault.NOT_FINITE),
            ),
            None,
            FACTS,
        ),
        Leaving("job", "the checker gave no answer in 60 s"),
        JobFailed("job", "model_unavailable", {"model": "pocket", "reason": "damaged"}),
        JobCancelled("job"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_from_the_worker_arrives_as_it_was_sent(message: FromWorker) -> None:
    assert decode_from_worker(body(message)) == message


def test_a_reviewed_picture_arrives_byte_for_byte() -> None:
    message = decode_from_worker(msgspec.msgpack.encode(FINISHED))
    assert isinstance(message, JobFinished)
    image = message.images[0].image
    assert image is not None
    assert image.data == IMAGE["data"]
    assert decode_from_worker(body(message)) == message


def test_a_recipe_is_the_same_recipe_on_the_other_side() -> None:
    message = decode_to_worker(body(Draw(GenerationRequest(RECIPE, "job", 1, 0.0, "ann"))))
    assert isinstance(message, Draw)
    assert message.request.recipe.sha256() == RECIPE.sha256()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\xc1",
        msgspec.msgpack.encode({"type": "from_the_future"}),
        msgspec.msgpack.encode({"type": "ready", "worker": "w"}),
        msgspec.msgpack.encode({"type": "draw", "request": {}}),
    ],
)
def test_what_is_no_message_from_a_worker_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_from_worker(data)


def test_a_picture_whose_bytes_do_not_match_their_hash_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError, match="do not match their hash"):
        decode_from_worker(changed(data=b"another file"))


def test_a_blocked_result_cannot_smuggle_a_picture() -> None:
    smuggled = {**FINISHED, "images": [{"index": 0, "verdict": "block", "image": IMAGE}]}
    with pytest.raises(msgspec.DecodeError, match="exactly when the gate allowed it"):
        decode_from_worker(msgspec.msgpack.encode(smuggled))


def test_a_worker_cannot_be_given_a_recipe_that_is_none() -> None:
    wrong = msgspec.to_builtins(Draw(GenerationRequest(RECIPE, "job", 1, 0.0, "ann")))
    wrong["request"]["recipe"]["guidance_scale"] = float("nan")
    with pytest.raises(msgspec.DecodeError, match="guidance_scale"):
        decode_to_worker(msgspec.msgpack.encode(wrong))
