"""Text for a person: aligned columns, wrapped sentences, nothing that a pipe would have to strip.

No line is wider than ``WIDTH``: a cell too long is broken over lines, never cut, so that every name can be copied.
"""

import textwrap
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 118
"""Columns: a terminal of 120, with room for an indent of two."""
_GUTTER: Final = "  "
_NARROWEST: Final = 12
"""Columns below which no text is broken."""

Row = Sequence[str]


def paragraph(text: str, *, indent: int) -> str:
    """Return the text wrapped, its further lines indented by so many blanks."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)


def refusal(title: str, message: str, remedy: str) -> str:
    """Return why something was refused, and what would admit it."""
    told = paragraph(f"  {title}: {message}", indent=6)
    return f"{told}\n{paragraph(f'    → {remedy}', indent=6)}"


def table(header: Row, rows: Sequence[Row | str], *, to_the_right: frozenset[str] = frozenset()) -> str:
    """Return the rows under the header.

    Args:
        header: names of the columns.
        rows: cells, or a string for a line of its own that heads the rows after it, which are then indented.
        to_the_right: columns that hold numbers.
    """
    cells = [row for row in rows if not isinstance(row, str)]
    indent = _GUTTER if len(cells) < len(rows) else ""
    widths = _widths(header, cells, WIDTH - len(indent))
    lines = _lines(header, header, widths, to_the_right=to_the_right, indent=indent)
    for row in rows:
        if isinstance(row, str):
            lines.append(paragraph(row, indent=len(_GUTTER)))
        else:
            lines += _lines(row, header, widths, to_the_right=to_the_right, indent=indent)
    return "\n".join(lines)


def _widths(header: Row, rows: Sequence[Row], most: int) -> list[int]:
    """Return the columns' widths: the natural ones, or the widest columns narrowed until all fit."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    least = [max(_NARROWEST, len(name)) for name in header]
    while sum(widths) + len(_GUTTER) * (len(widths) - 1) > most:
        widest = max(range(len(widths)), key=lambda i: (widths[i] > least[i], widths[i]))
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
    return widths


def _lines(row: Row, header: Row, widths: Sequence[int], *, to_the_right: frozenset[str], indent: str) -> list[str]:
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts))):
        cells = [part[number] if number < len(part) else "" for part in parts]
        aligned = [
            cell.rjust(width) if name in to_the_right else cell.ljust(width)
            for name, cell, width in zip(header, cells, widths, strict=True)
        ]
        lines.append((indent + _GUTTER.join(aligned)).rstrip())
    return lines
