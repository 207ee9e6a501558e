"""Discord's errors: an HTTP status, a code of its own, and words."""

from __future__ import annotations

from functools import partial


class Refused(Exception):
    """Discord does not do what it is asked."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


UNAUTHORIZED = partial(Refused, 401, 0, "401: Unauthorized")
UNKNOWN_CHANNEL = partial(Refused, 404, 10003, "Unknown Channel")
UNKNOWN_GUILD = partial(Refused, 404, 10004, "Unknown Guild")
UNKNOWN_MESSAGE = partial(Refused, 404, 10008, "Unknown Message")
UNKNOWN_WEBHOOK = partial(Refused, 404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION = partial(Refused, 404, 10062, "Unknown interaction")
TOO_LARGE = partial(Refused, 413, 40005, "Request entity too large")
ALREADY_ACKNOWLEDGED = partial(Refused, 400, 40060, "Interaction has already been acknowledged.")
NO_ACCESS = partial(Refused, 403, 50001, "Missing Access")
NO_PERMISSION = partial(Refused, 403, 50013, "Missing Permissions")
THREAD_ARCHIVED = partial(Refused, 400, 50083, "Thread is archived")
THREAD_LOCKED = partial(Refused, 400, 160005, "Thread is locked")
NOT_THE_AUTHOR = partial(Refused, 403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE = partial(Refused, 400, 50006, "Cannot send an empty message")
INVALID_WEBHOOK_TOKEN = partial(Refused, 401, 50027, "Invalid Webhook Token")


def invalid_form(what: str) -> Refused:
    """Return the refusal of a body that breaks a rule."""
    return Refused(400, 50035, f"Invalid Form Body: {what}")
