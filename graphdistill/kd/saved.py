"""Trained networks in folders of commands, which another command begins with."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from graphdistill.core.sets.storage import read_card
from graphdistill.kd.data.view import View
from graphdistill.kd.evaluate import build
from graphdistill.kd.storage import FILE, FORMAT, load_network

FILES = ("model.safetensors", FILE)
"""Files of weights that commands write, the first that is there counts."""


def named_or_saved(folder: Path | None, view: View, name: str = "", *, seed: int = 0) -> tuple[str, nn.Module | None]:
    """Name of the network of a command, and the trained one if a folder of one is given.

    Args:
        folder: as of :func:`saved_network`; ``None`` if the network is to be trained.
        view: the data.
        name: name of the network. (default: that of the card, or the first of the kind)
        seed: seed of the weights that are replaced. (default: 0)

    Raises:
        FileNotFoundError, ValueError: as of :func:`saved_network`, or there is no network of this name.
    """
    if folder is not None:
        return saved_network(folder, view, name, seed=seed)
    name = name or next(iter(view.TEACHERS))
    build(view, name, "network", seed)  # fails before any training
    return name, None


def saved_network(folder: Path, view: View, name: str = "", *, seed: int = 0) -> tuple[str, nn.Module]:
    """Load the network that ``--model`` names, built by the name in its card.

    Args:
        folder: folder that a command wrote with :func:`~graphdistill.kd.storage.save_network`.
        view: the data.
        name: name of the network. (default: that of its card)
        seed: seed of the weights that are replaced. (default: 0)

    Returns:
        Name and network, in evaluation mode on the device of the view.

    Raises:
        FileNotFoundError: the folder holds no network.
        ValueError: the network is of other data, its card names none, or a file is damaged.
    """
    facts = read_card(folder, FORMAT, {"facts": dict}, writer="save_network")["facts"]
    name = name or str(facts.get("network") or facts.get("student") or "")
    if not name:
        raise ValueError(f"--model {folder.name}: its card names no network; give --network")
    if facts.get("dataset", view.name) != view.name:
        raise ValueError(
            f"--model {folder.name} was trained on {facts['dataset']}, but --dataset is {view.name}; give the "
            "data that it was trained on"
        )
    file = next((file for file in FILES if (folder / file).is_file()), FILE)
    return name, load_network(build(view, name, "network", seed), folder, file=file).to(view.device)
