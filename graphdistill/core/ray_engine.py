"""Ray as an engine of :mod:`graphdistill.core.parallel`: started here for this machine, or a cluster by its address."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Call = Callable[[Callable[[Any, Any], Any], Any, Any], Any]
"""Calls a function with its context and an item in a process of Ray."""

ANSWER_SECONDS = 5.0
"""Seconds in which a cluster has to answer."""
STORE_BYTES = 80 * 2**20
"""Memory of a local object store, near the least that Ray accepts: results are small, shards are files."""


@contextlib.contextmanager
def ray_map(address: str | None, jobs: int, call: Call, retries: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Provide a map on Ray; a Ray that this process has started already is used and left running.

    Args:
        address: ``ray://HOST:PORT`` of a cluster, ``None`` for a local Ray that ends with the context.
        jobs: processes of a local Ray.
        call: what a process of Ray calls.
        retries: how often the work of a killed process is tried again.

    Raises:
        ValueError: the cluster does not answer within ``ANSWER_SECONDS``.
    """
    if address is not None:
        check_answer(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    run = functools.partial(_run, call, retries)
    if ray.is_initialized():
        yield run
        return
    with contextlib.ExitStack() as stack:
        if address is None:
            folder = stack.enter_context(_temporary_folder())
            options: dict[str, Any] = {
                "num_cpus": jobs,
                "include_dashboard": False,
                "object_store_memory": STORE_BYTES,
                "_temp_dir": folder,
            }
        else:
            options = {"address": address}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        stack.callback(ray.shutdown)
        yield run


def check_answer(address: str) -> None:
    """Fail unless something answers at ``ray://HOST:PORT``.

    Raises:
        ValueError: nothing does within ``ANSWER_SECONDS``.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise ValueError(
            f"--engine {address}: no Ray cluster answers there ({error}); start one by ray start --head, whose port "
            f"for clients is 10001, or give --engine ray for this machine"
        ) from None


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder that is removed afterwards, also if this process is killed."""
    from loky.backend import resource_tracker

    folder = tempfile.mkdtemp(prefix="gd-ray-")  # short: sockets lie in it
    resource_tracker.register(folder, "folder")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        resource_tracker.unregister(folder, "folder")


def _run(
    call: Call, retries: int, function: Callable[[Any, Any], Any], context: Any, items: Sequence[Any]
) -> Iterator[Any]:
    """Call a function for each item on Ray, one core each."""
    import ray

    remote = ray.remote(num_cpus=1, max_retries=retries)(call)
    shared = ray.put(context)
    waiting = [remote.remote(function, shared, item) for item in items]
    try:
        while waiting:
            try:
                result = ray.get(waiting.pop(0))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                raise RuntimeError(f"Ray lost work ({type(error).__name__}: {error}); run again") from error
            yield result
    finally:
        for future in waiting:
            ray.cancel(future)
