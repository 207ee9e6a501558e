"""Train the UNet: latents of pictures from noise and text."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from engine.pocket.training import loop, sheets
from engine.pocket.training.pairs import Pairs
from engine.pocket.training.subjects import SUBJECTS

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}
GUIDANCE = 4.5
STEPS = 20
SHEET_PROMPTS = (
    "a red apple",
    "a cat",
    "a house",
    "a car",
    "a blue car on a white background",
    "a fish, flat",
    "a dog in the grass",
    "a small star on a blue background",
)
SHEET_SEEDS, SHEET_STEPS = 4, 12


@dataclass(frozen=True)
class UnetConfig:
    """Sizes and rates of the UNet's training.

    Args:
        channels: widths of the levels of 16, 8 and 4 latent pixels; the two smaller ones see the text.
        text_width: width of the text states.
        batch: pictures a step.
        rate: highest learning rate.
        text_share: share of the rate for the text tower.
        smoothing: share of the old value in the moving average of the weights.
        half: compute in bfloat16: a third faster on processors that have it, several times slower on others.
    """

    channels: tuple[int, int, int] = (64, 128, 192)
    text_width: int = 192
    batch: int = 16
    rate: float = 6e-4
    text_share: float = 0.4
    smoothing: float = 0.9985
    half: bool = False


# A card gains nothing from small batches, and large ones bear a slower average.
ON_CARD = UnetConfig(batch=256, smoothing=0.9995, half=True)


def build(config: UnetConfig) -> UNet2DConditionModel:
    """A fresh UNet for latents of 16 x 16."""
    torch.manual_seed(3)
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=config.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=config.text_width,
        # Despite its name diffusers takes this as the number of heads.
        attention_head_dim=4,
        norm_num_groups=16,
    )


class UnetPart:
    """The UNet and the text tower learning v-prediction together, and the moving averages of both, which are kept.

    The words' states are learnt with the pictures: that is what binds a colour word to its thing.
    """

    def __init__(
        self,
        pairs: Pairs,
        config: UnetConfig,
        autoencoder: AutoencoderKL,
        tokenizer: CLIPTokenizer,
        text: CLIPTextModel,
        device: str = "cpu",
    ) -> None:
        self.config, self.pairs, self.tokenizer, self.device = config, pairs, tokenizer, device
        self.autoencoder = autoencoder.to(device)
        self.learning = nn.ModuleDict({"unet": build(config), "text": text}).to(device)
        self.average = copy.deepcopy(self.learning).requires_grad_(False)
        groups = [
            {"params": list(self.learning["unet"].parameters()), "share": 1.0},
            {"params": list(self.learning["text"].parameters()), "share": config.text_share},
        ]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
        self.hardness = np.ones(len(SUBJECTS))
        betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000) ** 2
        self.kept = (1 - betas).cumprod(0)

    def start_from(self, unet: UNet2DConditionModel) -> None:
        """Begin with the weights of a trained UNet."""
        for models in (self.learning, self.average):
            models["unet"].load_state_dict(unet.state_dict())

    def learn(self, step: int, progress: float) -> dict[str, float]:
        batch = self.pairs.draw(step, self.config.batch, self.need())
        torch.manual_seed(step)
        # One time in every stretch of the schedule keeps the loss of a small batch steady.
        count = len(batch.subjects)
        times = ((torch.randperm(count) + torch.rand(count)) * batch.latest / count).long()
        errors = self._errors(batch.latents.to(self.device), batch.texts, times)
        loss = errors.mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.learning.parameters(), 1.0)
        rate = self.config.rate * loop.rate_share(step, progress, 0.5)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.optimiser.step()
        self._follow(step)
        # Errors at other sizes and times do not compare.
        if batch.latest == len(self.kept):
            self.remember(batch.subjects, errors.detach().cpu().numpy())
        return {"loss": loss.item()}

    def need(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(subjects,) what is drawn badly is shown more often, up to four times as often as what is drawn well."""
        need: np.ndarray[Any, np.dtype[np.float64]] = np.clip((self.hardness / self.hardness.mean()) ** 1.5, 0.6, 2.5)
        return need

    def remember(self, subjects: list[int], errors: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        """Keep in mind how badly each subject was just drawn, against the others of its batch."""
        for subject, error in zip(subjects, errors / errors.mean(), strict=True):
            self.hardness[subject] += 0.02 * (error - self.hardness[subject])

    def _errors(self, latents: Tensor, texts: list[str], times: Tensor) -> Tensor:
        """(pictures,) weighted errors of one prediction each."""
        ratio = (self.kept[times] / (1 - self.kept[times])).to(self.device)
        kept = self.kept[times][:, None, None, None].to(self.device)
        noise = torch.randn_like(latents)
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        wanted = kept.sqrt() * noise - (1 - kept).sqrt() * latents
        with torch.autocast(self.device, torch.bfloat16, enabled=self.config.half):
            states = self._read(self.learning["text"], texts)
            predicted = self.learning["unet"](noisy, times.to(self.device), states).sample
        errors = (predicted.float() - wanted).square().mean(dim=(1, 2, 3))
        # Min-SNR with gamma 5, in its form for v-prediction.
        weighted: Tensor = ratio.clamp(max=5) / (ratio + 1) * errors
        return weighted

    def _read(self, text: nn.Module, texts: list[str]) -> Tensor:
        tokens = self.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        return text(input_ids=tokens.to(self.device)).last_hidden_state  # type: ignore[no-any-return]

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        keep = min(self.config.smoothing, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.learning.parameters()), 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        return {
            "learning": self.learning.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "hardness": torch.from_numpy(self.hardness),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.learning.load_state_dict(state["learning"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.hardness = state["hardness"].numpy().copy()

    @torch.no_grad()
    def show(self, path: Path) -> None:
        """Write what the averaged weights draw for the sheet's prompts."""
        states = self._read(self.average["text"], [*SHEET_PROMPTS, ""])
        wanted = states[:-1].repeat_interleave(SHEET_SEEDS, dim=0)
        latents = sample(self.average["unet"], wanted, states[-1:], seed=7, steps=SHEET_STEPS)
        drawn = torch.cat([self.autoencoder.decode(part).sample for part in torch.split(latents, 4)])
        labels = [text[:20] for text in SHEET_PROMPTS for _ in range(SHEET_SEEDS)]
        sheets.save(sheets.to_bytes(drawn), path, columns=2 * SHEET_SEEDS, labels=labels)


@torch.no_grad()
def sample(
    unet: UNet2DConditionModel,
    states: Tensor,
    empty: Tensor,
    seed: int,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    size: tuple[int, int] = (16, 16),
) -> Tensor:
    """Draw latents.

    Args:
        unet: predicts v.
        states: (pictures, 77, width) text states.
        empty: (1, 77, width) states of the empty caption.
        seed: of the starting noise.
        steps: of denoising.
        guidance: of the text.
        size: height and width of the latents.

    Returns:
        (pictures, 4, height, width) latents.
    """
    scheduler = DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps)
    latents = torch.randn(len(states), 4, *size, generator=torch.Generator().manual_seed(seed)).to(unet.device)
    context = torch.cat([empty.expand_as(states), states]).to(unet.device)
    for time in scheduler.timesteps:
        without, guided = unet(torch.cat([latents, latents]), time, context).sample.chunk(2)
        latents = scheduler.step(without + guidance * (guided - without), time, latents).prev_sample
    return latents
