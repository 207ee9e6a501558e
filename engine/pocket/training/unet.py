"""Train the UNet: latents of pictures from noise and text."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor

from engine.pocket.training import loop, sheets
from engine.pocket.training.pairs import Pairs

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


@dataclass(frozen=True)
class UnetConfig:
    """Sizes and rates of the UNet's training.

    Args:
        channels: widths of the levels of 16, 8 and 4 latent pixels; the two smaller ones see the text.
        text_width: width of the text states.
        batch: pictures a step.
        rate: highest learning rate.
        smoothing: share of the old value in the moving average of the weights.
        half: compute in bfloat16 where the processor is faster with it.
    """

    channels: tuple[int, int, int] = (64, 128, 192)
    text_width: int = 192
    batch: int = 16
    rate: float = 8e-4
    smoothing: float = 0.9985
    half: bool = False


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
    """The UNet learning v-prediction, and the moving average of its weights that is kept."""

    def __init__(
        self,
        pairs: Pairs,
        config: UnetConfig,
        autoencoder: AutoencoderKL,
        prompts: dict[str, Tensor],
        device: str = "cpu",
    ) -> None:
        self.config, self.pairs, self.prompts, self.device = config, pairs, prompts, device
        self.autoencoder, self.unet = autoencoder.to(device), build(config).to(device)
        self.average = copy.deepcopy(self.unet).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.unet.parameters(), betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
        betas = torch.linspace(SCHEDULE["beta_start"] ** 0.5, SCHEDULE["beta_end"] ** 0.5, 1000) ** 2
        self.kept = (1 - betas).cumprod(0)

    def learn(self, step: int, progress: float) -> dict[str, float]:
        latents, states = self.pairs.draw(step, self.config.batch)
        torch.manual_seed(step)
        # One time in every stretch of the schedule keeps the loss of a small batch steady.
        times = ((torch.randperm(len(latents)) + torch.rand(len(latents))) * 1000 / len(latents)).long()
        loss = self._loss(latents.to(self.device), states.to(self.device), times)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        loop.set_rate(self.optimiser, self.config.rate * loop.rate_share(step, progress, 0.5))
        self.optimiser.step()
        self._follow(step)
        return {"loss": loss.item()}

    def _loss(self, latents: Tensor, states: Tensor, times: Tensor) -> Tensor:
        ratio = (self.kept[times] / (1 - self.kept[times])).to(self.device)
        kept = self.kept[times][:, None, None, None].to(self.device)
        noise = torch.randn_like(latents)
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        wanted = kept.sqrt() * noise - (1 - kept).sqrt() * latents
        with torch.autocast(self.device, torch.bfloat16, enabled=self.config.half):
            predicted = self.unet(noisy, times.to(self.device), states).sample
        errors = (predicted.float() - wanted).square().mean(dim=(1, 2, 3))
        # Min-SNR with gamma 5, in its form for v-prediction.
        weighted: Tensor = ratio.clamp(max=5) / (ratio + 1) * errors
        return weighted.mean()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        keep = min(self.config.smoothing, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.unet.parameters()), 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        return {
            "unet": self.unet.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.unet.load_state_dict(state["unet"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])

    def show(self, path: Path) -> None:
        """Write what the averaged weights draw for the sheet's prompts."""
        texts = [text for text in self.prompts if text]
        states = torch.cat([self.prompts[text] for text in texts])
        latents = sample(self.average, states, self.prompts[""], seed=7)
        with torch.no_grad():
            drawn = torch.cat([self.autoencoder.decode(part).sample for part in torch.split(latents, 4)])
        sheets.save(sheets.to_bytes(drawn), path, columns=8, labels=[text[:20] for text in texts])


@torch.no_grad()
def sample(unet: UNet2DConditionModel, states: Tensor, empty: Tensor, seed: int, steps: int = STEPS) -> Tensor:
    """Draw latents with the shipped settings.

    Args:
        unet: predicts v.
        states: (pictures, 77, width) text states.
        empty: (1, 77, width) states of the empty caption.
        seed: of the starting noise.
        steps: of denoising.

    Returns:
        (pictures, 4, 16, 16) latents.
    """
    scheduler = DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps)
    latents = torch.randn(len(states), 4, 16, 16, generator=torch.Generator().manual_seed(seed)).to(unet.device)
    context = torch.cat([empty.expand_as(states), states]).to(unet.device)
    for time in scheduler.timesteps:
        without, guided = unet(torch.cat([latents, latents]), time, context).sample.chunk(2)
        latents = scheduler.step(without + GUIDANCE * (guided - without), time, latents).prev_sample
    return latents
