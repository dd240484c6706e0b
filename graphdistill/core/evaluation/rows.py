"""Rows of a report: networks are trained on the sets of all rows by one protocol, identical trainings once."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from graphdistill.core.command.report import Row
from graphdistill.core.evaluation.protocol import BaseProtocol, TrainingInput
from graphdistill.core.parallel import parallel_map
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.training.fit import FitConfig

Work = tuple[TrainingInput, FitConfig]
"""What a training takes besides its seed."""


@dataclass(frozen=True)
class Plan:
    """Training sets of the rows of one name, a row for each network.

    Attributes:
        name: name of the rows.
        sets: one set, or one per draw.
        distill_seconds: seconds of making one of them. (default: nothing was distilled)
        trainings: trainings of each network. (default: the protocol's)
        paired: train on the set of each draw with one seed, the first with seed 0, instead of with all seeds.
            (default: no)
        fit: training config. (default: the protocol's)
    """

    name: str
    sets: Sequence[SyntheticSet | TrainingInput]
    distill_seconds: float | None = None
    trainings: int | None = None
    paired: bool = False
    fit: FitConfig | None = None

    def runs(self, trainings: int) -> list[tuple[int, int]]:
        """Set and seed of each training, ordered by set.

        Example:
            >>> sets = [None, None]
            >>> Plan("every seed", sets).runs(2), Plan("one seed each", sets, paired=True).runs(2)
            ([(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 0), (1, 1)])
        """
        seeds = range(self.trainings or trainings)
        if self.paired:
            return [(seed % len(self.sets), seed) for seed in seeds]
        return [(draw, seed) for draw in range(len(self.sets)) for seed in seeds]


def train_rows(
    protocol: BaseProtocol[Any],
    name: str,
    sets: Sequence[SyntheticSet | TrainingInput],
    distill_seconds: float | None = None,
    *,
    trainings: int | None = None,
    paired: bool = False,
) -> list[Row]:
    """Train every network on some sets; arguments are those of :class:`Plan`.

    Returns:
        One row per network, with one score per training, ordered by set.
    """
    return train_plans(protocol, [Plan(name, sets, distill_seconds, trainings, paired)])


def train_plans(protocol: BaseProtocol[Any], plans: Sequence[Plan]) -> list[Row]:
    """Train every network on the sets of all plans, in parallel on the protocol's processes.

    Args:
        protocol: data, networks, trainings, number of processes.
        plans: training sets of each row.

    Returns:
        One row per plan and network, in the order of the plans.
    """
    work: list[Work] = []
    place: dict[tuple[object, FitConfig], int] = {}
    of_plan: list[list[tuple[int, int]]] = []
    for plan in plans:
        index = []
        for part in plan.sets:
            config = plan.fit or protocol.fit
            # Sets that plans share, such as all the data and the lossless set, are trained on once.
            key = (protocol.content(part) if isinstance(part, SyntheticSet) else id(part)), config
            if key not in place:
                place[key] = len(work)
                work.append((protocol.training_input(part) if isinstance(part, SyntheticSet) else part, config))
            index.append(place[key])
        of_plan.append([(index[draw], seed) for draw, seed in plan.runs(protocol.trainings)])
    # The longest trainings start first, so that all processes stay busy to the end.
    runs = sorted(dict.fromkeys(chain(*of_plan)), key=lambda run: -work[run[0]][0].entries)
    results = parallel_map(_train, (protocol, work), runs, jobs=protocol.jobs)
    found = dict(zip(runs, protocol.progress.track(results, "training networks", len(runs)), strict=True))
    rows = []
    for plan, its_runs in zip(plans, of_plan, strict=True):
        for network in protocol.networks:
            tests, valid, seconds = zip(*(found[run][network] for run in its_runs), strict=True)
            test, others = _by_metric(tests)
            rows.append(
                Row(
                    name=plan.name,
                    group=network,
                    test=test,
                    valid=valid,
                    others=others,
                    nbytes=_nbytes(plan.sets),
                    entries=round(statistics.fmean(map(_entries, plan.sets))),
                    distill_seconds=plan.distill_seconds,
                    train_seconds=statistics.fmean(seconds),
                )
            )
    return rows


def _nbytes(parts: Sequence[SyntheticSet | TrainingInput]) -> int | None:
    """Mean of the bytes, ``None`` if those of one are not counted."""
    counted = [part.nbytes for part in parts]
    known = [count for count in counted if count is not None]
    return round(statistics.fmean(known)) if len(known) == len(counted) else None


def _by_metric(scores: Sequence[Mapping[str, float]]) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Scores of each seed as those of the first metric, the protocol's, and those of further metrics by name."""
    first, *others = ((name, tuple(score[name] for score in scores)) for name in scores[0])
    return first[1], dict(others)


def _entries(part: SyntheticSet | TrainingInput) -> int:
    return len(part) if isinstance(part, SyntheticSet) else part.entries


def _train(
    context: tuple[BaseProtocol[Any], Sequence[Work]], run: tuple[int, int]
) -> dict[str, tuple[dict[str, float], float, float]]:
    """All networks on one set from one seed: test scores by metric, validation score and seconds of each."""
    protocol, work = context
    (part, config), seed = work[run[0]], run[1]
    trained = protocol.train_all(part, seed, config)
    return {name: (protocol.scores(net, "test"), best.valid, best.seconds) for name, (net, best) in trained.items()}


def rs2_plan(protocol: BaseProtocol[Any], size: int, whole: TrainingInput) -> Plan:
    """RS2, repeated sampling of random subsets: every step trains on new real entries, as many as a set has.

    Okanovic et al., ICLR 2024, https://arxiv.org/abs/2305.18424; sampled by
    :class:`~graphdistill.core.training.sampler.RepeatedRandomSampler`. The cost of a step is as on the set, but all the
    data is stored and used over time, so all its bytes count.

    Args:
        protocol: data, networks, trainings.
        size: entries of a set; a step takes at most the protocol's batch size.
        whole: the whole training split.
    """
    fewer = replace(protocol.fit, batch_size=min(size, protocol.fit.batch_size))
    return Plan("RS2: new random subset every step", [whole], fit=fewer)


def baseline_rows(protocol: BaseProtocol[Any], sets: Sequence[SyntheticSet] = ()) -> list[Row]:
    """Baselines without distillation or without a network.

    Args:
        protocol: data, networks, trainings.
        sets: sets of the distilled row, for linear models that are fitted to them. (default: none)

    Returns:
        The untrained networks, linear models, and the trivial baselines.
    """
    rows = []
    for network in protocol.networks:
        found = [protocol.scores(protocol.network(network, seed), "test") for seed in range(protocol.trainings)]
        test, others = _by_metric(found)
        rows.append(Row(name="untrained network", group=network, test=test, others=others))
    start = time.perf_counter()
    models = protocol.linear_models(sets)
    seconds = (time.perf_counter() - start) / len(models)
    splits = ("valid", "test")
    logits = {split: {protocol.linear: [model(split) for model in models]} for split in splits}
    for split in splits:
        logits[split] |= {name: [values] for name, values in protocol.trivial(split).items()}
    for name in logits["test"]:
        (valid, _), (test, others) = (
            _by_metric([protocol.scores_of(values, protocol.labels(split), split) for values in logits[split][name]])
            for split in splits
        )
        learnt = seconds if name == protocol.linear else None
        rows.append(Row(name=name, group=None, test=test, valid=valid, others=others, train_seconds=learnt))
    return rows


def break_even(distilled: Row, full: Row) -> float:
    """Number of trainings after which distillation has paid off: its seconds over the seconds saved per training.

    Infinite if training on the distilled set is not faster than on all the data.

    Example:
        >>> row = dict(group="ConvNet", test=(0.9,), nbytes=9, entries=1)
        >>> synthetic = Row(name="distilled", distill_seconds=60.0, train_seconds=2.0, **row)
        >>> break_even(synthetic, Row(name="all", train_seconds=14.0, **row))
        5.0
    """
    assert distilled.distill_seconds is not None
    assert distilled.train_seconds is not None
    assert full.train_seconds is not None
    saved = full.train_seconds - distilled.train_seconds
    return distilled.distill_seconds / saved if saved > 0 else math.inf
