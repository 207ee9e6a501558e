"""A model hub on loopback: listings, files, ranges, ETags, redirects, and whatever can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

from engine.catalog.models import CHECKER
from engine.checkers import CHECKER_FILES

_LARGE = (".safetensors", ".bin", ".ckpt")
_TRICKLE_S, _TRICKLE_BYTES = 0.1, 256
_LISTING = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_CONTENT = re.compile(r"/content/([0-9a-f]{64})")


@dataclass
class Repository:
    """A repository at one commit.

    Args:
        files: by their path.
        gated: whether only a reader who is signed in gets its files.
        licence: of its card.
        pinned: its commit; one made from its files if empty.
    """

    files: dict[str, bytes]
    gated: bool = False
    licence: str = "openrail"
    pinned: str = ""

    @property
    def commit(self) -> str:
        if self.pinned:
            return self.pinned
        names = "".join(f"{name}{hashlib.sha1(data).hexdigest()}" for name, data in sorted(self.files.items()))
        return hashlib.sha1(names.encode()).hexdigest()


@dataclass
class Hub:
    """The hub.

    Args:
        repositories: by "owner/name".
        break_after: file name to the number of bytes after which its next answers break off, one entry an answer.
        damaged: file names whose first answer has a wrong byte, or all of them for "*NAME".
        requests: method, path and range of every request, in order.
        answers: status that every request gets instead, while it is set.
        slow_after: file name to the number of bytes after which it comes bit by bit, until `go_on` is set.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    break_after: dict[str, list[int]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    answers: int | None = None
    ignores_ranges: bool = False
    slow_after: dict[str, int] = field(default_factory=dict)
    go_on: Event = field(default_factory=Event)

    def __enter__(self) -> Hub:
        hub = self

        class Handler(_Handler):
            stand_in = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, name: str, *folders: Path, **files: bytes) -> Repository:
        """Make a repository of all files in some folders, and of others by name; "__" in a name is a "/"."""
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for folder in folders
            for path in folder.rglob("*")
            if path.is_file()
        }
        found |= {name.replace("__", "/").replace("_DOT_", "."): data for name, data in files.items()}
        self.repositories[name] = Repository(found)
        return self.repositories[name]

    def fetched(self) -> list[str]:
        """Return the names of the files asked for, in order."""
        return [match[3] for _, path, _ in self.requests if (match := _FILE.fullmatch(path))]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(self.path.split("?")[0])
        self.stand_in.requests.append((self.command, path, self.headers.get("Range", "")))
        if self.stand_in.answers is not None:
            self._fail(self.stand_in.answers, "")
        elif match := _LISTING.fullmatch(path):
            self._list(match[1], match[2])
        elif match := _FILE.fullmatch(path):
            self._serve(match[1], match[2], match[3])
        elif match := _CONTENT.fullmatch(path):
            self._serve_content(match[1])
        else:
            self._fail(404, "")

    def _repository(self, name: str, revision: str) -> Repository | None:
        repository = self.stand_in.repositories.get(name)
        if repository is None:
            self._fail(401, "RepoNotFound")
        elif revision not in ("main", repository.commit):
            self._fail(404, "RevisionNotFound")
        else:
            return repository
        return None

    def _list(self, name: str, revision: str) -> None:
        if repository := self._repository(name, revision):
            siblings = [_sibling(file, data) for file, data in repository.files.items()]
            card = {"license": repository.licence}
            data = {"id": name, "sha": repository.commit, "siblings": siblings, "cardData": card}
            self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _serve(self, name: str, revision: str, file: str) -> None:
        repository = self._repository(name, revision)
        if repository is None:
            return
        if repository.gated:
            self._fail(403 if "Authorization" in self.headers else 401, "GatedRepo")
        elif file not in repository.files:
            self._fail(404, "EntryNotFound")
        elif file.endswith(_LARGE):
            digest = hashlib.sha256(repository.files[file]).hexdigest()
            self._send(302, b"", {"Location": f"{self.stand_in.address}/content/{digest}"})
        else:
            self._serve_bytes(file, repository.files[file])

    def _serve_content(self, digest: str) -> None:
        for repository in self.stand_in.repositories.values():
            for name, data in repository.files.items():
                if hashlib.sha256(data).hexdigest() == digest:
                    self._serve_bytes(name, data)
                    return
        self._fail(404, "EntryNotFound")

    def _serve_bytes(self, name: str, data: bytes) -> None:
        hub, headers = self.stand_in, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        whole = len(data)
        if name in hub.damaged or f"*{name}" in hub.damaged:
            if name in hub.damaged:
                hub.damaged.remove(name)
            data = bytes([data[0] ^ 1]) + data[1:]
        status = 200
        if (asked := self.headers.get("Range")) and not hub.ignores_ranges:
            first = int(asked.removeprefix("bytes=").rstrip("-"))
            status, data = 206, data[first:]
            headers["Content-Range"] = f"bytes {first}-{whole - 1}/{whole}"
        cut = hub.break_after[name].pop(0) if hub.break_after.get(name) else None
        self._send(status, data, headers, cut, hub.slow_after.get(name))

    def _fail(self, status: int, code: str) -> None:
        self._send(status, b"", {"X-Error-Code": code} if code else {})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None, slow_after: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if slow_after is not None:
            body = self._trickle(body, slow_after)
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def _trickle(self, body: bytes, sent: int) -> bytes:
        """Send the beginning, then a little at a time until the hub may go on; give back the rest."""
        self.wfile.write(body[:sent])
        while sent < len(body) and not self.stand_in.go_on.wait(_TRICKLE_S):
            self.wfile.write(body[sent : sent + _TRICKLE_BYTES])
            sent += _TRICKLE_BYTES
        return body[sent:]

    def log_message(self, format: str, *args: object) -> None: ...


def _sibling(name: str, data: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob}
    if name.endswith(_LARGE):
        sibling["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return sibling


def put_checker(hub: Hub, *folders: Path) -> Repository:
    """Put the public safety checker's repository on the hub, at its commit, with the files of some folders, or any."""
    repository = hub.put(CHECKER["hub"], *folders)
    if not folders:
        repository.files.update(dict.fromkeys(CHECKER_FILES, b"x"))
    repository.pinned = CHECKER["revision"]
    return repository
