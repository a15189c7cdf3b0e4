"""Metrics that a scraper must not take: the bodies of the faults. Pure text."""

from __future__ import annotations

import re

GARBAGE_METRICS = b"\x00\xff<html>vllm:num_requests_waiting{ 12 twelve\n{}{}{} = \nNaN NaN NaN\n\xfe"
"""Not UTF-8, not the text format."""

FOREIGN_METRICS = """\
# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 3.221225472e+09
# HELP python_info Python platform information.
# TYPE python_info gauge
python_info{implementation="CPython",major="3",minor="12"} 1.0
"""
"""Well formed, and nothing of the engine in it."""

LYING_PATH = "/moved/metrics"
"""Where the redirect leads."""

_HUGE_BYTES = 2 * 2**20
_LIE = "98765.0"


def huge(text: str) -> str:
    """Return more than 2 MiB of well-formed series with the true ones at the end."""
    line = 'debug_allocations_bytes{{site="0x{:016x}"}} 1.0'
    count = _HUGE_BYTES // len(line) + 1
    head = "# HELP debug_allocations_bytes Bytes by site.\n# TYPE debug_allocations_bytes gauge\n"
    return head + "\n".join(line.format(index) for index in range(count)) + "\n" + text


def lying(text: str) -> str:
    """Return the text with an absurd value for every gauge of requests."""
    return re.sub(r"(?m)^(\S*num_\S*(?:running|waiting|queue)\S*) \S+$", rf"\1 {_LIE}", text)
