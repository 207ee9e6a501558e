"""Members and a moderator who use the bot all at once, and how long each waits for its first answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import discord

from bot.texts import buttons as button_texts

MEMBERS = 8
PROMPTS = ("a red apple", "a blue house", "a green tree", "a yellow star", "a cat", "a slice of pizza")
SIZES = ("128x128", "128x192", "192x128")
ADMIN_COMMANDS = ("admin models list", "admin limits show", "admin log")
AUTOCOMPLETES = (("model", "po"), ("size", ""), ("scheduler", "eul"))
POLL_S = 0.001
PATIENCE_S = 60.0

# By how often each is done.
KINDS = {"imagine": 25, "autocomplete": 25, "button": 25, "quota": 15, "admin": 10}


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What came of an interaction.

    Args:
        kind: one of KINDS.
        wait_s: until the bot's first answer; None if none came within PATIENCE_S.
    """

    kind: str
    wait_s: float | None


class Crowd:
    """A server full of people.

    Args:
        env: the Discord that they are in, an impatient one.
        random: decides who does what.
        most_steps: of what they ask for, and of all that takes long.
    """

    def __init__(self, env: Any, random: Random, most_steps: int) -> None:
        guild = env.create_guild("Studio")
        moderators = guild.create_role("moderators", permissions=discord.Permissions(manage_guild=True))
        self.pictures = 0
        """Delivered so far."""
        self._env = env
        self._random = random
        self._most_steps = most_steps
        self._channel = guild.create_text_channel("drawing")
        self._members = [guild.add_member(env.create_user(f"member-{number}")) for number in range(MEMBERS)]
        self._moderator = guild.add_member(env.create_user("moderator"), roles=[moderators])
        self._answers: list[Any] = []  # simcord's results that may have a message with buttons
        env.backend.subscribers.append(self._notice)

    async def act(self) -> FirstAnswer:
        """Have somebody do something, and wait for the bot's first answer."""
        (kind,) = self._random.choices(tuple(KINDS), weights=tuple(KINDS.values()))
        member = self._random.choice(self._members)
        match kind:
            case "imagine":
                return await self._do(kind, lambda: self._imagine(member, self._random.randint(1, 4)))
            case "autocomplete":
                option, typed = self._random.choice(AUTOCOMPLETES)
                return await self._do(kind, lambda: member.autocomplete(self._channel, "imagine", option, typed))
            case "admin":
                command = self._random.choice(ADMIN_COMMANDS)
                return await self._do(kind, lambda: self._moderator.slash(self._channel, command))
            case "button" if press := self._press(member):
                return await self._do(kind, press)
        return await self._do("quota", lambda: member.slash(self._channel, "quota"))

    async def ask_for_pictures(self, count: int) -> FirstAnswer:
        """Have somebody ask for pictures that take long."""
        member = self._random.choice(self._members)
        return await self._do("imagine", lambda: self._imagine(member, count, steps=self._most_steps))

    async def _imagine(self, member: Any, count: int, **options: Any) -> None:
        options.setdefault("steps", self._random.randint(min(10, self._most_steps), self._most_steps))
        prompt, size = self._random.choice(PROMPTS), self._random.choice(SIZES)
        self._answers.append(
            await member.slash(self._channel, "imagine", prompt=prompt, size=size, count=count, **options)
        )

    def _press(self, member: Any) -> Callable[[], Awaitable[None]] | None:
        """Return what presses some button that is there; None if there is none."""
        for answer in self._random.sample(self._answers, len(self._answers)):
            message = answer.response
            buttons = [button for row in message.components for button in row["components"]] if message else []
            if buttons:
                return partial(self._click, member, message, self._random.choice(buttons)["custom_id"])
        return None

    async def _click(self, member: Any, message: Any, custom_id: str) -> None:
        self._answers.append(await member.click(message, custom_id=custom_id))

    async def _do(self, kind: str, act: Callable[[], Awaitable[Any]]) -> FirstAnswer:
        began_s = time.perf_counter()
        await act()
        interaction = next(reversed(self._env.backend.interactions.values()))
        while not interaction.responded:
            if time.perf_counter() - began_s > PATIENCE_S:
                return FirstAnswer(kind, None)
            await asyncio.sleep(POLL_S)
        return FirstAnswer(kind, time.perf_counter() - began_s)

    def _notice(self, event: str, payload: Any) -> None:
        if event != "MESSAGE_UPDATE" or not payload.get("attachments"):
            return
        labels = [button["label"] for row in payload.get("components", ()) for button in row["components"]]
        if button_texts.REROLL in labels:
            self.pictures += max(1, sum(button_texts.show(number) in labels for number in range(1, 5)))
