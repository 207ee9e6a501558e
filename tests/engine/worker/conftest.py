"""A tiny Stable Diffusion of the true classes with random weights, in diffusers' folder format, and what runs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from engine.api import GenerationRequest, ImageSeed, ModelInfo, Recipe, Size
from engine.catalog import SCHEDULERS, Catalog, ModelEntry, Source
from engine.pocket import WEIGHTS
from engine.wire import Draw, FromWorker, JobCancelled, JobFailed, JobFinished, Stop, ToWorker
from engine.worker.conditioning.rows import Conditioning
from engine.worker.jobs import WorkerJob, begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loop import draw_until_stopped, run_worker
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device, open_device
from engine.worker.safety import Detector, load_floor
from engine.worker.sampling.batch import Group, ImageState, pack
from engine.worker.sampling.buckets import AnyRows
from engine.worker.sampling.steps import advance
from tests.engine.stand_in_checker import any_checker

SIDE = 64


@pytest.fixture(scope="session")
def device() -> Device:
    return open_device("cpu", 1)


@pytest.fixture(scope="session")
def floor() -> Detector:
    return load_floor()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete model folder: pipeline, feature extractor, safety checker."""
    torch.manual_seed(20)
    folder = tmp_path_factory.mktemp("tiny")
    pipeline = StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(),
        unet=_unet(),
        scheduler=_scheduler(),
        safety_checker=_safety_checker(),
        feature_extractor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture
def copied_folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "tiny"))


@pytest.fixture
def edit_checker(copied_folder: Path) -> Callable[[Callable[[dict[str, Tensor]], Any]], Path]:
    """Change the tensors of the copied model's safety checker; give back the model's folder."""

    def edit(change: Callable[[dict[str, Tensor]], Any]) -> Path:
        file = copied_folder / "safety_checker" / "model.safetensors"
        tensors = load_file(file)
        change(tensors)
        save_file(tensors, file, {"format": "pt"})
        return copied_folder

    return edit


@pytest.fixture(scope="session")
def make_catalog() -> Callable[..., Catalog]:
    """Make a catalogue of one model, "tiny", from its folder."""

    def make(folder: Path, safety_checker: Path | None = None) -> Catalog:
        sizes = (Size("square", SIDE, SIDE),)
        info = ModelInfo(
            *("tiny", "Tiny", "sd1", "1", "none", "random", sizes, 8, 8, 256, 4, 1, 60, 3.0, 1.0, 15.0),
            *(tuple(spec.info for spec in SCHEDULERS.values()), "DPM++ 2M"),
        )
        return Catalog((ModelEntry(info, Source(folder=folder), Source(folder=safety_checker or folder)),))

    return make


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path, make_catalog: Callable[..., Catalog], device: Device, floor: Detector) -> LoadedModel:
    """The tiny model as a worker loads it."""
    return ModelCache(make_catalog(tiny_folder), device, floor, any_checker).get("tiny")


@pytest.fixture(scope="session")
def begin_proven() -> Callable[[GenerationRequest, LoadedModel], WorkerJob]:
    """Begin a job, with its rows proven as after a worker's idle time."""

    def begin(request: GenerationRequest, model: LoadedModel) -> WorkerJob:
        job = begin_job(request, model)
        while model.rules.prove():
            pass
        return job

    return begin


@pytest.fixture(scope="session")
def stock(tiny_folder: Path) -> Callable[..., Any]:
    """Draw a recipe's first image with the stock pipeline on the tiny model; give back the picture."""
    return stock_pipeline(tiny_folder)


@pytest.fixture(scope="session")
def stock_latents(tiny_folder: Path) -> Callable[..., Any]:
    """The same, before decoding; give back the latents, (channels, height, width)."""
    return stock_pipeline(tiny_folder, "latent")


@pytest.fixture(scope="session")
def stock_pocket() -> Callable[..., Any]:
    """The same on the pocket model."""
    return stock_pipeline(WEIGHTS)


def stock_pipeline(folder: Path, output_type: str = "pil") -> Callable[..., Any]:
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, safety_checker=None, requires_safety_checker=False, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    own = pipeline.scheduler.config

    def draw(recipe: Recipe, **changes: Any) -> Any:
        import diffusers

        spec = SCHEDULERS[recipe.scheduler]
        pipeline.scheduler = getattr(diffusers, spec.class_name).from_config(own, **spec.changes, **changes)
        return pipeline(
            recipe.prompt,
            negative_prompt=recipe.negative_prompt,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(recipe.images[0].seed),
            output_type=output_type,
        ).images[0]

    return draw


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A recipe the tiny model can draw in a moment."""
    return Recipe("tiny", "1", "a red apple", "", SIDE, SIDE, 4, 3.0, "DPM++ 2M", (ImageSeed(7),))


@pytest.fixture(scope="session")
def request_for() -> Callable[..., GenerationRequest]:
    """Make a request from a recipe."""

    def make(recipe: Recipe, job_id: str = "job-1", *, previews: bool = True) -> GenerationRequest:
        return GenerationRequest(recipe, job_id, 1, 0.0, "guild:user", previews=previews)

    return make


@pytest.fixture(scope="session")
def image() -> Callable[..., ImageState]:
    """Make an image of a group, with all that the order of steps looks at and nothing that draws."""

    def make(group: Group, rows: int = 2, steps: int = 4, **state: Any) -> ImageState:
        return ImageState(
            pipeline=None,
            group=group,
            row_rule=AnyRows(),
            latents=torch.zeros(1),
            conditioning=Conditioning(torch.zeros(rows, 1, 1)),
            guidance_scale=3.0,
            scheduler=None,
            unet_timesteps=torch.zeros(steps),
            generator=torch.Generator(),
            takes_generator=False,
            **state,
        )

    return make


@pytest.fixture(scope="session")
def denoise(
    request_for: Callable[..., GenerationRequest], begin_proven: Callable[[GenerationRequest, LoadedModel], WorkerJob]
) -> Callable[[LoadedModel, Recipe], WorkerJob]:
    """Take a recipe's images through all their steps; give back the job, which has no results yet."""

    def do(model: LoadedModel, recipe: Recipe) -> WorkerJob:
        job = begin_proven(request_for(recipe), model)
        while batch := pack(job.image_states, 16, {}):
            advance(batch)
        return job

    return do


@dataclass
class Parent:
    """The other end of a worker that runs in this thread: sends, records, and reacts to what it hears.

    Args:
        reactions: message type to what is sent the first time one of it is heard.
        models: loaded already; None for the worker's own.
        listener: hears every message too, and says what to send.
    """

    catalog: Catalog
    device: Device
    floor: Detector
    reactions: dict[type[FromWorker], ToWorker] = field(default_factory=dict)
    heard: list[FromWorker] = field(default_factory=list)
    inbox: Inbox = field(default_factory=Inbox)
    awaited: int = 0
    models: ModelCache | None = None
    listener: Callable[[FromWorker], Iterable[ToWorker]] = lambda message: ()

    def run(self, *messages: ToWorker) -> list[FromWorker]:
        """Send the messages, run the worker until every Draw among them has ended, give back what it said."""
        for message in messages:
            self.send(message)
        if self.models is None:
            assert (
                run_worker("cpu-0", self.device, self.catalog, self.inbox, self._hear, lambda: self.floor, any_checker)
                == 0
            )
        else:
            draw_until_stopped("cpu-0", self.device, self.models, self.inbox, self._hear)
        return self.heard

    def send(self, message: ToWorker) -> None:
        """Send a message beside those that `run` is given."""
        self.awaited += isinstance(message, Draw)
        self.inbox.hear(message)

    def of(self, kind: type[Any]) -> list[Any]:
        """Give back what was heard of one type."""
        return [message for message in self.heard if isinstance(message, kind)]

    def _hear(self, message: FromWorker) -> None:
        self.heard.append(message)
        if reaction := self.reactions.pop(type(message), None):
            self.send(reaction)
        for message_back in self.listener(message):
            self.send(message_back)
        self.awaited -= isinstance(message, JobFinished | JobFailed | JobCancelled)
        if not self.awaited:
            self.inbox.put(Stop())


@pytest.fixture
def make_parent(make_catalog: Callable[..., Catalog], device: Device, floor: Detector) -> Callable[..., Parent]:
    """Make the parent of a worker that draws with the model in a folder."""

    def make(folder: Path, reactions: dict[type[FromWorker], ToWorker] | None = None) -> Parent:
        return Parent(make_catalog(folder), device, floor, reactions or {})

    return make


@pytest.fixture
def parent(make_parent: Callable[..., Parent], tiny_folder: Path) -> Parent:
    """The parent of a worker that draws with the tiny model."""
    return make_parent(tiny_folder)


def _vae() -> AutoencoderKL:
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=SIDE,
        scaling_factor=0.5,
    )
    vae.decoder.conv_out.weight.data *= 3  # so that pictures use the whole range of colours
    return vae


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=2,
        cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def _scheduler() -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        steps_offset=1,
    )


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=32,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def _tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab=_vocabulary(_byte_symbols()), merges=[], model_max_length=77)


def _vocabulary(symbols: Iterable[str]) -> dict[str, int]:
    symbols = list(symbols)
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def _byte_symbols() -> Iterable[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _safety_checker() -> StableDiffusionSafetyChecker:
    config = CLIPConfig(
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
        text_config={"hidden_size": 32},
        projection_dim=16,
    )
    checker = StableDiffusionSafetyChecker(config)
    for name, parameter in checker.named_parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0, 0.3)
        if name.endswith("embeds_weights"):
            parameter.data.fill_(2.0)
    checker.concept_embeds_weights.data[:7] = 0.98
    return checker
