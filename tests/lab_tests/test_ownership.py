"""No process outlives its owner, however that ends; what it left on disk goes with the next cluster."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import processes, reservation, toolchain
from tests.lab.cluster import Cluster
from tests.lab.processes import Process, guarded

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
TIDY_SECONDS = 120.0
"""An owner that tidies up stops six processes one after the other, each with ten seconds to end by itself; on a machine
with other work all of them may need these."""
GONE_SECONDS = 60.0
"""The kernel ends what is left, and frees hundreds of megabytes of each."""
FIRST_NUMBER = 120
"""Of the networks that clusters here reserve, so that none of another process takes their directories over."""
OWNER = f"""
import signal
# Whoever is started in the background is born deaf to interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
import json, os, sys, time
from tests.lab import components, reservation
from tests.lab.cluster import Cluster

reservation.FIRST_NUMBER = {FIRST_NUMBER}
with Cluster.start() as cluster:
    cluster.component(components.SCHEDULER).freeze()
    launched = cluster.launch("sleeper", ["sleep", "600"])
    pids = [cluster.component(name).pid for name in components.ALL] + [launched.pid]
    print(json.dumps({{"pids": pids, "directory": str(cluster.directory)}}), flush=True)
    time.sleep(600)
"""


@contextmanager
def owner_of_a_cluster() -> Iterator[tuple[subprocess.Popen[str], list[int], Path]]:
    """Yield a Python process that owns a cluster, the ids of the cluster's processes, and its directory."""
    command = [sys.executable, "-c", OWNER]
    owner = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    try:
        assert owner.stdout is not None
        said = json.loads(owner.stdout.readline())
        yield owner, said["pids"], Path(said["directory"])
    finally:
        owner.kill()
        owner.communicate()


def alive(pids: list[int]) -> list[str]:
    """Return the command lines of those processes that still exist and are not zombies."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found.append(f"{pid} {state} {command}")
    return found


def wait_gone(pids: list[int]) -> None:
    """Return when none of the processes exists, and fail with their names after a while."""
    deadline_seconds = time.monotonic() + GONE_SECONDS
    while remaining := alive(pids):
        assert time.monotonic() < deadline_seconds, remaining
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_is_left_when_the_owner_is_ended_by_a_signal(number: signal.Signals) -> None:
    """Killed, terminated or interrupted: six processes are gone, the frozen scheduler among them."""
    with owner_of_a_cluster() as (owner, pids, directory):
        assert len(alive(pids)) == len(pids) == 6
        owner.send_signal(number)
        owner.wait(timeout=TIDY_SECONDS)
        wait_gone(pids)
        assert directory.exists() == (number != signal.SIGINT), "only an interrupt lets the owner tidy up"


def test_a_cluster_ends_with_its_block_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a test ends every process and removes the directory."""
    monkeypatch.setattr(reservation, "FIRST_NUMBER", FIRST_NUMBER)
    pids: list[int] = []
    directories: list[Path] = []

    def fail() -> None:
        with Cluster.start() as cluster:
            pids.extend(component.pid for component in cluster.components())
            directories.append(cluster.directory)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 5
    assert alive(pids) == []
    assert not directories[0].exists()


def test_a_process_started_from_a_short_lived_thread_lives_on(tmp_path: Path) -> None:
    """The kernel's death signal follows the starting thread, so all are started from one that stays."""
    control_plane = toolchain.ensure(toolchain.CONTROL_PLANE)[toolchain.CONTROL_PLANE]
    process = Process("sleeper", guarded(control_plane, ["sleep", "600"]), log_path=tmp_path / "log")
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert process.is_running, process.explain()
    process.stop()
    assert process.exit_code == -signal.SIGTERM


def test_a_process_whose_owner_is_already_gone_does_not_start() -> None:
    """Between fork and the death signal the owner may end: the changed parent is noticed."""
    control_plane = toolchain.ensure(toolchain.CONTROL_PLANE)[toolchain.CONTROL_PLANE]
    environment = {**os.environ, processes.OWNER_VARIABLE: "1"}
    command = [str(control_plane), "exec", "sleep", "600"]
    result = subprocess.run(  # noqa: S603 - the program that we built
        command, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert result.returncode == 2
    assert "the owner 1 has ended" in result.stderr


def test_a_number_is_reserved_once_and_tidied_by_the_next_owner(tmp_path: Path) -> None:
    """Two reservations never share a network; the directory of a released one is gone, a forgotten one is emptied."""
    first, second = reservation.reserve(tmp_path), reservation.reserve(tmp_path)
    assert first.number != second.number
    assert not first.pod_cidr.overlaps(second.pod_cidr)
    (first.directory / "forgotten").touch()
    first.release(keep_directory=True)
    again = reservation.reserve(tmp_path)
    assert again.number == first.number
    assert list(again.directory.iterdir()) == []
    again.release()
    second.release()
    assert not second.directory.exists()


def test_reservations_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When every network is taken, the error says where to look."""
    monkeypatch.setattr(reservation, "LAST_NUMBER", reservation.FIRST_NUMBER)
    only = reservation.reserve(tmp_path)
    with pytest.raises(reservation.NoReservationError, match="stop some clusters"):
        reservation.reserve(tmp_path)
    only.release()
