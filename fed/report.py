"""The report of a federation: scores by client, bytes, seconds by phase, figures, virtual images, the model."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from fed.client.store import home
from fed.config import FedConfig
from fed.data.molecules import unpacked
from fed.figure import draw_clients, draw_rounds, title
from graphdistill.condense.data.learnable import frozen
from graphdistill.condense.figures.images import draw_images
from graphdistill.core.command.deliver import write_results
from graphdistill.core.command.output import publish
from graphdistill.core.command.report import Report, Row, frame, peak_memory, rows_of, versions
from graphdistill.core.data.tensors import tensor_bytes
from graphdistill.core.device import DeviceName, describe_device, resolve_device
from graphdistill.core.sets.checked_file import read_json
from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card
from graphdistill.core.sets.storage import save_set
from graphdistill.core.sets.synthetic import SyntheticSet

SHOWN = 12
"""Most clients whose scores and virtual images are shown one by one."""


def report_of(config: FedConfig, outcome: dict[str, Any]) -> Report:
    """A row for the method and one for each baseline, at each client.

    Args:
        config: the federation.
        outcome: as :func:`fed.server_app.federate` returns it.
    """
    seconds, scores = outcome["seconds by phase"], {config.label: outcome["test"], **outcome["baselines"]}
    making = seconds.get("virtual data of clients", 0.0) + seconds.get("virtual data of the server", 0.0)
    rows: list[Row] = []
    for name, by_client in scores.items():
        spent = {"distill_seconds": making, "train_seconds": seconds.get("local training")}
        tests = {title(outcome, client): (value,) for client, value in by_client.items()}
        rows += rows_of(name, tests, **(spent if name == config.label else {}))
    facts = {name: value for name, value in outcome.items() if name not in ("model", "broadcast")}
    facts = {"command": config.record(), **facts, "peak_memory": peak_memory(), "versions": versions()}
    facts["device"] = _device(config.device)
    return Report(
        title=f"{config.label} on {config.dataset}, {config.clients} client{'s' if config.clients > 1 else ''}",
        metric=outcome["metric"],
        rows=tuple(rows),
        facts=facts,
        notes=tuple(_notes(config, outcome)),
        unit=outcome["kind"],
    )


def _device(name: DeviceName) -> str:
    """The federation's device, with the GPU's model where this machine has it; clients may have others."""
    try:
        return describe_device(resolve_device(name))
    except ValueError:
        return name


def _notes(config: FedConfig, outcome: dict[str, Any]) -> list[str]:
    phases = ", ".join(f"{name} {value:.1f}" for name, value in outcome["seconds by phase"].items())
    choice = "the last one, since none was validated by all clients"
    if outcome["valid"] >= 0:
        choice = f"best on validation ({outcome['valid']:.3f})"
    notes = [
        *(f"Missing: {what}" for what in outcome["missing"]),
        f"Seed {config.seed}, {outcome['trees'].get('rounds', config.rounds)} rounds. The model after round "
        f"{outcome['chosen round']}, {choice}; test read once.",
        f"Bytes of all messages as they are sent: {outcome['bytes up']:,} up, {outcome['bytes down']:,} down. "
        f"Seconds: {phases}.",
        "Other methods, and all real data and real subsets, over several seeds: python -m graphdistill.bench fed",
    ]
    if merged := outcome["federated mirage"]:
        costs = zip(merged["bytes_up"], merged["bytes_down"], merged["training_bytes"], strict=True)
        costs_by_client = "; ".join(f"{up:,}, {down:,}, {own:,}" for up, down, own in costs)
        notes.append(
            f"Federated Mirage, {merged['rounds']} messages to a client: "
            f"{' and '.join(str(len(sets)) for sets in merged['supports'])} graphs of the classes. Bytes of each "
            f"client up, down, and of its training graphs: {costs_by_client}."
        )
    if fitted := outcome["trees"]:
        notes.append(
            f"{fitted['vocabulary']:,} trees; C {fitted['strength']:g}. The optimum of all clients' data together: the "
            f"gradient has length {fitted['gradient']:.1g}. The server sees each client's keyed ids, numbers of graphs "
            "by class, and gradients, which can tell of single graphs: no privacy is claimed. "
            "The model's ids are readable with the clients' key alone (fed.trees.client.readable)."
        )
    if sent := outcome["generators"]:
        model, x = tensor_bytes(*outcome["model"].values()), outcome["broadcast"]["x"]
        stored = config.per_class * len(outcome["broadcast"]["y"].unique()) * x[0].numel()
        each = "; ".join(
            f"{client}: {size:,} and {drawn:,}"
            for client, size, drawn in zip(sent["clients"], sent["bytes_up"], sent["drawn"], strict=True)
        )
        notes.append(
            f"Each client sent a generator once, and after it scores alone. Bytes of it, and images that were drawn "
            f"from it, by client: {each}. Models of a round would take {model:,} bytes a client, and "
            f"{config.per_class} stored virtual images of each class {stored:,}."
        )
        notes.append(
            "No privacy is claimed: a generator can repeat training images, and the server learns the number of a "
            "client's images of each class. Membership inference: python -m graphdistill.bench fed --parts privacy"
        )
    if config.skip_invalid:
        notes.append("Clients left out rows of their files whose SMILES or label cannot be used.")
    if outcome["privacy"]:
        notes.append(
            f"Differential privacy of clients: epsilon {outcome['privacy']['epsilon']:.3g} at delta "
            f"{outcome['privacy']['delta']:g} after {outcome['privacy']['releases']} rounds; the scores and losses "
            "that clients send are not covered."
        )
    elif config.training_data == "virtual":
        notes.append(
            "Virtual data alone are no guarantee of privacy: the model that is sent can still reveal real data."
        )
    return [*notes, *dict.fromkeys(outcome["refused"])]


def write(config: FedConfig, outcome: dict[str, Any]) -> None:
    """Write results.json, results.csv, report.html, figures, the model, and images of the available virtual data.

    Clients' virtual images are drawn where clients ran on this machine with their files in the folder of results. A
    figure that fails is named in the report and in ``outcome["missing"]``, and nothing else is lost.
    """
    folder, missing = Path(config.output), outcome["missing"]
    with publish(folder) as draft:
        card = {"config": config.settings(), "rounds": outcome["chosen round"]}
        write_with_card(draft / "model.safetensors", outcome["model"], card)
        with _spare(draft, "rounds.png", missing):
            draw_rounds(outcome, draft / "rounds.png")
        with _spare(draft, "clients.png", missing):
            draw_clients(config, outcome, draft / "clients.png")
        if outcome["kind"] == "molecules":
            if merged := outcome["federated mirage"]:
                x, y, weight = unpacked(outcome["broadcast"])
                save_set(SyntheticSet(x, y, weight, features="ogb", meta=merged), draft)
        else:
            _draw_images(config, outcome, draft)
        found = report_of(config, outcome)
        write_results(found, table(found), draft)


def _draw_images(config: FedConfig, outcome: dict[str, Any], draft: Path) -> None:
    """Grids of the global virtual images, and of those of some clients."""
    missing = outcome["missing"]
    if "x" in outcome["broadcast"]:
        with _spare(draft, "global.png", missing):
            held = outcome["broadcast"]
            draw_images(frozen(held["x"], held["y"], {"method": "global virtual images"}), draft / "global.png")
    for client in list(outcome["test"])[:SHOWN] if home().parent == Path(config.output) else []:
        with _spare(draft, f"client-{client}.png", missing):
            files = list(home().glob(f"client-{client}-*/*.safetensors"))
            kept = read_with_card(max(files, key=lambda path: path.stat().st_mtime_ns))[0] if files else {}
            if "virtual.x" in kept:
                name = f"virtual images of client {client}, {outcome['names'].get(client, '')}"
                draw_images(
                    frozen(kept["virtual.x"], kept["virtual.y"], {"method": name}), draft / f"client-{client}.png"
                )


@contextlib.contextmanager
def _spare(draft: Path, name: str, missing: list[str]) -> Iterator[None]:
    """Continue without a file that cannot be made, and list it as missing."""
    try:
        yield
    except Exception as error:  # Training takes hours; no figure may lose its results.
        missing.append(f"{name}: {type(error).__name__}: {error}")
        (draft / name).unlink(missing_ok=True)


def read(folder: Path) -> Report:
    """Read the report in a folder."""
    found = read_json(folder / "results.json")
    names = {f.name for f in dataclasses.fields(Row)}
    rows = []
    for row in found["rows"]:
        kept = {name: value for name, value in row.items() if name in names}
        rows.append(Row(**{**kept, "test": tuple(kept["test"]), "valid": tuple(kept["valid"])}))
    whole = {name: found[name] for name in ("title", "metric", "facts", "unit") if name in found}
    return Report(**whole, rows=tuple(rows), notes=tuple(found["notes"]))


def table(report: Report) -> Table:
    """A line for each client (with many clients for the worst, the median and the best), and the mean."""
    columns: dict[str, dict[str, float]] = {}
    for row in report.rows:
        columns.setdefault(row.name, {})[str(row.group)] = row.mean
    first = next(iter(columns.values()), {})
    shown = frame(report, over="clients")
    shown.add_column("client")
    for name in columns:
        shown.add_column(name, justify="right")
    clients = list(first)
    if len(clients) > SHOWN:
        ranked = sorted(clients, key=lambda client: first[client])
        clients = [ranked[0], ranked[len(ranked) // 2], ranked[-1]]
    for client in clients:
        shown.add_row(
            Text(client), *[f"{column[client]:.3f}" if client in column else "" for column in columns.values()]
        )
    means = [list(column.values()) for column in columns.values()]
    spread = [f"{statistics.fmean(v):.3f} ±{statistics.stdev(v) if len(v) > 1 else 0:.3f}" for v in means]
    everyone = f"mean of {len(first)}" if first else "no client was tested"
    shown.add_row(Text(everyone, style="bold"), *spread)
    return shown


def files(folder: Path) -> list[str]:
    """Names of the files in a folder of results."""
    return [path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
