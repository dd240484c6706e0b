"""What a client keeps from round to round, and over restarts in files of its own."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

from torch import Tensor

from fed.config import FedConfig
from fed.part import Part
from graphdistill import __version__
from graphdistill.core.cards import read_carded, write_carded
from graphdistill.datasets import cache_folder

HOME = "GRAPHDISTILL_FED"
"""Environment variable that names the folder for clients' files; the user's cache without it."""


def home() -> Path:
    """The folder for clients' files."""
    named = os.environ.get(HOME)
    return Path(named) if named else cache_folder("fed")


def secret(client: int) -> bytes:
    """What a client's noise follows from: 32 bytes that are drawn once, kept in ``client-i.secret``, and never sent."""
    path = home() / f"client-{client}.secret"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def shared_key() -> bytes:
    """The secret that clients have in common and the server has not, if somebody laid it down as ``mirage.key``.

    Raises:
        ValueError: it is longer than 64 bytes.
    """
    path = home() / "mirage.key"
    key = path.read_bytes() if path.is_file() else b""
    if len(key) > 64:
        raise ValueError(f"{path} has {len(key)} bytes; give all clients the same 64 or fewer")
    return key


class Memory:
    """Files of one client: one for what it made before the first round, one for each round that changed something.

    They lie in a folder that is named by the hash of the client's data and of the settings that its first virtual data
    depend on. What is found again is what was kept in the same run, or before the first round, which is the same in
    every run whatever its method. Files of a run older than the last two rounds are removed.

    Args:
        config: the federation.
        client: number of the client.
        part: its data.
        run: name of the run; a run that is taken up keeps its name.
    """

    def __init__(self, config: FedConfig, client: int, part: Part, run: str):
        what = [part.digest, config.per_class, config.support, config.seed, client, config.material, __version__]
        key = hashlib.sha256(json.dumps(what).encode())
        self.folder, self.run = home() / f"client-{client}-{key.hexdigest()[:16]}", run

    def load(self, before: int) -> dict[str, Tensor]:
        """What was kept last before a round, by name; nothing if nothing was.

        Raises:
            ValueError: a file is damaged.
        """
        kept = [number for number in self._rounds() if number < before]
        paths = [self._path(max(kept))] if kept else []
        for path in [*paths, self._path(0)]:
            if path.is_file():
                return read_carded(path)[0]
        return {}

    def save(self, rounds: int, tensors: dict[str, Tensor]) -> None:
        """Keep ``tensors`` as they are after a round; 0 stands for before the first."""
        write_carded(self._path(rounds), tensors, {"round": rounds})
        for number in sorted(self._rounds())[:-2]:
            self._path(number).unlink(missing_ok=True)

    def _rounds(self) -> list[int]:
        return [int(path.stem.rpartition("-")[2]) for path in self.folder.glob(f"{self.run}-*.safetensors")]

    def _path(self, rounds: int) -> Path:
        return self.folder / (f"{self.run}-{rounds}.safetensors" if rounds else "start.safetensors")
