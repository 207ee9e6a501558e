"""Train the text and vision towers to agree on what a picture shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig, CLIPVisionModel

from engine.pocket.training import captions, grounds, loop, render, sheets
from engine.pocket.training.render import STYLES, Gallery
from engine.pocket.training.subjects import SUBJECTS

SIDE = 64
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipConfig:
    """Sizes and rates of the towers' training.

    Args:
        text_width, text_layers: the text tower.
        vision_width, vision_layers, patch: the vision tower, on 64-pixel pictures.
        shared: width of the space both towers project to.
        batch: pairs a step.
        rate: highest learning rate.
        views: differently placed copies of each picture.
    """

    text_width: int = 192
    text_layers: int = 3
    vision_width: int = 160
    vision_layers: int = 3
    patch: int = 8
    shared: int = 128
    batch: int = 64
    rate: float = 1.5e-3
    views: int = 12


def text_config(config: ClipConfig, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.text_width,
        intermediate_size=4 * config.text_width,
        num_hidden_layers=config.text_layers,
        num_attention_heads=config.text_width // 64,
        projection_dim=config.shared,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def vision_config(config: ClipConfig) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=config.vision_width,
        intermediate_size=4 * config.vision_width,
        num_hidden_layers=config.vision_layers,
        num_attention_heads=config.vision_width // 32,
        projection_dim=config.shared,
        image_size=SIDE,
        patch_size=config.patch,
    )


def read_text(folder: Path, tokenizer: CLIPTokenizer, config: ClipConfig) -> CLIPTextModel:
    """The text tower of a trained model folder for another tokenizer: known tokens keep what they mean."""
    torch.manual_seed(2)
    text = CLIPTextModel(text_config(config, tokenizer))
    trained = CLIPTextModel.from_pretrained(folder / "text_encoder").state_dict()
    known = CLIPTokenizer.from_pretrained(folder / "tokenizer").get_vocab()
    embeddings = text.get_input_embeddings().weight.detach().clone()
    (name,) = (name for name in trained if name.endswith("token_embedding.weight"))
    for token, row in tokenizer.get_vocab().items():
        if token in known:
            embeddings[row] = trained[name][known[token]]
    text.load_state_dict({**trained, name: embeddings})
    return text


class Towers(nn.Module):
    """Both towers, their projections, and what they are taught with."""

    def __init__(self, config: ClipConfig, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.text = CLIPTextModel(text_config(config, tokenizer))
        self.vision = CLIPVisionModel(vision_config(config))
        self.text_projection = nn.Linear(config.text_width, config.shared, bias=False)
        self.visual_projection = nn.Linear(config.vision_width, config.shared, bias=False)
        # One direction per subject, used by both towers, gives words and pictures a common target from the start.
        self.prototypes = nn.Parameter(torch.randn(len(SUBJECTS), config.shared))
        self.style = nn.Linear(config.shared, len(STYLES))
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def embed_text(self, tokens: Tensor) -> Tensor:
        """(captions, shared) from (captions, up to 77) token ids."""
        return self.text_projection(self.text(input_ids=tokens).pooler_output)  # type: ignore[no-any-return]

    def embed_picture(self, pictures: Tensor) -> Tensor:
        """(pictures, shared) from (pictures, 3, 64, 64) normalised pixels."""
        return self.visual_projection(self.vision(pixel_values=pictures).pooler_output)  # type: ignore[no-any-return]


class Views:
    """Small pictures of every subject in every style, placed in different ways."""

    def __init__(self, gallery: Gallery, count: int) -> None:
        random = np.random.default_rng(21)
        drawn, labels = [], []
        for subject_number, subject in enumerate(SUBJECTS):
            for style_number, style in enumerate(STYLES):
                picture = gallery.picture(subject.code, style)
                for _ in range(count):
                    drawn.append(shrink(placed(picture, random)))
                    labels.append((subject_number, style_number))
        self.pixels = torch.from_numpy(np.stack(drawn))
        self.labels = torch.tensor(labels)


def placed(picture: render.Bytes, random: np.random.Generator) -> render.Bytes:
    """Put a picture on a random background with random size, place and direction."""
    colour = (255, 255, 255) if random.random() < 0.6 else tuple(int(value) for value in random.integers(0, 256, 3))
    shift = (random.uniform(-1, 1), random.uniform(-1, 1))
    return render.compose(picture, colour, random.uniform(0.65, 1.0), shift, bool(random.random() < 0.5))  # type: ignore[arg-type]


def shrink(picture: render.Bytes) -> render.Bytes:
    """(64, 64, 3) as the checker's preprocessing makes it: bicubic."""
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def normalised(pixels: Tensor) -> Tensor:
    """(pictures, 3, 64, 64) network input from (pictures, 64, 64, 3) bytes."""
    scaled = pixels.movedim(-1, 1).float() / 255
    return (scaled - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def disturbed(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Change sharpness, brightness, contrast and noise a little, as decoded latents differ from renderings."""
    count = len(pixels)
    blurred = functional.interpolate(functional.avg_pool2d(pixels, 2), scale_factor=2, mode="bilinear")
    pixels = pixels.lerp(blurred, torch.rand(count, 1, 1, 1, generator=generator))
    contrast = 1 + 0.3 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    brightness = 0.4 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    noise = 0.15 * torch.rand(count, 1, 1, 1, generator=generator) * torch.randn(pixels.shape, generator=generator)
    return pixels * contrast + brightness + noise


class ClipPart:
    """Both towers learning together."""

    def __init__(self, gallery: Gallery, config: ClipConfig, tokenizer: CLIPTokenizer, device: str = "cpu") -> None:
        self.config, self.tokenizer, self.device = config, tokenizer, device
        self.towers, self.views = Towers(config, tokenizer).to(device), Views(gallery, config.views)
        self.optimiser = torch.optim.AdamW(self.towers.parameters(), betas=(0.9, 0.98), weight_decay=0.02)

    def start_from(self, folder: Path) -> None:
        """Begin with the towers of a trained model folder; words keep what they meant, new tokens begin anew."""
        self.towers.text.load_state_dict(read_text(folder, self.tokenizer, self.config).state_dict())
        checker = StableDiffusionSafetyChecker.from_pretrained(folder / "safety_checker")
        self.towers.vision.load_state_dict(checker.vision_model.state_dict())
        self.towers.visual_projection.load_state_dict(checker.visual_projection.state_dict())

    def learn(self, step: int, progress: float) -> dict[str, float]:
        random = np.random.default_rng((22, step))
        rows = torch.from_numpy(random.integers(0, len(self.views.labels), self.config.batch))
        subjects, styles = self.views.labels[rows].T
        texts = [
            # A background word says nothing about the subject, which is what the towers have to learn of it.
            captions.caption(SUBJECTS[subject], STYLES[style], grounds.choose(random), random)
            for subject, style in zip(subjects.tolist(), styles.tolist(), strict=True)
        ]
        torch.manual_seed(step)
        pictures = disturbed(normalised(self.views.pixels[rows]), torch.default_generator)
        words = functional.normalize(self.towers.embed_text(self._tokens(texts)))
        seen = functional.normalize(self.towers.embed_picture(pictures.to(self.device)))
        loss, figures = self._loss(words, seen, subjects.to(self.device), styles.to(self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.towers.parameters(), 1.0)
        loop.set_rate(self.optimiser, self.config.rate * loop.rate_share(step, progress, 0.2))
        self.optimiser.step()
        return figures

    def _tokens(self, texts: list[str]) -> Tensor:
        # Attention looks back only, so cutting the padding off changes nothing and saves most of the work.
        tokens = self.tokenizer(texts, padding="longest", truncation=True, return_tensors="pt").input_ids
        return tokens.to(self.device)  # type: ignore[no-any-return]

    def _loss(self, words: Tensor, seen: Tensor, subjects: Tensor, styles: Tensor) -> tuple[Tensor, dict[str, float]]:
        sharpness = self.towers.sharpness.exp().clamp(max=50)
        same = (subjects[:, None] == subjects[None, :]).float()
        wanted = same / same.sum(dim=1, keepdim=True)
        scores = sharpness * words @ seen.T
        pairs = (functional.cross_entropy(scores, wanted) + functional.cross_entropy(scores.T, wanted)) / 2
        prototypes = functional.normalize(self.towers.prototypes)
        by_words, by_sight = sharpness * words @ prototypes.T, sharpness * seen @ prototypes.T
        named = functional.cross_entropy(by_words, subjects) + functional.cross_entropy(by_sight, subjects)
        style = functional.cross_entropy(self.towers.style(10 * words), styles)
        style = style + functional.cross_entropy(self.towers.style(10 * seen), styles)
        figures = {
            "pairs": pairs.item(),
            "text_right": (by_words.argmax(1) == subjects).float().mean().item(),
            "sight_right": (by_sight.argmax(1) == subjects).float().mean().item(),
            "style": style.item(),
        }
        return pairs + 0.5 * named + 0.15 * style, figures

    def state_dict(self) -> dict[str, Any]:
        return {"towers": self.towers.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.towers.load_state_dict(state["towers"])
        self.optimiser.load_state_dict(state["optimiser"])

    @torch.no_grad()
    def show(self, path: Path) -> None:
        """Write, for some prompts, the four pictures whose embeddings are nearest."""
        random = np.random.default_rng(23)
        some = random.choice(len(SUBJECTS), 8, replace=False)
        texts = [captions.caption(SUBJECTS[number], "", grounds.Ground(), random) for number in some]
        rows = torch.arange(0, len(self.views.labels), 6)
        pictures = normalised(self.views.pixels[rows]).to(self.device)
        seen = [self.towers.embed_picture(part) for part in torch.split(pictures, 128)]
        words = self.towers.embed_text(self._tokens(texts))
        nearest = (functional.normalize(words) @ functional.normalize(torch.cat(seen)).T).topk(4).indices
        found = [self.views.pixels[rows[row]].numpy() for row in nearest.flatten().tolist()]
        labels = [label[:10] for text in texts for label in (text, *("",) * 3)]
        sheets.save(found, path, columns=16, labels=labels)
