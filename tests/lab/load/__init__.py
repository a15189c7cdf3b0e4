"""Load for model servers: requests from a trace or made up, sent on time and measured as a client sees them.

In here may live arrivals (pure), the sending of requests, and the figures (pure). What answers lives in
`tests.lab.modelserver`, or is a real engine: only the OpenAI interface is used.
"""

from tests.lab.load.arrival import Arrival, Lengths, Phase, read_trace, rescale, synthetic
from tests.lab.load.balance import Balance, Endpoints
from tests.lab.load.generator import LoadGenerator, LoadOptions, replay
from tests.lab.load.record import Distribution, RequestRecord, Summary, summarise

__all__ = [
    "Arrival",
    "Balance",
    "Distribution",
    "Endpoints",
    "Lengths",
    "LoadGenerator",
    "LoadOptions",
    "Phase",
    "RequestRecord",
    "Summary",
    "read_trace",
    "replay",
    "rescale",
    "summarise",
    "synthetic",
]
