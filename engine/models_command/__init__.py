"""The command `models`: what an owner does with the catalogue."""

from engine.models_command.command import add_commands, run
from engine.models_command.errors import ModelsError

__all__ = ["ModelsError", "add_commands", "run"]
