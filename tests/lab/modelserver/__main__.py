"""`python -m tests.lab.modelserver --control 127.0.0.1:PORT`: doubles in a process of their own."""

from __future__ import annotations

import argparse
import asyncio

from tests.lab.modelserver.process import serve


def main() -> None:
    """Parse the command line and serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.modelserver", description=__doc__)
    parser.add_argument(
        "--control", default="127.0.0.1:0", metavar="HOST:PORT", help="where to be driven; port 0 takes a free one"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="run this many times as fast as the physics say")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the starting process dies")
    arguments = parser.parse_args()
    host, _, port = arguments.control.rpartition(":")
    if not host.startswith("127.") or not port.isdigit():
        parser.error(f"--control must be an address on loopback such as 127.0.0.1:0, found {arguments.control}")
    asyncio.run(serve(host=host, port=int(port), speed=arguments.speed, ends_with_parent=arguments.end_with_parent))


if __name__ == "__main__":
    main()
