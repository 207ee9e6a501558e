"""The glue to simcord's preview page that makes it live. Everything here that simcord calls private is used here only.

As it comes, the page shows what a command did when the command is over, and turns away a click that was made on an
older state of the page. A picture takes longer than that: here the page is published again whenever something in the
server changed, and a click counts on the page as it is now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PINNED = "3.2.1"
PUBLISH_EVERY_S = 0.2


class SandboxUnavailable(Exception):
    """The sandbox cannot run here; the message says what to do."""


def installed_simcord() -> str:
    """Return the installed release of simcord, or "none"."""
    try:
        return version("simcord")
    except PackageNotFoundError:
        return "none"


def require_pinned(installed: str) -> None:
    """Raise SandboxUnavailable unless this is the release of simcord whose private names are used here."""
    if installed != PINNED:
        raise SandboxUnavailable(
            f"The sandbox needs simcord {PINNED}; installed: {installed}. Run: pip install 'easel[sandbox]'"
        )


@asynccontextmanager
async def open_live_page(env: Any, channel: Any, viewers: Sequence[Any], port: int) -> AsyncIterator[Any]:
    """Serve the channel on loopback and keep the page fresh; yields simcord's preview (`url`, `wait_closed`).

    Raises:
        SandboxUnavailable: the port is taken, or simcord's preview cannot start.
    """
    require_pinned(installed_simcord())
    from simcord.backend.errors import SetupError
    from simcord.preview import Preview, _validate_preview

    class LivePreview(Preview):
        idle = asyncio.Event()

        async def _action(self, context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
            page = self._get_page(context_id)
            if "published_revision" in body and body.get("sequence") == page.last_sequence + 1:
                body = {**body, "published_revision": page.revision}
            self.idle.clear()
            try:
                result: dict[str, Any] = await super()._action(context_id, body)
                return result
            finally:
                if self._active_action is None:
                    self.idle.set()

    look: dict[str, Any] = {
        "width": 960,
        "height": 720,
        "locale": "en-US",
        "timezone": "UTC",
        "presentation_time": None,
    }
    try:
        channel, viewers, assets, skus, port = _validate_preview(
            env, channel, viewers=viewers, port=port, layout="channel", **look
        )
        page = LivePreview(
            env,
            channel,
            tuple(viewers),
            layout="channel",
            display="responsive",
            assets=assets,
            sku_presentations=skus,
            port=port,
            **look,
        )
        await page.__aenter__()
    except SetupError as error:
        raise SandboxUnavailable(f"The sandbox cannot start: {error}. Try another --port.") from error
    page.idle.set()
    publishing = asyncio.create_task(_publish_changes(page))
    try:
        yield page
    finally:
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        await page.close()


async def _publish_changes(page: Any) -> None:
    changed = asyncio.Event()

    def notice(_event: str, _payload: Any) -> None:
        changed.set()

    page.env.backend.subscribers.append(notice)
    try:
        while True:
            await changed.wait()
            # An action publishes its own end; publishing in its middle would show half of it.
            await page.idle.wait()
            changed.clear()
            for open_page in tuple(page._pages.values()):
                page._publish(open_page, reason="refresh")
            await asyncio.sleep(PUBLISH_EVERY_S)
    finally:
        page.env.backend.subscribers.remove(notice)
