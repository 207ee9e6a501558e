"""What an owner asked of the catalogue and cannot be done."""

from __future__ import annotations

from engine.catalog import ADDON_KINDS, Catalog
from engine.catalog.models import is_model_id
from engine.command_line import WRONG_INPUT


class ModelsError(Exception):
    """What was asked cannot be done. `str()` is a sentence for people, `exit_code` is for the shell."""

    def __init__(self, sentence: str, exit_code: int = WRONG_INPUT) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def check_new_id(id: str, catalog: Catalog) -> None:
    """Raise ModelsError unless a model or an add-on may be called so."""
    if not is_model_id(id):
        raise ModelsError(f"{id!r} cannot be a model's id. Choose one with --name: lower-case letters, digits, '-'.")
    if catalog.get(id) is not None:
        raise ModelsError(f"There is a model called {id!r} already. Choose another name with --name.")
    for addon in catalog.addons:
        if addon.name.lower() == id:
            kind = ADDON_KINDS[addon.kind]
            raise ModelsError(f"There is a {kind} called {addon.name!r} already. Choose another name with --name.")
