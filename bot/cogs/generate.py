"""/imagine and /build: draw pictures from a description, or from answers to five questions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Transform
from discord.ext import commands

from bot.domain.presets import Preset
from bot.interactions.answers import Late
from bot.interactions.handling import LATE, answer_to
from bot.interactions.identity import member_of
from bot.interactions.imagine_options import (
    CountOption,
    LorasOption,
    ModelOption,
    SchedulerOption,
    SeedOption,
    SizeOption,
    StyleOption,
    terms_of,
)
from bot.interactions.options import Chosen, Real, Upload, Whole, Words, described
from bot.interactions.uploads import answered_first, check_uploads, fetch_start
from bot.texts import imagine as texts
from bot.texts import prompts as prompt_texts
from bot.usecases import Usecases
from bot.usecases.imagine import Ask
from bot.views.asking import draw
from bot.views.builder import build_form
from bot.views.press import host_of
from engine.api import LoraTag


class DrawCommands(commands.Cog):
    """The commands that start a drawing."""

    def __init__(self, usecases: Usecases) -> None:
        self._usecases = usecases

    @app_commands.command(name="imagine", description=texts.IMAGINE, extras={LATE: Late.PUBLIC})
    @app_commands.guild_only()
    @described
    async def imagine(
        self,
        interaction: discord.Interaction[Any],
        prompt: Transform[str, Words(texts.PROMPT)],
        negative_prompt: Transform[str | None, Words(texts.NEGATIVE)] = None,
        model: Transform[str | None, ModelOption(texts.MODEL)] = None,
        size: Transform[tuple[int, int] | None, SizeOption(texts.SIZE)] = None,
        steps: Transform[int | None, Whole(texts.STEPS)] = None,
        guidance: Transform[float | None, Real(texts.GUIDANCE)] = None,
        scheduler: Transform[str | None, SchedulerOption(texts.SCHEDULER)] = None,
        seed: Transform[int | None, SeedOption(texts.SEED)] = None,
        count: Transform[int, CountOption(texts.COUNT)] = 1,
        preset: Transform[Preset, Chosen(texts.PRESET, texts.PRESETS, Preset)] = Preset.STANDARD,
        style: Transform[str | None, StyleOption(texts.STYLE)] = None,
        lora: Transform[tuple[LoraTag, ...] | None, LorasOption(texts.LORA)] = None,
        clip_skip: Transform[int | None, Whole(texts.CLIP_SKIP)] = None,
        image: Transform[discord.Attachment | None, Upload(texts.IMAGE)] = None,
        strength: Transform[float | None, Real(texts.STRENGTH)] = None,
        fit: Transform[str | None, Chosen(texts.FIT, texts.FITS)] = None,
        mask: Transform[discord.Attachment | None, Upload(texts.MASK)] = None,
    ) -> None:
        """Accept a request, then answer with the message that will hold its result."""
        check_uploads(image, strength, fit, mask)
        width, height = size or (None, None)
        ask = Ask(
            prompt=prompt,
            negative_prompt=negative_prompt,
            model=model,
            width=width,
            height=height,
            steps=steps,
            guidance_scale=guidance,
            scheduler=scheduler,
            seed=seed,
            count=count,
            preset=preset,
            style=style,
            loras=lora or (),
            clip_skip=clip_skip,
        )
        terms = await terms_of(interaction)
        async with AsyncExitStack() as stack:
            if image is not None:
                await stack.enter_async_context(answered_first(interaction, self._usecases.answering))
                ask = replace(ask, start=await fetch_start(image, strength, fit, mask))
                terms = await self._usecases.imagine.terms(member_of(interaction).guild_id)  # that may have taken long
            await draw(interaction, host_of(interaction), ask, terms=terms)

    @app_commands.command(name="build", description=prompt_texts.BUILD, extras={LATE: Late.SENTENCE})
    @app_commands.guild_only()
    async def build(self, interaction: discord.Interaction[Any]) -> None:
        """Show the form."""
        await answer_to(interaction).open(build_form())
