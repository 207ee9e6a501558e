"""What requests carry, and how answers are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from tests.discord.values import Json


@dataclass(frozen=True)
class Body:
    """What a request carries: its JSON, and files by their number, each with its name and bytes."""

    json: Json
    files: Mapping[int, tuple[str, bytes]] = field(default_factory=dict)


async def read_body(request: web.Request) -> Body:
    """Return what a request carries, as JSON or as a form with files."""
    if request.content_type == "application/json":
        return Body(await request.json())
    if request.content_type != "multipart/form-data":
        return Body({})
    form = await request.post()
    files: dict[int, tuple[str, bytes]] = {}
    for name, value in form.items():
        if isinstance(value, web.FileField):
            files[int(name.removeprefix("files[").removesuffix("]"))] = (value.filename, value.file.read())
    return Body(json.loads(str(form["payload_json"])), files)


def as_json(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer; Discord names no charset, and discord.py reads no JSON that has one."""
    return web.Response(
        body=json.dumps(data).encode(),
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
    )
