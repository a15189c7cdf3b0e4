"""How a document reaches a person or a program: a table, JSON or YAML."""

import json
import sys
from collections.abc import Callable
from typing import Any

import yaml

FORMATS = ("table", "json", "yaml")


def show(document: dict[str, Any], form: str, as_table: Callable[[], str]) -> None:
    """Print the document in the form asked for; the table is only made when it is wanted."""
    if form == "json":
        text = json.dumps(document, indent=2, ensure_ascii=False)
    elif form == "yaml":
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip()
    else:
        text = as_table()
    sys.stdout.write(text + "\n")
