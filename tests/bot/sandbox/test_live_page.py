"""The sandbox's page leans on private names of one release of simcord."""

import inspect

import pytest
from simcord.backend import Backend
from simcord.preview import Preview, _validate_preview
from simcord.preview._pages import _Page

from bot.sandbox.live_page import PINNED, SandboxUnavailable, installed_simcord, require_pinned


def test_the_installed_simcord_is_the_pinned_one() -> None:
    require_pinned(installed_simcord())
    assert installed_simcord() == PINNED


@pytest.mark.parametrize("installed", ["3.2.0", "3.3.0", "none"])
def test_any_other_simcord_is_refused_with_the_command_that_mends_it(installed: str) -> None:
    with pytest.raises(SandboxUnavailable, match=r"pip install 'easel\[sandbox\]'"):
        require_pinned(installed)


def test_the_private_names_that_the_page_uses_are_there() -> None:
    assert list(inspect.signature(Preview._action).parameters) == ["self", "context_id", "body"]
    assert list(inspect.signature(Preview._publish).parameters) == ["self", "page", "reason"]
    assert list(inspect.signature(Preview._get_page).parameters) == ["self", "context_id"]
    assert {"env", "channel", "viewers", "port", "layout"} <= set(inspect.signature(_validate_preview).parameters)
    source = inspect.getsource(Preview.__init__)
    assert all(f"self.{name}" in source for name in ("_pages", "_active_action", "env"))
    assert all(name in inspect.getsource(_Page) for name in ("revision", "last_sequence"))
    assert Backend().subscribers == []
