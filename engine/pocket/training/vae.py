"""Train the VAE: encoder and decoder together first, then the decoder alone on noisy latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from engine.pocket.training import loop, scenes, sheets
from engine.pocket.training.render import SIZE, Gallery
from engine.pocket.training.subjects import SUBJECTS

CROP = 64
# Named, not counted, so that weights that are trained further are still measured on what they never saw.
_HELD_OUT = """
0023-20e3 1f195 1f304 1f321 1f344-200d-1f7eb 1f36d 1f38e 1f3ad 1f3c4-200d-2640 1f3d9 1f3f9 1f417
1f441-200d-1f5e8 1f45c 1f468-200d-1f467-200d-1f467 1f468-200d-1f9bd 1f469-200d-1f469-200d-1f467-200d-1f467
1f46b 1f478 1f48d 1f4ad 1f4c7 1f4e1 1f4fb 1f516 1f532 1f576 1f5dd 1f60d 1f626 1f63c 1f64c 1f695 1f6af 1f6c0
1f6e3 1f7e8 1f921 1f936 1f944 1f95f 1f978 1f999 1f9b6 1f9cc 1f9d1-200d-1f4bc 1f9d3 1f9dc-200d-2642 1f9ef
1fa7a 1fa99 1fab2 1fad0 1faef 23cf 2604 2650 26ab 26fd 2764-200d-1fa79
"""
HELD_OUT = frozenset(_HELD_OUT.split())
# The sets in which those are measured.
MEASURED = ("3d", "flat", "noto")


@dataclass(frozen=True)
class VaeConfig:
    """Sizes and rates of the VAE's training.

    Args:
        channels: widths of the four resolution levels.
        batch: crops a step.
        rate: highest learning rate.
        latent_noise: highest standard deviation of noise while the decoder trains alone.
    """

    channels: tuple[int, int, int, int] = (16, 32, 64, 128)
    batch: int = 8
    rate: float = 1.5e-3
    latent_noise: float = 0.06


def build(config: VaeConfig) -> AutoencoderKL:
    """A fresh VAE: eightfold reduction, four latent channels, no scaling needed."""
    torch.manual_seed(1)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=config.channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        force_upcast=False,
    ).to(memory_format=torch.channels_last)


def to_tensor(pictures: list[Any]) -> Tensor:
    """(pictures, 3, height, width) in -1 to 1 from RGB byte arrays."""
    return torch.from_numpy(np.stack(pictures)).movedim(-1, 1).float() / 127.5 - 1


class Crops:
    """Pictures and crops for the VAE, chosen by the step number alone."""

    def __init__(self, gallery: Gallery) -> None:
        self._pixels = gallery.pixels
        wanted = {code for subject in SUBJECTS for code in subject.codes}
        keys = [key for key in gallery.index if key[0] not in HELD_OUT]
        colour = [key for key in keys if key[1] != "line art"]
        # Half of the crops show what will be drawn; line art is all edges and would rule the loss.
        self._pools = [
            ([gallery.index[key] for key in colour if key[0] in wanted], 0.5),
            ([gallery.index[key] for key in colour if key[0] not in wanted], 0.42),
            ([gallery.index[key] for key in keys if key[1] == "line art"], 0.08),
        ]
        away = [key for key in gallery.index if key[0] in HELD_OUT and key[1] in MEASURED]
        self.held_out = [gallery.index[key] for key in away]

    def batch(self, step: int, count: int, side: int) -> Tensor:
        """(count, 3, side, side) pictures in -1 to 1; the whole picture when side is 128."""
        random = np.random.default_rng((11, step))
        pools = random.choice(len(self._pools), count, p=[share for _, share in self._pools])
        rows = [random.choice(self._pools[pool][0]) for pool in pools]
        return torch.stack([self._crop(row, side, random) for row in rows]).to(memory_format=torch.channels_last)

    def whole(self, rows: list[int]) -> Tensor:
        """(rows, 3, 128, 128) pictures on white."""
        return torch.stack([_on_colour(self._pixels[row], np.full(3, 255.0)) for row in rows])

    def wanted(self) -> list[int]:
        """The rows of the everyday subjects' pictures, line art included."""
        return [row for pool, rows in enumerate(self._pools) if pool != 1 for row in rows[0]]

    def _crop(self, row: int, side: int, random: np.random.Generator) -> Tensor:
        # The sum of two draws prefers the middle, where the object is.
        top, left = random.integers(0, (SIZE - side) // 2 + 1, (2, 2)).sum(axis=0)
        piece = self._pixels[row, top : top + side, left : left + side]
        if random.random() < 0.5:
            piece = piece[:, ::-1]
        white = random.random() < 0.7
        return _on_colour(piece, np.full(3, 255.0) if white else random.uniform(0, 255, 3))


def _on_colour(piece: np.ndarray[Any, np.dtype[np.uint8]], colour: np.ndarray[Any, Any]) -> Tensor:
    alpha = piece[..., 3:].astype(np.float32) / 255
    mixed = piece[..., :3] * alpha + colour.astype(np.float32) * (1 - alpha)
    return torch.from_numpy(np.ascontiguousarray(mixed.transpose(2, 0, 1), dtype=np.float32)) / 127.5 - 1


def picture_loss(drawn: Tensor, truth: Tensor) -> Tensor:
    """Distance of pictures: pixels, edges, a four-times smaller view, and colour apart from brightness."""
    error = drawn - truth
    edges = (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()) / 2
    small = functional.avg_pool2d(error, 4)
    # Without this term it learns brightness first and stays grey for hundreds of steps.
    chroma = error - error.mean(dim=1, keepdim=True)
    whole = error.abs().mean() + 2 * error.square().mean()
    return whole + 0.3 * edges + small.abs().mean() + small.square().mean() + 2 * chroma.square().mean()


class VaePart:
    """Encoder and decoder learning together."""

    def __init__(self, gallery: Gallery, config: VaeConfig, device: str = "cpu") -> None:
        self.config, self.crops, self.vae = config, Crops(gallery), build(config).to(device)
        self.optimiser = torch.optim.AdamW(self.vae.parameters(), betas=(0.9, 0.99), weight_decay=1e-4)

    def learn(self, step: int, progress: float) -> dict[str, float]:
        side, count = (CROP, self.config.batch) if progress < 0.9 else (SIZE, self.config.batch // 4)
        truth = self.crops.batch(step, count, side).to(self.vae.device)
        torch.manual_seed(step)
        latents = self.vae.encode(truth).latent_dist
        drawn = self.vae.decode(latents.sample()).sample
        loss = picture_loss(drawn, truth) + 2e-4 * latents.kl().mean() / latents.mean[0].numel()
        _descend(self.vae, self.optimiser, loss, self.config.rate * loop.rate_share(step, progress, 0.3))
        return {"loss": loss.item(), "psnr": psnr(drawn, truth)}

    def state_dict(self) -> dict[str, Any]:
        return {"vae": self.vae.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.vae.load_state_dict(state["vae"])
        self.optimiser.load_state_dict(state["optimiser"])

    def show(self, path: Path) -> None:
        show(self.vae, self.crops, path)


class DecoderPart:
    """The decoder learning alone, from latents with the small errors that a UNet leaves in them.

    Args:
        gallery: the drawings.
        config: sizes and rates.
        vae: whose latents the UNet learns; its encoder stays as it is.
        device: where to compute.
    """

    def __init__(self, gallery: Gallery, config: VaeConfig, vae: AutoencoderKL, device: str = "cpu") -> None:
        self.config, self.gallery, self.crops = config, gallery, Crops(gallery)
        self.vae = vae.to(device, memory_format=torch.channels_last)
        self.vae.encoder.requires_grad_(False)
        self.vae.quant_conv.requires_grad_(False)
        learning = [weight for weight in self.vae.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(learning, betas=(0.9, 0.99), weight_decay=1e-4)

    def learn(self, step: int, progress: float) -> dict[str, float]:
        side, count = (CROP, self.config.batch) if progress < 0.7 else (SIZE, self.config.batch // 4)
        truth = torch.cat([self.crops.batch(step + 10_000_000, count // 2, side), self._made_up(step, count, side)])
        truth = truth.to(self.vae.device, memory_format=torch.channels_last)
        torch.manual_seed(step)
        with torch.no_grad():
            latents = self.vae.encode(truth).latent_dist.mean
        strength = torch.rand(count, 1, 1, 1, device=latents.device) * self.config.latent_noise
        drawn = self.vae.decode(latents + strength * torch.randn_like(latents)).sample
        loss = picture_loss(drawn, truth)
        _descend(self.vae, self.optimiser, loss, self.config.rate * 0.6 * loop.rate_share(step, progress))
        return {"loss": loss.item(), "psnr": psnr(drawn, truth)}

    def _made_up(self, step: int, count: int, side: int) -> Tensor:
        """The other half of a batch: pieces of pictures as the UNet draws them, with all kinds of backgrounds."""
        random = np.random.default_rng((12, step))
        pieces = []
        for _ in range(count - count // 2):
            picture = scenes.choose(self.gallery, (SIZE, SIZE), random).picture(self.gallery)
            top, left = random.integers(0, (SIZE - side) // 2 + 1, (2, 2)).sum(axis=0)
            pieces.append(picture[top : top + side, left : left + side])
        return to_tensor(pieces)

    def state_dict(self) -> dict[str, Any]:
        return {"vae": self.vae.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.vae.load_state_dict(state["vae"])
        self.optimiser.load_state_dict(state["optimiser"])

    def show(self, path: Path) -> None:
        show(self.vae, self.crops, path)


def _descend(vae: AutoencoderKL, optimiser: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
    loop.set_rate(optimiser, rate)
    optimiser.step()


@torch.no_grad()
def show(vae: AutoencoderKL, crops: Crops, path: Path) -> None:
    """Write held-out pictures above what the VAE makes of them, with the mean PSNR in the log."""
    truth = crops.whole(crops.held_out[:: max(1, len(crops.held_out) // 12)][:12]).to(vae.device)
    drawn = torch.cat([vae.decode(vae.encode(part).latent_dist.mean).sample for part in torch.split(truth, 4)])
    print(f"held-out PSNR {psnr(drawn, truth):.2f} dB", flush=True)
    sheets.save([*sheets.to_bytes(truth), *sheets.to_bytes(drawn)], path, columns=12)


def psnr(drawn: Tensor, truth: Tensor) -> float:
    """Mean over pictures of the peak signal-to-noise ratio, in dB, of values in -1 to 1."""
    errors = (drawn.detach().clamp(-1, 1) - truth).square().mean(dim=(1, 2, 3))
    return float((10 * torch.log10(4 / errors.clamp_min(1e-8))).mean())


@torch.no_grad()
def normalise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Fold `(z - white) / deviation` into the VAE, because the pipeline has a scale but no shift.

    Args:
        vae: changed in place: white becomes zero and the spread of each channel one.
        pictures: (pictures, 3, 128, 128) in -1 to 1, the everyday subjects.
    """
    white = vae.encode(torch.ones(1, 3, SIZE, SIZE)).latent_dist.mean[:, :, 4:12, 4:12].mean(dim=(0, 2, 3))
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in torch.split(pictures, 8)])
    deviation = (latents - white[:, None, None]).square().mean(dim=(0, 2, 3)).sqrt()
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.bias[:4] = (quant.bias[:4] - white) / deviation
    quant.bias[4:] -= 2 * deviation.log()
    quant.weight[:4] /= deviation[:, None, None, None]
    post.bias += post.weight[:, :, 0, 0] @ white
    post.weight *= deviation[None, :, None, None]
