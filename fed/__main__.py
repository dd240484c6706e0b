"""``python -m fed``: clients learn together, on real data or on virtual data that never leave them; then a report.

Example::

    python -m fed --dataset digits-domains --clients 3 --method fedlgd --in-process --rounds 5

With ``--in-process`` all clients run one after the other in this process. On a SuperLink the same apps run by
``flwr run .``.
"""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import rich.console

from fed.config import FedConfig
from graphdistill.core import cli
from graphdistill.core.output import check_writable


@dataclass(frozen=True, kw_only=True)
class Command(FedConfig):
    """Options of the command."""

    output: str = "runs/fed"
    """Folder for the report, the model, figures, the checkpoint of every round, and clients' own files."""
    in_process: bool = False
    """Run all clients in this process, without a SuperLink."""
    quiet: bool = False
    """No messages, no table."""
    debug: bool = False
    """Show the traceback of an error."""

    def config(self) -> FedConfig:
        """What the federation is told."""
        return FedConfig(**{f.name: getattr(self, f.name) for f in fields(FedConfig)})


def main(command: Command) -> None:
    """Load, federate, report."""
    if not command.in_process:
        raise ValueError("give --in-process to run here; on a SuperLink the same apps run by: flwr run .")
    folder = Path(command.output).resolve()
    check_writable(folder)
    config = replace(command.config(), output=str(folder))
    # Flower takes a while to import; --help should not wait for it.
    from fed import data, memory, report
    from fed.client_app import app as client
    from fed.grid import run_in_process
    from fed.server_app import app as server

    os.environ.setdefault(memory.HOME, str(folder / "clients"))
    logging.getLogger("flwr").setLevel(logging.ERROR)
    log = logging.getLogger("fed")
    log.setLevel(logging.ERROR if command.quiet else logging.INFO)
    handler = logging.StreamHandler()
    log.addHandler(handler)
    try:
        # What clients cannot hold is told before anything begins.
        data.parts(config)
        run_in_process(server, client, config.run_config(), config.clients)
    finally:
        log.removeHandler(handler)
    if not command.quiet:
        report.show(report.read(folder), folder, rich.console.Console())


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m fed",
            description="Train one model at many clients, on their real data or on virtual data, and report.",
        )
    )
