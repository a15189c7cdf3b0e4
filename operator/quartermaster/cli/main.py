"""The door for people: ``kubectl-quartermaster``, so ``kubectl quartermaster …``.

Exit status 0: fine; 1: the answer is no (a shortfall, a violation, a difference); 2: bad input or no cluster.
"""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from quartermaster.cli.files import BadInputError
from quartermaster.cluster.errors import ApiError, CredentialsError

BAD_INPUT = 2
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""


class Verb(Protocol):
    """What a verb's module offers."""

    HELP: str
    EPILOG: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments."""

    def run(self, given: argparse.Namespace) -> Coroutine[Any, Any, int]:
        """Do it; gives the exit status."""


_VERBS = ("plan", "estimate", "status", "snapshot", "crds")
"""In the order of the help; each is a module beside this one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    # One answer, and the process ends: of the many values that live until then, looking for cycles would find none.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        return _answer(sys.argv[1:] if argv is None else argv)
    finally:
        if was_collecting:
            gc.enable()


def _answer(words: Sequence[str]) -> int:
    verbs = _verbs(words)
    given = _parser(verbs).parse_args(words)
    try:
        exit_status = asyncio.run(verbs[given.verb].run(given))
        # What is still buffered is written here, while a reader that has gone can be borne.
        sys.stdout.flush()
    except BadInputError as bad:
        sys.stderr.write(f"{bad}\n")
    except (ApiError, CredentialsError) as error:
        sys.stderr.write(f"{_without_answer(error, given.verb)}\n")
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    else:
        return exit_status
    return BAD_INPUT


def _without_answer(error: ApiError | CredentialsError, verb: str) -> str:
    """Return what went wrong with the cluster, and what to do about it."""
    told = str(error)
    if isinstance(error, ApiError):
        told = f"the cluster did not answer as wanted: {error}"
        if error.is_unreachable:
            told += ": check --kubeconfig and --context, and that the API server is up"
    return f"{told}; `plan --fleet PATH` needs no cluster" if verb == "plan" else told


def _verbs(words: Sequence[str]) -> Mapping[str, Verb]:
    """Return the verb that is asked for, or all of them: whoever plans from files need not wait for the client."""
    names = words[:1] if words and words[0] in _VERBS else _VERBS
    return {name: cast("Verb", import_module(f"quartermaster.cli.{name}")) for name in names}


def _parser(known: Mapping[str, Verb]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl-quartermaster",
        description="Where model replicas run, at what proven cost, and why.",
        epilog="Exit status 0: fine; 1: the answer is no; 2: bad input, or no cluster.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in known.items():
        description = verb.HELP[0].upper() + verb.HELP[1:] + "."
        verb.arguments(verbs.add_parser(name, help=verb.HELP, description=description, epilog=verb.EPILOG))
    return parser


if __name__ == "__main__":
    sys.exit(main())
