"""A map over independent work: serial in this process, in processes that are reused by the next map, or on Ray.

Every item runs on one thread, so that results are bitwise equal for any number of processes and threads do not compete
for cores. Torch and loky are imported on first use, because commands parse arguments without them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

Context = TypeVar("Context")
Item = TypeVar("Item")
Result = TypeVar("Result")

IDLE_SECONDS = 60
"""Seconds after which an idle process ends and its memory is freed."""

RETRIES = 3
"""How often the work of a process that was killed is tried again; what always kills its process fails soon."""

_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

_in_worker = False


def default_jobs() -> int:
    """Number of cores that this process may use, within its affinity and its container's limits.

    ``LOKY_MAX_CPU_COUNT`` lowers it. In a process of :func:`parallel_map` it is 1.

    Example:
        >>> default_jobs() >= 1
        True
    """
    from loky import cpu_count

    return 1 if _in_worker else int(cpu_count())


def check_jobs(jobs: int | None, name: str = "jobs") -> None:
    """Fail unless a number of processes is 1 or more, or ``None`` for :func:`default_jobs`.

    Raises:
        ValueError: it is 0 or negative.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"{name} must be 1 or more, got {jobs}; leave it out to use all cores")


def parallel_map(
    function: Callable[[Context, Item], Result], context: Context, items: Sequence[Item], *, jobs: int = 1
) -> Iterator[Result]:
    """Call ``function(context, item)`` for each item, on one thread each, and yield the results in order.

    An item that needs randomness holds its seed; no global generator is used. The error of an item is raised at its
    place in the order, with its own type and text; after an error or Ctrl-C all processes end at once.

    Args:
        function: a function of a module, a script or a notebook.
        context: shared by all items; written once to a file that all processes map into memory, so its tensors must
            not be changed in place.
        items: small objects, such as numbers and names.
        jobs: number of processes. (default: 1, this process; inside another map it is always 1)

    Returns:
        An iterator over the results, each as soon as it and all earlier ones are ready.

    Raises:
        ValueError: ``jobs`` is 0 or negative.

    Example:
        >>> list(parallel_map(pow, 2, [1, 2, 3]))
        [2, 4, 8]
    """
    check_jobs(jobs)
    jobs = 1 if _in_worker else min(jobs, len(items))
    return _here(function, context, items) if jobs <= 1 else _side_by_side(function, context, items, jobs)


class Map(Protocol):
    """Calls ``function(context, item)`` for each item and yields the results in order, as :func:`parallel_map`."""

    def __call__(
        self, function: Callable[[Context, Item], Result], context: Context, items: Sequence[Item]
    ) -> Iterator[Result]:
        """Call the function for each item."""


def check_engine(name: str, label: str = "engine") -> None:
    """Fail unless an engine is known and its package is installed; nothing is started.

    Args:
        name: ``serial``, ``processes``, ``ray``, or ``ray://HOST:PORT`` for a cluster.
        label: what the error calls it. (default: engine)

    Raises:
        ValueError: it is none of these, or Ray is not installed.

    Example:
        >>> check_engine("spark")
        Traceback (most recent call last):
        ValueError: engine must be serial, processes, ray or ray://HOST:PORT, got 'spark'
    """
    host, _, port = name.removeprefix("ray://").rpartition(":")
    cluster = name.startswith("ray://") and bool(host) and port.isdecimal() and 0 < int(port) < 65536
    if name not in ("serial", "processes", "ray") and not cluster:
        raise ValueError(f"{label} must be serial, processes, ray or ray://HOST:PORT, got {name!r}")
    if name.startswith("ray") and importlib.util.find_spec("ray") is None:
        raise ValueError(f"{label} {name} needs the package ray: pip install ray, or give processes")


@contextlib.contextmanager
def open_engine(name: str, jobs: int = 1) -> Iterator[Map]:
    """Provide a map over independent, repeatable work that goes on when a process is killed.

    The work of a killed process is done again, at most ``RETRIES`` times; errors of the work itself are raised at once.

    Args:
        name: ``serial``, in this process; ``processes``; ``ray``, a local Ray that starts and ends here, without
            dashboard and telemetry; ``ray://HOST:PORT``, a Ray cluster, whose machines have this package.
        jobs: number of processes; a cluster has its own. (default: 1)

    Raises:
        ValueError: as of :func:`check_engine`, ``jobs`` is 0 or negative, or the cluster does not answer.

    Example:
        >>> with open_engine("serial") as run:
        ...     list(run(pow, 2, [1, 2, 3]))
        [2, 4, 8]
    """
    check_engine(name)
    check_jobs(jobs)
    if name == "serial" or (name == "processes" and _in_worker):
        yield _here
    elif name == "processes":
        yield functools.partial(_resumed, jobs=jobs)
    else:
        from graphdistill.core.ray_engine import ray_map

        with ray_map(None if name == "ray" else name, jobs, _in_new_process, RETRIES) as run:
            yield run


def _resumed(
    function: Callable[[Context, Item], Result], context: Context, items: Sequence[Item], jobs: int
) -> Iterator[Result]:
    """A map in processes that starts new ones for those that were killed."""
    from concurrent.futures.process import BrokenProcessPool

    done = killed = 0
    while done < len(items):
        try:
            for result in _side_by_side(function, context, items[done:], jobs):
                yield result
                done += 1
                killed = 0
        except BrokenProcessPool as error:
            killed += 1
            if killed > RETRIES:
                raise RuntimeError(
                    f"a process was killed {killed} times in a row, perhaps for its memory; give more --shards or "
                    f"fewer --jobs"
                ) from error


def start(jobs: int, *modules: str) -> None:
    """Start processes ahead of a map, so that they import ``modules`` while this process continues.

    Example:
        >>> start(1, "torch")  # nothing to do: one job is this process
    """
    if jobs > 1 and not _in_worker:
        executor = _executor(jobs)
        for _ in range(jobs):
            executor.submit(_import, modules)


def _here(function: Callable[[Context, Item], Result], context: Context, items: Sequence[Item]) -> Iterator[Result]:
    for item in items:
        with one_thread():
            result = function(context, item)
        yield result


def _side_by_side(
    function: Callable[[Context, Item], Result], context: Context, items: Sequence[Item], jobs: int
) -> Iterator[Result]:
    import cloudpickle
    import torch
    from loky.backend import resource_tracker

    executor = _executor(jobs)
    with tempfile.TemporaryDirectory(prefix="graphdistill-", ignore_cleanup_errors=True) as folder:
        # The tracker removes the folder if this process is killed.
        resource_tracker.register(folder, "folder")
        path = Path(folder, "context.pt")
        torch.save(context, path, pickle_module=cloudpickle)
        try:
            for future in [executor.submit(_call, str(path), function, item) for item in items]:
                yield future.result()
        except BaseException:
            executor.shutdown(kill_workers=True)
            raise
        finally:
            resource_tracker.unregister(folder, "folder")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch and the linear algebra libraries to one thread in this context.

    Example:
        >>> import torch
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _executor(jobs: int) -> Any:
    from loky import get_reusable_executor

    return get_reusable_executor(
        jobs,
        timeout=IDLE_SECONDS,
        initializer=_begin,
        initargs=(os.getpid(),),
        env=dict.fromkeys(_THREADS, "1"),
    )


def _begin(parent: int) -> None:
    """Initialise a process: it ends with its parent and leaves Ctrl-C to it."""
    from loky import process_executor

    _enter_worker()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Loky mistakes loading the context for a memory leak and would restart the process.
    process_executor._USE_PSUTIL = False
    if sys.platform != "win32":
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _import(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


@functools.lru_cache(maxsize=1)
def _read(path: str) -> Any:
    import torch

    # The parent has just written it. Memory-mapped, its tensors are in memory once for all processes.
    return torch.load(path, mmap=True, weights_only=False)


def _call(path: str, function: Callable[[Any, Any], Any], item: Any) -> Any:
    return _on_one_thread(function, _read(path), item)


def _in_new_process(function: Callable[[Any, Any], Any], context: Any, item: Any) -> Any:
    """Call a function in a process that was not started here."""
    _enter_worker()
    return _on_one_thread(function, context, item)


def _on_one_thread(function: Callable[[Any, Any], Any], context: Any, item: Any) -> Any:
    """Call ``function(context, item)`` on one thread; its error can be pickled."""
    with one_thread():
        try:
            return function(context, item)
        except Exception as error:
            if _travels(error):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _enter_worker() -> None:
    """Note that this process is one of a map: it starts none itself and shows no progress."""
    from graphdistill.core.command.progress import silence

    global _in_worker
    _in_worker = True
    silence()


def _travels(error: Exception) -> bool:
    """Whether an error can be pickled; a class whose arguments differ from its text cannot."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
