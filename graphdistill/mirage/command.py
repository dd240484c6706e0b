"""The command ``python -m graphdistill.mirage``: distil a graph data set, train networks on the set, report scores."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path

import rich.console

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import Progress
from graphdistill.core.command.report import Report, Row, table
from graphdistill.core.data.datasets import GraphDataset
from graphdistill.core.evaluation.rows import Plan, baseline_rows, train_plans
from graphdistill.core.evaluation.smiles_rows import smiles_sets
from graphdistill.core.evaluation.trees import TreeProtocol
from graphdistill.core.randomness import generator
from graphdistill.core.sets.storage import save_set
from graphdistill.core.sets.synthetic import SyntheticSet
from graphdistill.core.trees.training_split import TrainingSplit
from graphdistill.datasets import load_graphs
from graphdistill.mirage import paper
from graphdistill.mirage.config import Command
from graphdistill.mirage.distill import distill_mirage
from graphdistill.mirage.explain import explain, write_explanation
from graphdistill.mirage.explain import table as explain_table
from graphdistill.mirage.figure import draw


def main(command: Command) -> None:
    """Load, distil, train, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            data = load_graphs(
                command.dataset,
                command.root,
                seed=command.seed,
                smiles_column=command.smiles_column,
                label_column=command.label_column,
                task=command.task,
                skip_invalid=command.skip_invalid,
                jobs=command.num_jobs,
            )
        run = _paper if command.protocol == "paper" else _honest
        synthetic, report, protocol = run(command, data, bars)
        trees = explain(protocol.training) if command.explain else []

    def write(folder: Path) -> None:
        save_set(synthetic, folder)
        draw(protocol.forests["train"], synthetic, report, folder / "figure.png")
        if command.explain:
            write_explanation(trees, protocol.training, folder)

    deliver(command, report, table(report), write)
    if trees and not command.quiet:
        rich.console.Console().print(explain_table(trees))


def _protocol(command: Command, data: GraphDataset, bars: Progress, *, depth: int, trainings: int) -> TreeProtocol:
    return TreeProtocol(
        data,
        depth=depth,
        networks=command.networks,
        trainings=trainings,
        device=command.torch_device,
        jobs=command.num_jobs,
        progress=bars,
    )


def _honest(command: Command, data: GraphDataset, bars: Progress) -> tuple[SyntheticSet, Report, TreeProtocol]:
    """The distilled set, all baselines, and the curve over budgets."""
    protocol = _protocol(command, data, bars, depth=command.hops, trainings=command.trainings)
    split = TrainingSplit(data, command.hops, verify=True) if command.verify else protocol.training
    draws = generator(command.seed, "mirage")
    synthetic = distill_mirage(data, command.distilling, generator=draws, progress=bars, split=split)
    seconds = synthetic.meta["seconds"]
    assert isinstance(seconds, float)
    plans = [
        Plan("distilled set", [synthetic], seconds),
        equal_labels(protocol, synthetic.nbytes, protocol.trainings, command.label_bits),
        *equal_bytes(protocol, synthetic.nbytes, protocol.trainings, command.label_bits),
        Plan("all the data", [protocol.full()]),
    ]
    rows = train_plans(protocol, [*plans, *curve(protocol, command)])
    before = len(plans) * len(protocol.networks)
    rows = rows[:before] + baseline_rows(protocol) + rows[before:]
    made = f"{len(synthetic)} graphs over {synthetic.forest.trees.sizes[-1]} trees of depth {command.hops}"
    notes = (
        f"The distilled set: {made}.",
        f"{protocol.trainings} trainings per network, checkpoints chosen on validation; distilled with seed "
        f"{command.seed}. The curve has one training per network. Bytes are those of the stored stream: graphs, "
        f"labels, weights and header; all the data take {protocol.full().nbytes:,} bytes, coded without loss.",
        data.notes,
    )
    return synthetic, _report(command, data, rows, synthetic, protocol, notes), protocol


def _paper(command: Command, data: GraphDataset, bars: Progress) -> tuple[SyntheticSet, Report, TreeProtocol]:
    """The published patterns and their published evaluation."""
    if data.task == "regression":
        raise ValueError(
            f"--protocol paper has patterns of classes, but {data.name} has targets of regression; leave it out, or "
            f"choose a data set with classes, such as ogbg-molhiv"
        )
    thresholds = command.thresholds or paper.THRESHOLDS.get(data.name)
    if thresholds is None:
        raise ValueError(
            f"--protocol paper has published thresholds for {', '.join(paper.THRESHOLDS)}, not for {data.name}; "
            f"give --thresholds, one support per class"
        )
    if data.y.dim() > 1 or len(thresholds) != data.num_outputs:
        raise ValueError(
            f"--thresholds has {len(thresholds)} values but {data.name} has {data.num_outputs} classes; "
            f"give one support for each"
        )
    start = time.perf_counter()
    config = paper.PaperConfig()
    protocol = _protocol(command, data, bars, depth=paper.HOPS, trainings=config.restarts)
    forest, y = protocol.forests["train"], protocol.labels("train")
    patterns = paper.paper_patterns(forest, y, thresholds)
    synthetic = paper.paper_set(forest, patterns, protocol)
    seconds = time.perf_counter() - start
    supports = " / ".join(
        " ".join(str(p.support) for p in patterns if p.label == label) for label in range(data.num_outputs)
    )
    rows = paper.paper_rows(protocol, synthetic, config) + baseline_rows(protocol)
    notes = (
        f"{len(patterns)} patterns with supports {supports}, mined in {seconds:.1f} s.",
        f"The published selection: the best epoch of {config.epochs + 1} and the best {config.kept} of "
        f"{config.restarts} restarts, both on validation, with the untrained network as a candidate. "
        "It overestimates the score; compare the rows without training.",
    )
    return synthetic, _report(command, data, rows, synthetic, protocol, notes), protocol


def equal_bytes(protocol: TreeProtocol, nbytes: int, draws: int, label_bits: int, label: str = "") -> list[Plan]:
    """Random real graphs with their own labels in as many bytes as a set takes: in the codec, and as SMILES.

    Args:
        protocol: data, depth, processes.
        nbytes: stored bytes.
        draws: number of random sets, each for one training.
        label_bits: bits of targets of regression.
        label: suffix of the rows' names.
    """
    own = "own targets" if protocol.task == "regression" else "hard labels"
    found = {f"random graphs in the codec, {own}": protocol.random_sets(nbytes, draws, bits=label_bits)}
    if protocol.data.smiles is not None:
        found["random molecules as xz-ed SMILES"] = smiles_sets(protocol, nbytes, draws, label_bits)
    return [Plan(name + label, sets, trainings=draws, paired=True) for name, sets in found.items()]


def equal_labels(protocol: TreeProtocol, nbytes: int, draws: int, label_bits: int) -> Plan:
    """Random real graphs in the codec with the soft labels of a distilled set.

    Args:
        protocol: as of :func:`equal_bytes`.
        nbytes: as of :func:`equal_bytes`.
        draws: as of :func:`equal_bytes`.
        label_bits: bits of the soft labels.
    """
    sets = protocol.random_sets(nbytes, draws, soft=True, bits=label_bits)
    soft = "targets" if protocol.task == "regression" else "labels"
    return Plan(f"random graphs in the codec, same soft {soft}", sets, trainings=draws, paired=True)


def curve(protocol: TreeProtocol, command: Command) -> list[Plan]:
    """Distilled sets and random graphs over budgets, one training per network.

    Args:
        protocol: data, depth, processes.
        command: shares of the bytes of all the data, config and seed of the distillation.
    """
    plans = []
    for share in command.curve:
        budget = max(1, int(share * protocol.full().nbytes))
        config = replace(command.distilling, bytes=budget, fraction=None, thresholds=None, lossless=False)
        draws = generator(command.seed, "mirage")
        try:
            point = distill_mirage(protocol.data, config, generator=draws, split=protocol.training)
        except ValueError:  # below one graph of each class
            continue
        label = f", {100 * share:g} % of the bytes"
        plans.append(Plan("distilled set" + label, [point], trainings=1))
        plans += equal_bytes(protocol, point.nbytes, 1, command.label_bits, label)
    return plans


def _report(
    command: Command,
    data: GraphDataset,
    rows: list[Row],
    synthetic: SyntheticSet,
    protocol: TreeProtocol,
    notes: tuple[str, ...],
) -> Report:
    facts = {
        **facts_of(command),
        "training_bytes": protocol.full().nbytes,
        "training_graphs": len(data.train),
        "fit": asdict(protocol.fit),
        "set": dict(synthetic.meta),
    }
    return Report(
        title=f"Mirage on {data.name}",
        metric=data.metric,
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
    )
