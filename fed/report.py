"""What a federation tells in the end: accuracy by client, bytes, seconds by phase, the global images."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from fed.config import FedConfig
from graphdistill.condense.figure import draw
from graphdistill.condense.learnable import frozen
from graphdistill.core.output import publish
from graphdistill.core.report import Report, Row, peak_memory, write_report

if TYPE_CHECKING:
    from flwr.app import RecordDict


def report_of(config: FedConfig, names: list[str], state: RecordDict) -> Report:
    """Rows by client, one column each.

    Args:
        config: the federation.
        names: of clients, by number.
        state: what the server kept.
    """
    outcome: dict[str, Any] = json.loads(str(state.config_records["outcome"]["json"]))
    seconds, budget = outcome["seconds by phase"], 2 * config.per_class
    rows = [
        Row(
            name=config.method,
            network=names[int(client)],
            test=(value,),
            valid=(),
            nbytes=None,
            graphs=None,
            distill_seconds=seconds["virtual data of clients"] + seconds["virtual data of the server"],
            train_seconds=seconds["local training"],
        )
        for client, value in outcome["test"].items()
    ]
    phases = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    kind = "all real images" if config.method in ("fedavg", "fedprox") else f"{budget} images a class"
    notes = [
        f"{config.rounds} rounds, {kind} in each at a client; the model after round {outcome['chosen round']}, which "
        f"validation liked best ({outcome['valid']:.3f}); test read once.",
        f"Bytes of all messages: {outcome['bytes up']:,} up, {outcome['bytes down']:,} down. Seconds: {phases}.",
        *outcome["refused"],
    ]
    if config.virtual:
        notes.append(
            "Virtual data alone is no guarantee of privacy: the model that is sent can still tell of real data."
        )
    facts = {"config": asdict(config), **outcome, "peak_memory": peak_memory()}
    title = f"{config.method} on {config.dataset}, {config.clients} clients"
    return Report(title=title, metric="accuracy", rows=tuple(rows), facts=facts, notes=tuple(notes), entries="images")


def keep(state: RecordDict, folder: Path) -> None:
    """Write what the server keeps, for another process to read."""
    folder.mkdir(parents=True, exist_ok=True)
    if "global" in state:
        save_file(state.array_records["global"].to_torch_state_dict(), folder / "global.safetensors")
    (folder / "outcome.json").write_text(str(state.config_records["outcome"]["json"]), encoding="utf-8")


def kept(folder: Path) -> RecordDict:
    """What the server kept in another process."""
    from flwr.app import ArrayRecord, ConfigRecord, RecordDict

    state = RecordDict({"outcome": ConfigRecord({"json": (folder / "outcome.json").read_text(encoding="utf-8")})})
    if (folder / "global.safetensors").is_file():
        state["global"] = ArrayRecord(load_file(folder / "global.safetensors"))
    return state


def write(report: Report, state: RecordDict, folder: Path) -> list[str]:
    """Write all files of a report and return their names."""
    written = ["results.json", "results.csv"]
    with publish(folder) as draft:
        write_report(report, draft)
        if "global" in state:
            kept = state.array_records["global"].to_torch_state_dict()
            draw(frozen(kept["x"], kept["y"], {"method": "global virtual images"}), draft / "global.png")
            written.append("global.png")
    return written
