"""Building the control plane in the background, while a person reads the plan. The building itself is the laboratory's.

The build runs in a process of its own, so that its progress is one line of ours and Ctrl-C ends the compilers too.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from types import TracebackType
from typing import Self

from examples.quickstart.page import Page
from examples.quickstart.wanted import NotAsWantedError
from tests.lab import golang, toolchain

NEEDED = (toolchain.CONTROL_PLANE, toolchain.KWOK, toolchain.HELM_4)
_LINE_PREFIX = "lab: "
_LOOK_SECONDS = 0.5
_END_SECONDS = 20.0


class Programs:
    """The build, as a context manager: leaving it early ends it."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._lines: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start to build what is missing."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "examples.quickstart.programs"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the build if it still runs, compilers included."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._reader is not None:
            self._reader.join()
        if process.stderr is not None:
            process.stderr.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stderr or ():
            self._lines.append(line.rstrip().removeprefix(_LINE_PREFIX))

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to build."""
        return self._process is not None and self._process.poll() is not None

    def wait(self, page: Page) -> None:
        """Return when every program is there, telling how it goes on.

        Raises:
            NotAsWantedError: with the end of the compiler's output.
        """
        if self._process is None:
            raise RuntimeError("wanted a build that was started: use `with Programs()`")
        told = ""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_SECONDS)
            line = self._lines[-1] if self._lines else ""
            if line and line != told:
                told = line
                page.progress(line, is_milestone=True)
            if self._process.poll() is not None:
                break
        if self._process.returncode != 0:
            raise NotAsWantedError("wanted the programs of a control plane; saw\n" + "\n".join(self._lines))


if __name__ == "__main__":
    try:
        toolchain.ensure(*NEEDED)
    except (toolchain.BuildError, golang.NoGoError) as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
