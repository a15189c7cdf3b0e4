"""Decimal strings and byte quantities, as Kubernetes writes them. Parsing only; no API types."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import StringConstraints

from quartermaster.api.rule import pattern

DECIMAL_PATTERN: Final = "^(0|[1-9][0-9]{0,11})([.][0-9]{1,15})?$"
FRACTION_PATTERN: Final = "^(0([.][0-9]{1,6})?|1([.]0{1,6})?)$"

DecimalString = Annotated[
    str,
    StringConstraints(min_length=1, max_length=28),
    pattern(
        DECIMAL_PATTERN,
        wanted="a decimal number of at least 0 written as a string",
        remedy='write it in quotes such as "12.50", without sign, exponent or unit',
    ),
]
"""A non-negative decimal number written as a string, because the API holds no floats.

Fifteen decimals, because seconds per token are of the order of 1e-9.
"""

FractionString = Annotated[
    str,
    StringConstraints(min_length=1, max_length=8),
    pattern(
        FRACTION_PATTERN,
        wanted="a fraction from 0 to 1 written as a string",
        remedy='write it in quotes such as "0.6"; a half is "0.5", not "50%"',
    ),
]
"""A fraction from 0 to 1 written as a string, with at most six decimals."""

_SUFFIX_FACTORS: Final = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


def parse_quantity(text: str | int) -> Decimal:
    """Return the value of a Kubernetes quantity such as ``"1Gi"``, ``"250m"`` or ``8``.

    Raises:
        ValueError: when the text is not a quantity.
    """
    written = str(text).strip()
    number = written.rstrip("KMGTPEikmun")
    suffix = written[len(number) :]
    try:
        return Decimal(number) * _SUFFIX_FACTORS[suffix]
    except (InvalidOperation, KeyError):
        raise ValueError(
            f"wanted a quantity such as 8, 250m or 1Gi, found {written!r}: write a number with a known suffix"
        ) from None
