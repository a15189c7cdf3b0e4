"""What a person sees: headings, sentences, blocks, and one line that changes while something takes time. No facts."""

import sys
import textwrap
import time
from collections.abc import Sequence
from typing import TextIO

WIDTH = 118
_INDENT = "  "


class Page:
    """Plain text on standard output, calm on a terminal and in a log alike."""

    def __init__(self, out: TextIO | None = None) -> None:
        """Write to ``out``; standard output when absent."""
        self._out = out or sys.stdout
        self._is_terminal = self._out.isatty()
        self._started_seconds = time.monotonic()
        self._pending = 0
        """Characters of the changing line that stands on the terminal."""
        self._chapters = 0

    @property
    def elapsed_seconds(self) -> float:
        """Since the page was opened."""
        return time.monotonic() - self._started_seconds

    def chapter(self, title: str) -> None:
        """Begin a numbered part, with the time that has passed at the right."""
        self._chapters += 1
        head = f"{self._chapters}  {title} "
        tail = f" {self.elapsed_seconds:.0f} s"
        self._write(f"\n{head}{'─' * max(3, WIDTH - len(head) - len(tail))}{tail}\n\n")

    def say(self, text: str) -> None:
        """Write one sentence or more, wrapped."""
        self._write(
            textwrap.fill(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False) + "\n"
        )

    def item(self, name: str, text: str, *, width: int = 10) -> None:
        """Write one entry of a list: a word, and what is to be said of it."""
        head = f"{_INDENT}{name:{width}}"
        self._write(
            textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
            + "\n"
        )

    def block(self, text: str) -> None:
        """Write what another program printed, indented and otherwise as it is."""
        self._write(textwrap.indent(text.rstrip("\n"), _INDENT) + "\n")

    def row(self, cells: Sequence[str], widths: Sequence[int]) -> None:
        """Write one row of a table that grows; a negative width aligns to the left."""
        aligned = [
            cell.ljust(-width) if width < 0 else cell.rjust(width) for cell, width in zip(cells, widths, strict=True)
        ]
        self._write(f"{_INDENT}{'  '.join(aligned).rstrip()}\n")

    def blank(self) -> None:
        """Leave a line empty."""
        self._write("\n")

    def progress(self, text: str, *, is_milestone: bool = True) -> None:
        """Change the one line that tells what is going on; without a terminal only milestones are written."""
        if self._is_terminal:
            line = f"{_INDENT}{text}"[:WIDTH]
            self._out.write(f"\r{line.ljust(self._pending)}")
            self._out.flush()
            self._pending = len(line)
        elif is_milestone:
            self._write(f"{_INDENT}{text}\n")

    def _write(self, text: str) -> None:
        if self._pending:
            self._out.write("\r" + " " * self._pending + "\r")
            self._pending = 0
        self._out.write(text)
        self._out.flush()
