"""What a federation may be told, in the words of the command line and of Flower's run config alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from fed.methods import METHODS
from graphdistill.core.command.paths import expanded

Partition = Literal["domain", "iid", "dirichlet", "scaffold"]
Weights = Literal["uniform", "size"]
CLIENTS = 3
"""Clients where nobody says how many."""


@dataclass(frozen=True, kw_only=True)
class FedConfig:
    """A federation: who holds what, what is learnt and how.

    Example:
        >>> FedConfig.of({"method": "fedavg", "rounds": 2, "per-class": 3}).per_class
        3
    """

    dataset: str = "digits-domains"
    """digits-domains, cifar10-corrupted, or image sets joined by commas, such as digits/mnist,digits/usps,digits; or
    one set of molecules: ogbg-molbace, ogbg-molhiv, pains, a .csv."""
    root: str = ""
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: str = ""
    """Folder for the report and for the checkpoint of every round. flwr run takes runs/fed, in the folder where its
    SuperLink was started; from Python nothing is written without it."""
    method: str = "fedlgd"
    """fedavg, fedprox, scaffold, moon, fedbn or vhl, on all real data or, as in fedavg-subset and fedavg-virtual, on an
    equal-step random part or on virtual data; or fedlgd. On molecules fedmirage trains at the server on what all
    clients have in common, fedmirage-fedavg at the clients."""
    clients: int = CLIENTS
    """Number of clients; with flwr run the default gives way to the number of nodes that Flower simulates."""
    rounds: int = 20
    """Rounds of training."""
    partition: Partition = "domain"
    """By data set, at random, with shares of every class drawn from a Dirichlet distribution, by scaffold."""
    alpha: float = 0.5
    """Of the Dirichlet distribution; the smaller, the more clients differ."""
    side: int = 0
    """Pixels of a side of all images; 0 takes that of the largest set."""
    per_class: int = 10
    """Virtual entries of each class, at a client and at the server; molecules may yield fewer.
    A round of all but real data takes twice as many entries."""
    support: float = 0.1
    """Molecules: sets of trees that this share of the graphs of a class have become virtual molecules."""
    min_clients: int = 0
    """Federated Mirage: trees that fewer clients have are left out; 0 is 2 from three clients on, else 1."""
    support_epsilon: float = 0.0
    """Federated Mirage: epsilon of the noise on each count that a client tells; 0 is none."""
    rate: float = 0.0
    """Step size of SGD at the clients; 0 is the method's own, 0.03 for molecules."""
    weights: Weights = "uniform"
    """What a client's model counts for: each the same, or by the size of its real training data."""
    participation: float = 1.0
    """Share of clients that are drawn in each round."""
    statistics: bool = False
    """Clients tell mean and deviation of their classes' images, which the server's virtual images begin with."""
    dp_noise: float = 0.0
    """Differential privacy: deviation of the noise on the sum of updates over the clipping norm; 0 is none."""
    dp_clip: float = 0.0
    """Differential privacy: an update is cut to this length; 0 leaves it."""
    dp_side: Literal["server", "client"] = "server"
    """Who cuts updates."""
    timeout: float = 1800.0
    """Seconds that the server waits for the next answer of a client; one that does not answer is left out."""
    skip_invalid: bool = False
    """Molecules of a .csv: leave out rows whose SMILES or label cannot be used."""
    resume: bool = False
    """Go on from the checkpoint in --output."""
    seed: int = 0
    """Of everything that is drawn, save the noise of --dp-noise, which nobody shall know."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"--method {self.method!r} is unknown; choose from {', '.join(METHODS)}")
        for name, word in (("partition", Partition), ("weights", Weights), ("dp_side", Literal["server", "client"])):
            if getattr(self, name) not in get_args(word):
                raise ValueError(
                    f"--{name.replace('_', '-')} {getattr(self, name)!r} is unknown; "
                    f"choose from {', '.join(get_args(word))}"
                )
        for name in ("clients", "rounds", "per_class"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 1 or more, got {getattr(self, name)}")
        if self.side and self.side < 8:
            raise ValueError(f"--side must be 8 or more, got {self.side}")
        for name in ("rate", "dp_noise", "dp_clip", "support_epsilon"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"--timeout must be above 0 and finite, got {self.timeout}; 1800 is half an hour")
        if not self.alpha > 0:
            raise ValueError(f"--alpha must be above 0, got {self.alpha}")
        if not 0 < self.support < 1:
            raise ValueError(f"--support must be above 0 and below 1, got {self.support}; 0.1 is a tenth of a class")
        if not 0 <= self.min_clients <= self.clients:
            raise ValueError(f"--min-clients must be from 1 to --clients {self.clients}, got {self.min_clients}")
        if not 0 < self.participation <= 1:
            raise ValueError(f"--participation must be above 0 and at most 1, got {self.participation}")
        if bool(self.dp_noise) != bool(self.dp_clip):
            raise ValueError(
                f"--dp-noise {self.dp_noise} and --dp-clip {self.dp_clip} belong together: "
                "noise hides updates of a known length only; give both"
            )
        if self.dp_noise and self.weights != "uniform":
            raise ValueError("--weights size tells the sizes that --dp-noise shall hide; give --weights uniform")
        if self.resume and not self.output:
            raise ValueError("--resume needs the --output folder of the run to go on with")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")

    @classmethod
    def of(cls, run_config: Mapping[str, Any]) -> FedConfig:
        """From Flower's run config; what it does not name has its default."""
        hints = get_type_hints(cls)
        kinds = {name: hint for name, hint in hints.items() if hint in (bool, int, float)}
        given = {f.name: run_config.get(f.name.replace("_", "-")) for f in fields(cls)}
        found = {name: kinds.get(name, str)(value) for name, value in given.items() if value is not None}
        # The server's folder; that of data is each client's own, and read there.
        return cls(**{**found, "output": str(expanded(found["output"])) if found.get("output") else ""})

    def run_config(self) -> dict[str, str | int | float | bool]:
        """As Flower's run config."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}

    def settings(self) -> dict[str, Any]:
        """What results depend on: all but folders, time limits and how far the run goes."""
        return {k: v for k, v in asdict(self).items() if k not in ("root", "output", "rounds", "resume", "timeout")}

    def on_nodes(self, count: int) -> FedConfig:
        """For a simulation of so many nodes: the default number of clients gives way, another one must be the same.

        Raises:
            ValueError: the config has another number of clients than the default, and the simulation another than that.

        Example:
            >>> FedConfig().on_nodes(2).clients
            2
        """
        if self.clients not in (count, CLIENTS):
            raise ValueError(
                f"--clients is {self.clients}, but Flower simulates {count} nodes; give flwr run "
                f"--federation-config 'num-supernodes={self.clients}', or --run-config 'clients={count}'"
            )
        return replace(self, clients=count)

    @property
    def algorithm(self) -> str:
        """The method, whatever it is trained on: the module of :mod:`fed.methods` that it is."""
        return self.method.partition("-")[0]

    @property
    def at_server(self) -> bool:
        """Whether clients only count and judge."""
        return self.method == "fedmirage"

    @property
    def material(self) -> str:
        """What a method without data of its own trains on: ``real``, ``subset`` or ``virtual``."""
        return self.method.partition("-")[2] or "real"
