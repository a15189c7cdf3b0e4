"""The verb ``snapshot``: write a live cluster's fleet into one file, for planning offline.

The document is a Kubernetes ``List`` of Nodes, Pods, Deployments of ours, InferenceDeployments, AcceleratorPools and
ModelProfiles, with only those fields that a plan reads. It holds no Secrets and nothing of what containers run, but the
specs of InferenceDeployments whole.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from quartermaster.cli import context, live, output
from quartermaster.cli.files import BadInputError
from quartermaster.cli.words import plural

HELP = "write the fleet of a live cluster as YAML or JSON, for `plan --fleet`"
EPILOG = "A name that ends in .json asks for JSON, which is much faster to read where there are thousands of pods."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--to", type=Path, metavar="FILE", help="file to write; standard output when absent")
    parser.add_argument("-o", "--output", choices=("yaml", "json"), help="form; by the file's name, else YAML")
    context.arguments(parser)


async def run(given: argparse.Namespace) -> int:
    """Write the snapshot.

    Raises:
        BadInputError: when the file cannot be written.
    """
    async with live.client(given) as client:
        items = await live.fleet_objects(client)
    is_json = given.to is not None and given.to.suffix == ".json"
    form = given.output or ("json" if is_json else "yaml")
    text = output.text_of({"apiVersion": "v1", "kind": "List", "items": items}, form)
    if given.to is None:
        sys.stdout.write(text)
        return 0
    try:
        given.to.write_text(text, encoding="utf-8")
    except OSError as refused:
        raise BadInputError(f"{given.to}: wanted a file to write, found: {refused.strerror}: name another") from None
    counts = Counter(item["kind"] for item in items)
    told = ", ".join(plural(count, kind) for kind, count in sorted(counts.items()))
    sys.stderr.write(f"wrote {told or 'an empty fleet'} to {given.to}\n")
    return 0
