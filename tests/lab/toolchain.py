"""The laboratory's programs: built once from Go modules into a cache outside the checkout, then reused.

Only building and finding programs lives here; how they are run is said in ``components``. The folder of the cache is
``~/.cache/quartermaster/lab/<key>`` (``QUARTERMASTER_CACHE`` replaces ``~/.cache/quartermaster``); the key is the
digest of the Go module, the versions below and the Go version, so a change of any of them builds anew beside the old.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.lab import golang

KUBERNETES_VERSION = "v1.36.4"
MODULE_DIRECTORY = Path(__file__).parent / "controlplane"
LINK_FLAGS = "-s -w"
CONTROL_PLANE = "controlplane"
KWOK = "kwok"
HELM_3 = "helm3"
HELM_4 = "helm4"
PROGRESS_PERIOD_SECONDS = 5.0
QUIET_WAIT_SECONDS = 1.0
"""Whoever only looks for what is built holds the lock for less."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of another project, or our own module (``package`` is None).

    ``cold_build_seconds`` was measured on two cores with an empty build cache, and only feeds the progress line.
    ``variables`` are set by the linker: without them a program takes itself for an unreleased one.
    """

    package: str | None
    cold_build_seconds: int
    variables: tuple[str, ...]
    installed_name: str = ""


PROGRAM_BY_NAME: Mapping[str, Program] = MappingProxyType(
    {
        CONTROL_PLANE: Program(
            None,
            270,
            tuple(
                f"k8s.io/{package}/version.{variable}"
                for package in ("component-base", "client-go/pkg")  # servers say the one, clients the other
                for variable in (f"gitVersion={KUBERNETES_VERSION}", "gitMajor=1", "gitMinor=36")
            ),
        ),
        KWOK: Program("sigs.k8s.io/kwok/cmd/kwok@v0.8.0", 85, (), "kwok"),
        HELM_3: Program(
            "helm.sh/helm/v3/cmd/helm@v3.21.4",
            55,
            (
                "helm.sh/helm/v3/internal/version.version=v3.21.4",
                "helm.sh/helm/v3/internal/version.metadata=",
                "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36",
                "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
            ),
            "helm",
        ),
        HELM_4: Program(
            "helm.sh/helm/v4/cmd/helm@v4.2.4", 50, ("helm.sh/helm/v4/internal/version.version=v4.2.4",), "helm"
        ),
    }
)


class BuildError(RuntimeError):
    """A program of the laboratory could not be built."""


def cache_directory() -> Path:
    """Return the cache of everything that is built or downloaded for tests and examples."""
    return Path(os.environ.get("QUARTERMASTER_CACHE") or Path.home() / ".cache" / "quartermaster")


def ensure(*names: str) -> dict[str, Path]:
    """Return the path of each named program (default: all), building what is missing, with progress on stderr.

    Two builders wait for each other. BuildError carries the end of the compiler's output; NoGoError says that there is
    no compiler.
    """
    wanted = names or tuple(PROGRAM_BY_NAME)
    lab = cache_directory() / "lab"
    lab.mkdir(parents=True, exist_ok=True)
    with _locked(lab / "toolchain.lock"):
        go = golang.find(lab, _report)
    folder = lab / _key(go)
    folder.mkdir(exist_ok=True)
    path_by_name = {name: folder / name for name in wanted}
    if all(path.exists() for path in path_by_name.values()):
        return path_by_name
    with _locked(folder / "build.lock"):
        missing = [name for name, path in path_by_name.items() if not path.exists()]
        if missing:
            total_seconds = sum(PROGRAM_BY_NAME[name].cold_build_seconds for name in missing)
            _report(f"building {', '.join(missing)} into {folder}: about {total_seconds} s on two cores, only once")
            for abandoned in folder.glob("*.unfinished"):
                shutil.rmtree(abandoned, ignore_errors=True)
                abandoned.unlink(missing_ok=True)
        for name in missing:
            _build(go, name, path_by_name[name])
    return path_by_name


def _key(go: golang.Go) -> str:
    recipe = (go.version, LINK_FLAGS, sorted(PROGRAM_BY_NAME.items()))
    digest = hashlib.sha256(repr(recipe).encode())
    for file in [*sorted(MODULE_DIRECTORY.glob("*.go")), MODULE_DIRECTORY / "go.mod", MODULE_DIRECTORY / "go.sum"]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _build(go: golang.Go, name: str, destination: Path) -> None:
    program = PROGRAM_BY_NAME[name]
    unfinished = destination.with_name(f"{name}.{os.getpid()}.unfinished")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    flags = " ".join([LINK_FLAGS, *(f"-X {variable}" for variable in program.variables)])
    if program.package is None:
        _compile(name, [go.command, "build", "-trimpath", "-ldflags", flags, "-o", unfinished, "."], environment)
        unfinished.rename(destination)
        return
    environment["GOBIN"] = str(unfinished)
    _compile(name, [go.command, "install", "-trimpath", "-ldflags", flags, program.package], environment)
    (unfinished / program.installed_name).rename(destination)
    unfinished.rmdir()


def _compile(name: str, command: list[str | Path], environment: Mapping[str, str]) -> None:
    estimate_seconds = PROGRAM_BY_NAME[name].cold_build_seconds
    started_seconds = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=MODULE_DIRECTORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    finished = threading.Event()
    ticker = threading.Thread(target=_tick, args=(name, estimate_seconds, finished), daemon=True)
    ticker.start()
    try:
        output, _ = process.communicate()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        finished.set()
        ticker.join()
    if process.returncode != 0:
        raise BuildError(f"wanted to build {name}, found exit code {process.returncode}:\n{output[-4000:]}")
    _report(f"built {name} in {time.monotonic() - started_seconds:.0f} s")


def _tick(name: str, estimate_seconds: int, finished: threading.Event) -> None:
    """Print one line now and then: a person sees that it lives, a log does not drown."""
    elapsed_seconds = 0.0
    pause_seconds = PROGRESS_PERIOD_SECONDS if sys.stderr.isatty() else 6 * PROGRESS_PERIOD_SECONDS
    while not finished.wait(pause_seconds):
        elapsed_seconds += pause_seconds
        _report(f"building {name}: {elapsed_seconds:.0f} s of about {estimate_seconds} s")


def _report(message: str) -> None:
    print(f"lab: {message}", file=sys.stderr, flush=True)  # noqa: T201 - progress is for the person who waits


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = threading.Timer(
                QUIET_WAIT_SECONDS, _report, ["another process builds the laboratory: waiting for it"]
            )
            told.daemon = True
            told.start()
            fcntl.flock(file, fcntl.LOCK_EX)
            told.cancel()
        yield
