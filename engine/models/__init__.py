"""The command `models`: what an owner does with the catalogue."""

from engine.models.command import add_commands, run
from engine.models.errors import ModelsError

__all__ = ["ModelsError", "add_commands", "run"]
