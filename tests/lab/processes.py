"""Local processes that never outlive their owner: start, stop, kill, freeze, thaw, restart.

Only the life of a process lives here. What a component is, and when it is ready, is said in ``components``.

The promise "nothing stays behind" rests on the kernel's parent-death signal. It is sent when the *thread* that started
the child ends, so every child is started from one thread that lives as long as the interpreter.
"""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

OWNER_VARIABLE = "QUARTERMASTER_LAB_OWNER_PID"
LOG_TAIL_BYTES = 4000
ERROR_LINE = re.compile(r'E\d{4} |.*"level":"(ERROR|WARN)"|panic')

_launcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-launcher")


class ProcessError(RuntimeError):
    """A process ended, or refused to end, against what was asked."""


class Process:
    """One local process with a log file, killed by the kernel when this interpreter ends, however it ends.

    ``argv[0]`` must set the parent-death signal on itself from ``QUARTERMASTER_LAB_OWNER_PID``: the controlplane binary
    does, and its ``exec`` mode does it for any other program (see ``guarded``).
    """

    def __init__(
        self, name: str, argv: Sequence[str | Path], *, log_path: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describe the process; ``environment`` is added to this interpreter's own."""
        self.name = name
        self.argv = [str(part) for part in argv]
        self.log_path = log_path
        self.environment = dict(environment or {})
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; ProcessError when it was never started or was stopped."""
        if self._popen is None:
            raise ProcessError(f"{self.name} has no process: start it first")
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether the process exists; a frozen one does."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def has_lived(self) -> bool:
        """Whether the process was ever started."""
        return self._popen is not None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while running or never started."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches only the owner."""
        if self.is_running:
            raise ProcessError(f"{self.name} already runs as process {self.pid}")
        self._popen = _launcher.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment, OWNER_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, and return when the process is gone (so that its port is free)."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """SIGTERM, then SIGKILL after the grace time; a frozen process is thawed first."""
        if self._popen is None or not self.is_running:
            return
        self._popen.send_signal(signal.SIGCONT)
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=grace_seconds)
        self.kill()

    def freeze(self) -> None:
        """SIGSTOP: the process keeps its sockets and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is None or not self.is_running:
            raise ProcessError(f"{self.name} does not run, so it cannot be sent {number.name}; {self.explain()}")
        self._popen.send_signal(number)

    def explain(self) -> str:
        """Say how the process fares and what it last logged."""
        state = f"runs as process {self.pid}" if self.is_running else f"ended with exit code {self.exit_code}"
        return f"{self.name} {state}; the end of {self.log_path}:\n{self.log_tail()}"

    def log_tail(self) -> str:
        """Return the last lines of the log, at most 4000 bytes."""
        if not self.log_path.exists():
            return "(no log)"
        return self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def complaints(self, *, count: int = 5) -> list[str]:
        """Return the last error lines of the log, as Kubernetes and KWOK write them, each cut to 300 characters."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [line[:300] for line in lines if ERROR_LINE.match(line)][-count:]


class Component(Process):
    """A process that says when it is ready and can be restarted."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log_path: Path,
        wait_ready: Callable[["Component"], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``wait_ready`` returns when the component serves, and raises when it has ended or takes too long."""
        super().__init__(name, argv, log_path=log_path, environment=environment)
        self._wait_ready = wait_ready

    def wait_ready(self) -> None:
        """Return when the component serves; ProcessError, with the end of its log, when it does not."""
        self._wait_ready(self)

    def restart(self) -> None:
        """Stop it if it runs, start it again with the same arguments, and return when it serves."""
        self.stop()
        self.start()
        self.wait_ready()


def guarded(controlplane: Path, argv: Sequence[str | Path]) -> list[str]:
    """Prefix a foreign program so that it, too, dies with its owner."""
    return [str(controlplane), "exec", *(str(part) for part in argv)]
