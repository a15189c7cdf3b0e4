"""The largest request rate that batching servers sustain within latency objectives, for many servers at once.

Formulas (a birth-death chain with state-dependent service; N requests in the batch, K = 11 N in the system):
    μ(n) = n / (prefill(n) + O · decode(n))
    p_(k+1) = p_k λ / μ(min(k + 1, N));    throughput = λ (1 − p_K);    wait = waiting / throughput (Little)
    time to first token = wait + prefill + ρ S / (2 (1 − ρ)) + what a request costs outside the batch, where prompts
        wait for one another's work S, and ρ = λ S (Pollaczek-Khinchine, equal prompts)
    inter-token latency = decode;  prefill and decode at the batch that a request meets
The chain is summed at the batch sizes of ``occupancy``; its tail beyond N is geometric, so it is summed in closed form.
Both latencies grow with the rate, so the largest rate is a root, found by false position (Illinois) in the logarithm of
the latency that is nearest to its objective. All times are means; a percentile needs a margin that the caller takes off
the objective (for an exponential tail −ln(1 − percentile)). Formulas only: no coefficients, no memory.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

SYSTEM_PER_BATCH = 11
"""Requests in the system per request in the batch, before arrivals are turned away."""
STABLE_FRACTION = 0.95
"""Largest part of the service rate that is ever counted on: beyond it waiting grows without measure."""
_NEAR = 1e-4
"""A rate is found when its latency is within this fraction below the objective."""
_ROUNDS = 40

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Servers:
    """Service of several replicas at the batch sizes looked at. Two dimensions: cases × sizes; one: cases."""

    batch: Floats
    weight: Floats
    """What each batch size stands for in a sum; the last column is the largest batch."""
    prefill_seconds: Floats
    decode_seconds: Floats
    """Per token."""
    output_tokens: Floats
    prompt_seconds: Floats
    """Work of one prompt alone."""
    request_seconds: Floats
    """Spent once per request outside the batch."""

    def service_rate(self) -> Floats:
        """Return the requests per second that leave, by requests in the batch."""
        rate: Floats = self.batch / (self.prefill_seconds + self.output_tokens[:, None] * self.decode_seconds)
        return rate

    def of(self, kept: NDArray[np.bool_]) -> "Servers":
        """Return some of the cases."""
        return Servers(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Operations:
    """Servers at one arrival rate each. All times are means; a rate of NaN says that none holds the objectives."""

    requests_per_second: Floats
    time_to_first_token_seconds: Floats
    inter_token_latency_seconds: Floats


@dataclass(frozen=True, slots=True)
class _Chain:
    """What the sums need of servers, computed once."""

    servers: Servers
    log_steps: Floats
    """Σ log μ(j) up to each batch size."""
    last_rate: Floats
    weight_in_batch: Floats

    def of(self, kept: NDArray[np.bool_]) -> "_Chain":
        return _Chain(self.servers.of(kept), self.log_steps[kept], self.last_rate[kept], self.weight_in_batch[kept])


def alone(servers: Servers) -> Operations:
    """Return the latencies of a single request on idle replicas: the least that they can promise."""
    first = servers.prefill_seconds[:, 0] + servers.request_seconds
    return Operations(np.zeros(first.size), first, servers.decode_seconds[:, 0])


def operations_at(servers: Servers, requests_per_second: Floats) -> Operations:
    """Return the latencies at one arrival rate each."""
    ttft, itl = _latencies(_chain(servers), requests_per_second)
    return Operations(requests_per_second, ttft, itl)


def best_operations(servers: Servers, *, ttft_limits_seconds: Floats, itl_limits_seconds: Floats) -> Operations:
    """Return the operations at the largest rates within the objectives; an objective that is not set is infinite."""
    chain = _chain(servers)
    idle = alone(servers)
    least = _excess(
        idle.time_to_first_token_seconds, idle.inter_token_latency_seconds, ttft_limits_seconds, itl_limits_seconds
    )
    rate = STABLE_FRACTION * chain.last_rate
    ttft, itl = _latencies(chain, rate)
    most = _excess(ttft, itl, ttft_limits_seconds, itl_limits_seconds)
    rate = np.where(least > 0, np.nan, rate)
    between = (least <= 0) & (most > 0)
    if between.any():
        limits = ttft_limits_seconds[between], itl_limits_seconds[between]
        ends = np.zeros(int(between.sum())), rate[between], least[between], most[between]
        rate[between], ttft[between], itl[between] = _root(chain.of(between), ends, limits)
    return Operations(rate, ttft, itl)


def _root(
    chain: _Chain, ends: tuple[Floats, Floats, Floats, Floats], limits: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return rates, from below, at which the nearest objective is just held, with their latencies."""
    low, high, at_low, at_high = ends
    idle = alone(chain.servers)
    found = [low.copy(), idle.time_to_first_token_seconds.copy(), idle.inter_token_latency_seconds.copy()]
    aim = _NEAR / 2
    at_low, at_high = np.minimum(at_low + aim, -1e-12), at_high + aim
    row = np.arange(low.size)
    for _ in range(_ROUNDS):
        rate = low + (high - low) * np.clip(at_low / (at_low - at_high), 0.02, 0.98)
        ttft, itl = _latencies(chain, rate)
        at_rate = _excess(ttft, itl, *limits)
        good = at_rate <= 0
        for values, new in zip(found, (rate, ttft, itl), strict=True):
            values[row[good]] = new[good]
        below = at_rate + aim <= 0
        # Illinois: the end that stays twice counts half.
        at_high = np.where(below, at_high / 2, at_rate + aim)
        at_low = np.where(below, at_rate + aim, at_low / 2)
        low, high = np.where(below, rate, low), np.where(below, high, rate)
        going = ~(good & (at_rate >= -_NEAR)) & (high - low > _NEAR * high)
        if not going.any():
            break
        row, low, high = row[going], low[going], high[going]
        at_low, at_high = at_low[going], at_high[going]
        limits = limits[0][going], limits[1][going]
        if not going.all():
            chain = chain.of(going)
    return found[0], found[1], found[2]


def _excess(ttft: Floats, itl: Floats, ttft_limits: Floats, itl_limits: Floats) -> Floats:
    """Return the logarithm of the latency over its objective, of the nearer one; below 0 it is held."""
    nearer: Floats = np.maximum(np.maximum(ttft / ttft_limits, itl / itl_limits), 1e-9)
    return np.log(nearer)


def _chain(servers: Servers) -> _Chain:
    rates = servers.service_rate()
    logs = np.log(rates / servers.batch)
    gaps = np.diff(servers.batch, axis=1)
    # Between nodes log(μ(n) / n) is nearly straight; Σ log n is exact.
    between = gaps * (logs[:, 1:] + logs[:, :-1]) / 2 + (logs[:, 1:] - logs[:, :-1]) / 2 * (gaps > 0)
    steps = np.concatenate((logs[:, :1], between), axis=1).cumsum(axis=1) + _log_factorial(servers.batch)
    return _Chain(servers, steps, rates[:, -1], servers.weight * servers.batch)


def _log_factorial(batch: Floats) -> Floats:
    table = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1.0, batch.max() + 1.0)))))
    found: Floats = table[batch.astype(np.int64)]
    return found


def _latencies(chain: _Chain, arrivals: Floats) -> tuple[Floats, Floats]:
    """Return mean time to first token and inter-token latency at one arrival rate of each case."""
    servers = chain.servers
    logs = servers.batch * np.log(arrivals)[:, None]
    logs -= chain.log_steps
    top = np.maximum(logs.max(axis=1), 0.0)
    logs -= top[:, None]
    share = np.exp(logs, out=logs)
    size, full = servers.batch[:, -1], share[:, -1].copy()
    ratio = np.minimum(arrivals / chain.last_rate, 1.0 - 1e-9)
    tail = (SYSTEM_PER_BATCH - 1) * size
    power = ratio**tail
    beyond = full * ratio * (1 - power) / (1 - ratio)
    waiting = full * ratio * (1 - (tail + 1) * power + tail * power * ratio) / (1 - ratio) ** 2
    total = np.exp(-top) + np.einsum("ij,ij->i", share, servers.weight) + beyond
    served = arrivals * (1 - full * power / total)
    # What a request meets is weighted by the requests in the batch, not by time.
    share *= chain.weight_in_batch
    last = beyond * size
    met = share.sum(axis=1) + last
    prefill = np.einsum("ij,ij->i", share, servers.prefill_seconds) + last * servers.prefill_seconds[:, -1]
    decode = np.einsum("ij,ij->i", share, servers.decode_seconds) + last * servers.decode_seconds[:, -1]
    busy = np.minimum(arrivals * servers.prompt_seconds, STABLE_FRACTION)
    prompts = busy * servers.prompt_seconds / (2 * (1 - busy))
    return waiting / total / served + prefill / met + prompts + servers.request_seconds, decode / met
