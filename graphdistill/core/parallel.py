"""One map over independent work: in this process, or side by side in processes that stay for the next map.

Every item runs with one thread, so that results are the same bits for any number of processes, and processes do not
wait for one another's threads. Torch and loky are imported where they are used: commands read arguments without them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

Context = TypeVar("Context")
Item = TypeVar("Item")
Result = TypeVar("Result")

IDLE_SECONDS = 60
"""Processes without work end after this time, and the memory that they hold is free again."""

_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

_in_worker = False


def default_jobs() -> int:
    """Cores that this process may use: its affinity and its container's limits count, other machines' cores do not.

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
    """Call ``function(context, item)`` for each item, with one thread each, and yield the results in order.

    Nothing is drawn from a global generator: an item that needs randomness holds its seed. An error of an item is
    raised in its turn, in its own type and with its own text; after it, or after Ctrl-C, all processes end at once.

    Args:
        function: of a module, so that another process can find it; a function of a script or a notebook will do.
        context: what all items share; it is written once, to a file that all processes map into memory, so do not
            change its tensors in place.
        items: small things, such as numbers and names.
        jobs: processes. (default: 1, which is this process; inside of another map it is always 1)

    Returns:
        An iterator over the results, each as soon as it and all before it are there.

    Raises:
        ValueError: ``jobs`` is 0 or negative.

    Example:
        >>> list(parallel_map(pow, 2, [1, 2, 3]))
        [2, 4, 8]
    """
    check_jobs(jobs)
    jobs = 1 if _in_worker else min(jobs, len(items))
    return _here(function, context, items) if jobs <= 1 else _side_by_side(function, context, items, jobs)


def start(jobs: int, *modules: str) -> None:
    """Start processes ahead of a map, so that they import ``modules`` while this one still does something else.

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
    """Let torch and the libraries of linear algebra compute with one thread in this context.

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
    """Prepare a fresh process: it ends with its parent, and leaves Ctrl-C to it."""
    from loky import process_executor

    from graphdistill.core.command.progress import silence

    global _in_worker
    _in_worker = True
    silence()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Loky takes a process that loads its context for one that leaks memory, and starts another in its place.
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

    # Written by the parent a moment ago. Mapped, its tensors are in memory once for all processes.
    return torch.load(path, mmap=True, weights_only=False)


def _call(path: str, function: Callable[[Any, Any], Any], item: Any) -> Any:
    with one_thread():
        try:
            return function(_read(path), item)
        except Exception as error:
            if _travels(error):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _travels(error: Exception) -> bool:
    """Whether an error can be sent to another process; one whose class takes other arguments than its text cannot."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True
