"""/admin: what moderators decide for their server."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Transform
from discord.ext import commands

from bot.domain.policy import LIMIT_NAMES
from bot.interactions import handling
from bot.interactions.autocomplete import Choices, offered_in_time
from bot.interactions.errors import UserError
from bot.interactions.identity import member_of, moderator_of
from bot.interactions.options import Chosen, Option, described, offer, usecases_of
from bot.texts import admin as texts
from bot.texts import words as word_texts
from bot.usecases import Usecases

LOG_LENGTH = 10
_MATCHES = {each: each for each in (word_texts.WITH_FORMS, word_texts.EXACT)}
_SWITCH = {each: each for each in (texts.ON, texts.OFF)}

Interaction = discord.Interaction[Any]


class _ModelOption(Option):
    """A model of the catalogue."""

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer every one, to moderators only."""
        member = member_of(interaction)
        if not member.may_moderate:
            return []
        standings = await usecases_of(interaction).admin.models(member.guild_id)
        return offer(value, [(standing.info.title, standing.info.id) for standing in standings])


class _BlockedOption(Option):
    """Phrases that are blocked."""

    @offered_in_time
    async def autocomplete(self, interaction: Interaction, value: str, /) -> Choices:
        """Offer them, to moderators only."""
        member = member_of(interaction)
        if not member.may_moderate:
            return []
        blocked = (await usecases_of(interaction).admin.policy(member.guild_id)).blocked_words
        return offer(value, [(phrase.text, phrase.text) for phrase in blocked])


Model = Transform[str, _ModelOption(texts.ADMIN_MODEL)]


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class AdminCommands(commands.GroupCog, name="admin", description=texts.ADMIN):
    """Commands for members with Manage Server, each of which asks so again."""

    models = app_commands.Group(name="models", description=texts.ADMIN_MODELS)
    limits = app_commands.Group(name="limits", description=texts.ADMIN_LIMITS)
    negative = app_commands.Group(name="negative", description=texts.ADMIN_NEGATIVE)
    previews = app_commands.Group(name="previews", description=texts.ADMIN_PREVIEWS)
    words = app_commands.Group(name="words", description=word_texts.ADMIN_WORDS)

    channels = app_commands.Group(name="channels", description=texts.ADMIN_CHANNELS)

    def __init__(self, usecases: Usecases) -> None:
        self._admin = usecases.admin

    @models.command(name="list", description=texts.ADMIN_MODELS_LIST)
    async def list_models(self, interaction: Interaction) -> None:
        """Show every model and whether members may use it."""
        member = moderator_of(interaction)
        await handling.tell(interaction, texts.models(await self._admin.models(member.guild_id)))

    @models.command(name="allow", description=texts.ADMIN_MODELS_ALLOW)
    @described
    async def allow(self, interaction: Interaction, model: Model) -> None:
        """Let members use a model."""
        await self._admin.allow(moderator_of(interaction), model)
        await handling.tell(interaction, texts.model_allowed(model))

    @models.command(name="deny", description=texts.ADMIN_MODELS_DENY)
    @described
    async def deny(self, interaction: Interaction, model: Model) -> None:
        """Withdraw a model."""
        await self._admin.deny(moderator_of(interaction), model)
        await handling.tell(interaction, texts.model_withdrawn(model))

    @models.command(name="default", description=texts.ADMIN_MODELS_DEFAULT)
    @described
    async def set_default(self, interaction: Interaction, model: Model) -> None:
        """Choose the model used when a member names none."""
        await self._admin.set_default(moderator_of(interaction), model)
        await handling.tell(interaction, texts.model_default(model))

    @limits.command(name="show", description=texts.ADMIN_LIMITS_SHOW)
    async def show_limits(self, interaction: Interaction) -> None:
        """Show the limits for everyone and for each role."""
        member = moderator_of(interaction)
        await handling.tell(interaction, texts.policy(await self._admin.policy(member.guild_id)))

    @limits.command(name="set", description=texts.ADMIN_LIMITS_SET)
    @app_commands.describe(role=texts.ADMIN_LIMITS_ROLE, **texts.LIMIT_OPTIONS)
    async def set_limits(
        self,
        interaction: Interaction,
        pictures_per_request: int | None = None,
        pictures_per_day: int | None = None,
        pictures_at_once: int | None = None,
        largest_side: int | None = None,
        most_steps: int | None = None,
        role: discord.Role | None = None,
    ) -> None:
        """Change the limits that are named."""
        member = moderator_of(interaction)
        given = (pictures_per_request, pictures_per_day, pictures_at_once, largest_side, most_steps)
        changes = {name: value for name, value in zip(LIMIT_NAMES, given, strict=True) if value is not None}
        if not changes:
            raise UserError(texts.NO_LIMIT_GIVEN)
        policy = await self._admin.set_limits(member, changes, role.id if role else None)
        await handling.tell(interaction, texts.policy(policy))

    @limits.command(name="clear", description=texts.ADMIN_LIMITS_CLEAR)
    @app_commands.describe(role=texts.ADMIN_LIMITS_CLEAR_ROLE)
    async def clear_limits(self, interaction: Interaction, role: discord.Role) -> None:
        """Drop a role's own limits."""
        await self._admin.clear_role_limits(moderator_of(interaction), role.id)
        await handling.tell(interaction, texts.role_limits_cleared(role.id))

    @negative.command(name="set", description=texts.ADMIN_NEGATIVE_SET)
    @app_commands.describe(words=texts.ADMIN_NEGATIVE_WORDS)
    async def set_negative_prompt(self, interaction: Interaction, words: str) -> None:
        """Choose what is added to every new request's negative prompt."""
        chosen = await self._admin.set_negative_prompt(moderator_of(interaction), words)
        await handling.tell(interaction, texts.negative(chosen))

    @negative.command(name="clear", description=texts.ADMIN_NEGATIVE_CLEAR)
    async def clear_negative_prompt(self, interaction: Interaction) -> None:
        """Add nothing any more."""
        await self._admin.clear_negative_prompt(moderator_of(interaction))
        await handling.tell(interaction, texts.NEGATIVE_NONE)

    @negative.command(name="show", description=texts.ADMIN_NEGATIVE_SHOW)
    async def show_negative_prompt(self, interaction: Interaction) -> None:
        """Show what is added."""
        policy = await self._admin.policy(moderator_of(interaction).guild_id)
        await handling.tell(interaction, texts.negative(policy.negative_prompt))

    @previews.command(name="on", description=texts.ADMIN_PREVIEWS_ON)
    async def show_previews(self, interaction: Interaction) -> None:
        """Show pictures before they are finished."""
        await self._admin.set_previews(moderator_of(interaction), True)
        await handling.tell(interaction, texts.PREVIEWS_ON)

    @previews.command(name="off", description=texts.ADMIN_PREVIEWS_OFF)
    async def hide_previews(self, interaction: Interaction) -> None:
        """Show pictures when they are finished."""
        await self._admin.set_previews(moderator_of(interaction), False)
        await handling.tell(interaction, texts.PREVIEWS_OFF)

    @words.command(name="block", description=word_texts.ADMIN_WORDS_BLOCK)
    @described
    async def block_words(
        self,
        interaction: Interaction,
        words: Transform[str, Option(word_texts.ADMIN_WORDS_TO_BLOCK)],
        match: Transform[str, Chosen(word_texts.ADMIN_WORDS_MATCH, _MATCHES)] = word_texts.WITH_FORMS,
    ) -> None:
        """Refuse requests with phrases in the prompt."""
        phrases = await self._admin.block_words(moderator_of(interaction), words, match == word_texts.WITH_FORMS)
        await handling.tell(interaction, word_texts.blocked(phrases))

    @words.command(name="allow", description=word_texts.ADMIN_WORDS_ALLOW)
    @described
    async def allow_words(
        self, interaction: Interaction, words: Transform[str, _BlockedOption(word_texts.ADMIN_WORDS_BLOCKED)]
    ) -> None:
        """Refuse phrases no longer."""
        phrases = await self._admin.allow_words(moderator_of(interaction), words)
        await handling.tell(interaction, word_texts.allowed(phrases))

    @words.command(name="test", description=word_texts.ADMIN_WORDS_TEST)
    @app_commands.describe(prompt=word_texts.ADMIN_WORDS_PROMPT)
    async def test_words(self, interaction: Interaction, prompt: str) -> None:
        """Say whether a prompt would be refused for its words."""
        await handling.tell(
            interaction, word_texts.tested(await self._admin.test_words(moderator_of(interaction), prompt))
        )

    @words.command(name="list", description=word_texts.ADMIN_WORDS_LIST)
    async def list_words(self, interaction: Interaction) -> None:
        """Show what is blocked."""
        policy = await self._admin.policy(moderator_of(interaction).guild_id)
        await handling.tell(interaction, word_texts.listing(policy.blocked_words))

    @channels.command(name="age_restricted_only", description=texts.ADMIN_CHANNELS_AGE_RESTRICTED)
    @described
    async def set_age_restricted_only(
        self, interaction: Interaction, only: Transform[str, Chosen(texts.ADMIN_CHANNELS_ONLY, _SWITCH)]
    ) -> None:
        """Choose in which channels pictures are drawn and shown."""
        await self._admin.set_age_restricted_only(moderator_of(interaction), only == texts.ON)
        await handling.tell(interaction, texts.AGE_RESTRICTED_ONLY if only == texts.ON else texts.ALL_CHANNELS)

    @app_commands.command(name="log", description=texts.ADMIN_LOG)
    async def show_log(self, interaction: Interaction) -> None:
        """Show the last changes."""
        entries = await self._admin.log(moderator_of(interaction), LOG_LENGTH)
        await handling.tell(interaction, texts.log(entries) if entries else texts.LOG_EMPTY)
