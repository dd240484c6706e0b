"""``python -m fed``: clients learn together, on real data or on virtual data that never leave them; then a report.

Example::

    python -m fed --dataset digits-domains --clients 3 --method fedlgd --in-process --rounds 5

On a SuperLink of its own, clients in processes of Ray; with ``--in-process`` all clients run one after the other in
this process. ``flwr run .`` runs the same apps.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import rich.console

from fed.config import FedConfig
from fed.report import kept, report_of, write
from fed.superlink import MARK, run_on_superlink
from graphdistill.core import cli
from graphdistill.core.output import check_writable
from graphdistill.core.report import table

if TYPE_CHECKING:
    from flwr.app import RecordDict


@dataclass(frozen=True, kw_only=True)
class Command(FedConfig):
    """Options of the command."""

    output: Path = Path("runs/fed")
    """Folder for results.json, results.csv and, of fedlgd, global.png."""
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
    check_writable(command.output)
    # Torch takes a while to import; --help should not wait for it.
    from fed.data import parts

    config = command.config()
    names = [part.name for part in parts(config)]
    state = (_in_process if command.in_process else _on_superlink)(command, config)
    report = report_of(config, names, state)
    written = write(report, state, command.output)
    if not command.quiet:
        console = rich.console.Console()
        console.print(table(report))
        console.print(f"written to {command.output}: {', '.join(written)}")


def _in_process(command: Command, config: FedConfig) -> RecordDict:
    from fed.client_app import app as client
    from fed.grid import run_in_process
    from fed.server_app import app as server

    logging.getLogger("flwr").setLevel(logging.ERROR)
    log = logging.getLogger("fed")
    log.setLevel(logging.ERROR if command.quiet else logging.INFO)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    return run_in_process(server, client, config.run_config(), config.clients)


def _on_superlink(command: Command, config: FedConfig) -> RecordDict:
    def tell(line: str) -> None:
        if command.debug or (line.startswith(MARK) and not command.quiet):
            sys.stderr.write(line.removeprefix(MARK) + "\n")

    with tempfile.TemporaryDirectory(prefix="fed-") as folder:
        run_on_superlink({**config.run_config(), "output": folder}, config.clients, tell)
        return kept(Path(folder))


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m fed",
            description="Train one model at many clients, on their real data or on virtual data, and report.",
        )
    )
