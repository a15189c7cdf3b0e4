"""Start-up: settings, logs, the client, the probes, and kopf around the loop."""

import asyncio
import gc
import logging
import os
import sys
from functools import partial

import kopf

from quartermaster.catalog.load import load_catalog
from quartermaster.cluster.client import Client
from quartermaster.cluster.credentials import Source
from quartermaster.controller import figures, handlers, probes
from quartermaster.controller.loop import Loop
from quartermaster.controller.settings import Settings, SettingsError, from_environment
from quartermaster.telemetry import logs
from quartermaster.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

GARBAGE_THRESHOLDS = (50_000, 20, 50)
"""Objects allocated before the garbage collector looks for cycles, and how much rarer it looks at older ones. What the
caches keep holds no cycles, and to walk it at the usual pace takes a third of the time of a fleet of thousands."""


def main() -> int:
    """Run the operator until it is told to stop; returns the exit status (2: a setting cannot be used)."""
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log before there are settings
        return 2
    logs.configure(settings.log_level, sys.stderr)
    if settings.kubeconfig:
        # kopf's own watches read the same file.
        os.environ["KUBECONFIG"] = settings.kubeconfig
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    asyncio.run(operate(settings))
    return 0


async def operate(settings: Settings) -> None:
    """Run until kopf is told to stop by a signal."""
    metrics = Metrics()
    source = Source(kubeconfig=settings.kubeconfig or None)
    async with Client(source, on_answer=partial(figures.tell_answer, metrics)) as client:
        loop = Loop(client, catalog=load_catalog(), settings=settings, metrics=metrics)
        async with probes.serving(
            settings.probe_address, is_alive=loop.is_alive, is_ready=loop.is_ready, metrics=metrics
        ) as address:
            logger.info("serving probes and metrics", extra={"address": address})
            kopf_settings = kopf.OperatorSettings()
            await kopf.operator(
                registry=handlers.registry(loop, kopf_settings),
                settings=kopf_settings,
                standalone=True,
                clusterwide=True,
            )


if __name__ == "__main__":
    sys.exit(main())
