"""Decimal strings and byte quantities, as Kubernetes writes them. Parsing only; no API types."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Final

from pydantic import StringConstraints

DECIMAL_PATTERN: Final = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$"
FRACTION_PATTERN: Final = r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$"

DecimalString = Annotated[str, StringConstraints(pattern=DECIMAL_PATTERN, max_length=22)]
"""A non-negative decimal number written as a string, because the API holds no floats."""

FractionString = Annotated[str, StringConstraints(pattern=FRACTION_PATTERN, max_length=8)]
"""A fraction from 0 to 1 written as a string."""

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
