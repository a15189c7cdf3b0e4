"""Text for a person: aligned columns, wrapped sentences, nothing that a pipe would have to strip."""

import textwrap
from collections.abc import Sequence

_GUTTER = "  "
_WIDTH = 120


def paragraph(text: str, *, indent: int) -> str:
    """Return the text wrapped, its further lines indented by so many blanks."""
    return textwrap.fill(text, _WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)


def refusal(title: str, count: int, message: str, remedy: str) -> str:
    """Return why candidates were refused, and what would admit them."""
    times = f" ({count} times)" if count > 1 else ""
    lines = (f"  {title}{times}", f"    {message}", f"    → {remedy}")
    return "\n".join(paragraph(line, indent=6) for line in lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows under the header; columns whose cells are all numbers stand to the right."""
    columns = list(zip(header, *rows, strict=True)) if rows else [(name,) for name in header]
    widths = [max(len(cell) for cell in column) for column in columns]
    to_the_right = [bool(rows) and all(_is_number(cell) for cell in column[1:]) for column in columns]
    lines = []
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_the_right, strict=True)
        ]
        lines.append(_GUTTER.join(cells).rstrip())
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return cell in {"", "-"} or cell.replace(".", "", 1).replace("%", "").replace("/", "").replace(",", "").isdigit()
