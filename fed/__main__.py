"""``python -m fed``: federated learning on real data or on virtual data that stay at the clients, and a report.

Example::

    python -m fed --dataset digits-domains --clients 3 --method fedlgd --in-process --rounds 5

It runs on a SuperLink of its own, with clients in processes of Ray; with ``--in-process`` all clients run one after the
other in this process. ``--method list`` prints the methods. ``flwr run .`` runs the same apps.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from fed.config import FedConfig, FedOptions
from fed.methods import FAMILY
from graphdistill.core.command import cli
from graphdistill.core.command.base import BaseCommand
from graphdistill.core.command.paths import expanded
from graphdistill.core.command.progress import Progress, progress


@dataclass(frozen=True, kw_only=True)
class Command(FedOptions, BaseCommand):
    """Options of the command."""

    output: Path = Path("runs/fed")
    """Folder for report.html, results.json, results.csv, the model, figures, the checkpoint of every round, and the
    clients' own files."""
    jobs: int | None = None
    """Clients that the simulation runs in parallel, each in a process of some 400 MB (default: 2)."""
    in_process: bool = False
    """Run all clients in this process, one after the other, without a SuperLink."""
    quiet: bool = False
    """Show no messages and no table."""

    def __post_init__(self) -> None:
        BaseCommand.__post_init__(self)
        FedOptions.__post_init__(self)
        if self.jobs is not None and self.in_process:
            raise ValueError(f"--jobs {self.jobs} is for the simulation, and --in-process runs one client at a time")

    def config(self) -> FedConfig:
        """The options of the federation alone, with absolute folders: processes of Flower and Ray run elsewhere."""
        options = {f.name: getattr(self, f.name) for f in fields(FedOptions)}
        root = str(expanded(self.root).resolve()) if self.root else ""
        return FedConfig(**options, root=root, output=str(expanded(self.output).resolve()))


def main(command: Command) -> None:
    """Load, federate, report."""
    config = command.config()
    folder = Path(config.output)
    command.check()
    # Torch takes a while to import; --help should not wait for it.
    from fed import report
    from fed.data import images as data
    from fed.runtime.lock import locked
    from fed.server.state import FILE, require
    from graphdistill.core.command.deliver import show
    from graphdistill.core.command.tracking import track_report

    if config.resume:
        require(folder)
    with _home(folder / "clients"), locked(folder):
        # Data that cannot be divided are refused before anything starts.
        with progress(command.quiet).step(f"loading {config.dataset}"):
            data.parts(config)
        try:
            if command.in_process:
                _in_process(command, config)
            else:
                _on_superlink(command, config)
        except KeyboardInterrupt as stop:
            if (folder / FILE).is_file():
                raise KeyboardInterrupt(f"--resume continues after the last complete round in {folder}") from stop
            raise
    found = report.read(folder)
    track_report(command.track, folder, found)
    if not command.quiet:
        show(report.table(found), folder, report.files(folder))


@contextlib.contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Keep clients' files in a folder while the block runs, unless the environment names another one."""
    from fed.client.store import HOME

    if HOME in os.environ:
        yield
        return
    os.environ[HOME] = str(folder)
    try:
        yield
    finally:
        del os.environ[HOME]


def _in_process(command: Command, config: FedConfig) -> None:
    from fed.client_app import app as client
    from fed.runtime.in_process import run_in_process
    from fed.server_app import app as server

    logging.getLogger("flwr").setLevel(logging.ERROR)
    log = logging.getLogger("fed")
    log.setLevel(logging.ERROR if command.quiet else logging.INFO)
    handler = logging.StreamHandler() if command.quiet else _Log(progress())
    log.addHandler(handler)
    try:
        run_in_process(server, client, config.run_config(), config.clients)
    finally:
        log.removeHandler(handler)


class _Log(logging.Handler):
    """Writes records as lines of the progress."""

    def __init__(self, bars: Progress) -> None:
        super().__init__()
        self.bars = bars

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.bars.write(self.format(record))


def _on_superlink(command: Command, config: FedConfig) -> None:
    from fed.runtime.superlink import ACTORS, MARK, run_on_superlink

    write = (lambda line: sys.stderr.write(line + "\n")) if command.quiet else progress().write

    def show(line: str) -> None:
        if command.debug or (line.startswith(MARK) and not command.quiet):
            write(line.removeprefix(MARK))

    record = run_on_superlink(config.run_config(), config.clients, show, actors=command.jobs or ACTORS)
    traffic = record.get("network-traffic", {})
    counts = {way: traffic.get(f"{way}bound-bytes", 0) for way in ("in", "out")}
    # Flower counts traffic over the network, which a simulation has none of.
    if any(counts.values()) and not command.quiet:
        shown = ", ".join(f"{way} {count:,}" for way, count in counts.items())
        sys.stderr.write(f"bytes by Flower's own counters: {shown}\n")


if __name__ == "__main__":
    sys.exit(
        cli.run(
            main,
            Command,
            prog="python -m fed",
            description="Train one model at many clients, on their real data or on virtual data, and report.",
            family=FAMILY,
        )
    )
