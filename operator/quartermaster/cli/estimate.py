"""The verb ``estimate``: how fast a replica would run, on a chip that nobody has to own. No cluster is asked."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from quartermaster.api.v1alpha1.enums import EngineName, Precision
from quartermaster.catalog.accelerator import Accelerator
from quartermaster.catalog.catalog import UnknownNameError
from quartermaster.catalog.load import load_catalog
from quartermaster.catalog.model import Model
from quartermaster.catalog.naming import find_accelerator, find_engine, find_model
from quartermaster.cli import output, points, predicting
from quartermaster.cli.estimatepage import document, page
from quartermaster.cli.files import BadInputError
from quartermaster.planner.throughput.estimate import CannotEstimateError, Replica, estimate
from quartermaster.planner.throughput.layout import Layout
from quartermaster.planner.throughput.work import Mean

HELP = (
    "tell how fast a replica would run: latencies, tokens per second, dollar and watt, what limits it, how sure that is"
)
EPILOG = (
    "From the datasheet and factors fitted to public measurements; figures in brackets are the range of one standard "
    "deviation. With --points, two columns of predictions are added to a table of measured points; --calibrate K "
    "corrects each group of model, system, precision, backend and parallelism by its first K rows."
)
_PRECISIONS = {precision.value.casefold(): precision for precision in Precision}
_NEEDED = ("model", "accelerator", "input_tokens", "output_tokens")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--model", metavar="NAME", help="name in the catalog, or repository on Hugging Face")
    parser.add_argument("--accelerator", metavar="NAME", help="name in the catalog, or an alias such as h100_sxm")
    parser.add_argument("--precision", choices=tuple(_PRECISIONS), type=str.lower, help="of the weights; as published")
    parser.add_argument("--engine", metavar="NAME", help="engine; the first that runs on the accelerator when absent")
    parser.add_argument("--tp", type=_count, default=1, metavar="N", help="ranks that split each layer; 1")
    parser.add_argument("--pp", type=_count, default=1, metavar="N", help="stages that share the layers; 1")
    parser.add_argument("--dp", type=_count, default=1, metavar="N", help="ranks that each hold the whole attention; 1")
    parser.add_argument("--ep", type=_count, default=1, metavar="N", help="ranks over which experts are spread; 1")
    parser.add_argument("--input-tokens", type=_amount, metavar="I", help="tokens of the mean prompt")
    parser.add_argument("--output-tokens", type=_amount, metavar="O", help="tokens of the mean answer")
    parser.add_argument(
        "--concurrency",
        type=_amount,
        metavar="N",
        help="requests at a time; as many as fit, at most 256 for each of --dp, when absent",
    )
    parser.add_argument("--points", type=Path, metavar="FILE.csv", help="table of measured points to predict")
    parser.add_argument("--calibrate", type=_number, default=0, metavar="K", help="rows of each group to learn from; 0")
    output.arguments(parser, (*output.FORMATS, "csv"))


async def run(given: argparse.Namespace) -> int:
    """Print the estimate, or the table with predictions.

    Raises:
        BadInputError: a name is not known, or the model does not fit.
    """
    if given.points is not None:
        return _predict(given)
    if given.output == "csv" or given.calibrate:
        raise BadInputError("wanted --points FILE.csv with -o csv or --calibrate, found none: name the table")
    missing = [f"--{name.replace('_', '-')}" for name in _NEEDED if getattr(given, name) is None]
    if missing:
        raise BadInputError(f"wanted a replica and its mean request, found no {', '.join(missing)}; or name --points")
    replica, mean = _replica(given), Mean(given.input_tokens, given.output_tokens)
    try:
        found = estimate(replica, mean, concurrency=given.concurrency)
    except CannotEstimateError as why:
        raise BadInputError(str(why)) from why
    quote = load_catalog().price(replica.accelerator, None, None)
    output.show(
        document(replica, mean, found, quote=quote), given.output, lambda: page(replica, mean, found, quote=quote)
    )
    return 0


def _predict(given: argparse.Namespace) -> int:
    if given.output != "csv":
        raise BadInputError(f"wanted -o csv with --points, found -o {given.output}: a table is answered by a table")
    columns, rows = points.read(given.points)
    predictions = predicting.predict(rows, calibrate=given.calibrate)
    sys.stderr.write("".join(f"{line}\n" for line in predictions.refused))
    sys.stdout.write(predicting.table_of(columns, rows, predictions))
    return 0


def _replica(given: argparse.Namespace) -> Replica:
    try:
        model, accelerator = find_model(given.model), find_accelerator(given.accelerator)
        engine = _engine(given.engine, accelerator)
    except UnknownNameError as unknown:
        raise BadInputError(str(unknown)) from unknown
    precision = _PRECISIONS[given.precision] if given.precision else model.native_precision
    ranks = given.tp * given.dp
    if given.ep not in {1, ranks}:
        raise BadInputError(
            f"wanted --ep of 1 or of all {ranks} ranks (--tp × --dp), found {given.ep}: set it to {ranks}"
        )
    _insist_on_experts(model, given)
    _insist_on_heads(model, given.tp)
    return Replica(model, accelerator, engine, precision, Layout(given.tp, given.pp, given.dp, given.ep > 1))


def _engine(name: str | None, accelerator: Accelerator) -> EngineName:
    if name is None:
        if not accelerator.engines:
            raise BadInputError(f"wanted an engine on {accelerator.name}, found none in the catalog: name --engine")
        return accelerator.engines[0]
    engine = find_engine(name).name
    if engine not in accelerator.engines:
        running = ", ".join(each.value for each in accelerator.engines) or "none"
        raise BadInputError(f"wanted {engine.value} on {accelerator.name}; there run {running}: name one of these")
    return engine


def _insist_on_experts(model: Model, given: argparse.Namespace) -> None:
    if given.dp == given.ep == 1 or (model.active_parameters or model.parameters) < model.parameters:
        return
    raise BadInputError(
        f"wanted a mixture of experts for --dp {given.dp} and --ep {given.ep}, found {model.name}, which is dense:"
        " leave them out, since more replicas do the same"
    )


def _insist_on_heads(model: Model, ranks: int) -> None:
    if model.experts is None and model.query_heads and model.query_heads % ranks:
        raise BadInputError(f"wanted --tp that divides the {model.query_heads} heads of {model.name}, found {ranks}")


def _checked(text: str, read: Callable[[str], float], least: float) -> float:
    try:
        value = read(text)
    except ValueError:
        value = float("nan")
    if not least <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"wanted a number of at least {least:g}, found {text!r}")
    return value


def _count(text: str) -> int:
    return int(_checked(text, int, 1))


def _number(text: str) -> int:
    return int(_checked(text, int, 0))


def _amount(text: str) -> float:
    return _checked(text, float, 1)
