"""Train the safety checker: the vision tower learns to tell the blocked concepts from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from torch import Tensor
from torch.nn import functional
from transformers import CLIPConfig

from engine.pocket.training import clip, loop, sheets
from engine.pocket.training.lessons import BLOCKED, SLOTS, Lessons, slot_of
from engine.pocket.training.render import STYLES

# A cosine never reaches this: the slot exists, because the class wants it, and stays silent.
NEVER = 2.0


@dataclass(frozen=True)
class CheckerConfig:
    """How the checker is taught.

    Args:
        batch: pictures a step.
        rate: highest learning rate.
        views: differently placed copies of each blocked drawing.
        crowds: canvases of several harmless drawings.
        false_alarms: share of harmless held-out pictures that may be blocked, drawn by the UNet, and four times that
            of renderings, most of which are of things the UNet never draws.
    """

    batch: int = 64
    rate: float = 6e-4
    views: int = 60
    crowds: int = 6000
    false_alarms: float = 0.008


def from_towers(towers: clip.Towers, config: clip.ClipConfig) -> StableDiffusionSafetyChecker:
    """A checker with the vision tower's eyes; its concepts start at the towers' directions of the blocked subjects."""
    settings = CLIPConfig(
        text_config=towers.text.config.to_dict(),
        vision_config=clip.vision_config(config).to_dict(),
        projection_dim=config.shared,
    )
    checker = StableDiffusionSafetyChecker(settings)
    checker.vision_model.load_state_dict(towers.vision.state_dict())
    checker.visual_projection.load_state_dict(towers.visual_projection.state_dict())
    with torch.no_grad():
        checker.special_care_embeds_weights.fill_(NEVER)
        checker.concept_embeds_weights.fill_(0.5)
        for number in BLOCKED:
            for style in STYLES:
                checker.concept_embeds[slot_of(number, style)] = towers.prototypes[number]
    return checker


def _middle(harmless: Tensor, own: Tensor) -> float:
    weakest = own.quantile(0.05) if len(own) else torch.tensor(1.0)
    return float(((harmless.quantile(0.995) + weakest) / 2).clamp(0.25, 0.6))


def rates(flagged: Tensor, lessons: Lessons, rows: Tensor) -> dict[str, float]:
    """Shares of pictures, not of views: one view that is flagged flags its picture."""
    numbers, where = torch.unique(lessons.pictures[rows], return_inverse=True)
    of_pictures = torch.zeros(3, len(numbers))
    for kind, views in zip(of_pictures, (flagged, lessons.slots[rows] >= 0, lessons.generated[rows]), strict=True):
        kind.scatter_reduce_(0, where, views.float(), "amax")
    stopped, blocked, drawn = of_pictures.bool()
    return {
        f"{name}_{kind}": stopped[group & source].float().mean().item()
        for name, group in (("caught", blocked), ("false", ~blocked))
        for kind, source in (("rendered", ~drawn), ("generated", drawn))
    }


class CheckerPart:
    """The checker learning, and its thresholds fitted at every stop."""

    def __init__(self, lessons: Lessons, config: CheckerConfig, checker: StableDiffusionSafetyChecker) -> None:
        self.config, self.lessons, self.checker = config, lessons, checker
        taught = ~lessons.held_out
        groups = [
            (lessons.slots >= 0) & ~lessons.generated,
            (lessons.slots < 0) & ~lessons.generated,
            (lessons.slots >= 0) & lessons.generated,
            (lessons.slots < 0) & lessons.generated,
        ]
        self.pools = [rows for group in groups if len(rows := (group & taught).nonzero().flatten())]
        self.checker.concept_embeds.requires_grad_(True)
        learning = [weight for weight in self.checker.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, betas=(0.9, 0.98), weight_decay=0.02)

    def learn(self, step: int, progress: float) -> dict[str, float]:
        random = np.random.default_rng((42, step))
        share = self.config.batch // len(self.pools)
        rows = torch.cat([pool[torch.from_numpy(random.integers(0, len(pool), share))] for pool in self.pools])
        torch.manual_seed(step)
        pictures = clip.disturbed(clip.normalised(self.lessons.pixels[rows]), torch.default_generator)
        slots = self.lessons.slots[rows]
        loss, right = self._loss(self.scores(pictures), slots)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.checker.parameters(), 1.0)
        loop.set_rate(self.optimiser, self.config.rate * loop.rate_share(step, progress))
        self.optimiser.step()
        return {"loss": loss.item(), "right": right}

    def scores(self, pictures: Tensor) -> Tensor:
        """(pictures, 17) cosines, as the checker's own forward computes them."""
        seen = self.checker.visual_projection(self.checker.vision_model(pictures).pooler_output)
        return functional.normalize(seen) @ functional.normalize(self.checker.concept_embeds).T

    def _loss(self, scores: Tensor, slots: Tensor) -> tuple[Tensor, float]:
        odds = 15 * (scores - 0.5)
        blocked = slots >= 0
        # A knife may well look like a dagger: blocked pictures teach their own slot, harmless ones teach all.
        hits = functional.softplus(-odds[blocked, slots[blocked]]).mean()
        alarms = functional.softplus(odds[~blocked]).sum(dim=1).mean()
        right = ((scores > 0.5).any(dim=1) == blocked).float().mean().item()
        return hits + 0.5 * alarms, right

    def state_dict(self) -> dict[str, Any]:
        self.fit_thresholds()
        return {"checker": self.checker.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.checker.load_state_dict(state["checker"])
        self.optimiser.load_state_dict(state["optimiser"])

    @torch.no_grad()
    def fit_thresholds(self) -> dict[str, float]:
        """Set each slot between its own and the harmless held-out pictures; return the rates that result."""
        rows, scores = self._held_out_scores()
        slots = self.lessons.slots[rows]
        middles = torch.tensor([_middle(scores[slots < 0, slot], scores[slots == slot, slot]) for slot in range(SLOTS)])
        # All move together, up from low, until there are few enough false alarms: one slot must not pay for an outlier.
        for raised in torch.linspace(-0.15, 0.6, 76):
            thresholds = (middles + raised).clamp(0.15, 0.95)
            found = rates((scores > thresholds).any(dim=1), self.lessons, rows)
            allowed = self.config.false_alarms
            if not found["false_generated"] > allowed and not found["false_rendered"] > 4 * allowed:
                break
        self.checker.concept_embeds_weights.copy_(thresholds)
        return found

    @torch.no_grad()
    def show(self, path: Path) -> None:
        """Print the rates and write the held-out pictures that are judged wrongly."""
        print("checker", {name: round(rate, 4) for name, rate in self.fit_thresholds().items()}, flush=True)
        rows, scores = self._held_out_scores()
        flagged = (scores > self.checker.concept_embeds_weights).any(dim=1)
        wrong = rows[flagged != (self.lessons.slots[rows] >= 0)][:64]
        if len(wrong):
            sheets.save([self.lessons.pixels[row].numpy() for row in wrong], path, columns=16)

    def _held_out_scores(self) -> tuple[Tensor, Tensor]:
        rows = self.lessons.held_out.nonzero().flatten()
        parts = [self.scores(clip.normalised(self.lessons.pixels[part])) for part in torch.split(rows, 128)]
        return rows, torch.cat(parts)
