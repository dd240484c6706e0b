"""The tensors that a client keeps from round to round, in files of its own that outlast restarts."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from fed.client.private_files import checked_name, private_folder, secret_file
from fed.config import FedConfig
from fed.data.client_data import ClientData
from graphdistill import __version__
from graphdistill.core.command.output import write_text
from graphdistill.core.command.paths import expanded
from graphdistill.core.sets.safetensors_card import read_with_card, write_with_card
from graphdistill.datasets import cache_folder

NOTE = "start.json"
MAX_SECONDS = 1e8
HOME = "GRAPHDISTILL_FED"
"""Environment variable that names the folder for clients' files; the user's cache without it."""


def home() -> Path:
    """The folder of clients' files."""
    named = os.environ.get(HOME)
    return expanded(named) if named else cache_folder("fed")


def secret(client: int) -> bytes:
    """The secret of a client's noise: 32 random bytes, kept in ``client-i.secret`` and never sent.

    Raises:
        ValueError: others may read the file, or it is too short; see :func:`fed.client.private_files.secret_file`.
    """
    return secret_file(home() / f"client-{client}.secret")


def shared_key(path: str = "") -> bytes:
    """The secret of federated Mirage that all clients share and the server does not know.

    Clients that run on one machine share the file ``mirage.key`` in :func:`home`, which the first of them creates.
    On several machines each needs a copy of one file, there or where ``mirage-key`` of its ``--node-config`` points;
    the server refuses clients whose keys differ.

    Args:
        path: of the file. (default: ``mirage.key`` in :func:`home`)

    Raises:
        ValueError: others may read the file, or it is too short or too long; or ``path`` is absent.
    """
    if path and not expanded(path).is_file():
        raise ValueError(f"mirage-key {path} is no file; copy the other clients' key to it")
    return secret_file(expanded(path) if path else home() / "mirage.key")


class ClientStore:
    """Files of one client: one for its tensors before the first round, one for each round that changed some.

    Their folder is named by a hash of the client's data and of the options that its first virtual data depend on. A run
    loads its own tensors, or those before the first round, which all runs with these options share. Of a run, the files
    of the last two rounds are kept. The seconds spent before the first round are in ``start.json``.

    Args:
        config: the federation.
        client: number of the client.
        part: its data.
        run: name of the run, which a resumed run keeps; empty for the folder alone.

    Raises:
        ValueError: the name of the run, which comes from the server, could lead out of the folder.
    """

    def __init__(self, config: FedConfig, client: int, part: ClientData, run: str):
        what = [part.digest, config.per_class, config.support, config.seed, client, config.training_data, __version__]
        what += [config.warm_up_steps, config.match_batch, config.start_options]
        key = hashlib.sha256(json.dumps(what).encode())
        self.folder = home() / f"client-{client}-{key.hexdigest()[:16]}"
        self.run = checked_name(run, "run") if run else ""

    def load(self, before: int) -> dict[str, Tensor]:
        """The last tensors before a round, by name; empty if there are none.

        Raises:
            ValueError: a file is damaged.
        """
        kept = [number for number in self._rounds() if number < before]
        paths = [self._path(max(kept))] if kept else []
        for path in [*paths, self._path(0)]:
            if path.is_file():
                return read_with_card(path)[0]
        return {}

    def save(self, rounds: int, tensors: dict[str, Tensor], seconds: float = 0.0) -> None:
        """Store ``tensors`` of a round; 0 is before the first.

        Args:
            rounds: number of the round.
            tensors: by name.
            seconds: spent so far in this message on the tensors of round 0; those of earlier runs are added.
        """
        private_folder(self.folder)
        if not rounds and seconds:
            self._note(self._noted["seconds"] + seconds)
        write_with_card(self._path(rounds), tensors, {"round": rounds})
        self._path(rounds).chmod(0o600)
        for number in sorted(self._rounds())[:-2]:
            self._path(number).unlink(missing_ok=True)

    def claim_seconds(self) -> float:
        """Seconds that earlier runs spent before the first round; 0 if this run has claimed them already."""
        kept = self._noted
        if not kept["seconds"] or kept["run"] == self.run:
            return 0.0
        self._note(kept["seconds"])
        return float(kept["seconds"])

    @cached_property
    def _noted(self) -> dict[str, Any]:
        """The first content of the file of seconds; empty if it is absent or damaged, since only a time is lost."""
        try:
            kept = json.loads((self.folder / NOTE).read_text(encoding="utf-8"))
            return {"seconds": min(max(0.0, float(kept["seconds"])), MAX_SECONDS), "run": str(kept["run"])}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return {"seconds": 0.0, "run": ""}

    def _note(self, seconds: float) -> None:
        write_text(self.folder / NOTE, json.dumps({"seconds": seconds, "run": self.run}))
        (self.folder / NOTE).chmod(0o600)

    def _rounds(self) -> list[int]:
        numbers = [path.stem.rpartition("-")[2] for path in self.folder.glob(f"{self.run}-*.safetensors")]
        return [int(number) for number in numbers if number.isdecimal()]

    def _path(self, rounds: int) -> Path:
        return self.folder / (f"{self.run}-{rounds}.safetensors" if rounds else "start.safetensors")
