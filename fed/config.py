"""What a federation may be told, in the words of the command line and of Flower's run config alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

Method = Literal["fedavg", "fedavg-subset", "fedavg-virtual", "fedprox", "fedlgd"]
Partition = Literal["domain", "iid", "dirichlet"]


@dataclass(frozen=True, kw_only=True)
class FedConfig:
    """A federation: who holds what, what is learnt and how.

    Example:
        >>> FedConfig.of({"method": "fedavg", "rounds": 2, "per-class": 3}).per_class
        3
    """

    dataset: str = "digits-domains"
    """digits-domains, cifar10-corrupted, or image sets joined by commas, such as digits/mnist,digits/usps,digits."""
    root: str = ""
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    method: Method = "fedlgd"
    """Who trains on what: all real data, an equal-step random part, virtual data."""
    clients: int = 3
    """Number of clients."""
    rounds: int = 20
    """Rounds of training."""
    partition: Partition = "domain"
    """By data set, at random, or with shares of every class drawn from a Dirichlet distribution."""
    alpha: float = 0.5
    """Of the Dirichlet distribution; the smaller, the more clients differ."""
    per_class: int = 10
    """Virtual images of each class, at a client and at the server."""
    seed: int = 0
    """Of everything that is drawn."""

    def __post_init__(self) -> None:
        for name, word in (("method", Method), ("partition", Partition)):
            if getattr(self, name) not in get_args(word):
                raise ValueError(
                    f"--{name} {getattr(self, name)!r} is unknown; choose from {', '.join(get_args(word))}"
                )
        for name in ("clients", "rounds", "per_class"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        if not self.alpha > 0:
            raise ValueError(f"--alpha must be above 0, got {self.alpha}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")

    @classmethod
    def of(cls, run_config: Mapping[str, Any]) -> FedConfig:
        """From Flower's run config; what it does not name has its default."""
        hints = get_type_hints(cls)
        given = {f.name: run_config.get(f.name.replace("_", "-")) for f in fields(cls)}
        kinds = {"clients": int, "rounds": int, "per_class": int, "seed": int, "alpha": float}
        return cls(**{k: kinds.get(k, str)(v) for k, v in given.items() if v is not None and k in hints})

    def run_config(self) -> dict[str, str | int | float | bool]:
        """As Flower's run config."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}

    @property
    def virtual(self) -> bool:
        """Whether clients train on virtual images."""
        return self.method in ("fedavg-virtual", "fedlgd")
