"""The verb ``status``: where each InferenceDeployment runs, how it is, and why, as the operator reports it."""

import argparse
from typing import Any

from quartermaster.cli import context, live, output, statuspage
from quartermaster.cli.crds import REMEDY
from quartermaster.cli.document import status_list
from quartermaster.cli.files import BadInputError
from quartermaster.cluster import resources
from quartermaster.cluster.client import Client
from quartermaster.cluster.errors import ApiError

HELP = "show where each InferenceDeployment runs, how it is, and why"
EPILOG = "Exit status 1: one of those shown is not Ready, or was changed since the operator last looked at it."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("name", nargs="?", help="NAME or NAMESPACE/NAME of one of them in full; all when absent")
    parser.add_argument("-n", "--namespace", help="namespace; every one when absent")
    output.arguments(parser)
    context.arguments(parser)


async def run(given: argparse.Namespace) -> int:
    """Print the statuses; returns 1 when one of them is not Ready.

    Raises:
        BadInputError: when the named deployment is not there, or the cluster knows no such kind.
    """
    namespace, name = _named(given)
    async with live.client(given) as client:
        found = await _all(client, namespace)
    if name is not None:
        found = [_the_one(found, namespace, name)]
    document = status_list(found)
    rows = document["items"]
    output.show(
        document,
        given.output,
        lambda: statuspage.overview(rows) if name is None else statuspage.in_full(rows[0]),
    )
    return 0 if all(statuspage.is_ready(row) for row in rows) else 1


def _named(given: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return the namespace and the name asked for; the name may carry its namespace, as the tables print it."""
    namespace, slash, name = (given.name or "").rpartition("/")
    if slash and given.namespace not in {None, namespace}:
        raise BadInputError(f"wanted one namespace, found {namespace} and {given.namespace}: leave -n out")
    return namespace or given.namespace, name or None


async def _all(client: Client, namespace: str | None) -> list[dict[str, Any]]:
    try:
        return await client.list(resources.INFERENCE_DEPLOYMENTS, namespace)
    except ApiError as error:
        if not error.is_not_found:
            raise
    raise BadInputError(
        f"wanted a cluster with Quartermaster, found one without its CRDs: install the chart, or {REMEDY}"
    )


def _the_one(found: list[dict[str, Any]], namespace: str | None, name: str) -> dict[str, Any]:
    named = [item for item in found if item["metadata"]["name"] == name]
    if len(named) == 1:
        return named[0]
    if named:
        namespaces = ", ".join(item["metadata"]["namespace"] for item in named)
        raise BadInputError(f"wanted one InferenceDeployment {name}, found it in {namespaces}: say which with -n")
    where = f"namespace {namespace}" if namespace else "any namespace"
    raise BadInputError(f"wanted InferenceDeployment {name} in {where}, found none: `status` lists those there are")
