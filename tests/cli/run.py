"""Running a verb as a user does, within this process: arguments in; exit status and both outputs out."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quartermaster.cli.main import main

GOLDEN = Path(__file__).parent / "golden"
FLEET = GOLDEN / "fleet.yaml"
WANTED = GOLDEN / "wanted.yaml"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a verb answered."""

    exit_status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What was printed, read as JSON."""
        return json.loads(self.out)


def run(*words: str | Path) -> Ran:
    """Run the command line with these words; it must not be called inside of an event loop."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            exit_status = main([str(word) for word in words])
        except SystemExit as ended:
            exit_status = int(ended.code or 0)
    return Ran(exit_status, out.getvalue(), err.getvalue())
