"""``examples/quickstart/run [--once]``: the command line and its exit status. The story is in ``story``."""

import argparse
import signal
import sys
from types import FrameType

from examples.quickstart import story
from examples.quickstart.page import Page
from examples.quickstart.wanted import FAILURES

FAILED = 1
INTERRUPTED = 130


def main() -> int:
    """Run the quick start; returns 0, or 1 when a step did not come out as wanted."""
    parser = argparse.ArgumentParser(
        prog="examples/quickstart/run", description="Shows Quartermaster at work on a fleet of many accelerators, here."
    )
    parser.add_argument("--once", action="store_true", help="end, and clean up, when everything was shown and checked")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us in the background
    signal.signal(signal.SIGTERM, _as_interrupt)
    page = Page()
    try:
        story.tell(page, is_once=given.once)
    except FAILURES as failure:
        page.blank()
        sys.stderr.write("\n".join([f"The quick start stopped after {page.elapsed_seconds:.0f} s.", str(failure)]))
        sys.stderr.write("".join(f"\n{note}" for note in getattr(failure, "__notes__", ())) + "\n")
        return FAILED
    except KeyboardInterrupt:
        page.blank()
        page.say("Ended; nothing is left running.")
        return INTERRUPTED if given.once else 0
    page.blank()
    page.say(f"Done in {page.elapsed_seconds:.0f} s; nothing is left running.")
    return 0


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
