"""Progress of a command: bars on a terminal, a plain line every ten seconds in a pipe or a log file."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar

if TYPE_CHECKING:
    import rich.progress

Item = TypeVar("Item")

INTERVAL = 10.0
"""Seconds between lines, and before the first one."""


class Advance(Protocol):
    """Advances a bar and sets its note."""

    def __call__(self, amount: float, note: str = "") -> None:
        """Add ``amount`` to the work done; ``note`` is shown with it."""


@dataclass
class Step:
    """One step of the work and its progress.

    Attributes:
        description: the step in a word or two.
        total: value of ``done`` at the end, or ``None`` if unknown.
        start: start time by the clock of its display.
        done: work done so far.
        note: current state, such as a loss.
    """

    description: str
    total: float | None
    start: float = 0.0
    done: float = 0.0
    note: str = ""

    def __str__(self) -> str:
        """The description and the percentage done.

        Example:
            >>> str(Step("training", 200, done=50)), str(Step("growing trees", 1, done=0.5)), str(Step("loading", None))
            ('training 50/200 (25 %)', 'growing trees (50 %)', 'loading')
        """
        if not self.total:
            return self.description
        count = f" {self.done:,.0f}/{self.total:,.0f}" if self.total > 1 else ""
        return f"{self.description}{count} ({100 * self.done / self.total:.0f} %)"


class Bars:
    """A bar for each step on a terminal, removed at the end of the step."""

    def __init__(self) -> None:
        self.drawn: rich.progress.Progress | None = None
        self._tasks: dict[int, rich.progress.TaskID] = {}

    def begin(self, step: Step) -> None:
        """Show a bar; the first one takes over the terminal."""
        import rich.console
        import rich.progress

        if self.drawn is None:
            self.drawn = rich.progress.Progress(
                rich.progress.TextColumn("{task.description}", markup=False),
                rich.progress.BarColumn(),
                rich.progress.TaskProgressColumn(),
                rich.progress.TimeElapsedColumn(),
                rich.progress.TextColumn("left"),
                rich.progress.TimeRemainingColumn(),
                rich.progress.TextColumn("{task.fields[note]}", markup=False),
                console=rich.console.Console(stderr=True),
                transient=True,
                refresh_per_second=4,
            )
            self.drawn.start()
        self._tasks[id(step)] = self.drawn.add_task(step.description, total=step.total, note="")

    def update(self, step: Step) -> None:
        """Advance the bar."""
        assert self.drawn is not None
        self.drawn.update(self._tasks[id(step)], completed=step.done, note=step.note)

    def end(self, step: Step) -> None:
        """Remove the bar; the last one releases the terminal."""
        assert self.drawn is not None
        self.drawn.remove_task(self._tasks.pop(id(step)))
        if not self._tasks:
            self.drawn.stop()
            self.drawn = None

    def write(self, line: str) -> None:
        """Print a line above the bars."""
        if self.drawn is None:
            sys.stderr.write(line + "\n")
        else:
            self.drawn.console.print(line, markup=False, highlight=False)

    def start(self) -> None:
        """Do nothing: the first bar starts the display."""

    def stop(self) -> None:
        """Do nothing: the last bar stops the display."""


class Lines:
    """A line of plain text after every interval of silence, written by a thread.

    It needs a thread because one call of torch can take minutes.

    Args:
        stream: to write to. (default: stderr)
        interval: seconds of silence before a line. (default: :data:`INTERVAL`)
        clock: seconds since any fixed moment. (default: ``time.monotonic``)

    Example:
        >>> now = iter([0.0, 0.0, 30.0])
        >>> lines = Lines(clock=lambda: next(now))
        >>> training = Step("training", 200)
        >>> lines.begin(training)
        >>> training.done, training.note = 50, "loss 0.25"
        >>> lines.text()
        '0:00:30 training 50/200 (25 %), 0:01:30 left; loss 0.25'
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._interval, self._clock = stream or sys.stderr, interval, clock
        self._steps: list[Step] = []
        self._last = "starting"
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._origin = self._written = clock()

    def begin(self, step: Step) -> None:
        """Include the step in the next lines."""
        step.start = self._clock()
        self._steps = [*self._steps, step]

    def update(self, step: Step) -> None:
        """Do nothing: the next line reads the step."""

    def end(self, step: Step) -> None:
        """Leave the step out of the next lines."""
        self._steps = [other for other in self._steps if other is not step]
        self._last = f"after {step.description}"

    def write(self, line: str) -> None:
        """Write a line now, and the next one after another interval of silence."""
        with self._lock:
            self._written = self._clock()
            self._last = f"after: {line}"
            self._put(line)

    def text(self) -> str:
        """A line of progress: time so far, steps, time left, note."""
        now, steps = self._clock(), self._steps
        parts = [", ".join(map(str, steps)) or self._last]
        # The outermost step that has advanced, because it contains the others.
        moved = next((step for step in steps if step.total and 0 < step.done <= step.total), None)
        if moved is not None and moved.total:
            parts.append(f", {_span((now - moved.start) * (moved.total - moved.done) / moved.done)} left")
        notes = [step.note for step in steps if step.note]
        return f"{_span(now - self._origin)} {''.join(parts)}" + (f"; {notes[-1]}" if notes else "")

    def start(self) -> None:
        """Start the thread."""
        self._origin = self._written = self._clock()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; nothing is written after it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(max(0.0, self._written + self._interval - self._clock())):
            with self._lock:
                if self._clock() >= self._written + self._interval:
                    self._written = self._clock()
                    self._put(self.text())

    def _put(self, line: str) -> None:
        # The reader has closed the pipe; the work goes on.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class Progress:
    """Shows steps on stderr while it is entered as a context manager: as bars on a terminal, as lines elsewhere.

    Args:
        quiet: show nothing.
        display: shows the steps. (default: bars if stderr is a terminal, else lines)

    Example:
        >>> with Progress(quiet=True) as progress:
        ...     [n for n in progress.track(range(3), "counting")]
        [0, 1, 2]
    """

    def __init__(self, quiet: bool, display: Bars | Lines | None = None) -> None:
        self._display = None if quiet else display or (Bars() if sys.stderr.isatty() else Lines())
        self._entered = 0

    def __reduce__(self) -> tuple[type[Progress], tuple[bool]]:
        # One process owns the terminal; a copy in another process is silent.
        return Progress, (True,)

    def __enter__(self) -> Progress:
        self._entered += 1
        if self._entered == 1:
            self._outer = _current.set(self)
            if self._display is not None:
                self._display.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._entered -= 1
        if self._entered == 0:
            _current.reset(self._outer)
            if self._display is not None:
                self._display.stop()

    @contextlib.contextmanager
    def step(self, description: str, total: float | None = None) -> Iterator[Advance]:
        """Show one step and yield the function that advances it.

        Args:
            description: the step in a word or two.
            total: sum of all advances (default: unknown; the bar only shows activity).

        Yields:
            A function of the amount of work done since its last call, and of a note.
        """
        step, display = Step(description, total), self._display

        def advance(amount: float, note: str = "") -> None:
            step.done, step.note = step.done + amount, note
            if display is not None:
                display.update(step)

        if display is not None:
            display.begin(step)
        try:
            yield advance
        finally:
            if display is not None:
                display.end(step)

    def track(self, items: Iterable[Item], description: str, total: float | None = None) -> Iterator[Item]:
        """Yield ``items`` and advance a step by one for each.

        Args:
            items: iterated over.
            description: the step in a word or two.
            total: number of items (default: ``len(items)`` if it has a length).
        """
        if total is None and isinstance(items, Sized):
            total = len(items)
        with self.step(description, total) as advance:
            for item in items:
                yield item
                advance(1)

    def write(self, line: str) -> None:
        """Print a line to stderr, above the bars or instead of the next line of progress."""
        if self._display is not None:
            self._display.write(line)


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def progress(quiet: bool = False) -> Progress:
    """The progress display of the running command, or a new one outside a command.

    Args:
        quiet: show nothing. (default: no)

    Example:
        >>> with progress() as outer, progress() as inner:
        ...     outer is inner
        True
    """
    return Progress(quiet=True) if quiet else _current.get() or Progress(quiet=False)


def silence() -> None:
    """Show no progress in this process from now on; the parent process shows it."""
    _current.set(NO_PROGRESS)


NO_PROGRESS = Progress(quiet=True)
"""Shows nothing; the default of all functions with a ``progress`` argument."""
