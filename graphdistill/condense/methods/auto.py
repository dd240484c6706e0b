r"""The best of all other methods for the data on validation, as far as a time limit allows.

.. math:: m^* = \arg\max_{m : t(m) \le t} \frac{1}{K} \sum_k \mathrm{valid}(\theta_k(S_m))

:math:`S_m` is the set of method m with its own settings, :math:`\theta_k` are K networks that are trained on it, and
:math:`t(m)` is the time of both. Random selection comes first, then methods that were good for their time in the
benchmarks, then all others; each may take half of the time that is left. Of equal scores the smaller set is kept.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from graphdistill.condense.config import CondenseConfig
from graphdistill.condense.data.training_data import Kind
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import FAMILY
from graphdistill.core.command.progress import Advance, Progress
from graphdistill.core.command.report import mean_and_deviation
from graphdistill.core.evaluation.protocol import SELECTION_SEED
from graphdistill.core.methods import MethodConfig, Result
from graphdistill.core.randomness import generator
from graphdistill.core.sets.synthetic import SyntheticSet

PAPER = "no paper: a choice on validation data"
RESULT = Result(
    paper="has no paper",
    ours="not measured",
    command="python -m graphdistill.condense --method auto --dataset digits",
    differs="It is our own.",
)
FOR: tuple[Kind, ...] = ("images", "nodes", "graphs", "rows")
FIRST = ("random", "herding", "cgc", "dm", "gcdm", "gcondx", "gc-sntk", "geom", "ridge", "doscond")
"""The methods that were best for their time in the benchmarks; they are tried before the others."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Options of the choice."""

    time_limit: float = 300.0
    """Seconds for all methods together; each may take half of what is left, and is dropped beyond it, so that fewer are
    tried on a slow or busy machine."""
    validations: int = 3
    """Networks that are trained on the set of a method; their mean score on validation decides."""

    def __post_init__(self) -> None:
        if not self.time_limit > 0:
            raise ValueError(f"--time-limit must be above 0 seconds, got {self.time_limit}")
        if self.validations < 1:
            raise ValueError(f"--validations must be 1 or more, got {self.validations}")


@dataclass(frozen=True)
class Trial:
    """What became of one method.

    Attributes:
        method: its name.
        valid: score on validation of each network. (default: there is none)
        nbytes: bytes of its set.
        seconds: time of making the set and of training on it.
        reason: why there is no score; empty if there is one.
    """

    method: str
    valid: tuple[float, ...] = ()
    nbytes: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def rank(self) -> tuple[float, int]:
        """What the best trial has most of: the mean score, then fewer bytes."""
        return (statistics.fmean(self.valid), -self.nbytes) if self.valid else (-float("inf"), 0)

    def __str__(self) -> str:
        """The method and its score, or why there is none.

        Example:
            >>> str(Trial("dm", (0.9, 0.8), 600, 5.0)), str(Trial("mtt", reason="needs more than 9 s"))
            ('dm 0.850 ± 0.071 in 600 bytes', 'mtt needs more than 9 s')
        """
        if not self.valid:
            return f"{self.method} {self.reason}"
        return f"{self.method} {mean_and_deviation(self.valid)} in {self.nbytes:,} bytes"


class OutOfTime(Exception):
    """A method was still at work when its time was over."""


class Deadline(Progress):
    """The progress of another display, which ends the work at its first advance after some seconds.

    Args:
        shown: shows the steps.
        seconds: time from now on.
        clock: seconds since any fixed moment. (default: ``time.monotonic``)
    """

    def __init__(self, shown: Progress, seconds: float, clock: Callable[[], float] = time.monotonic):
        super().__init__(quiet=True)
        self.shown, self.clock, self.end = shown, clock, clock() + seconds

    @contextmanager
    def step(self, description: str, total: float | None = None) -> Iterator[Advance]:
        """As :meth:`Progress.step`; what advances it raises :class:`OutOfTime` after the end."""
        with self.shown.step(description, total) as shown:

            def advance(amount: float, note: str = "") -> None:
                shown(amount, note)
                if self.clock() > self.end:
                    raise OutOfTime

            yield advance


def choose(context: MethodContext, config: Config) -> tuple[SyntheticSet, list[Trial]]:
    """The set of the method that is best on validation, and what became of every method, the best first."""
    end = time.monotonic() + config.time_limit
    trials: list[Trial] = []
    best: SyntheticSet | None = None
    for name in candidates(context.real.KIND):
        left = end - time.monotonic()
        if trials and left <= 0:
            trials.append(Trial(name, reason="was not tried, the time was over"))
            continue
        # The first method is random selection, which always gives a set.
        made, trial = _try(context, name, left / 2 if trials else float("inf"), config.validations)
        if made is not None and all(trial.rank > other.rank for other in trials):
            best = made
        trials.append(trial)
    assert best is not None
    return best, sorted(trials, key=lambda trial: trial.rank, reverse=True)


def candidates(kind: Kind) -> list[str]:
    """All other methods for a kind of data in the order in which they are tried.

    Example:
        >>> candidates("graphs")
        ['random', 'herding', 'doscond', 'k-center', 'k-means-nearest']
    """
    names = [name for name in FAMILY.names(kind) if name != "auto"]
    # Methods that only select are fast.
    names.sort(key=lambda name: not hasattr(FAMILY.module(name), "select"))
    first = [name for name in FIRST if name in names]
    return first + [name for name in names if name not in first]


def _try(context: MethodContext, name: str, limit: float, validations: int) -> tuple[SyntheticSet | None, Trial]:
    """The set of a method, if it is made in time, and its scores."""
    from graphdistill.condense.distill import distill_condense

    protocol, start = context.protocol, time.monotonic()
    deadline = Deadline(context.progress, limit)
    try:
        synthetic = distill_condense(
            protocol.data,
            CondenseConfig(method=name, per_class=context.per_class, bits="full"),
            generator=generator(context.seed, "auto", name),
            progress=deadline,
            protocol=protocol,
        )
        seeds = range(SELECTION_SEED + 1, SELECTION_SEED + 1 + validations)
        label = f"training on the set of {name}"
        valid = tuple(protocol.train(synthetic, seed)[1].valid for seed in deadline.track(seeds, label))
    except OutOfTime:
        return None, Trial(name, seconds=time.monotonic() - start, reason=f"needs more than {limit:.0f} s")
    except ValueError as error:
        return None, Trial(name, reason=f"is refused: {error}")
    except ArithmeticError as error:
        return None, Trial(name, seconds=time.monotonic() - start, reason=f"diverged: {error}")
    return synthetic, Trial(name, valid, synthetic.nbytes, time.monotonic() - start)


def select(context: MethodContext, config: Config) -> SyntheticSet:
    """The best set on validation; its ``meta`` has the method that made it, and all trials under ``choice``."""
    synthetic, trials = choose(context, config)
    return replace(synthetic, meta={**synthetic.meta, "choice": [asdict(trial) for trial in trials]})
