"""The door: kopf runs the process and watches our own resources; every handler only wakes the loop.

No handler decides or writes. There is no ``kopf.index``, no daemon, no timer and no diff handler: they cost memory and
time at ten thousand pods, and store the spec in an annotation.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import kopf

from quartermaster.api.names import GROUP, VERSION
from quartermaster.controller.loop import Loop

PLURALS = ("inferencedeployments", "acceleratorpools", "modelprofiles")


def registry(loop: Loop, settings: kopf.OperatorSettings) -> kopf.OperatorRegistry:
    """Return the handlers of the process: start-up, shut-down, login, and one wake-up per kind."""
    handlers = kopf.OperatorRegistry()
    _configure(settings)
    tasks: list[asyncio.Task[None]] = []

    @kopf.on.login(registry=handlers)
    def login(**known: Any) -> kopf.ConnectionInfo | None:
        """Log kopf in as the client is: by the pod's ServiceAccount where there is one, else by the kubeconfig."""
        return kopf.login_with_service_account(**known) or kopf.login_with_kubeconfig(**known)

    @kopf.on.startup(registry=handlers)
    async def start(**_: Any) -> None:
        """Start the loop beside kopf."""
        tasks.append(asyncio.create_task(loop.run(), name="loop"))

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: Any) -> None:
        """Let the loop finish what it is writing, and give the lease away."""
        loop.stop()
        await asyncio.gather(*tasks)

    for plural in PLURALS:
        kopf.on.event(GROUP, VERSION, plural, registry=handlers)(_waker(loop.wake))
    return handlers


def _waker(wake: Callable[[], None]) -> Callable[..., None]:
    def changed(**_: Any) -> None:
        """Something of ours changed."""
        wake()

    return changed


def _configure(settings: kopf.OperatorSettings) -> None:
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.server_timeout = 55
    settings.watching.client_timeout = 65
    settings.networking.error_backoffs = (1, 2, 5, 10)
