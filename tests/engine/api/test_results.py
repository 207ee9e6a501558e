from __future__ import annotations

import hashlib

import pytest

from engine.api import ImageResult, Verdict, pixel_sha256


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


@pytest.mark.parametrize("verdict", [Verdict.BLOCK, Verdict.ERROR])
def test_a_result_that_was_not_allowed_has_a_reason_and_no_picture(verdict: Verdict) -> None:
    assert ImageResult(0, verdict, "concept 3 by 0.02").image is None
