"""/recipe, and "Read recipe" on a message: how a picture was drawn, read from its file or from the ledger."""

from __future__ import annotations

from functools import partial
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.policy import Member, Refusal
from bot.interactions.errors import UserError
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of
from bot.interactions.options import Upload, described
from bot.interactions.uploads import fetch
from bot.texts import errors
from bot.texts import generation as generation_texts
from bot.texts import recipes as texts
from bot.usecases import Usecases
from bot.usecases.recipes import Found, read_file
from bot.usecases.refusals import NoRecipe
from bot.views.recipes import Run, RunFile, found_file, run_view, shown_generation
from engine.api import BadInput, EngineError

Interaction = discord.Interaction[Any]


class RecipeCommands(commands.Cog):
    """The commands that read a picture."""

    def __init__(self, usecases: Usecases, tree: app_commands.CommandTree[Any]) -> None:
        self._usecases = usecases
        self._tree = tree
        self._menu = app_commands.ContextMenu(name=texts.READ_RECIPE, callback=self.read_message)
        self._menu.guild_only = True

    async def cog_load(self) -> None:
        """Put the context menu beside the commands; a cog does not do this by itself."""
        self._tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Take it away again."""
        self._tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(name="recipe", description=texts.RECIPE)
    @app_commands.guild_only()
    @described
    async def recipe(
        self,
        interaction: Interaction,
        picture: app_commands.Transform[discord.Attachment, Upload(texts.RECIPE_PICTURE)],
    ) -> None:
        """Read a file."""
        member = member_of(interaction)
        await answer_to(interaction).put_off()
        await self._answer_found(interaction, member, read_file(await fetch(picture)))

    async def read_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Read what a message shows: by its generation if it is ours, else from its files."""
        member = member_of(interaction)
        await answer_to(interaction).put_off()
        ours = message.author == interaction.client.user
        if ours and (shown := shown_generation(message)):
            await self._answer_known(interaction, member, *shown)
        else:
            await self._answer_found(interaction, member, await _first_found(message))

    async def _answer_known(
        self, interaction: Interaction, member: Member, generation_id: str, index: int | None
    ) -> None:
        generation = await self._usecases.variations.find(member, generation_id)
        indexes = range(len(generation.recipe.images)) if index is None else [index]
        text = generation_texts.result(generation, indexes, [])
        view = run_view(Run(generation_id, index))
        await answer_to(interaction).tell(text, view=view)

    async def _answer_found(self, interaction: Interaction, member: Member, found: Found) -> None:
        parameters = found.parameters
        try:
            plan = await self._usecases.recipes.plan(member, parameters)
        except (Refusal, EngineError) as error:
            reason = errors.sentence_for(error)
            assert reason is not None
            await answer_to(interaction).tell(texts.found(parameters, [texts.cannot_run(reason)]))
            return
        remarks = [texts.remark(change, plan.recipe.model) for change in plan.changes]
        text, view = texts.found(parameters, remarks), run_view(RunFile())
        await answer_to(interaction).tell(text, view=view, file=partial(found_file, found))


async def _first_found(message: discord.Message) -> Found:
    """Return what the first of a message's pictures says that says anything; else raise what is wrong with the last."""
    problem: Exception = UserError(texts.NO_PICTURE)
    for attachment in message.attachments:
        if not (attachment.content_type or "image").startswith("image"):
            continue
        try:
            return read_file(await fetch(attachment))
        except (NoRecipe, BadInput) as error:
            problem = error
    raise problem
