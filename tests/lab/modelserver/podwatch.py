"""The pods of an API server, kept by a list and a watch over plain HTTPS. A small source for `follow`, nothing more."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from tests.lab.modelserver.follow import LABEL_SELECTOR

_WATCH_SECONDS = 240
_SILENCE_SECONDS = 300
_RETRY_SECONDS = 0.5
_LINE_BYTES = 2**21
_GONE = 410

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where an API server is, how to trust it and who asks."""

    url: str
    token: str
    authority_pem: str

    @classmethod
    def from_kubeconfig(cls, path: Path) -> ApiServer:
        """Read the current context of a kubeconfig with a static token and an authority, inline or in a file.

        Raises:
            ValueError: the file holds something else.
        """
        config = yaml.safe_load(path.read_text())
        try:
            name = config.get("current-context") or config["contexts"][0]["name"]
            context = _named(config["contexts"], name)["context"]
            cluster = _named(config["clusters"], context["cluster"])["cluster"]
            token = _named(config["users"], context["user"])["user"]["token"]
            if "certificate-authority-data" in cluster:
                authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
            else:
                authority = Path(cluster["certificate-authority"]).read_text()
            return cls(url=cluster["server"].rstrip("/"), token=token, authority_pem=authority)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} must be a kubeconfig with a static token and an authority, found no {error}: write one"
            ) from error


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


class PodWatch:
    """The pods of a label selector in all namespaces, as they are now. Calling it returns them: it is a `ListPods`."""

    def __init__(self, server: ApiServer, *, label_selector: str = LABEL_SELECTOR) -> None:
        """Prepare; entering the context starts to watch."""
        self._server = server
        self._selector = label_selector
        self._pods_by_uid: dict[str, dict[str, Any]] = {}
        self._listed = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start to list and watch."""
        context = ssl.create_default_context(cadata=self._server.authority_pem)
        self._session = aiohttp.ClientSession(
            base_url=self._server.url + "/",
            headers={"Authorization": f"Bearer {self._server.token}"},
            connector=aiohttp.TCPConnector(ssl=context),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_SILENCE_SECONDS),
            read_bufsize=_LINE_BYTES,
        )
        self._task = asyncio.create_task(self._run(self._session))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._session is not None:
            await self._session.close()

    async def __call__(self) -> list[dict[str, Any]]:
        """Return the pods; waits for the first list."""
        await self._listed.wait()
        return list(self._pods_by_uid.values())

    async def _run(self, session: aiohttp.ClientSession) -> None:
        """List, then watch from there; list again after anything unexpected."""
        while True:
            try:
                version: str | None = await self._list(session)
                while version is not None:
                    version = await self._watch(session, version)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                _log.warning("the watch of pods broke, listing again in %s s: %s", _RETRY_SECONDS, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _list(self, session: aiohttp.ClientSession) -> str:
        parameters = {"labelSelector": self._selector}
        async with session.get("api/v1/pods", params=parameters, raise_for_status=True) as response:
            document = await response.json()
        self._pods_by_uid = {pod["metadata"]["uid"]: _slim(pod) for pod in document["items"]}
        self._listed.set()
        return str(document["metadata"]["resourceVersion"])

    async def _watch(self, session: aiohttp.ClientSession, version: str) -> str | None:
        """Follow the changes since `version` until the server ends the watch; None when it has forgotten them."""
        parameters = {
            "labelSelector": self._selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async with session.get("api/v1/pods", params=parameters) as response:
            if response.status == _GONE:
                return None
            response.raise_for_status()
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return None
                version = event["object"]["metadata"]["resourceVersion"]
                self._take(event["type"], event["object"])
        return version

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        if kind == "DELETED":
            self._pods_by_uid.pop(pod["metadata"]["uid"], None)
        elif kind != "BOOKMARK":
            self._pods_by_uid[pod["metadata"]["uid"]] = _slim(pod)


def _slim(pod: dict[str, Any]) -> dict[str, Any]:
    """Drop what only the server needs."""
    pod["metadata"].pop("managedFields", None)
    return pod
