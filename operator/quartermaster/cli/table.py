"""Plain tables for a person: aligned columns, nothing that a pipe would have to strip."""

from collections.abc import Sequence

_GUTTER = "   "


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
