"""How a document reaches a person or a program: a table, JSON or YAML."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from pydantic_core import to_json

FORMATS = ("table", "json", "yaml")


def arguments(parser: argparse.ArgumentParser, forms: Sequence[str] = FORMATS) -> None:
    """Add the argument that chooses the form; the first is taken when none is given."""
    parser.add_argument(
        "-o", "--output", choices=forms, default=forms[0], help=f"form of what is printed; {forms[0]} when absent"
    )


def text_of(document: dict[str, Any], form: str) -> str:
    """Return the document as JSON or YAML, with a line end."""
    if form == "json":
        # Where it indents, the standard library's encoder is plain Python, and takes ten times as long.
        return to_json(document, indent=2).decode() + "\n"
    return str(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=118))


def show(document: dict[str, Any], form: str, as_table: Callable[[], str]) -> None:
    """Print the document in the form asked for; the table is only made when it is wanted."""
    sys.stdout.write(as_table() + "\n" if form == "table" else text_of(document, form))
