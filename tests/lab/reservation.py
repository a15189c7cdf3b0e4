"""One loopback /16 per cluster, reserved across processes: addresses of fake pods, and of the control plane itself.

Only the numbering lives here. A reservation is a file lock, so that it ends with its process, however that ends.
"""

import fcntl
import getpass
import ipaddress
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

FIRST_NUMBER = 64
LAST_NUMBER = 126


class NoReservationError(RuntimeError):
    """All loopback networks are taken."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The network ``127.<number>.0.0/16`` and an empty directory, ours until released or until this process ends."""

    number: int
    directory: Path
    lock_descriptor: int

    @property
    def pod_cidr(self) -> ipaddress.IPv4Network:
        """Where fake pods get their addresses, counted from the low end."""
        return ipaddress.IPv4Network(f"127.{self.number}.0.0/16")

    @property
    def control_plane_address(self) -> str:
        """The address of the control plane: the last of the network, which no pod reaches."""
        return f"127.{self.number}.255.254"

    def release(self, *, keep_directory: bool = False) -> None:
        """Remove the directory, unless it shall be kept until the next cluster, and free the number."""
        if not keep_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self.lock_descriptor)


def reserve(root: Path | None = None) -> Reservation:
    """Reserve the lowest free number under ``root`` (default: a folder of this user in the temporary directory).

    What a killed owner of the same number left on disk is removed.
    """
    root = root or Path(tempfile.gettempdir()) / f"quartermaster-lab-{getpass.getuser()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(FIRST_NUMBER, LAST_NUMBER + 1):
        descriptor = os.open(root / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        directory = root / str(number)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        return Reservation(number, directory, descriptor)
    raise NoReservationError(
        f"wanted a free network between 127.{FIRST_NUMBER}.0.0/16 and 127.{LAST_NUMBER}.0.0/16, "
        f"found every lock in {root} held; stop some clusters"
    )
