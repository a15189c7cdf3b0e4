"""The doubles driven over HTTP from another process, on a loopback port of its own.

PUT    /replicas/ADDRESS        {"engine", "model", "physics": {…fields of ReplicaPhysics}}
DELETE /replicas/ADDRESS?drain_seconds=…
PUT    /replicas/ADDRESS/fault  {"fault": name or null, "seconds": number or null}
GET    /replicas/ADDRESS        its state
GET    /replicas                every state
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.lab.modelserver.physics import ReplicaPhysics
from tests.lab.modelserver.servers import ModelServers, UnknownAddressError

_PHYSICS_FIELDS = frozenset(field.name for field in dataclasses.fields(ReplicaPhysics))
_SERVERS: web.AppKey[ModelServers] = web.AppKey("servers", ModelServers)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_application(servers: ModelServers) -> web.Application:
    """Return the application that drives `servers`."""
    application = web.Application(middlewares=[_errors])
    application[_SERVERS] = servers
    application.router.add_get("/replicas", _list)
    application.router.add_get("/replicas/{address}", _state)
    application.router.add_put("/replicas/{address}", _add)
    application.router.add_delete("/replicas/{address}", _remove)
    application.router.add_put("/replicas/{address}/fault", _fault)
    return application


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the caller did wrong with a message instead of a trace."""
    try:
        return await handler(request)
    except UnknownAddressError as error:
        return web.json_response({"error": str(error)}, status=404)
    except OSError as error:
        return web.json_response({"error": str(error)}, status=409)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)


async def _list(request: web.Request) -> web.Response:
    return web.json_response([state.as_json() for state in await request.app[_SERVERS].states()])


async def _state(request: web.Request) -> web.Response:
    state = await request.app[_SERVERS].state(request.match_info["address"])
    return web.json_response(state.as_json())


async def _add(request: web.Request) -> web.Response:
    document = await _object(request)
    engine, model = document.get("engine"), document.get("model")
    if not isinstance(engine, str) or not isinstance(model, str):
        raise TypeError(f"engine and model must be strings, found {engine!r} and {model!r}: state both")
    facts = document.get("physics", {})
    if not isinstance(facts, dict) or not _PHYSICS_FIELDS.issuperset(facts):
        known = ", ".join(sorted(_PHYSICS_FIELDS))
        raise ValueError(f"physics must be an object with fields of {known}; found {facts!r}: leave the others out")
    await request.app[_SERVERS].add(
        request.match_info["address"], engine=engine, model=model, physics=ReplicaPhysics(**facts)
    )
    return web.Response(status=204)


async def _remove(request: web.Request) -> web.Response:
    drain_seconds = float(request.query.get("drain_seconds", "0"))
    await request.app[_SERVERS].remove(request.match_info["address"], drain_seconds=drain_seconds)
    return web.Response(status=204)


async def _fault(request: web.Request) -> web.Response:
    document = await _object(request)
    await request.app[_SERVERS].fault(
        request.match_info["address"], document.get("fault"), seconds=document.get("seconds")
    )
    return web.Response(status=204)


async def _object(request: web.Request) -> dict[str, Any]:
    document = await request.json()
    if not isinstance(document, dict):
        raise TypeError(f"the body must be a JSON object, found {type(document).__name__}: send one")
    return document
