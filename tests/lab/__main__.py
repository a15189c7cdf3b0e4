"""The laboratory by hand: ``python -m tests.lab build | up | kubectl | helm``.

Only the command line lives here: ``build`` builds every program, ``up`` runs a cluster until Ctrl-C, ``kubectl`` and
``helm`` pass their arguments to the built programs.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.lab import components, toolchain
from tests.lab.cluster import Cluster, Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab", description="A real Kubernetes control plane on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build every program into the cache and print the paths")
    up = commands.add_parser("up", help="run a cluster until Ctrl-C")
    up.add_argument("--without", action="append", default=[], choices=components.ALL[2:], help="leave a component out")
    up.add_argument("--apply", action="append", default=[], type=Path, metavar="PATH", help="apply a file or folder")
    up.add_argument("--kubeconfig", type=Path, metavar="PATH", help="write the admin's kubeconfig there as well")
    for name in ("kubectl", "helm"):
        each = commands.add_parser(name, help=f"run {name} against $KUBECONFIG", add_help=False)
        each.add_argument("rest", nargs=argparse.REMAINDER)
    parsed = parser.parse_args(arguments)
    if parsed.command == "build":
        for name, path in toolchain.ensure().items():
            _say(f"{name:14} {path}")
        return 0
    if parsed.command == "up":
        return _up(parsed)
    if parsed.command == "kubectl":
        return _become(toolchain.CONTROL_PLANE, ["kubectl", *parsed.rest])
    return _become(toolchain.HELM_4, parsed.rest)


def _become(name: str, arguments: Sequence[str]) -> NoReturn:
    program = toolchain.ensure(name)[name]
    os.execv(program, [str(program), *arguments])  # noqa: S606 - a program that we built


def _up(parsed: argparse.Namespace) -> int:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    try:
        with Cluster.start(Options(without=frozenset(parsed.without))) as cluster:
            for path in parsed.apply:
                _say(f"applied {len(cluster.apply(path))} objects of {path}")
            if parsed.kubeconfig is not None:
                parsed.kubeconfig.touch(mode=0o600)
                parsed.kubeconfig.write_text(cluster.kubeconfig().read_text())
            _say(f"API server   {cluster.url}")
            _say(f"pods         {cluster.pod_cidr}")
            _say(f"logs, audit  {cluster.directory}")
            _say(f"next         export KUBECONFIG={parsed.kubeconfig or cluster.kubeconfig()}")
            _say("             python -m tests.lab kubectl get nodes")
            _say("Ctrl-C ends it.")
            while True:
                signal.pause()
    except KeyboardInterrupt:
        return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line speaks


if __name__ == "__main__":
    sys.exit(main())
