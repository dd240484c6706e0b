"""The state of a federation, and the checkpoint that it is resumed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from fed.config import FedConfig
from fed.data.client_data import Facts, Statistics, network
from fed.methods._method import method_of
from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card

FILE = "checkpoint.safetensors"
"""In the folder of results."""
TENSORS = ("arrays", "sent", "best", "broadcast")


def require(folder: Path) -> None:
    """Refuse to resume from a folder without a checkpoint.

    Raises:
        ValueError: there is none.
    """
    if not (folder / FILE).is_file():
        raise ValueError(f"--resume: there is no {FILE} in {folder}; give the --output of a run that was cut")


@dataclass
class ServerState:
    """The state of a federation between rounds; a checkpoint holds all of it.

    Attributes:
        run: name of the run.
        rounds: number of rounds so far.
        arrays: the global model, and the extra arrays that travel with it.
        sent: the same before the last round.
        best: the same of the best model on validation.
        best_valid, best_rounds: its mean score over clients, and the number of its rounds.
        broadcast: the method's tensors for all clients.
        broadcast_changed: whether the method has changed them since the first round.
        history: a dictionary for each round.
        seconds: time by phase.
        releases: rounds in which a mean over clients was taken.
        spent: bytes up and down so far.
        merged: the card of federated Mirage's set, with its cost.
        generators: bytes of the clients' generators, as of :class:`fed.server.generated.Drawn`.
        data: keyed digest of each client's data.
    """

    run: str
    arrays: dict[str, Tensor]
    rounds: int = 0
    sent: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_valid: float = -1.0
    best_rounds: int = 0
    broadcast: dict[str, Tensor] = field(default_factory=dict)
    broadcast_changed: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    releases: int = 0
    spent: tuple[int, int] = (0, 0)
    merged: dict[str, Any] = field(default_factory=dict)
    generators: dict[str, Any] = field(default_factory=dict)
    data: dict[int, str] = field(default_factory=dict)

    def keep_best(self, valid: dict[int, float], arrays: dict[str, Tensor], rounds: int) -> None:
        """Keep a model if its mean validation score over clients is the best so far."""
        if not valid:
            return
        mean = sum(valid.values()) / len(valid)
        if mean > self.best_valid:
            self.best_valid, self.best_rounds, self.best = mean, rounds, arrays

    def add_time(self, phase: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    @classmethod
    def first(cls, config: FedConfig, facts: Facts, run: str, statistics: Statistics | None = None) -> ServerState:
        """The state before the first round."""
        method, net = method_of(config), network(facts, config.seed)
        arrays = {**net.state_dict(), **method.extra_arrays(net)}
        return cls(run, arrays, broadcast=method.first_broadcast(config, facts, statistics))

    def write(self, folder: Path, config: FedConfig) -> None:
        """Write the checkpoint into a folder, whole or not at all."""
        tensors = {f"{part}.{name}": value for part in TENSORS for name, value in getattr(self, part).items()}
        card = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in TENSORS}
        write_with_card(folder / FILE, tensors, {"config": config.settings(), **card})

    @classmethod
    def read(cls, folder: Path, config: FedConfig, data: Mapping[int, str] | None = None) -> ServerState:
        """Read a checkpoint that :meth:`write` wrote.

        Args:
            folder: where it was written.
            config: the federation that is resumed.
            data: keyed digest of the data of each client that takes part. (default: not compared)

        Raises:
            ValueError: the checkpoint is absent or damaged, or its run had another config or other data.
        """
        require(folder)
        try:
            tensors, card = read_with_card(folder / FILE)
            before = card.pop("config")
            parts: dict[str, dict[str, Tensor]] = {name: {} for name in TENSORS}
            for name, value in tensors.items():
                part, _, rest = name.partition(".")
                parts[part][rest] = value
            for line in card["history"]:
                line["valid before"] = {int(client): value for client, value in line["valid before"].items()}
            card["data"] = {int(client): digest for client, digest in card["data"].items()}
            made = cls(**{**card, **parts})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"--resume: {error}; start a new run without --resume") from error
        for name, value in config.settings().items():
            if before.get(name) != value:
                raise ValueError(
                    f"--resume: the run in {folder} had --{name.replace('_', '-')} {before.get(name)!r}, now it is "
                    f"{value!r}; give the same, or start a new run without --resume"
                )
        if others := [
            str(client) for client, digest in (data or {}).items() if made.data.get(client, digest) != digest
        ]:
            raise ValueError(
                f"--resume: client{'s' if len(others) > 1 else ''} {', '.join(others)} had other data (or another "
                f"secret file) in the run in {folder}; give the same, or start a new run without --resume"
            )
        if made.rounds > config.rounds:
            raise ValueError(f"--resume: {made.rounds} rounds are done, but --rounds is {config.rounds}; give more")
        return made
