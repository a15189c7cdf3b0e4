"""The verb ``snapshot``: write a live cluster's fleet into one file, for planning offline. It holds no secrets."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from quartermaster.cli import live

HELP = "write the fleet of a live cluster as YAML or JSON, for `plan --fleet`"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--to", type=Path, metavar="FILE", help="file to write; standard output when absent")


async def run(given: argparse.Namespace) -> int:
    """Write the snapshot."""
    async with live.client(given.kubeconfig, given.context) as client:
        items = await live.fleet_objects(client)
    document = {"apiVersion": "v1", "kind": "List", "items": items}
    if given.output == "json":
        text = json.dumps(document, indent=1)
    else:
        text = yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    if given.to is None:
        sys.stdout.write(text)
    else:
        given.to.write_text(text, encoding="utf-8")
        sys.stderr.write(f"wrote {len(items)} objects to {given.to}\n")
    return 0
