"""Write the parts as one folder that Stable Diffusion's stock pipeline loads."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from torch.nn import functional
from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer

from engine.checkers import CHECKER_FILES, Fingerprint, digest_of, fixed_pictures, write_fingerprint
from engine.pocket import FINGERPRINT, PROOF
from engine.pocket.training import clip, tokenizer, unet

SHARD = "12MB"
# Samplers that people switch to read these: DDIM and DDPM would clip latents to -1 ... 1 and draw rubbish.
FOR_OTHER_SAMPLERS = {"clip_sample": False, "steps_offset": 1, "skip_prk_steps": True, "set_alpha_to_one": False}


@dataclass(frozen=True)
class Model:
    """The trained parts, the VAE normalised."""

    tokenizer: CLIPTokenizer
    text: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    checker: StableDiffusionSafetyChecker


def write(model: Model, folder: Path) -> None:
    """Replace a folder by the model in half precision; nobody ever sees a half-written one.

    Args:
        model: what to write.
        folder: becomes the model's folder; what was there is removed.
    """
    fresh, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    _pipeline(model).save_pretrained(fresh, safe_serialization=True, max_shard_size=SHARD)
    tokenizer.save(model.tokenizer, fresh / "tokenizer")
    _amend(fresh / "scheduler" / "scheduler_config.json", FOR_OTHER_SAMPLERS)
    # The saved class is whichever is installed; stock pipelines know this name.
    _amend(fresh / "model_index.json", {"feature_extractor": ["transformers", "CLIPImageProcessor"]})
    for part in ("text_encoder", "safety_checker"):
        # transformers loads in the precision named here, diffusers in full: a mixture of both cannot run.
        _amend(fresh / part / "config.json", {"dtype": "float32"})
    for path in fresh.rglob("*.safetensors"):
        path.chmod(0o644)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    fingerprint(folder)


@torch.no_grad()
def fingerprint(folder: Path) -> None:
    """Write, beside a written model, what its safety checker is known by: the model is not drawn with otherwise."""
    checker = StableDiffusionSafetyChecker.from_pretrained(folder / "safety_checker", dtype=torch.float32).eval()
    pixels = image_processor()(images=list(fixed_pictures()), return_tensors="pt").pixel_values
    embeddings = functional.normalize(checker.visual_projection(checker.vision_model(pixels)[1]))
    files = {name: digest_of(folder / name) for name in CHECKER_FILES}
    proof = folder.with_name(PROOF.name)
    proof.mkdir(exist_ok=True)
    write_fingerprint(proof / FINGERPRINT.name, Fingerprint(files, embeddings.tolist()))


def image_processor() -> CLIPImageProcessor:
    """The checker's preprocessing: shorter side to 64 pixels, bicubic, CLIP's mean and deviation."""
    return CLIPImageProcessor(size={"shortest_edge": clip.SIDE}, crop_size={"height": clip.SIDE, "width": clip.SIDE})


def _pipeline(model: Model) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline(
        vae=model.vae,
        text_encoder=model.text,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=DPMSolverMultistepScheduler(**unet.SCHEDULE, steps_offset=1),
        safety_checker=model.checker,
        feature_extractor=image_processor(),
        requires_safety_checker=True,
    )
    return pipeline.to(dtype=torch.float16)


def _amend(path: Path, changes: dict[str, Any]) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}, indent=2) + "\n")
