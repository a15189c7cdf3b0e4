"""Windows of load, kept fresh by scraping the replicas that are ready and ours. Here nothing is judged."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from quartermaster.api import names
from quartermaster.api.v1alpha1.enums import EngineName
from quartermaster.autoscaler.window import Window
from quartermaster.catalog.catalog import Catalog
from quartermaster.manifests.engines import metrics_path
from quartermaster.manifests.labels import place_of
from quartermaster.planner.fleet import Key
from quartermaster.reconcile.chips import deployment_of, is_ours
from quartermaster.reconcile.observed import PodSeen
from quartermaster.telemetry.metrics import Metrics
from quartermaster.telemetry.scrape import Scraped, Scraper, ScrapeResult, Target

logger = logging.getLogger(__name__)


class Load:
    """The windows of all deployments. Use it as an asynchronous context manager."""

    def __init__(self, catalog: Catalog, metrics: Metrics, *, interval_seconds: float) -> None:
        """Nothing is known yet."""
        self.window_by_key: Mapping[Key, Window] = {}
        self._catalog = catalog
        self._metrics = metrics
        self.interval_seconds = interval_seconds
        """How often replicas are asked; whoever asks less often says so."""
        self._scraper = Scraper()
        self._result_by_pod: dict[str, ScrapeResult] = {}

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._scraper.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._scraper.__aexit__(kind, error, trace)

    async def scrape(self, pods: Iterable[PodSeen], wanted: Iterable[Key], *, now_seconds: float) -> None:
        """Ask every ready replica once, and keep windows of the wanted deployments only."""
        target_by_pod = {pod.uid: (deployment_of(pod), self._target(pod)) for pod in pods if is_scraped(pod)}
        scraped = await self._scraper.scrape([target for _, target in target_by_pod.values()])
        self._metrics.observe_scrapes(row.result.value for row in scraped)
        self._log_changes(scraped)
        rows_by_key: dict[Key | None, list[Scraped]] = {}
        for row in scraped:
            rows_by_key.setdefault(target_by_pod[row.target.pod_uid][0], []).append(row)
        unknown = Window()
        self.window_by_key = {
            key: replace(self.window_by_key.get(key, unknown), interval_seconds=self.interval_seconds).add(
                [row.sample for row in rows_by_key.get(key, ()) if row.sample is not None],
                now_seconds=max([now_seconds, *(r.sample.at_seconds for r in rows_by_key.get(key, ()) if r.sample)]),
            )
            for key in wanted
        }

    def _log_changes(self, scraped: Sequence[Scraped]) -> None:
        """Tell once when the answers of a replica change for the better or the worse."""
        before, self._result_by_pod = self._result_by_pod, {row.target.pod_uid: row.result for row in scraped}
        for row in scraped:
            if before.get(row.target.pod_uid, ScrapeResult.OK) is not row.result:
                logger.info(
                    "scraping changed: %s",
                    row.detail or row.result.value,
                    extra={"pod": row.target.pod_name, "result": row.result.value},
                )

    def _target(self, pod: PodSeen) -> Target:
        engine = EngineName(pod.labels[names.ENGINE_LABEL])
        return Target(
            pod_uid=pod.uid,
            pod_name=pod.name,
            place=place_of(pod.labels),
            address=pod.pod_ip or "",
            dialect=self._catalog.engine(engine).metric_dialect,
            path=metrics_path(engine),
        )


def is_scraped(pod: PodSeen) -> bool:
    """Whether the pod is a ready replica of ours that can be asked."""
    is_known = pod.labels.get(names.ENGINE_LABEL) in set(EngineName)
    return is_ours(pod) and is_known and pod.is_ready and not pod.is_deleting and pod.pod_ip is not None
