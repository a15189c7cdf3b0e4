"""Rules on the keys of maps and on objects' own names, which a schema cannot bound by itself. No types live here."""

import json
import re

from quartermaster.api.names import GROUP, MANAGED_BY_LABEL
from quartermaster.api.rule import Rule


def all_keys_match(expression: str, *, what: str, example: str) -> Rule:
    """Return the rule that every key of a map is a Kubernetes label or annotation key."""
    compiled = re.compile(expression)
    return Rule(
        cel=f"self.all(key, key.matches({json.dumps(expression)}))",
        wanted=f"{what} keys of the form [prefix/]name",
        remedy=f"write each key such as {example}, with a name of at most 63 letters, digits, '-', '_' and '.'",
        holds=lambda mapping: all(compiled.fullmatch(key) for key in mapping),
    )


def no_own_keys(what: str) -> Rule:
    """Return the rule that no key belongs to Quartermaster, whose selectors and ownership rest on them."""
    return Rule(
        cel=f"self.all(key, !key.startsWith('{GROUP}/') && key != '{MANAGED_BY_LABEL}')",
        wanted=f"no {what} of {GROUP}/ and no {MANAGED_BY_LABEL}, which Quartermaster writes",
        remedy=f"remove the {what}, or use a prefix of your own",
        holds=lambda mapping: not any(key.startswith(f"{GROUP}/") or key == MANAGED_BY_LABEL for key in mapping),
    )


def object_name(*, max_characters: int, why: str, is_service_name: bool = False) -> Rule:
    """Return the rule on an object's own name; it stands on the root of a kind."""
    expression = "^[a-z]([-a-z0-9]*[a-z0-9])?$" if is_service_name else "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
    compiled = re.compile(expression)
    alphabet = (
        "lower-case letters, digits and '-', beginning with a letter" if is_service_name else "letters and digits"
    )
    return Rule(
        cel=f"size(self.metadata.name) <= {max_characters} && self.metadata.name.matches({json.dumps(expression)})",
        wanted=f"metadata.name of at most {max_characters} characters, of {alphabet}, because {why}",
        remedy="choose a shorter or simpler metadata.name",
        holds=lambda root: (
            len(root.metadata.name) <= max_characters and compiled.fullmatch(root.metadata.name) is not None
        ),
        field="metadata.name",
        found=("metadata.name",),
    )
