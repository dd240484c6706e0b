"""What ``python -m graphdistill.condense`` does: condense images, nodes, graphs or rows, train on them, report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from graphdistill.condense.config import Command, CondenseConfig
from graphdistill.condense.data.kinds import protocol_of, training_data_of
from graphdistill.condense.data.training_data import TrainingData
from graphdistill.condense.distill import check_per_class, distill_condense, without_labels
from graphdistill.condense.figures.gaps import GAP, draw_gaps
from graphdistill.condense.figures.graphs import draw_graphs
from graphdistill.condense.figures.images import draw_images
from graphdistill.condense.figures.nodes import draw_nodes
from graphdistill.condense.figures.rows import draw_rows
from graphdistill.condense.matching.loop import Diverged
from graphdistill.condense.matching.objective import MethodContext
from graphdistill.condense.methods import FAMILY, auto
from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import Progress
from graphdistill.core.command.report import Report, Row, table
from graphdistill.core.command.score_plot import draw_scores
from graphdistill.core.evaluation.graphs import GraphSetProtocol
from graphdistill.core.evaluation.nodes import NodeProtocol
from graphdistill.core.evaluation.precision import best_random_sets, in_same_bits
from graphdistill.core.evaluation.protocol import SetProtocol, TrainingInput
from graphdistill.core.evaluation.rows import Plan, baseline_rows, break_even, rs2_plan, train_plans
from graphdistill.core.evaluation.tables import TableProtocol
from graphdistill.core.parallel import parallel_map
from graphdistill.core.randomness import generator
from graphdistill.core.sets.quantized import Precision, roundable
from graphdistill.core.sets.storage import save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.datasets import load

_DEFAULTS = {f.name: f.default for f in fields(CondenseConfig)}


def main(command: Command) -> None:
    """Load, condense, train, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            data = load(command.dataset, command.root, seed=command.seed, **command.columns)
        protocol = protocol_of(
            data,
            unlabelled=without_labels(command),
            trainings=command.trainings,
            device=command.torch_device,
            jobs=command.num_jobs,
            progress=bars,
        )
        real = training_data_of(protocol)
        FAMILY.check(command.method, real.KIND)
        # From here on the method is imported.
        command = replace(command, method=FAMILY.config(command.method))
        check_per_class(real, command)
        command, trials = _chosen(command, real, protocol, bars)
        sets, report = _distilled(command, protocol, trials, bars)
    best = sets[_best_on_validation(sets)]

    def write(folder: Path) -> None:
        save_set(best, folder)
        draw_scores(report, folder / "figure.png")
        if any(GAP in row.others for row in report.rows):
            draw_gaps(report, folder / "gaps.png")
        picture(protocol, best, folder / "set.png")

    deliver(command, report, table(report), write)
    for path in _checkpoints(command).values():
        path.unlink(missing_ok=True)


def _chosen(
    command: Command, real: TrainingData, protocol: SetProtocol[Any], bars: Progress
) -> tuple[Command, list[auto.Trial]]:
    """The command with the method that ``auto`` chooses, once for all sets, and what became of each method."""
    if not isinstance(command.method, auto.Config):
        return command, []
    given = [f"--{name}" for name in ("steps", "checks", "patience") if getattr(command, name) != _DEFAULTS[name]]
    if command.resume or given:
        raise ValueError(
            f"{', '.join(given) or '--resume'} is for one method; name the one that auto chose instead of --method auto"
        )
    seed = int(torch.randint(2**62, (), generator=generator(command.seed, "choice of a method")))
    _, trials = auto.choose(MethodContext(real, command.per_class, protocol, seed, bars), command.method)
    bars.write(f"auto chose {trials[0]}")
    return replace(command, method=FAMILY.config(trials[0].method)), trials


def _checkpoints(command: Command) -> dict[int, Path]:
    """File of the state of the set of each seed."""
    return {seed: command.checkpoint(seed) for seed in range(command.seed, command.seed + command.seeds)}


def _distilled(
    command: Command, protocol: SetProtocol[Any], trials: list[auto.Trial], bars: Progress
) -> tuple[list[SyntheticSet], Report]:
    """The sets of all seeds, and their report."""
    kept = _checkpoints(command)
    if command.resume and not any(path.is_file() for path in kept.values()):
        raise ValueError(f"--resume: there is no checkpoint in {command.output}; leave it out to start again")
    if not command.resume:
        # Otherwise a later --resume would mix sets of two runs.
        for path in kept.values():
            path.unlink(missing_ok=True)
    try:
        made = parallel_map(_condense, (command, protocol), list(kept), jobs=protocol.jobs)
        sets = list(bars.track(made, "condensing", len(kept)))
        return sets, _report(command, protocol, sets, trials)
    except KeyboardInterrupt as error:
        if not any(path.is_file() for path in kept.values()):
            raise
        raise KeyboardInterrupt("no results were written; --resume continues from the last validation check") from error


def picture(protocol: SetProtocol[Any], synthetic: SyntheticSet, path: Path) -> None:
    """Draw images in a grid, nodes or rows on a map, or graphs next to real ones."""
    if isinstance(protocol, GraphSetProtocol):
        (real,) = protocol.extra_baselines([synthetic]).values()
        draw_graphs(synthetic, real[0], path)
    elif isinstance(protocol, NodeProtocol):
        draw_nodes(synthetic, protocol, path)
    elif isinstance(protocol, TableProtocol):
        draw_rows(synthetic, protocol, path)
    else:
        draw_images(synthetic, path)


def _condense(context: tuple[Command, SetProtocol[Any]], seed: int) -> SyntheticSet:
    """Make the set of one seed; if it diverges, save the last good set and explain how to continue."""
    command, protocol = context
    path = command.checkpoint(seed)
    config = CondenseConfig(**{f.name: getattr(command, f.name) for f in fields(CondenseConfig)})
    try:
        return distill_condense(
            protocol.data,
            config,
            generator=generator(seed, "condense"),
            progress=protocol.progress,
            checkpoint=path,
            resume=command.resume,
            protocol=protocol,
        )
    except Diverged as error:
        good = command.output / "last-good"
        save_set(error.good, good)
        raise ArithmeticError(
            f"{error} of the set of seed {seed}; the last good set (of step {error.good_step}) is in {good}; "
            f"run again with --resume to continue from the last validation check with half the step size"
        ) from error


def _best_on_validation(sets: list[SyntheticSet]) -> int:
    """Index of the set that is best on validation; 0 for selections that do not use validation."""
    return max(range(len(sets)), key=lambda i: float(str(sets[i].meta.get("valid", 0))))


def _baselines(
    command: Command, protocol: SetProtocol[Any], sets: list[SyntheticSet], budget: int
) -> tuple[dict[str, Sequence[SyntheticSet | TrainingInput]], str]:
    """Random data at equal bytes and further rows of real data, in bits chosen like the sets', and a note of them."""
    ours, further = [Precision.from_meta(synthetic) for synthetic in sets], protocol.extra_baselines(sets)
    if command.bits == "auto":
        drawn, chosen = best_random_sets(protocol, budget, len(sets), ours[0])
    else:
        drawn, chosen = protocol.random_sets(budget, len(sets), ours[0]), ours[0]
    rows: dict[str, Sequence[SyntheticSet | TrainingInput]] = {f"random {protocol.UNIT}, equal bytes": drawn}
    for name, parts in further.items():
        if not isinstance(protocol, NodeProtocol):
            rows[name] = parts
        elif command.bits == "auto":
            rows[name] = in_same_bits(protocol, parts, command.tolerance)
        else:
            rows[name] = [chosen.of(part) if isinstance(part, SyntheticSet) else part for part in parts]
    if command.bits != "auto" or not roundable(sets[0]):
        return rows, ""
    found = "; ".join(dict.fromkeys(map(str, ours)))
    return rows, (
        f"Chosen on validation: {found} (a loss of at most {command.tolerance:g}), for random {protocol.UNIT} {chosen} "
        f"(the best at equal bytes). "
    )


def _report(command: Command, protocol: SetProtocol[Any], sets: list[SyntheticSet], trials: list[auto.Trial]) -> Report:
    """All rows of the report: the sets, real data of equal size, all the data, and simple baselines."""
    method = FAMILY.config(command.method)
    seconds = statistics.fmean(float(str(synthetic.meta["seconds"])) for synthetic in sets)
    budget = max(synthetic.nbytes for synthetic in protocol.progress.track(sets, "coding sets"))
    whole = protocol.full()
    baselines, rounding = _baselines(command, protocol, sets, budget)
    plans = [
        Plan("distilled set", sets, seconds),
        *(Plan(name, parts) for name, parts in baselines.items()),
        Plan("all the data", [whole]),
        rs2_plan(protocol, len(sets[0]), whole),
    ]
    trained = train_plans(protocol, plans)
    distilled, full = trained[0], trained[-2]
    rows: list[Row] = [*trained, *baseline_rows(protocol, sets)]
    trainings = break_even(distilled, full)
    pays = (
        f"Distilling pays for itself after {math.ceil(trainings):,} trainings."
        if math.isfinite(trainings)
        else "Distilling never pays for itself: a training on the set takes as long as one on all the data."
    )
    precision = {
        "images": "pixels have at most 8 bits",
        "nodes": "features have at most 16 bits, and all the data is the whole graph, coded without loss",
        "graphs": "graphs are coded without loss",
        "rows": "features have steps of 1/32 deviation or more, real rows are in the codec or in xz of CSV, whichever "
        "is smaller, and means, deviations and names of categories are not counted",
    }[protocol.UNIT]
    notes = [
        f"{command.seeds} sets x {command.trainings} trainings, checkpoints chosen on validation, test scored once; "
        "all rows with the same steps and augmentation. Bytes are those of the coded set, labels included; "
        f"{precision}. {rounding}{pays}",
        f"RS2 takes as many steps on as many {protocol.UNIT}, but on others in every step, so it has to store all "
        "the data.",
        f"Saved: the set of seed {command.seed + _best_on_validation(sets)}"
        + (", which is best on validation." if "valid" in sets[0].meta else "."),
        protocol.data.notes,
    ]
    if GAP in distilled.others:
        notes.insert(
            1,
            "Gaps are the largest difference between groups of how often a class is predicted, for all test rows "
            "(parity) or those of one class (odds); 0 is no difference, and few rows of a group make some by chance.",
        )
    if stayed := sum(synthetic.meta.get("chosen_step") == 0 for synthetic in sets):
        notes.insert(1, f"In {stayed} of {len(sets)} sets the initial set is best on validation.")
    if trials:
        notes.insert(0, f"Chosen on validation: {'; '.join(map(str, trials))}.")
    facts = {
        **facts_of(command),
        **({"choice": [asdict(trial) for trial in trials]} if trials else {}),
        "training_bytes": whole.nbytes,
        "fit": asdict(protocol.fit),
        "sets": [dict(synthetic.meta) for synthetic in sets],
        "break_even_trainings": trainings,
        "paper": FAMILY.about(method.name)[1],
    }
    return Report(
        title=f"{method.name} on {protocol.data.name}, {command.per_class} "
        + ("unlabelled images" if without_labels(command) else "of each class"),
        metric=protocol.metric,
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit=protocol.UNIT,
    )
