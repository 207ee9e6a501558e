"""What can go wrong between here and the model hub, in sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

SIGN_IN = "sign in with: hf auth login"


def address() -> str:
    """Return the hub's address: HF_ENDPOINT, or the public one."""
    return os.environ.get("HF_ENDPOINT", constants.ENDPOINT).rstrip("/")


class HubError(Exception):
    """A model cannot be pulled. `str()` is a sentence that says why and what to do."""


@contextmanager
def worded(hub: str, revision: str) -> Iterator[None]:
    """Turn what the hub's client raises about a repository into HubError."""
    try:
        yield
    except GatedRepoError as error:
        raise HubError(
            f"{hub} is only for those who accepted its terms: open {address()}/{hub}, accept them, then {SIGN_IN}."
        ) from error
    except DisabledRepoError as error:
        raise HubError(f"{hub} was disabled on the model hub.") from error
    except RepositoryNotFoundError as error:
        raise HubError(f"There is no repository {hub} on the model hub, or it is private: then {SIGN_IN}.") from error
    except RevisionNotFoundError as error:
        raise HubError(f"{hub} has no revision {revision}.") from error
    except EntryNotFoundError as error:
        raise HubError(f"{hub} lacks a file that it lists. It may be changing now; try again later.") from error
    except HFValidationError as error:
        raise HubError(f"{hub!r} is no repository of the model hub.") from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set, so nothing can be pulled.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = f", {SIGN_IN}" if status in (401, 403) else ""
        raise HubError(f"The model hub answered {status} when asked for {hub}{hint}.") from error
    except httpx2.HTTPError as error:
        raise HubError(f"The model hub at {address()} cannot be reached ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
