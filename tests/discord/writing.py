"""What Discord makes of a message that is sent or edited, and which it refuses."""

from __future__ import annotations

from collections.abc import Callable

from tests.discord.errors import EMPTY_MESSAGE, TOO_LARGE, invalid_form
from tests.discord.exchange import Body
from tests.discord.values import BUTTON, COMPONENTS_V2, Attachment, Json, Version, walk

CONTENT_LENGTH = 2000
LABEL_LENGTH = 80
CUSTOM_ID_LENGTH = 100
FILES = 10
EMBEDS = 10
ROWS = 5
COMPONENTS_IN_V2 = 40


def written(
    message: Json, body: Body, file_limit: int, new_id: Callable[[], int], before: Version | None = None
) -> Version:
    """Return what a message shows once it is sent or edited.

    Args:
        message: what the request says about it.
        body: brings the files.
        file_limit: how many bytes a file may have.
        new_id: makes ids for new files.
        before: what it showed; None for a new one.

    Raises:
        Refused: it breaks a rule.
    """
    old = before or Version()
    version = Version(
        content=(message["content"] or "") if "content" in message else old.content,
        embeds=tuple(message["embeds"] or ()) if "embeds" in message else old.embeds,
        components=tuple(message["components"] or ()) if "components" in message else old.components,
        attachments=_attachments(message, body, new_id, old),
        flags=(message.get("flags") or 0) & COMPONENTS_V2 | old.flags & COMPONENTS_V2,
    )
    if any(len(data) > file_limit for _, data in body.files.values()):
        raise TOO_LARGE()
    _check(version)
    return version


def _attachments(message: Json, body: Body, new_id: Callable[[], int], old: Version) -> tuple[Attachment, ...]:
    listed = message.get("attachments")
    if listed is None:
        kept, described = old.attachments, {}
    else:
        ids = {int(each["id"]) for each in listed}
        kept = tuple(each for each in old.attachments if each.id in ids)
        if unknown := ids - {each.id for each in kept} - body.files.keys():
            raise invalid_form(f"attachments: no file has the ids {sorted(unknown)}")
        described = {int(each["id"]): each.get("description") for each in listed}
    new = [Attachment(new_id(), name, data, described.get(number)) for number, (name, data) in body.files.items()]
    return (*kept, *new)


def _check(version: Version) -> None:
    if version.flags & COMPONENTS_V2:
        if version.content or version.embeds:
            raise invalid_form("content and embeds must be empty with components v2")
        if len(list(walk(version.components))) > COMPONENTS_IN_V2:
            raise invalid_form(f"components: more than {COMPONENTS_IN_V2}")
    elif len(version.components) > ROWS or any(len(row["components"]) > ROWS for row in version.components):
        raise invalid_form(f"components: more than {ROWS} rows, or more than {ROWS} in a row")
    if len(version.content) > CONTENT_LENGTH:
        raise invalid_form(f"content: {len(version.content)} characters are more than {CONTENT_LENGTH}")
    if len(version.attachments) > FILES or len(version.embeds) > EMBEDS:
        raise invalid_form(f"more than {FILES} files or {EMBEDS} embeds")
    if not (version.content or version.embeds or version.components or version.attachments):
        raise EMPTY_MESSAGE()
    _check_buttons(version)


def _check_buttons(version: Version) -> None:
    ids = [each["custom_id"] for each in walk(version.components) if "custom_id" in each]
    if len(set(ids)) < len(ids):
        raise invalid_form("components: a custom_id is there twice")
    if any(not 0 < len(custom_id) <= CUSTOM_ID_LENGTH for custom_id in ids):
        raise invalid_form(f"components: a custom_id has no or more than {CUSTOM_ID_LENGTH} characters")
    for each in walk(version.components):
        if each["type"] == BUTTON and len(each.get("label") or "") > LABEL_LENGTH:
            raise invalid_form(f"components: a label has more than {LABEL_LENGTH} characters")
