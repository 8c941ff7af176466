"""Where the runs of a sweep are executed: workers on this machine, or an existing scheduler's."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Client, LocalCluster

from aelib.sweep.plan import one_line
from aelib.threads import share

PATIENCE = 60  # seconds without a worker


@contextmanager
def connect(jobs: int, scheduler: str | None) -> Iterator[Client]:
    """A Dask client with workers: `jobs` new ones here, or those of the scheduler at an address.

    Raises:
        ValueError: no scheduler there, or one without a worker.
    """
    with _local(jobs) if scheduler is None else _existing(scheduler) as client:
        yield client


@contextmanager
def _local(jobs):
    environment = share(jobs)
    if os.environ.get("AELIB_DATA_DIR"):
        # The notebooks run in their own folder, where a relative path leads elsewhere.
        environment["AELIB_DATA_DIR"] = os.path.abspath(os.environ["AELIB_DATA_DIR"])
    # Port 0 is any free one: on its usual port Dask would warn of another sweep on this machine.
    # It gives up a lost worker after 15 s; replacing it takes longer on a busy machine.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": f"{PATIENCE}s"}),
        LocalCluster(
            n_workers=jobs, threads_per_worker=1, memory_limit=0, dashboard_address=":0",
            silence_logs=logging.CRITICAL, env=environment,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


@contextmanager
def _existing(scheduler):
    try:
        client = Client(scheduler, timeout=min(10, PATIENCE))
    except (OSError, ValueError) as error:
        raise ValueError(f"no Dask scheduler at {scheduler}: {one_line(error)}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise ValueError(
                f"the scheduler has no worker; start one with: dask worker {scheduler}"
            ) from None
        yield client
