"""The parts learn the same from a checkpoint as without the break."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from engine.pocket import WEIGHTS
from engine.pocket.training import captions, checker, clip, lessons, loop, naming, pairs, tokenizer, unet, vae
from engine.pocket.training.render import SETS, STYLES, Gallery
from engine.pocket.training.subjects import SUBJECTS

MICRO_VAE = vae.VaeConfig(channels=(8, 8, 8, 8), batch=4)
MICRO_CLIP = clip.ClipConfig(
    text_width=64, text_layers=1, vision_width=32, vision_layers=1, patch=16, shared=16, batch=8, views=1
)


KEYS = {(subject.code, style): row for row, (subject, style) in enumerate(product(SUBJECTS, STYLES))}


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """Noise in place of pictures: every subject, and some emoji that are no subject."""
    codes = [code for subject in SUBJECTS for code in subject.codes] + [f"other{number}" for number in range(26)]
    keys = [(code, kind) for code in codes for kind in SETS]
    noise = np.random.default_rng(5).integers(0, 256, (4, 128, 128, 4), dtype=np.uint8)
    return Gallery(noise[np.arange(len(keys)) % 4], {key: row for row, key in enumerate(keys)})


@pytest.fixture(scope="module")
def autoencoder() -> AutoencoderKL:
    return vae.build(MICRO_VAE)


class Lessons(pairs.Pairs):
    """Stands for the pairs: random latents of the square shape."""

    def __init__(self) -> None:
        """Needs no drawings."""

    def draw(self, step: int, count: int, need: np.ndarray | None = None) -> pairs.PairBatch:
        latents = torch.randn(count, 4, 16, 16, generator=torch.Generator().manual_seed(step))
        return pairs.PairBatch(latents, ["a cat", "", *["a red apple"] * (count - 2)], list(range(count)))


def build(name: str, gallery: Gallery, autoencoder: AutoencoderKL) -> loop.Part:
    if name == "vae":
        return vae.VaePart(gallery, MICRO_VAE)
    if name == "decoder":
        return vae.DecoderPart(gallery, MICRO_VAE, vae.build(MICRO_VAE))
    if name == "clip":
        return clip.ClipPart(gallery, MICRO_CLIP, tokenizer.learn(captions.all_words()))
    if name == "unet":
        config = unet.UnetConfig(channels=(16, 16, 32), text_width=64, batch=4, half=False)
        words = tokenizer.learn(captions.all_words())
        return unet.UnetPart(Lessons(), config, autoencoder, words, clip.Towers(MICRO_CLIP, words).text)
    if name == "namer":
        # It makes up dozens of pictures of every drawing.
        few = Gallery(gallery.pixels, dict(list(gallery.index.items())[:20]))
        return naming.NamerPart(few, few)
    torch.manual_seed(9)
    towers = clip.Towers(MICRO_CLIP, tokenizer.learn(["a red apple"]))
    some = lessons.Lessons(
        pixels=torch.randint(0, 256, (60, 64, 64, 3), dtype=torch.uint8),
        slots=torch.arange(60) % 20 - 3,
        pictures=torch.arange(60),
        held_out=torch.arange(60) < 20,
        generated=torch.arange(60) % 2 == 0,
    )
    return checker.CheckerPart(some, checker.CheckerConfig(batch=8), checker.from_towers(towers, MICRO_CLIP))


@pytest.mark.parametrize("name", ["vae", "decoder", "clip", "unet", "checker", "namer"])
def test_a_resumed_part_takes_the_same_next_step(
    name: str, gallery: Gallery, autoencoder: AutoencoderKL, tmp_path: Path
) -> None:
    straight = build(name, gallery, autoencoder)
    for step in range(2):
        straight.learn(step, 0.1)
    torch.save(straight.state_dict(), tmp_path / "state.pt")
    expected = straight.learn(2, 0.2)
    resumed = build(name, gallery, autoencoder)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert resumed.learn(2, 0.2) == expected
    assert_equal(resumed.state_dict(), straight.state_dict())


def assert_equal(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    else:
        assert found == expected


def test_normalising_a_vae_changes_its_latents_and_not_its_pictures() -> None:
    autoencoder = vae.build(MICRO_VAE).eval()
    torch.manual_seed(7)
    pictures = torch.rand(4, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        before = autoencoder.decode(autoencoder.encode(pictures).latent_dist.mean).sample
        vae.normalise(autoencoder, pictures)
        latents = autoencoder.encode(pictures).latent_dist.mean
        after = autoencoder.decode(latents).sample
        white = autoencoder.encode(torch.ones(1, 3, 128, 128)).latent_dist.mean
    assert torch.allclose(before, after, atol=1e-3)
    assert latents.square().mean(dim=(0, 2, 3)).sqrt().tolist() == pytest.approx([1] * 4, abs=0.01)
    assert white[..., 4:12, 4:12].mean(dim=(0, 2, 3)).abs().max() < 1e-3


@pytest.fixture(scope="module")
def small_shapes() -> Iterator[None]:
    """Shards of eight pictures, shown twice."""
    with pytest.MonkeyPatch.context() as patch:
        square, doubled = pairs.Shape(128, 128, 8), pairs.Shape(256, 256, 2, 0.25, 500)
        patch.setattr(pairs, "ROUND", (square, square, doubled))
        patch.setattr(pairs, "VIEWS", 2)
        patch.setattr(pairs, "SHARDS_IN_USE", 2)
        yield


@pytest.mark.usefixtures("small_shapes")
def test_the_same_step_draws_the_same_lessons_and_another_step_others(
    gallery: Gallery, autoencoder: AutoencoderKL, tmp_path: Path
) -> None:
    first = pairs.Pairs(tmp_path / "first", gallery, autoencoder)
    again = pairs.Pairs(tmp_path / "again", gallery, autoencoder)
    one, same, other = first.draw(3, 8), again.draw(3, 8), first.draw(4, 8)
    assert torch.equal(one.latents, same.latents)
    assert one.texts == same.texts
    assert one.texts != other.texts


@pytest.mark.usefixtures("small_shapes")
def test_what_is_needed_most_is_shown_most(gallery: Gallery, autoencoder: AutoencoderKL, tmp_path: Path) -> None:
    lessons = pairs.Pairs(tmp_path, gallery, autoencoder)
    there = lessons.draw(0, 1).subjects[0]
    need = np.full(len(SUBJECTS), 0.001)
    need[there] = 1.0
    assert lessons.draw(0, 100, need).subjects.count(there) > 90


@pytest.mark.usefixtures("small_shapes")
def test_large_pictures_come_few_at_a_time_and_with_little_noise(
    gallery: Gallery, autoencoder: AutoencoderKL, tmp_path: Path
) -> None:
    batch = pairs.Pairs(tmp_path, gallery, autoencoder).draw(2, 8)
    assert batch.latents.shape == (2, 4, 32, 32)
    assert batch.latest == 500


@pytest.mark.usefixtures("small_shapes")
def test_newer_pictures_take_the_place_of_older_ones() -> None:
    square = pairs.ROUND[0]
    assert list(pairs.in_use(square, 0, 8)) == [1, 2]
    assert list(pairs.in_use(square, 6, 8)) == [3, 4]


def test_the_decoder_learns_alone_and_latents_keep_their_meaning(gallery: Gallery, autoencoder: AutoencoderKL) -> None:
    part = build("decoder", gallery, autoencoder)
    assert isinstance(part, vae.DecoderPart)
    before = {name: weight.clone() for name, weight in part.vae.state_dict().items()}
    part.learn(0, 0.1)
    changed = {name for name, weight in part.vae.state_dict().items() if not torch.equal(weight, before[name])}
    assert {name.split(".")[0] for name in changed} == {"decoder", "post_quant_conv"}


def test_a_subject_that_is_drawn_badly_is_shown_more_often(gallery: Gallery, autoencoder: AutoencoderKL) -> None:
    part = build("unet", gallery, autoencoder)
    assert isinstance(part, unet.UnetPart)
    for _ in range(50):
        part.remember([0, 1], np.array([3.0, 1.0], dtype=np.float32))
    assert part.need()[0] > part.need()[1]


def test_a_trained_model_that_is_trained_further_begins_with_what_its_words_mean() -> None:
    words = tokenizer.learn(captions.all_words())
    part = clip.ClipPart(
        Gallery(np.zeros((len(KEYS), 128, 128, 4), dtype=np.uint8), KEYS), clip.ClipConfig(views=1), words
    )
    part.start_from(WEIGHTS)
    trained = CLIPTextModel.from_pretrained(WEIGHTS / "text_encoder").get_input_embeddings().weight
    known = CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer").get_vocab()
    learnt = part.towers.text.get_input_embeddings().weight
    assert torch.equal(learnt[words.get_vocab()["apple</w>"]], trained[known["apple</w>"]])


def test_the_checker_learns_from_some_pictures_and_is_measured_on_others(tmp_path: Path) -> None:
    subjects = (SUBJECTS[lessons.BLOCKED[0]], SUBJECTS[0])
    keys = [(subject.code, "3d") for subject in subjects]
    small = Gallery(np.full((2, 128, 128, 4), 255, dtype=np.uint8), {key: row for row, key in enumerate(keys)})
    drawn = {
        "pixels": torch.zeros(9, 64, 64, 3, dtype=torch.uint8),
        "subjects": torch.tensor([lessons.BLOCKED[0], lessons.BLOCKED[0], 0] * 3),
        "styles": torch.zeros(9, dtype=torch.long),
        "pictures": torch.tensor([0, 0, 1, 2, 2, 3, 4, 4, 5]),
    }
    torch.save(drawn, tmp_path / "generated.pt")

    gathered = lessons.gather(small, tmp_path / "generated.pt", views=9, crowds=0)

    harmless = (gathered.slots < 0) & ~gathered.generated
    assert gathered.slots[:9].tolist() == [0] * 9
    assert len(set(gathered.pictures[harmless].tolist())) == lessons.HARMLESS_COPIES
    assert gathered.slots[gathered.generated].tolist() == [0, -1] * 3
    assert 0 < gathered.held_out[:9].sum() < 9
    assert 0 < gathered.held_out[-6:].sum() < 6


def test_a_blocked_drawing_is_learnt_from_views_that_hold_it_whole_and_from_parts_of_crowds() -> None:
    blocked, harmless = SUBJECTS[lessons.BLOCKED[0]], SUBJECTS[0]
    pixels = np.full((2, 128, 128, 4), 255, dtype=np.uint8)
    pixels[0, :, :, 1] = 0
    pixels[1, :, :, :3] = (0, 0, 255)
    gallery = Gallery(pixels, {(blocked.code, "3d"): 0, (harmless.code, "3d"): 1})

    gathered = lessons.gather(gallery, Path("/nonexistent"), views=60, crowds=8)

    magenta = (gathered.pixels[..., (0, 2)] > 200).all(dim=-1) & (gathered.pixels[..., 1] < 60)
    blue = (gathered.pixels[..., 2] > 150) & (gathered.pixels[..., :2] < 120).all(dim=-1)
    is_blocked = gathered.slots >= 0
    assert (magenta[is_blocked].sum(dim=(1, 2)) > 30).all()
    assert not magenta[~is_blocked].any()
    beside = blue[is_blocked].sum(dim=(1, 2)) > 100
    assert 0.1 < beside.float().mean() < 0.7


def test_a_picture_of_which_one_view_is_flagged_counts_once() -> None:
    some = lessons.Lessons(
        pixels=torch.zeros(5, 64, 64, 3, dtype=torch.uint8),
        slots=torch.tensor([-1, -1, -1, 2, -1]),
        pictures=torch.tensor([0, 0, 1, 2, 3]),
        held_out=torch.ones(5, dtype=torch.bool),
        generated=torch.zeros(5, dtype=torch.bool),
    )
    rates = checker.rates(torch.tensor([True, True, False, True, False]), some, torch.arange(5))
    assert rates["false_rendered"] == pytest.approx(1 / 3)
    assert rates["caught_rendered"] == 1


def test_blocked_subjects_fill_the_checkers_seventeen_slots_and_others_none() -> None:
    slots = [lessons.slot_of(number, style) for number in lessons.BLOCKED for style in STYLES]
    assert set(slots) == set(range(lessons.SLOTS))
    harmless = [number for number in range(len(SUBJECTS)) if number not in lessons.BLOCKED]
    assert {lessons.slot_of(number, style) for number in harmless for style in STYLES} == {-1}
