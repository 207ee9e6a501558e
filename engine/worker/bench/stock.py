"""What Easel is compared with: diffusers' own pipeline, one request or one batch of whole requests at a time.

Pictures are decoded, judged and encoded as in the worker, so that only the way of batching differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import diffusers
import torch
from torch import Tensor

from engine.api import GenerationRequest, ImageResult, Provenance
from engine.catalog import SCHEDULERS
from engine.wire import Draw, JobFinished, JobStarted
from engine.wire.contenders import Contender, batch_key
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.conditioning.rows import join
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.sampling.seeds import seeded


class StockServer:
    """Draws waiting requests, the oldest first and with it those that may share its batch, until told to stop.

    Args:
        contender: how requests are batched.
        name, device: as told with each result.
        models: what it draws with.
        inbox: the parent's messages.
        send: gives the parent a message.
    """

    def __init__(
        self,
        contender: Contender,
        name: str,
        device: Device,
        models: ModelCache,
        inbox: Inbox,
        send: Callable[..., None],
    ) -> None:
        self._contender = contender
        self._name = name
        self._device = device
        self._models = models
        self._inbox = inbox
        self._send = send
        self._waiting: list[GenerationRequest] = []
        self._schedulers: dict[tuple[str, str], Any] = {}
        self._configs: dict[str, Any] = {}

    def run(self) -> None:
        """Work until Stop comes or the parent is gone. A request has one image, and none is cancelled."""
        while self._drain():
            self._draw(self._next_batch())

    def _drain(self) -> bool:
        while not self._waiting or not self._inbox.empty():
            message = self._inbox.get()
            if not isinstance(message, Draw):
                return False
            self._waiting.append(message.request)
        return True

    def _next_batch(self) -> list[GenerationRequest]:
        most = 1 if self._contender is Contender.SEQUENTIAL else self._device.rows // 2
        key = batch_key(self._contender, self._waiting[0].recipe)
        batch = [each for each in self._waiting if batch_key(self._contender, each.recipe) == key][:most]
        taken = {each.job_id for each in batch}
        self._waiting = [each for each in self._waiting if each.job_id not in taken]
        return batch

    @torch.no_grad()
    def _draw(self, batch: Sequence[GenerationRequest]) -> None:
        started = time.monotonic()
        for request in batch:
            self._send(JobStarted(request.job_id))
        first = batch[0].recipe
        model = self._models.get(first.model)
        pipeline = model.pipeline
        pipeline.scheduler = self._scheduler(first.model, first.scheduler, model)
        denoise = denoise_together if self._contender is Contender.STATIC_STEPS else denoise_stock
        latents = denoise(pipeline, batch)
        vae = pipeline.vae
        pixels = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]
        for index, request in enumerate(batch):
            review = model.gate.review(pixels[index], latents[index])
            result = ImageResult(0, review.verdict, review.reason, review.image)
            self._send(JobFinished(request.job_id, (result,), None, self._facts(time.monotonic() - started)))

    def _scheduler(self, model_id: str, name: str, model: LoadedModel) -> Any:
        """Return a noise scheduler; the pipeline sets its timesteps, and with them its state, anew for each batch."""
        own = self._configs.setdefault(model_id, model.pipeline.scheduler.config)
        if (model_id, name) not in self._schedulers:
            spec = SCHEDULERS[name]
            self._schedulers[model_id, name] = getattr(diffusers, spec.class_name).from_config(own, **spec.changes)
        return self._schedulers[model_id, name]

    def _facts(self, seconds: float) -> Provenance:
        dtype = str(self._device.dtype).removeprefix("torch.")
        versions = (("diffusers", version("diffusers")),)
        return Provenance(self._name, self._device.name, self._device.threads, dtype, versions, seconds)


def denoise_stock(pipeline: Any, batch: Sequence[GenerationRequest]) -> Tensor:
    """Return the latents that the stock pipeline draws for requests that agree in all but prompts and seed.

    Returns:
        (images, channels, height, width) on the device.
    """
    recipe = batch[0].recipe
    return pipeline(  # type: ignore[no-any-return]
        [request.recipe.prompt for request in batch],
        negative_prompt=[request.recipe.negative_prompt for request in batch],
        width=recipe.width,
        height=recipe.height,
        num_inference_steps=recipe.steps,
        guidance_scale=recipe.guidance_scale,
        generator=_generators(batch),
        output_type="latent",
    ).images


def denoise_together(pipeline: Any, batch: Sequence[GenerationRequest]) -> Tensor:
    """Return the latents of requests that agree in scheduler and steps; each has a guidance scale of its own.

    The stock pipeline takes one scale for all, so this is its loop with one for each.

    Returns:
        (images, channels, height, width) on the device.
    """
    recipes = [request.recipe for request in batch]
    guided = any(recipe.guided for recipe in recipes)
    # Two rows for each where one of them needs two.
    conditioning = join([encode_prompts(pipeline, recipe, exact=guided) for recipe in recipes])
    arguments, rows_each = conditioning.arguments(), len(conditioning) // len(batch)
    context = conditioning.context
    scales = torch.tensor([recipe.guidance_scale for recipe in recipes], dtype=context.dtype, device=context.device)
    scales = scales.clamp(min=1.0)[:, None, None, None]
    scheduler, generators, recipe = pipeline.scheduler, _generators(batch), recipes[0]
    scheduler.set_timesteps(recipe.steps, device=pipeline.device)
    channels = pipeline.unet.config.in_channels
    latents = pipeline.prepare_latents(
        len(batch), channels, recipe.height, recipe.width, context.dtype, pipeline.device, generators
    )
    extra = pipeline.prepare_extra_step_kwargs(generators, 0.0)
    for timestep in scheduler.timesteps:
        rows = scheduler.scale_model_input(latents, timestep).repeat_interleave(rows_each, dim=0)
        predicted = pipeline.unet(rows, timestep, **arguments, return_dict=False)[0]
        if guided:
            unconditional, conditional = predicted[0::2], predicted[1::2]
            predicted = unconditional + scales * (conditional - unconditional)
        latents = scheduler.step(predicted, timestep, latents, **extra, return_dict=False)[0]
    return latents  # type: ignore[no-any-return]


def _generators(batch: Sequence[GenerationRequest]) -> list[torch.Generator]:
    return [seeded(request.recipe.images[0].seed) for request in batch]
