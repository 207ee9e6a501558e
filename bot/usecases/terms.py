"""What holds for a request in its server: loaded once when it comes, and handed on as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.policy import GuildPolicy, Limits, Member, allowed_models, check_model, choose_model, limits_for
from bot.storage import Store
from engine.api import EngineClient, ModelInfo, UnknownModel


@dataclass(frozen=True, slots=True)
class Terms:
    """A server's policy and the catalogue, as they were at one moment.

    Args:
        policy: what the moderators decided. Whatever accepts a job asks for it again in its transaction.
        models: those that can be drawn with, the default first.
    """

    policy: GuildPolicy
    models: tuple[ModelInfo, ...]

    def find(self, model: str) -> ModelInfo:
        """Return a model of the catalogue. Raises UnknownModel."""
        return find_model(self.models, model)

    def check_model(self, model: str) -> None:
        """Raise ModelDenied if the moderators withdrew the model."""
        check_model(self.policy, model, self.models)

    def choose(self, model: str | None) -> ModelInfo:
        """Return the model that was asked for, or the server's own for None.

        Raises:
            UnknownModel, ModelDenied: it cannot be used here.
            NoModelAllowed: none can.
        """
        if model is None:
            return choose_model(self.policy, self.models)
        info = self.find(model)
        self.check_model(model)
        return info

    def named(self, model: str | None) -> ModelInfo | None:
        """Return the model of that id, allowed or not, or the server's own for no name; None if there is none such."""
        if model:
            return next((info for info in self.models if info.id == model), None)
        return next(iter(allowed_models(self.policy, self.models)), None)

    def limits(self, member: Member) -> Limits:
        """Return what one member may ask for."""
        return limits_for(self.policy, member.role_ids)


async def load_terms(store: Store, engine: EngineClient, guild_id: int) -> Terms:
    """Return what holds in a guild now."""
    return Terms(await store.guilds.policy(guild_id), engine.models())


def find_model(models: Iterable[ModelInfo], model: str) -> ModelInfo:
    """Return a model of the catalogue. Raises UnknownModel."""
    known = {info.id: info for info in models}
    if model not in known:
        raise UnknownModel(model, tuple(known))
    return known[model]
