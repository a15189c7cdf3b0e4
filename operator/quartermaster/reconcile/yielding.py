"""Which leaving replicas must go before their successors serve, because otherwise nothing would ever move.

What leaves is kept until what comes in its place is ready. That ends by itself while successors find room: they start,
what they replace goes, and its chips are free for others. Here that future is played through, with every replica that
finds a host ready at once. In a pool where others wait and none of them ever gets a host, kept replicas are given up:
the lowest priority first, one at a time, until the first of those who wait is seated. The rest is for the next look.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from quartermaster.planner.fleet import Key
from quartermaster.planner.plan import PlacementId
from quartermaster.reconcile.precedence import turns
from quartermaster.reconcile.stock import Ground, Stock

Keeping = Callable[[Sequence[Stock]], Mapping[PlacementId, int]]
"""From the stocks of one deployment to the leaving replicas of each that stay for now."""

_ELSEWHERE = ""
"""Host of replicas that nobody looked up."""


def given_up(
    stocks: Sequence[Stock],
    ground_by_pool: Mapping[str, Ground],
    *,
    keeping: Keeping,
    lapsed: Collection[PlacementId] = (),
) -> dict[PlacementId, int]:
    """Return how many of the kept replicas of each placement must go now."""
    future = _Future(stocks, ground_by_pool, keeping, lapsed)
    future.play()
    while future.give_up_one():
        future.play()
    return future.given_up


class _Future:
    """The stocks as they will be, as far as they can get."""

    def __init__(
        self,
        stocks: Sequence[Stock],
        ground_by_pool: Mapping[str, Ground],
        keeping: Keeping,
        lapsed: Collection[PlacementId],
    ) -> None:
        self.given_up: dict[PlacementId, int] = {}
        self._keeping = keeping
        self._lapsed = lapsed
        self._stock_by_id = {stock.id: stock for stock in sorted(stocks, key=lambda s: s.id)}
        self._ids_by_key: dict[Key, list[PlacementId]] = defaultdict(list)
        self._ids_by_pool: dict[str, list[PlacementId]] = defaultdict(list)
        for stock_id in self._stock_by_id:
            self._ids_by_key[stock_id.workload].append(stock_id)
            self._ids_by_pool[stock_id.place.pool].append(stock_id)
        self._ground_by_pool = {pool: ground_by_pool.get(pool, Ground()) for pool in self._ids_by_pool}
        self._kept: dict[PlacementId, int] = {}
        self._moving: set[str] = set()
        """Pools in which somebody who waited was seated."""

    def play(self) -> None:
        """Let go what nobody keeps and seat what finds a host, until nothing changes any more."""
        has_changed = True
        while has_changed:
            has_changed = False
            for ids in self._ids_by_key.values():
                group = [self._stock_by_id[i] for i in ids]
                if any(stock.existing > stock.planned for stock in group):
                    has_changed |= self._let_go(group)
            for pool, ids in self._ids_by_pool.items():
                members = [self._stock_by_id[i] for i in ids]
                if any(stock.unbound for stock in members):
                    has_changed |= self._seat(pool, members)

    def give_up_one(self) -> bool:
        """Give up the least important kept replica of a pool where nothing moves; whether there was one."""
        stuck = {
            pool
            for pool, ids in self._ids_by_pool.items()
            if pool not in self._moving and any(self._stock_by_id[i].unbound for i in ids)
        }
        kept = [self._stock_by_id[i] for i, count in self._kept.items() if count > 0 and i.place.pool in stuck]
        if not kept:
            return False
        stock = min(kept, key=lambda s: (s.priority, s.id))
        self.given_up[stock.id] = self.given_up.get(stock.id, 0) + 1
        self._kept[stock.id] -= 1
        self._leave(stock, stock.existing - 1)
        return True

    def _let_go(self, group: Sequence[Stock]) -> bool:
        has_changed = False
        keep = self._keeping(group)
        for stock in group:
            self._kept[stock.id] = keep.get(stock.id, 0)
            stays = stock.planned + self._kept[stock.id]
            if stock.existing <= stays:
                continue
            has_changed = True
            self._leave(stock, stays)
        return has_changed

    def _leave(self, stock: Stock, stays: int) -> None:
        ground = self._ground_by_pool[stock.pool]
        free = dict(ground.free_chips_by_host)
        hosts = list(stock.hosts)
        for _ in range(max(0, stock.bound - stays)):
            # Which of them goes is not ours to say. The look after this one sees which it was.
            host = max(hosts, key=lambda h: (free.get(h, 0), h), default=_ELSEWHERE)
            if host in hosts:
                hosts.remove(host)
            free[host] = free.get(host, 0) + stock.chips_per_replica
        self._ground_by_pool[stock.pool] = Ground(free, ground.zone_by_host, ground.is_whole)
        self._stock_by_id[stock.id] = replace(
            stock, existing=stays, ready=min(stock.ready, stays), hosts=tuple(hosts[:stays])
        )

    def _seat(self, pool: str, members: Sequence[Stock]) -> bool:
        ground = self._ground_by_pool[pool]
        free = dict(ground.free_chips_by_host)
        has_changed = False
        turn_by_id = turns(members, {pool: ground}, lapsed=self._lapsed)
        for stock in sorted(members, key=lambda s: (-s.chips_per_replica, not s.zone, s.id)):
            turn = turn_by_id.get(stock.id)
            hosts = list(stock.hosts)
            for _ in range(turn.replicas - stock.bound if turn else 0):
                fitting = [
                    host
                    for host, chips in free.items()
                    if chips >= stock.chips_per_replica
                    and (not stock.zone or ground.zone_by_host.get(host, "") == stock.zone)
                ]
                if not fitting:
                    break
                host = min(fitting, key=lambda h: (free[h], h))
                free[host] -= free[host] if ground.is_whole and host != _ELSEWHERE else stock.chips_per_replica
                hosts.append(host)
            seated = len(hosts) - len(stock.hosts)
            if seated:
                has_changed = True
                if stock.id not in self._lapsed:
                    self._moving.add(pool)
                bound = stock.bound + seated
                self._stock_by_id[stock.id] = replace(
                    stock, existing=max(stock.existing, bound), ready=bound, hosts=tuple(hosts)
                )
        self._ground_by_pool[pool] = Ground(free, ground.zone_by_host, ground.is_whole)
        return has_changed
