"""The verb ``plan``: what Quartermaster would decide, from files or from a cluster. Nothing is written."""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from quartermaster.catalog.load import load_catalog
from quartermaster.cli import context, output, planpage, world
from quartermaster.cli.document import plan_document
from quartermaster.cli.files import STANDARD_INPUT, BadInputError, Located, read
from quartermaster.cli.making import Made, make
from quartermaster.cli.words import plural

HELP = "show where replicas would run, at what cost, how far from the proven bound, and why others were refused"
EPILOG = (
    "With --fleet everything comes from files and no cluster is needed; `snapshot` writes such a file. Without it the "
    "fleet is that of the cluster, and objects of -f are planned as if they had been applied. An object of -f takes "
    "the place of one of the same name. PATH is a file, a folder, or - for standard input; objects of kinds that no "
    "plan is made from are passed over. Exit status 1: something is not served whole, or cannot be planned."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    _paths(parser, "--fleet", help_text="Nodes, Pods, AcceleratorPools, ModelProfiles and what else is there already")
    _paths(parser, "-f", "--file", help_text="InferenceDeployments, or anything else, to plan besides")
    parser.add_argument("--show-candidates", action="store_true", help="list every candidate that no rule refuses")
    parser.add_argument(
        "--show-rejections", action="store_true", help="tell of every refused candidate, not one example of each reason"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=math.inf,
        metavar="N",
        help="take the best plan found after so long, with the bound proven by then; else the search ends by itself",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say on standard error what was read and skipped")
    output.arguments(parser)
    context.arguments(parser)


def _paths(parser: argparse.ArgumentParser, *names: str, help_text: str) -> None:
    parser.add_argument(*names, type=Path, nargs="+", action="extend", default=[], metavar="PATH", help=help_text)


def _seconds(text: str) -> float:
    """Return a number of seconds that can pass.

    Raises:
        argparse.ArgumentTypeError: when it is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"wanted seconds from 0 up, found {text!r}: write --seconds 5, say")
    return seconds


async def run(given: argparse.Namespace) -> int:
    """Print the plan; returns 1 when it falls short of what is wanted.

    Raises:
        BadInputError: when an object cannot be used.
    """
    if STANDARD_INPUT in given.fleet and STANDARD_INPUT in given.file:
        raise BadInputError("wanted standard input once, found it in --fleet and in -f: put one of them into a file")
    fleet, skipped_of_fleet = world.known(read(given.fleet))
    asked, skipped_of_asked = world.known(read(given.file))
    objects = [entry.object for entry in fleet]
    if not given.fleet:
        from quartermaster.cli import live  # noqa: PLC0415 - plans from files need no client, which is slow to load

        async with live.client(given) as client:
            objects = await live.fleet_objects(client)
    if given.verbose:
        _tell_read([*objects, *(entry.object for entry in asked)], skipped_of_fleet + skipped_of_asked)
    seen = world.observed([*objects, *(entry.object for entry in asked)])
    if not seen.deployments:
        raise BadInputError(_nothing_to_plan([*given.fleet, *given.file]))
    made = make(seen, load_catalog(), most_seconds=given.seconds)
    _insist_on_asked(made, asked)
    output.show(
        plan_document(made, with_candidates=given.show_candidates, with_all_rejections=given.show_rejections),
        given.output,
        lambda: planpage.page(made, with_candidates=given.show_candidates, with_all_rejections=given.show_rejections),
    )
    return 1 if made.plan.shortfalls or made.unplanned else 0


def _tell_read(objects: Sequence[world.Object], skipped: Counter[str]) -> None:
    counts = Counter(document["kind"] for document in objects)
    for verb, found in (("planned with", counts), ("skipped", skipped)):
        told = ", ".join(plural(count, kind) for kind, count in sorted(found.items()))
        sys.stderr.write(f"{verb}: {told or 'nothing'}\n")


def _nothing_to_plan(paths: Sequence[Path]) -> str:
    where = ", ".join(str(path) for path in paths) or "the cluster"
    return f"wanted at least one InferenceDeployment, found none in {where}: name the file of one with -f"


def _insist_on_asked(made: Made, asked: Sequence[Located]) -> None:
    """Refuse files that ask for what is not known: that is a mistake in the file, not an answer about the fleet."""
    refused_by_identity = {(one.kind, one.namespace, one.name): one for one in made.unplanned}
    lines = []
    for entry in asked:
        refused = refused_by_identity.get(world.identity(entry.object))
        if refused is not None:
            lines.append(f"{entry.place('spec.model.name')}: {entry.name}: spec.model.name: {refused.message}")
    if lines:
        raise BadInputError("\n".join(lines))
