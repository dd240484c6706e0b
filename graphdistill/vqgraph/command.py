"""The command ``python -m graphdistill.vqgraph``: distil a graph network into an MLP, report its accuracy and cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Report, Row, frame
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.tensors import to_device
from graphdistill.core.parallel import parallel_map
from graphdistill.datasets import load
from graphdistill.vqgraph import paper
from graphdistill.vqgraph.codebook import Health
from graphdistill.vqgraph.codes import describe
from graphdistill.vqgraph.config import Command, VQGraphConfig
from graphdistill.vqgraph.distill import Distilled
from graphdistill.vqgraph.evaluate import METHODS, Scores, TrainedTeacher, latency, over_glnn, rows, score_seed
from graphdistill.vqgraph.figure import draw
from graphdistill.vqgraph.storage import save_student


def main(command: Command) -> None:
    """Load, train the teacher, distil, report."""
    with command.working() as bars:
        first = nodes_of(command, command.seed, bars)
        scores, trained, distilled, notes = _score(command, first, bars)
    times = latency(trained, distilled.student)
    trained, distilled = to_device((trained, distilled), "cpu")
    report = _report(command, first, scores, distilled, times, notes)

    def write(folder: Path) -> None:
        card = {
            "dataset": first.name,
            "features": "rows scaled to length 1: torch.nn.functional.normalize(x, dim=1)",
            "teacher": command.teacher,
            "seed": command.seed,
            "valid": distilled.valid,
        }
        codes = describe(distilled, trained.teacher, trained.split.data, layer=trained.layer)
        save_student(distilled.student, folder, codes=codes, card=card)
        draw(trained, distilled, report.rows, times, folder / "figure.png")

    deliver(command, report, table(report, scores), write)


def config_of(command: Command, nodes: int) -> VQGraphConfig:
    """The config of the distillation; large graphs are trained in batches."""
    if nodes <= command.full_batch_nodes:
        return VQGraphConfig(num_codes=command.num_codes, hidden=command.hidden)
    return VQGraphConfig(num_codes=command.num_codes, hidden=command.hidden, batch_size=8192, feature_neighbours=0)


def nodes_of(command: Command, seed: int, bars: Progress = NO_PROGRESS) -> NodeDataset:
    """Load the data set, which must hold the nodes of one graph."""
    with bars.step(f"loading {command.dataset}"):
        data = load(command.dataset, command.root, seed=seed)
    if not isinstance(data, NodeDataset):
        raise ValueError(
            f"--dataset {command.dataset} does not hold the nodes of one graph; "
            "choose for example digits-knn, cora, planetoid-cora or ogbn-arxiv"
        )
    return data


def _score(
    command: Command, first: NodeDataset, bars: Progress
) -> tuple[dict[str, Scores], TrainedTeacher, Distilled, list[str]]:
    """Scores of all seeds; networks and notes of the first seed."""
    seeds = range(command.seed, command.seed + command.seeds)
    results = parallel_map(_score_seed, (command, first, bars), seeds, jobs=command.num_jobs)
    scores: dict[str, Scores] = {}
    kept: tuple[TrainedTeacher, Distilled, list[str]] | None = None
    for found, first_networks in bars.track(results, "seeds", len(seeds)):
        for method, its_scores in found.items():
            scores.setdefault(method, Scores()).extend(its_scores)
        kept = kept or first_networks
    assert kept is not None
    return scores, *kept


def _score_seed(
    context: tuple[Command, NodeDataset, Progress], seed: int
) -> tuple[dict[str, Scores], tuple[TrainedTeacher, Distilled, list[str]] | None]:
    """Scores of one seed; networks and notes of the first seed."""
    command, first, bars = context
    scores: dict[str, Scores] = {}
    notes: list[str] = []
    published = command.protocol == "paper"
    methods = ("teacher", "vqgraph", "glnn", "mlp") if published else METHODS
    data = first if seed == command.seed else nodes_of(command, seed, bars)
    config, teacher = config_of(command, len(data.y)), command.teacher
    trained, distilled = score_seed(
        data,
        teacher,
        command.setting,
        config,
        scores,
        seed=seed,
        layer=command.layer,
        methods=methods,
        device=command.torch_device,
        progress=bars,
    )
    if published:
        health = paper.score_published(trained, config, teacher, scores, seed)
        notes = [f"Codebook in the teacher's path: {_usage(health)}.", *paper.notes(data.name)]
    assert distilled is not None
    return scores, (trained, distilled, notes) if seed == command.seed else None


def _usage(health: Health) -> str:
    return f"{health.live} of {health.codes} codes live, perplexity {health.perplexity:.1f}, {health.revivals} revivals"


def _report(
    command: Command,
    data: NodeDataset,
    scores: dict[str, Scores],
    distilled: Distilled,
    times: dict[str, float],
    notes: list[str],
) -> Report:
    health = distilled.health
    assert health is not None
    notes = [
        f"Codebook: {_usage(health)}.",
        *notes,
        f"One node: teacher {times['teacher']:.2f} ms with its neighbourhood, student {times['student']:.3f} ms "
        f"({times['teacher'] / times['student']:.0f}x), in a full batch {1000 * times['student, full batch']:.1f} µs "
        f"({times['teacher'] / times['student, full batch']:.0f}x).",
        data.notes,
    ]
    facts = {
        **facts_of(command),
        "config": asdict(config_of(command, len(data.y))),
        "health": asdict(health),
        "milliseconds": times,
    }
    title = f"VQGraph on {data.name}, {command.setting}" + (", the published protocol" * (command.protocol == "paper"))
    found: list[Row] = rows(scores, command.teacher)
    return Report(title=title, metric="accuracy", rows=tuple(found), facts=facts, notes=tuple(filter(None, notes)))


def table(report: Report, scores: dict[str, Scores]) -> Table:
    """One line per model: its accuracy in every column, and the paired gain over GLNN in the last column."""
    columns = list(dict.fromkeys(row.group for row in report.rows))
    seeds = len(report.rows[0].test)
    shown = frame(report, "in %")
    shown.add_column("model")
    for column in columns:
        shown.add_column(str(column), justify="right")
    shown.add_column("over GLNN", justify="right")
    shown.add_column("train s", justify="right")
    by_name = {(row.name, row.group): row for row in report.rows}
    for method, name in zip(scores, dict.fromkeys(row.name for row in report.rows), strict=True):
        cells = [by_name[name, column] for column in columns]
        shown.add_row(
            Text(name),
            *[f"{100 * row.mean:.1f}" + (f" ± {100 * row.std:.1f}" if seeds > 1 else "") for row in cells],
            "" if method == "teacher" else over_glnn(scores, method),
            f"{cells[0].train_seconds or 0:.1f}",
        )
    return shown
