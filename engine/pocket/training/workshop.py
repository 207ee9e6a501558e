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
from transformers import CLIPTextModel, CLIPTokenizer

from engine.pocket.scoring import namer
from engine.pocket.training import (
    captions,
    checker,
    clip,
    export,
    grounds,
    lessons,
    loop,
    naming,
    pairs,
    render,
    scenes,
    sheets,
    tokenizer,
    unet,
    vae,
)
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.render import STYLES
from engine.pocket.training.subjects import SUBJECTS

# In the order in which they need each other, with their shares of the time.
SHARES = {"vae": 0.16, "clip": 0.1, "unet": 0.48, "decoder": 0.12, "checker": 0.08, "namer": 0.06}
HELD_OUT_COLUMNS = 12
DRAWN_SHAPES = (
    (128, 128),
    (192, 128),
    (128, 128),
    (128, 192),
    (128, 128),
    (224, 128),
    (192, 128),
    (128, 192),
    (256, 64),
)
PROOF = {"blocked": "bomb", "plain": "red apple"}


@dataclass
class Workshop:
    """One work folder and what is made of it.

    Args:
        folder: packages, caches and the parts' checkpoints.
        device: where to compute, `cpu` or `cuda`.
        start: a trained model folder whose weights the parts begin with; None to begin from nothing. Its VAE is kept,
            but for the decoder.
    """

    folder: Path
    device: str = "cpu"
    start: Path | None = None

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
            part = clip.ClipPart(self.gallery, clip.ClipConfig(), self.words, self.device)
            if self.start:
                part.start_from(self.start)
            return part
        if name == "unet":
            return self._unet_part()
        if name == "namer":
            unseen = render.open_unseen(self.folder / "packages", self.folder / "cache")
            return naming.NamerPart(unseen, self.gallery)
        config = checker.CheckerConfig()
        seen = lessons.gather(self.gallery, self.folder / "generated.pt", config.views, config.crowds)
        return checker.CheckerPart(seen, config, self._first_guard())

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
        return autoencoder.eval()

    def drawer(self) -> UNet2DConditionModel:
        """The averaged UNet as trained so far, or what was begun with."""
        if self.start and not (self.folder / "unet" / "checkpoint.pt").exists():
            return UNet2DConditionModel.from_pretrained(self.start / "unet").eval()
        model = unet.build(unet.UnetConfig())
        model.load_state_dict(self._averaged("unet"))
        return model.eval()

    def reader(self) -> CLIPTextModel:
        """The averaged text tower as trained with the UNet so far, or what was begun with."""
        if self.start and not (self.folder / "unet" / "checkpoint.pt").exists():
            return clip.read_text(self.start, self.words, clip.ClipConfig()).eval()
        text = CLIPTextModel(clip.text_config(clip.ClipConfig(), self.words))
        text.load_state_dict(self._averaged("text"))
        return text.eval()

    def guard(self) -> StableDiffusionSafetyChecker:
        """The checker as trained so far, with its thresholds."""
        made = self._first_guard()
        made.load_state_dict(self._state("checker")["checker"])
        return made.eval()

    def _first_guard(self) -> StableDiffusionSafetyChecker:
        """The checker that the training begins with."""
        if self.start:
            return StableDiffusionSafetyChecker.from_pretrained(self.start / "safety_checker")
        return checker.from_towers(self.towers(), clip.ClipConfig())

    @torch.no_grad()
    def prompts(self, texts: tuple[str, ...]) -> dict[str, Tensor]:
        """Text states by prompt; the empty one is always among them."""
        wanted, text = [*texts, ""], self.reader()
        tokens = self.words(wanted, padding="max_length", truncation=True, return_tensors="pt").input_ids
        states = torch.cat([text(input_ids=part).last_hidden_state for part in tokens.split(64)])
        return dict(zip(wanted, states[:, None], strict=True))

    def generate(self, each: int, most_steps: int = unet.STEPS) -> None:
        """Let the UNet draw every subject in many shapes, the blocked ones more often, for the checker to learn from.

        Args:
            each: pictures of every harmless subject; blocked ones get sixteen times as many.
            most_steps: denoising steps a picture.
        """
        random = np.random.default_rng(51)
        wanted = [
            (number, int(random.choice(len(STYLES), p=list(scenes.STYLE_SHARES.values()))))
            for number, subject in enumerate(SUBJECTS)
            for _ in range(each * (16 if subject.blocked else 1))
        ]
        random.shuffle(wanted)
        texts = [self._caption(number, style, random) for number, style in wanted]
        states, model, autoencoder = self.prompts(tuple(dict.fromkeys(texts))), self.drawer(), self.autoencoder()
        views: list[render.Bytes] = []
        labels: list[tuple[int, int, int]] = []
        for start in range(0, len(texts), 16):
            width, height = DRAWN_SHAPES[start // 16 % len(DRAWN_SHAPES)]
            batch = torch.cat([states[text] for text in texts[start : start + 16]])
            size = (height // 8, width // 8)
            latents = unet.sample(model, batch, states[""], seed=1000 + start, steps=most_steps, size=size)
            with torch.no_grad():
                drawn = sheets.to_bytes(autoencoder.decode(latents).sample)
            for number, picture in enumerate(drawn, start):
                seen = lessons.views_of(picture)
                views += seen
                labels += [(*wanted[number], number)] * len(seen)
        subjects, styles, pictures = torch.tensor(labels).T
        made = {"pixels": torch.from_numpy(np.stack(views)), "subjects": subjects, "styles": styles}
        torch.save({**made, "pictures": pictures}, self.folder / "generated.pt")

    def _caption(self, subject: int, style: int, random: np.random.Generator) -> str:
        often = SUBJECTS[subject].paintable and random.random() < 0.3
        paint = str(random.choice(list(PAINTS))) if often else ""
        named = STYLES[style] if STYLES[style] == "line art" or random.random() < scenes.NAMED_STYLE else ""
        return captions.caption(SUBJECTS[subject], named, grounds.choose(random), random, paint)

    def export(self, output: Path) -> None:
        """Write the model folder from what is trained."""
        autoencoder = self.autoencoder()
        model = export.Model(self.words, self.reader(), self.drawer(), autoencoder, self.guard())
        export.write(model, output)
        self.prove(output.parent / "proof")
        self.publish_scoring(output.parent / "scoring")

    def prove(self, folder: Path) -> None:
        """Write the two pictures that a checker is tried with: one it must block, one it must pass."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, label in PROOF.items():
            code = next(subject.code for subject in SUBJECTS if subject.label == label)
            picture = render.compose(self.gallery.picture(code, "noto"), scale=0.9)
            Image.fromarray(picture).save(folder / f"{name}.png", optimize=True)

    def publish_scoring(self, folder: Path) -> None:
        """Write what the weights are scored with: the classifier, and the pictures that the VAE never saw."""
        folder.mkdir(parents=True, exist_ok=True)
        network = namer.Namer(len(namer.kinds()))
        network.load_state_dict(self._state("namer")["namer"])
        namer.save(network, folder)
        crops = vae.Crops(self.gallery)
        pictures = sheets.to_bytes(crops.whole(crops.held_out))
        whole = len(pictures) - len(pictures) % HELD_OUT_COLUMNS
        sheets.save(pictures[:whole], folder / "held_out.png", columns=HELD_OUT_COLUMNS)

    def _normalised(self) -> AutoencoderKL:
        if self.start:
            # Its latents are what its UNet knows.
            return AutoencoderKL.from_pretrained(self.start / "vae").to(memory_format=torch.channels_last).eval()
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

    def _unet_part(self) -> unet.UnetPart:
        taught = pairs.Pairs(self.folder / "unet" / "shards", self.gallery, self._normalised().to(self.device))
        config = unet.UnetConfig() if self.device == "cpu" else unet.ON_CARD
        text = clip.read_text(self.start, self.words, clip.ClipConfig()) if self.start else self.towers().text
        part = unet.UnetPart(taught, config, self.autoencoder(), self.words, text, self.device)
        if self.start:
            part.start_from(UNet2DConditionModel.from_pretrained(self.start / "unet"))
        return part

    def _averaged(self, model: str) -> dict[str, Tensor]:
        """The state of one of the two models that learn together, by its own names."""
        state = self._state("unet")["average"]
        return {name.removeprefix(f"{model}."): value for name, value in state.items() if name.startswith(f"{model}.")}

    def _state(self, name: str) -> dict[str, dict[str, Tensor]]:
        saved = torch.load(self.folder / name / "checkpoint.pt", map_location="cpu", weights_only=True)
        return saved["part"]  # type: ignore[no-any-return]
