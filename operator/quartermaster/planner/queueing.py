"""The largest request rate that a batching server sustains within latency objectives. Formulas only.

Formulas (a birth-death chain with state-dependent service; N requests in the batch, K = 11 N in the system):
    prefill(n) = T(n) + (β + γ) I          decode(n) = T(n) + β + γ (I + O/2), per token
    μ(n) = n / (prefill(n) + O · decode(n))
    p_(k+1) = p_k λ / μ(min(k + 1, N));    throughput = λ (1 − p_K);    wait = waiting / throughput (Little)
    time to first token = wait + prefill + ρ S / (2 (1 − ρ)) + what a request costs outside the batch, where prompts
        wait for one another's work S = (β + γ) I, and ρ = λ S (Pollaczek-Khinchine, equal prompts)
    inter-token latency = decode;  prefill and decode at the batch that a request meets
The tail beyond N is geometric, so it is summed in closed form. All times are means; a percentile needs a margin that
the caller takes off the objective (for an exponential tail −ln(1 − percentile)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SYSTEM_PER_BATCH = 11
"""Requests in the system per request in the batch, before arrivals are turned away."""
STABLE_FRACTION = 0.95
"""Largest part of the service rate that is ever counted on: beyond it waiting grows without measure."""
_GRID = 17
_ROUNDS = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Server:
    """Service of one replica, by requests in the batch (index 0 is a batch of one)."""

    prefill_seconds: Floats
    decode_seconds: Floats
    """Per token."""
    output_tokens: float
    prompt_seconds: float = 0.0
    """Work of one prompt alone."""
    request_seconds: float = 0.0
    """Spent once per request outside the batch."""

    @property
    def service_rate(self) -> Floats:
        """Requests per second that leave, by requests in the batch."""
        batch = np.arange(1, self.prefill_seconds.size + 1, dtype=np.float64)
        rate: Floats = batch / (self.prefill_seconds + self.output_tokens * self.decode_seconds)
        return rate


@dataclass(frozen=True, slots=True)
class Operation:
    """The server at one arrival rate. All times are means."""

    requests_per_second: float
    time_to_first_token_seconds: float
    inter_token_latency_seconds: float


def best_operation(
    server: Server, *, time_to_first_token_seconds: float | None, inter_token_latency_seconds: float | None
) -> Operation | None:
    """Return the operation at the largest rate within the objectives; None when even one request alone misses them."""
    ttft_limit = np.inf if time_to_first_token_seconds is None else time_to_first_token_seconds
    itl_limit = np.inf if inter_token_latency_seconds is None else inter_token_latency_seconds
    if server.prefill_seconds[0] + server.request_seconds > ttft_limit or server.decode_seconds[0] > itl_limit:
        return None
    rates = server.service_rate
    low, high = 0.0, STABLE_FRACTION * float(rates[-1])
    grid = np.array([high])
    best: Operation | None = None
    for _ in range(_ROUNDS + 1):
        ttft, itl = _latencies(server, rates, grid)
        good = (ttft <= ttft_limit) & (itl <= itl_limit)
        last = int(np.argmin(good)) - 1 if not good.all() else good.size - 1
        if last >= 0:
            low = float(grid[last])
            best = Operation(low, float(ttft[last]), float(itl[last]))
        if last == grid.size - 1 and grid[last] >= high:
            return best
        high = float(grid[last + 1])
        grid = np.linspace(low, high, _GRID + 1)[1:]
    return best


def operation_at(server: Server, requests_per_second: float) -> Operation:
    """Return the latencies at one arrival rate."""
    ttft, itl = _latencies(server, server.service_rate, np.array([requests_per_second]))
    return Operation(requests_per_second, float(ttft[0]), float(itl[0]))


def _latencies(server: Server, rates: Floats, arrivals: Floats) -> tuple[Floats, Floats]:
    """Return mean time to first token and inter-token latency, by arrival rate."""
    size = rates.size
    batch = np.arange(0, size + 1, dtype=np.float64)
    steps = np.concatenate(([0.0], np.cumsum(np.log(rates))))
    logs = np.log(arrivals)[:, None] * batch[None, :] - steps[None, :]
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    ratio = np.minimum(arrivals / rates[-1], 1.0 - 1e-9)
    tail = (SYSTEM_PER_BATCH - 1) * size
    power = ratio**tail
    full = weights[:, -1]
    beyond = full * ratio * (1 - power) / (1 - ratio)
    waiting = full * ratio * (1 - (tail + 1) * power + tail * power * ratio) / (1 - ratio) ** 2
    total = weights.sum(axis=1) + beyond
    served = arrivals * (1 - full * power / total)
    wait = waiting / total / served
    # What a request meets is weighted by the requests in the batch, not by time.
    in_batch = weights[:, 1:] * batch[1:]
    in_batch[:, -1] += beyond * size
    share = in_batch / in_batch.sum(axis=1, keepdims=True)
    busy = np.minimum(arrivals * server.prompt_seconds, STABLE_FRACTION)
    prompts = busy * server.prompt_seconds / (2 * (1 - busy))
    ttft = wait + share @ server.prefill_seconds + prompts + server.request_seconds
    return ttft, share @ server.decode_seconds
