"""Put the parts of the training together from what the work folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from transformers import CLIPTokenizer

from engine.pocket.training import captions, checker, clip, export, loop, pairs, render, sheets, tokenizer, unet, vae
from engine.pocket.training.render import STYLES
from engine.pocket.training.subjects import SUBJECTS

# In the order in which they need each other, with their shares of the time.
SHARES = {"vae": 0.18, "clip": 0.14, "unet": 0.5, "decoder": 0.1, "checker": 0.08}
PROOF = {"blocked": "bomb", "plain": "red apple"}
SHEET_PROMPTS = (
    "a red apple", "a cat", "a dog", "a house", "a tree", "a car", "a flower", "the sun",
    "a fish", "a pizza", "a red heart", "a rocket", "a guitar", "a snowman", "a hamburger", "a rose",
    "a cat, line art", "a blue heart, flat", "a bird", "an airplane", "a green apple", "a star", "a gun", "a robot",
)  # fmt: skip


@dataclass
class Workshop:
    """One work folder and what is made of it.

    Args:
        folder: packages, caches and the parts' checkpoints.
        device: where to compute, `cpu` or `cuda`.
    """

    folder: Path
    device: str = "cpu"

    @cached_property
    def gallery(self) -> render.Gallery:
        return render.open_gallery(self.folder / "packages", self.folder / "cache")

    @cached_property
    def words(self) -> CLIPTokenizer:
        return tokenizer.learn(captions.all_words())

    def part(self, name: str) -> loop.Part:
        """Build one part, not yet resumed. The parts it builds on must have been trained."""
        if name == "vae":
            return vae.VaePart(self.gallery, vae.VaeConfig(), self.device)
        if name == "decoder":
            return vae.DecoderPart(self.gallery, vae.VaeConfig(), self._normalised(), self.device)
        if name == "clip":
            return clip.ClipPart(self.gallery, clip.ClipConfig(), self.words, self.device)
        if name == "unet":
            return unet.UnetPart(
                self._pairs(), unet.UnetConfig(), self.autoencoder(), self.prompts(SHEET_PROMPTS), self.device
            )
        lessons = checker.gather(self.gallery, self.folder / "generated.pt", checker.CheckerConfig().views)
        return checker.CheckerPart(
            lessons, checker.CheckerConfig(), checker.from_towers(self.towers(), clip.ClipConfig())
        )

    def towers(self) -> clip.Towers:
        """The text and vision towers as trained so far."""
        towers = clip.Towers(clip.ClipConfig(), self.words)
        towers.load_state_dict(self._state("clip")["towers"])
        return towers.eval()

    def autoencoder(self) -> AutoencoderKL:
        """The VAE, normalised, with the decoder's own training where there has been any."""
        autoencoder = self._normalised()
        if (self.folder / "decoder" / "checkpoint.pt").exists():
            autoencoder.load_state_dict(self._state("decoder")["vae"])
        return autoencoder

    def drawer(self) -> UNet2DConditionModel:
        """The averaged UNet as trained so far."""
        model = unet.build(unet.UnetConfig())
        model.load_state_dict(self._state("unet")["average"])
        return model.eval()

    def guard(self) -> StableDiffusionSafetyChecker:
        """The checker as trained so far, with its thresholds."""
        made = checker.from_towers(self.towers(), clip.ClipConfig())
        made.load_state_dict(self._state("checker")["checker"])
        return made.eval()

    def prompts(self, texts: tuple[str, ...]) -> dict[str, Tensor]:
        """Text states by prompt; the empty one is always among them."""
        wanted = [*texts, ""]
        states = pairs.text_states(wanted, self.words, self.towers().text).float()
        return dict(zip(wanted, states[:, None], strict=True))

    def generate(self, each: int, most_steps: int = unet.STEPS) -> None:
        """Let the UNet draw every subject, the blocked ones more often, for the checker to learn from.

        Args:
            each: pictures of every harmless subject; blocked ones get eight times as many.
            most_steps: denoising steps a picture.
        """
        random = np.random.default_rng(51)
        wanted = [
            (number, int(random.choice(len(STYLES), p=pairs.STYLE_SHARES)))
            for number, subject in enumerate(SUBJECTS)
            for _ in range(each * (8 if subject.blocked else 1))
        ]
        texts = tuple(captions.caption(SUBJECTS[number], STYLES[style], "", random) for number, style in wanted)
        states, model, autoencoder = self.prompts(tuple(dict.fromkeys(texts))), self.drawer(), self.autoencoder()
        small = []
        for start in range(0, len(texts), 16):
            batch = torch.cat([states[text] for text in texts[start : start + 16]])
            latents = unet.sample(model, batch, states[""], seed=1000 + start, steps=most_steps)
            with torch.no_grad():
                drawn = autoencoder.decode(latents).sample
            small += [clip.shrink(picture) for picture in sheets.to_bytes(drawn)]
        numbers = torch.tensor(wanted)
        made = {"pixels": torch.from_numpy(np.stack(small)), "subjects": numbers[:, 0], "styles": numbers[:, 1]}
        torch.save(made, self.folder / "generated.pt")

    def export(self, output: Path) -> None:
        """Write the model folder from what is trained."""
        autoencoder = self.autoencoder()
        preview = vae.latent_preview(autoencoder, self._everyday(every=6))
        towers = self.towers()
        model = export.Model(self.words, towers.text, self.drawer(), autoencoder, self.guard(), preview)
        export.write(model, output)
        self.prove(output.parent / "proof")

    def prove(self, folder: Path) -> None:
        """Write the two pictures that a checker is tried with: one it must block, one it must pass."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, label in PROOF.items():
            code = next(subject.code for subject in SUBJECTS if subject.label == label)
            picture = render.compose(self.gallery.picture(code, "noto"), scale=0.9)
            Image.fromarray(picture).save(folder / f"{name}.png", optimize=True)

    def _normalised(self) -> AutoencoderKL:
        autoencoder = vae.build(vae.VaeConfig()).eval()
        path = self.folder / "vae" / "normalised.pt"
        if not path.exists():
            autoencoder.load_state_dict(self._state("vae")["vae"])
            vae.normalise(autoencoder, self._everyday(every=3))
            torch.save(autoencoder.state_dict(), path)
        autoencoder.load_state_dict(torch.load(path, weights_only=True))
        return autoencoder

    def _everyday(self, every: int) -> Tensor:
        crops = vae.Crops(self.gallery)
        return crops.whole(crops.wanted()[::every])

    def _pairs(self) -> pairs.Pairs:
        path = self.folder / "unet" / "pairs.pt"
        return pairs.open_pairs(path, self.gallery, self._normalised(), self.words, self.towers().text)

    def _state(self, name: str) -> dict[str, dict[str, Tensor]]:
        saved = torch.load(self.folder / name / "checkpoint.pt", map_location="cpu", weights_only=True)
        return saved["part"]  # type: ignore[no-any-return]
