"""/imagine and /build: draw pictures from a description, or from answers to five questions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.answers import Late
from bot.interactions.autocomplete import offered_in_time
from bot.interactions.handling import LATE, answer_to
from bot.interactions.identity import member_of
from bot.interactions.options import offer, offer_loras, read_ask
from bot.interactions.uploads import answered_first, check_uploads, fetch_start
from bot.texts import imagine as imagine_texts
from bot.texts import inputs as input_texts
from bot.texts import loras as lora_texts
from bot.texts import prompts as prompt_texts
from bot.usecases import Usecases
from bot.views.asking import draw
from bot.views.builder import build_form
from bot.views.press import host_of
from engine.api import ModelInfo


class DrawCommands(commands.Cog):
    """The commands that start a drawing."""

    def __init__(self, usecases: Usecases) -> None:
        self._usecases = usecases

    # Discord is given no ranges: it would refuse in words of its own, without saying what this server allows.
    @app_commands.command(name="imagine", description=imagine_texts.IMAGINE, extras={LATE: Late.PUBLIC})
    @app_commands.describe(
        prompt=imagine_texts.IMAGINE_PROMPT,
        negative_prompt=imagine_texts.IMAGINE_NEGATIVE,
        model=imagine_texts.IMAGINE_MODEL,
        size=imagine_texts.IMAGINE_SIZE,
        steps=imagine_texts.IMAGINE_STEPS,
        guidance=imagine_texts.IMAGINE_GUIDANCE,
        scheduler=imagine_texts.IMAGINE_SCHEDULER,
        seed=imagine_texts.IMAGINE_SEED,
        count=imagine_texts.IMAGINE_COUNT,
        preset=imagine_texts.IMAGINE_PRESET,
        style=prompt_texts.IMAGINE_STYLE,
        lora=lora_texts.LORA,
        clip_skip=lora_texts.CLIP_SKIP,
        image=input_texts.IMAGE,
        strength=input_texts.STRENGTH_OPTION,
        fit=input_texts.FIT,
        mask=input_texts.MASK,
    )
    @app_commands.choices(
        preset=[app_commands.Choice(name=name, value=value) for value, name in imagine_texts.IMAGINE_PRESETS.items()],
        fit=[app_commands.Choice(name=name, value=value) for value, name in input_texts.FITS.items()],
    )
    @app_commands.guild_only()
    async def imagine(
        self,
        interaction: discord.Interaction[Any],
        prompt: str,
        negative_prompt: str | None = None,
        model: str | None = None,
        size: str | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        scheduler: str | None = None,
        seed: str | None = None,
        count: int = 1,
        preset: str | None = None,
        style: str | None = None,
        lora: str | None = None,
        clip_skip: int | None = None,
        image: discord.Attachment | None = None,
        strength: float | None = None,
        fit: str | None = None,
        mask: discord.Attachment | None = None,
    ) -> None:
        """Accept a request, then answer with the message that will hold its result."""
        member = member_of(interaction)
        check_uploads(image, strength, fit, mask)
        terms = await self._usecases.imagine.terms(member.guild_id)
        ask = read_ask(
            terms.named(model),
            prompt=prompt,
            negative_prompt=negative_prompt,
            model_name=model,
            size=size,
            steps=steps,
            guidance=guidance,
            scheduler=scheduler,
            seed=seed,
            count=count,
            preset=preset,
            style=style,
            lora=lora,
            clip_skip=clip_skip,
        )
        async with AsyncExitStack() as stack:
            if image is not None:
                await stack.enter_async_context(answered_first(interaction, self._usecases.answering))
                ask = replace(ask, start=await fetch_start(image, strength, fit, mask))
                terms = await self._usecases.imagine.terms(member.guild_id)  # that may have taken long
            await draw(interaction, host_of(interaction), ask, terms=terms)

    @app_commands.command(name="build", description=prompt_texts.BUILD, extras={LATE: Late.SENTENCE})
    @app_commands.guild_only()
    async def build(self, interaction: discord.Interaction[Any]) -> None:
        """Show the form."""
        await answer_to(interaction).open(build_form())

    @imagine.autocomplete("model")
    @offered_in_time
    async def offer_models(self, interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer the models that the server allows, its default first."""
        standings = await self._usecases.admin.models(member_of(interaction).guild_id)
        allowed = sorted((each for each in standings if each.allowed), key=lambda each: not each.default)
        return offer(current, [(f"{each.info.title} · {each.info.description}", each.info.id) for each in allowed])

    @imagine.autocomplete("size")
    @offered_in_time
    async def offer_sizes(self, interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer the sizes of the model chosen so far."""
        model = await self._model_so_far(interaction)
        return offer(current, [(f"{size.name} {size}", str(size)) for size in model.sizes] if model else [])

    @imagine.autocomplete("scheduler")
    @offered_in_time
    async def offer_schedulers(self, interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer the noise schedulers of the model chosen so far, each with its trade-off."""
        model = await self._model_so_far(interaction)
        return offer(current, [(f"{each.name} · {each.note}", each.name) for each in model.schedulers] if model else [])

    @imagine.autocomplete("lora")
    @offered_in_time
    async def offer_loras(self, interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer the LoRAs for the model chosen so far, after those that were typed already."""
        model = await self._model_so_far(interaction)
        return offer_loras(current, model.offered_loras()) if model else []

    @imagine.autocomplete("style")
    @offered_in_time
    async def offer_styles(self, interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Offer the styles, each with what it looks like."""
        styles = self._usecases.imagine.styles
        return offer(current, [(f"{style.title} · {style.description}", style.name) for style in styles])

    async def _model_so_far(self, interaction: discord.Interaction) -> ModelInfo | None:
        terms = await self._usecases.imagine.terms(member_of(interaction).guild_id)
        return terms.named(interaction.namespace.model)
