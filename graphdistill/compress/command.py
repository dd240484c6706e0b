"""What ``python -m graphdistill.compress`` does: compress a trained network, report its size, metric and latency."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from torch import nn

from graphdistill.compress.adaptive import AdaptiveLayer, use_of
from graphdistill.compress.config import Command
from graphdistill.compress.evaluate import FLOAT, Scored, configs_of, score_seed
from graphdistill.compress.figure import MULTIPLY_ADDS, SENT, draw
from graphdistill.compress.methods import FAMILY
from graphdistill.compress.onnx import Exported, check_exportable, export_rows
from graphdistill.compress.storage import save_compressed
from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Report, Row, frame, shown_seconds, spread
from graphdistill.core.evaluation.paired import paired
from graphdistill.core.methods import options_of
from graphdistill.core.parallel import parallel_map
from graphdistill.datasets import load
from graphdistill.kd.config import training_of
from graphdistill.kd.data.kinds import few_labels, view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.evaluate import build, network_bytes
from graphdistill.kd.saved import named_or_saved


def main(command: Command) -> None:
    """Load, train or load the network, compress, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            data = load(command.dataset, command.root, seed=command.seed, **command.columns)
            whole = view_of(data, command.torch_device)
        FAMILY.check(command.method, whole.KIND)
        # From here on the method is imported.
        command = replace(command, method=FAMILY.config(command.method))
        labelled = None if command.labels is None else few_labels(data, command.labels, command.seed)
        view = view_of(data, command.torch_device, labelled)
        network, given = named_or_saved(command.model, whole, command.network, seed=command.seed)
        if command.onnx:
            check_exportable(build(view, network, "network", command.seed) if given is None else given, view)
        context = command, view, whole, network, given, bars
        seeds = range(command.seed, command.seed + command.seeds)
        found = parallel_map(_score_seed, context, seeds, jobs=command.num_jobs)
        results = list(bars.track(found, "seeds", len(seeds)))
    name = FAMILY.name_of(command.method)
    best = max(range(len(results)), key=lambda i: results[i][name].valid)
    with tempfile.TemporaryDirectory() as scratch:
        networks = {row: results[best][row].compressed for row in (FLOAT, name)} if command.onnx else {}
        exported = export_rows(networks, view, Path(scratch))
        report = _report(command, view, network, results, exported)
        _deliver(command, view, network, results, best, report, exported)


def _deliver(
    command: Command,
    view: View,
    network: str,
    results: list[dict[str, Scored]],
    best: int,
    report: Report,
    exported: Mapping[str, Exported],
) -> None:
    """Write the network of the best seed, its files and the report."""
    name = FAMILY.name_of(command.method)

    def write(folder: Path) -> None:
        chosen = results[best][name]
        card = {
            "dataset": view.name,
            "method": name,
            "options": options_of(FAMILY.config(command.method)),
            "network": network,
            "seed": command.seed + best,
            "valid": chosen.valid,
            "metric": view.metric,
            "coded_bytes": chosen.coded,
        }
        save_compressed(chosen.compressed, folder, card=card)
        draw(report, folder / "figure.png")
        for found in exported.values():
            shutil.copy(found.path, folder / found.path.name)

    deliver(command, report, table(report), write)


def _score_seed(context: tuple[Command, View, View, str, nn.Module | None, Progress], seed: int) -> dict[str, Scored]:
    """All rows of one seed."""
    command, view, whole, network, given, bars = context
    return score_seed(
        view,
        configs_of(command.method),
        training_of(command),
        network=network,
        model=given,
        whole=whole,
        seed=seed,
        progress=bars if command.num_jobs == 1 else NO_PROGRESS,
    )


def _report(
    command: Command,
    view: View,
    network: str,
    results: list[dict[str, Scored]],
    exported: Mapping[str, Exported],
) -> Report:
    """Rows of all networks, and what the method gains over each."""
    method = FAMILY.config(command.method)
    rows = []
    # A split network shares its multiply-adds between two machines; the bytes between them are what differs.
    split = any(s.sent is not None for s in results[0].values())
    adaptive = len({s.multiply_adds for s in results[0].values()}) > 1 and not split
    for name in results[0]:
        of = [seed[name] for seed in results]
        others = {"latency": tuple(s.latency for s in of), "coded bytes": tuple(float(s.coded) for s in of)}
        if adaptive:
            others[MULTIPLY_ADDS] = tuple(float(s.multiply_adds) for s in of)
        if of[0].sent is not None:
            others[SENT] = tuple(s.sent or 0.0 for s in of)
        trained = command.model is None or name != FLOAT
        rows.append(
            Row(
                name=name,
                group=None,
                test=tuple(s.test for s in of),
                valid=tuple(s.valid for s in of),
                others=others,
                nbytes=round(statistics.fmean(s.coded for s in of)),
                train_seconds=statistics.fmean(s.seconds for s in of) if trained else None,
            )
        )
    raw = network_bytes(results[0][FLOAT].compressed.network)
    small = rows[-1].nbytes
    gains = {
        name: paired([s[method.name].test for s in results], [s[name].test for s in results])
        for name in results[0]
        if name != method.name
    }
    notes = [f"{method.name} over {name} in {view.metric}: {found.explained()}" for name, found in gains.items()]
    notes += [
        f"Bytes: the whole entropy-coded file. The float32 numbers of the network take {raw:,}, "
        f"{raw / (small or 1):.1f} times those of {method.name}.",
        f"{SENT.capitalize()}: coded features of a test entry, each on its own." if SENT in rows[-1].others else "",
        "Latency: median of single predictions; the weights are float again in memory, so that only the file is "
        "smaller.",
        *_use(results[0][method.name].compressed.network, view),
        ""
        if command.labels is None
        else f"Compressed with {command.labels} labelled training {view.KIND} a class; "
        "the float network was trained on all.",
        *(f"ONNX, {row}: {found.explained(view.metric)}" for row, found in exported.items()),
        "Checkpoints are chosen on validation, test is scored once.",
        f"Saved: the network of {method.name} that is best on validation.",
        str(view.data.notes),
    ]
    facts: dict[str, Any] = {
        **facts_of(command),
        "network": network,
        "float_bytes": raw,
        "paired": {name: asdict(found) for name, found in gains.items()},
        "onnx": {row: {**asdict(found), "path": found.path.name} for row, found in exported.items()},
        "paper": FAMILY.about(method.name)[1],
    }
    sent = rows[-1].others.get(SENT)
    size = f"{network} in {small or 0:,} bytes" if sent is None else f"{network}, {statistics.fmean(sent):.1f} {SENT}"
    return Report(
        title=f"{method.name} on {view.name}: {size}",
        metric=view.metric,
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit=view.KIND,
    )


def _use(network: nn.Module, view: View) -> list[str]:
    """How many learners the rows of each adaptive layer use on the test split; nothing for other networks."""
    lines = []
    for path, used in use_of(network, view, view.data.test).items():
        layer = network.get_submodule(path)
        assert isinstance(layer, AdaptiveLayer)
        share = used.reshape(-1).bincount(minlength=layer.learners + 1) / used.numel()
        shown = ", ".join(f"{number}: {100 * float(part):.0f} %" for number, part in enumerate(share))
        lines.append(f"Rows of {path} on test by number of learners (first seed): {shown}.")
    return lines


def table(report: Report) -> Table:
    """One line per network: test metric, coded bytes, times smaller than in float32, latency and seconds."""
    raw = report.facts["float_bytes"]
    assert isinstance(raw, int)
    shown = frame(report, over=f"{max(len(row.test) for row in report.rows)} seeds")
    shown.padding = 0
    shown.add_column("network", no_wrap=True)
    sends = any(SENT in row.others for row in report.rows)
    adaptive = MULTIPLY_ADDS in report.rows[0].others
    first = ["bytes\nsent"] if sends else []
    extra = ["multiply-\nadds"] if adaptive else []
    for header in (report.metric, *first, "coded\nbytes", "times\nsmaller", *extra, "one,\nms", "s"):
        shown.add_column(header, justify="right")
    for row in report.rows:
        times = statistics.fmean(row.others["latency"])
        size = row.nbytes or raw
        sent = [f"{statistics.fmean(row.others[SENT]):.1f}" if SENT in row.others else ""] if sends else []
        counted = [f"{statistics.fmean(row.others[MULTIPLY_ADDS]):,.0f}"] if adaptive else []
        numbers = [f"{size:,}", f"{raw / size:.1f}", *counted, f"{times:.2f}", shown_seconds(row)]
        shown.add_row(Text(row.name), spread(row.test), *sent, *numbers)
    return shown
