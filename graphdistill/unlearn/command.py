"""What ``python -m graphdistill.unlearn`` does: unlearn entries of a model, retrain one without them, report both."""

from __future__ import annotations

import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from torch import Tensor, nn

from graphdistill.core.command.deliver import deliver, facts_of
from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Report, Row, frame, shown_seconds, spread
from graphdistill.core.evaluation.paired import paired
from graphdistill.core.parallel import parallel_map
from graphdistill.core.sets.storage import sha256
from graphdistill.datasets import load
from graphdistill.kd.config import training_of
from graphdistill.kd.data.kinds import view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.evaluate import network_bytes
from graphdistill.kd.saved import named_or_saved
from graphdistill.kd.storage import save_network
from graphdistill.unlearn.config import SHARE, Command
from graphdistill.unlearn.digests import network_digest, request_bytes
from graphdistill.unlearn.evaluate import ATTACK, BASELINES, GIVEN, RETRAINED, Scored, score_seed
from graphdistill.unlearn.figure import draw
from graphdistill.unlearn.methods import FAMILY
from graphdistill.unlearn.request import check_forget, entries_of_class, random_entries, read_request

FILE, REQUEST = "model.safetensors", "request.json"
"""Files of the unlearned model and of the forgotten entries."""


def main(command: Command) -> None:
    """Load, train or load the model, unlearn, retrain, report."""
    with command.working() as bars:
        with bars.step(f"loading {command.dataset}"):
            view = view_of(load(command.dataset, command.root, seed=command.seed), command.torch_device)
        FAMILY.check(command.method, view.KIND)
        # From here on the method is imported.
        command = replace(command, method=FAMILY.config(command.method))
        forget = _forgotten(command, view)
        network, given = named_or_saved(command.model, view, command.network, seed=command.seed)
        context = command, view, forget, network, given, bars
        seeds = range(command.seed, command.seed + command.seeds)
        found = parallel_map(_score_seed, context, seeds, jobs=command.num_jobs)
        results = list(bars.track(found, "seeds", len(seeds)))
    name = FAMILY.name_of(command.method)
    best = max(range(len(results)), key=lambda i: results[i][name].valid)
    report = _report(command, view, forget, network, results, best)

    def write(folder: Path) -> None:
        facts: Any = report.facts
        card = {
            "dataset": view.name,
            "method": name,
            "options": facts["command"]["options"],
            "network": network,
            "seed": command.seed + best,
            "valid": results[best][name].valid,
            "metric": view.metric,
            "request": facts["request"],
            "given_sha256": facts["models"]["given_sha256"],
        }
        save_network(results[best][name].network, folder, card=card, file=FILE)
        (folder / REQUEST).write_bytes(request_bytes(forget))
        draw(report, folder / "figure.png")

    deliver(command, report, table(report), write)


def _forgotten(command: Command, view: View) -> Tensor:
    """The entries that the options ask for, checked."""
    data = view.data
    if command.request is not None:
        return check_forget(data, read_request(command.request), f"--request {command.request.name}")
    if command.forget_class is not None:
        index = entries_of_class(data, command.forget_class)
        return check_forget(data, index, f"--forget-class {command.forget_class}")
    share = SHARE if command.forget_share is None else command.forget_share
    return check_forget(data, random_entries(data, share, command.seed), f"--forget-share {share:g}")


def _score_seed(context: tuple[Command, View, Tensor, str, nn.Module | None, Progress], seed: int) -> dict[str, Scored]:
    """All rows of one seed."""
    command, view, forget, network, given, bars = context
    methods: dict[str, Any] = {name: name for name in BASELINES}
    return score_seed(
        view,
        forget,
        {**methods, FAMILY.name_of(command.method): command.method},
        training_of(command),
        network=network,
        model=given,
        seed=seed,
        progress=bars if command.num_jobs == 1 else NO_PROGRESS,
    )


def _report(
    command: Command, view: View, forget: Tensor, network: str, results: list[dict[str, Scored]], best: int
) -> Report:
    """Rows of all networks, and their distance to the retrained one."""
    method = FAMILY.config(command.method)
    rows = []
    for name in results[0]:
        of = [seed[name] for seed in results]
        trained = command.model is None or name != GIVEN
        rows.append(
            Row(
                name=name,
                group=None,
                test=tuple(s.held_out for s in of),
                valid=tuple(s.valid for s in of),
                others={
                    "remaining": tuple(s.remaining for s in of),
                    "forgotten": tuple(s.forgotten for s in of),
                    ATTACK: tuple(s.attack for s in of),
                },
                nbytes=network_bytes(of[0].network),
                train_seconds=statistics.fmean(s.seconds for s in of) if trained else None,
            )
        )
    gaps = {
        name: {
            what: paired([getattr(s[name], what) for s in results], [getattr(s[RETRAINED], what) for s in results])
            for what in ("remaining", "forgotten", "held_out", "attack")
        }
        for name in results[0]
        if name != RETRAINED
    }
    gap, entries = gaps[method.name], view.KIND
    share = f"{len(forget):,} of {len(view.data.train):,} training {entries}"
    notes = [
        f"{method.name} minus retrained: remaining {gap['remaining']}, {ATTACK} {gap['attack'].explained()}",
        f"Forgotten: {share}. Test: entries of the classes that remain.",
        f"Attack: a low loss as evidence that {entries} were trained on; forgotten against test {entries} of the same "
        "classes. The nearer to the retrained model, the better: an AUC below it gives them away as one above.",
        "This is a measurement, not a certificate: another attack may find what this one does not.",
        f"Saved: the model of {method.name} that is best on validation.",
        str(view.data.notes),
    ]
    facts: dict[str, Any] = {
        **facts_of(command),
        "network": network,
        "request": {"entries": len(forget), "sha256": sha256(request_bytes(forget))},
        "models": {
            "seed": command.seed + best,
            "given_sha256": network_digest(results[best][GIVEN].network),
            "unlearned_sha256": network_digest(results[best][method.name].network),
        },
        "minus_retrained": {name: {what: asdict(v) for what, v in of.items()} for name, of in gaps.items()},
        "paper": FAMILY.about(method.name)[1],
    }
    return Report(
        title=f"{method.name} on {view.name}, {network} without {len(forget):,} {entries}",
        metric="accuracy",
        rows=tuple(rows),
        facts=facts,
        notes=tuple(filter(None, notes)),
        unit=entries,
    )


def table(report: Report) -> Table:
    """One line per network: accuracy on remaining, forgotten and test entries, the attack, and the seconds."""
    shown = frame(report)
    shown.padding = 0
    shown.add_column("model", no_wrap=True)
    for header in ("remaining", "forgotten", "test", "membership\nAUC", "s"):
        shown.add_column(header, justify="right")
    for row in report.rows:
        values = (row.others["remaining"], row.others["forgotten"], row.test, row.others[ATTACK])
        shown.add_row(Text(row.name), *map(spread, values), shown_seconds(row))
    return shown
