"""Measure the trained model for its card: `python -m engine.pocket.training.measure --work-dir .training`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from engine.pocket.training import clip, loop, sheets, unet, vae
from engine.pocket.training.subjects import SUBJECTS
from engine.pocket.training.workshop import Workshop

# No seed of the training's own drawings is near these.
FIRST_SEED = 500_000


def measure(workshop: Workshop, seeds: int) -> dict[str, float]:
    """Everything the model card states.

    Args:
        workshop: the work folder, its parts trained.
        seeds: pictures of every subject.
    """
    figures = {"vae_psnr_held_out": _vae(workshop)}
    for name in ("vae", "decoder", "clip", "unet", "checker"):
        figures[f"{name}_steps"] = loop.steps_taken(workshop.folder / name)
    pixels, subjects = _draw(workshop, seeds)
    blocked = torch.tensor([subject.blocked for subject in SUBJECTS])[subjects]
    scores = _named(workshop, pixels)
    best = scores.topk(5).indices
    everyday = ~blocked
    figures["named_first"] = (best[everyday, 0] == subjects[everyday]).float().mean().item()
    figures["named_in_five"] = (best == subjects[:, None]).any(dim=1)[everyday].float().mean().item()
    flagged = _flagged(workshop, pixels)
    figures["blocked_caught"] = flagged[blocked].float().mean().item()
    figures["everyday_false_alarms"] = flagged[everyday].float().mean().item()
    for number in torch.unique(subjects[blocked]).tolist():
        figures[f"caught_{SUBJECTS[number].label}"] = flagged[subjects == number].float().mean().item()
    return figures


@torch.no_grad()
def _vae(workshop: Workshop) -> float:
    autoencoder, crops = workshop.autoencoder(), vae.Crops(workshop.gallery)
    figures = []
    for start in range(0, len(crops.held_out), 8):
        truth = crops.whole(crops.held_out[start : start + 8])
        figures += [vae.psnr(autoencoder.decode(autoencoder.encode(truth).latent_dist.mean).sample, truth)] * len(truth)
    return sum(figures) / len(figures)


@torch.no_grad()
def _draw(workshop: Workshop, seeds: int) -> tuple[Tensor, Tensor]:
    prompts = [_prompt(subject.label) for subject in SUBJECTS]
    states, model, autoencoder = workshop.prompts(tuple(prompts)), workshop.drawer(), workshop.autoencoder()
    small, subjects = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for start in range(0, len(prompts), 16):
            batch = torch.cat([states[prompt] for prompt in prompts[start : start + 16]])
            latents = unet.sample(model, batch, states[""], seed * 100 + start)
            small += [clip.shrink(picture) for picture in sheets.to_bytes(autoencoder.decode(latents).sample)]
            subjects += list(range(start, start + len(batch)))
    return torch.stack([torch.from_numpy(picture.copy()) for picture in small]), torch.tensor(subjects)


def _prompt(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


@torch.no_grad()
def _named(workshop: Workshop, pixels: Tensor) -> Tensor:
    towers = workshop.towers()
    seen = torch.cat([towers.embed_picture(clip.normalised(part)) for part in torch.split(pixels, 64)])
    return functional.normalize(seen) @ functional.normalize(towers.prototypes).T


@torch.no_grad()
def _flagged(workshop: Workshop, pixels: Tensor) -> Tensor:
    guard = workshop.guard()
    flags: list[bool] = []
    for part in torch.split(pixels, 64):
        flags += guard(clip_input=clip.normalised(part), images=torch.zeros(len(part), 1))[1]
    return torch.tensor(flags)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.pocket.training.measure", description=__doc__)
    parser.add_argument("--work-dir", type=Path, default=Path(".training"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    figures = measure(Workshop(given.work_dir), given.seeds)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
