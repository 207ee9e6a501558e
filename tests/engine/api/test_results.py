from __future__ import annotations

import hashlib

import pytest

from engine.api import Fault, ImageResult, Verdict, pixel_sha256


def test_the_pixel_hash_covers_mode_size_and_pixels() -> None:
    raw = bytes(range(24))
    assert pixel_sha256("RGB", 4, 2, raw) == hashlib.sha256(b"RGB:4x2:" + raw).hexdigest()
    others = {
        pixel_sha256("RGB", 2, 4, raw),
        pixel_sha256("BGR", 4, 2, raw),
        pixel_sha256("RGB", 4, 2, raw[::-1]),
    }
    assert pixel_sha256("RGB", 4, 2, raw) not in others


def test_an_allowed_result_must_carry_a_picture() -> None:
    with pytest.raises(ValueError, match="exactly when the gate allowed it"):
        ImageResult(0, Verdict.ALLOW)


def test_a_blocked_result_has_a_reason_and_neither_picture_nor_fault() -> None:
    blocked = ImageResult(0, Verdict.BLOCK, "concept 3 by 0.02")
    assert (blocked.image, blocked.fault) == (None, None)
    with pytest.raises(ValueError, match="exactly when the gate could not judge"):
        ImageResult(0, Verdict.BLOCK, "concept 3 by 0.02", fault=Fault.ONE_COLOUR)


@pytest.mark.parametrize("fault", list(Fault))
def test_a_result_that_could_not_be_judged_must_say_why(fault: Fault) -> None:
    assert ImageResult(0, Verdict.ERROR, "odd", fault=fault).image is None
    with pytest.raises(ValueError, match="exactly when the gate could not judge"):
        ImageResult(0, Verdict.ERROR, "odd")
