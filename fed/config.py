"""The options of a federation, for the command line and for Flower's run config alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from fed.methods import FAMILY, TrainOn, start_options, train_on, without
from graphdistill.core.command.base import check_counts
from graphdistill.core.command.paths import expanded
from graphdistill.core.device import DeviceName
from graphdistill.core.methods import MethodConfig, options_of

Partition = Literal["domain", "iid", "dirichlet", "scaffold", "custom"]
Weights = Literal["uniform", "size"]
CLIENTS = 3
"""Default number of clients."""


@dataclass(frozen=True, kw_only=True)
class FedOptions:
    """A federation: its data, its method and its training.

    ``method`` is given by name or as the method's config, and is always a config afterwards.
    """

    dataset: str = "digits-domains"
    """digits-domains, cifar10-corrupted, or image sets joined by commas, such as digits/mnist,digits/usps,digits; or
    one set of molecules: ogbg-molbace, ogbg-molhiv, pains, a .csv."""
    method: str | MethodConfig = "fedlgd"
    """Name of the method (list prints them all), or in Python its config, such as fedlgd.Config(contrast=0.0)."""
    train_on: Literal["auto", TrainOn] = "auto"
    """All real data of a client; a random subset of them in every round, with as many entries as a round on virtual
    data; virtual data; or images that the server draws from a generator of each client (generated), on which it trains
    alone. auto is real, or virtual for methods that train on nothing else."""
    clients: int = CLIENTS
    """Number of clients; with flwr run the default gives way to the number of nodes that Flower simulates."""
    rounds: int = 20
    """Rounds of training."""
    partition: Partition = "domain"
    """How data are divided: by data set, at random, with shares of every class from a Dirichlet distribution, by
    molecular scaffold, or, in Python, by a partitioner of flwr-datasets (custom)."""
    dirichlet_alpha: float = 0.5
    """Concentration of the Dirichlet distribution; the smaller it is, the more clients differ."""
    image_size: int = 0
    """Height and width of all images in pixels; 0 takes those of the largest set."""
    per_class: int = 10
    """Virtual entries of each class, at a client and at the server; molecules may yield fewer."""
    warm_up_steps: int = 300
    """Matching steps of a client's first virtual images; FedLGD's code has 10000, these take about 10 s on one core."""
    match_batch: int = 64
    """Real images of each class in a matching step of a client, divided among the groups of FedLGD; DM's paper has
    256, which costs CPUs four times as much."""
    passes: int = 2
    """Entries of a round on virtual data or on a subset, as a multiple of the virtual data of all classes."""
    batch_size: int = 32
    """Entries of a step at the clients."""
    diffusion_steps: int = 2000
    """Generated: the most training steps of the diffusion model that a client distils its generator from."""
    generator_steps: int = 300
    """Generated: distillation steps of a client's generator."""
    generator_width: int = 64
    """Generated: width of the layers of a client's generator; the bytes that it sends grow with its square."""
    drawn_per_class: int = 500
    """Generated: images that the server draws from all generators together, for each class on average."""
    support: float = 0.1
    """Molecules: share of the graphs of a class that must contain a set of trees for it to become a virtual
    molecule."""
    min_clients: int = 0
    """Federated Mirage and fedtrees: clients that must have a tree for it to count; 0 is 2 from three clients on,
    else 1."""
    support_epsilon: float = 0.0
    """Federated Mirage: epsilon of the noise on each count that a client sends; 0 is no noise."""
    lr: float = 0.0
    """Learning rate of SGD; 0 is the method's own, and 0.03 for molecules."""
    weights: Weights = "uniform"
    """Weights of the clients' models in the mean: equal, or by the size of the real training data."""
    participation: float = 1.0
    """Share of the clients that are sampled in each round."""
    statistics: bool = False
    """Clients send mean and deviation of the images of each class, from which the server's virtual images start."""
    dp_noise: float = 0.0
    """Differential privacy: deviation of the noise on the sum of updates over the clipping norm; 0 is no noise."""
    dp_clip: float = 0.0
    """Differential privacy: norm that updates are clipped to; 0 does not clip."""
    dp_side: Literal["server", "client"] = "server"
    """Where updates are clipped."""
    timeout: float = 1800.0
    """Seconds that the server waits for the next reply; clients that do not reply are left out."""
    device: DeviceName = "cpu"
    """Device that clients train on: cpu, cuda, or auto, the GPU where there is one; a client of a deployment may name
    its own by device in its --node-config. The server computes on the CPU."""
    skip_invalid: bool = False
    """Molecules of a .csv: leave out rows whose SMILES or label cannot be used."""
    resume: bool = False
    """Continue from the checkpoint in --output."""
    seed: int = 0
    """Seed of all randomness but the noise of --dp-noise, which must stay unknown."""

    def __post_init__(self) -> None:
        FAMILY.check(self.method)
        name = FAMILY.name_of(self.method)
        given = {} if isinstance(self.method, str) else options_of(self.method)
        # Built from the method's source, so that the config of a method equals its stand-in of the command line.
        object.__setattr__(self, "method", FAMILY.config_type(name)(**given))
        sides = Literal["server", "client"]
        for option, word in (
            ("partition", Partition),
            ("weights", Weights),
            ("device", DeviceName),
            ("dp_side", sides),
        ):
            if getattr(self, option) not in get_args(word):
                raise ValueError(
                    f"--{option.replace('_', '-')} {getattr(self, option)!r} is unknown; "
                    f"choose from {', '.join(get_args(word))}"
                )
        choices = ("auto", *train_on(name))
        if self.train_on not in choices:
            raise ValueError(f"--method {name} cannot --train-on {self.train_on}; choose from {', '.join(choices)}")
        check_counts(self, "clients", "rounds", "per_class", "match_batch", "passes", "batch_size")
        check_counts(self, "diffusion_steps", "generator_steps", "generator_width", "drawn_per_class")
        if self.image_size and self.image_size < 8:
            raise ValueError(f"--image-size must be 8 or more, got {self.image_size}")
        for name in ("warm_up_steps", "lr", "dp_noise", "dp_clip", "support_epsilon"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(self, name)}")
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"--timeout must be above 0 and finite, got {self.timeout}; 1800 is half an hour")
        if not self.dirichlet_alpha > 0:
            raise ValueError(f"--dirichlet-alpha must be above 0, got {self.dirichlet_alpha}")
        if not 0 < self.support < 1:
            raise ValueError(f"--support must be above 0 and below 1, got {self.support}; 0.1 is a tenth of a class")
        if not 0 <= self.min_clients <= self.clients:
            raise ValueError(f"--min-clients must be from 1 to --clients {self.clients}, got {self.min_clients}")
        if not 0 < self.participation <= 1:
            raise ValueError(f"--participation must be above 0 and at most 1, got {self.participation}")
        defaults = {f.name: f.default for f in fields(FedOptions)}
        for option, why in without(self.algorithm).items():
            if getattr(self, option) != defaults[option]:
                raise ValueError(
                    f"--{option.replace('_', '-')} {getattr(self, option)} does not apply to --method "
                    f"{self.algorithm}, {why}: leave it out"
                )
        if self.training_data == "generated":
            for option, default in (("participation", 1.0), ("dp_noise", 0.0), ("dp_clip", 0.0)):
                if getattr(self, option) != default:
                    raise ValueError(
                        f"--{option.replace('_', '-')} {getattr(self, option)} is for rounds in which clients train; "
                        f"with --train-on generated they do not: leave it out"
                    )
        if bool(self.dp_noise) != bool(self.dp_clip):
            raise ValueError(
                f"--dp-noise {self.dp_noise} and --dp-clip {self.dp_clip} must be given together: "
                "noise hides only updates of bounded length"
            )
        if self.dp_noise and self.weights != "uniform":
            raise ValueError("--weights size reveals the sizes that --dp-noise has to hide; give --weights uniform")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, got {self.seed}")

    @property
    def algorithm(self) -> str:
        """Name of the method."""
        assert isinstance(self.method, MethodConfig)
        return self.method.name

    @property
    def training_data(self) -> TrainOn:
        """What is trained on."""
        return train_on(self.algorithm)[0] if self.train_on == "auto" else self.train_on


@dataclass(frozen=True, kw_only=True)
class FedConfig(FedOptions):
    """A federation and its folders.

    Example:
        >>> FedConfig.of({"method": "fedprox", "options": '{"mu": 0.1}', "per-class": 3}).options
        {'mu': 0.1}
    """

    root: str = ""
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""
    output: str = ""
    """Folder for the report and for the checkpoint of every round. With flwr run the default is runs/fed in the folder
    where its SuperLink was started; in Python the default is to write nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume and not self.output:
            raise ValueError("--resume needs the --output folder of the run to continue")

    @classmethod
    def of(cls, run_config: Mapping[str, Any]) -> FedConfig:
        """The config that Flower's run config describes; options that it lacks have their defaults.

        Raises:
            ValueError: an option has a value that it cannot have, or the method lacks one of ``options``.
        """
        hints = get_type_hints(cls)
        kinds = {name: hint for name, hint in hints.items() if hint in (bool, int, float)}
        given = {f.name: run_config.get(f.name.replace("_", "-")) for f in fields(cls)}
        found = {name: kinds.get(name, str)(value) for name, value in given.items() if value is not None}
        found["method"] = _method(found.get("method", cls.method), str(run_config.get("options", "{}")))
        # The server's folder; that of data is each client's own, and read there.
        return cls(**{**found, "output": str(expanded(found["output"])) if found.get("output") else ""})

    def run_config(self) -> dict[str, str | int | float | bool]:
        """Flower's run config; ``options`` are those of the method that differ from their defaults, as JSON."""
        values = {f.name.replace("_", "-"): getattr(self, f.name) for f in fields(FedConfig)}
        return {**values, "method": self.algorithm, "options": json.dumps(self.changed)}

    def record(self) -> dict[str, Any]:
        """All options by name, with the method's name as ``method`` and its options as ``options``."""
        values = {f.name: getattr(self, f.name) for f in fields(FedConfig)}
        return {**values, "method": self.algorithm, "options": self.options}

    def settings(self) -> dict[str, Any]:
        """The options that results depend on: all but folders, devices, time limits and the number of rounds."""
        without = ("root", "output", "rounds", "resume", "timeout", "device")
        return {name: value for name, value in self.record().items() if name not in without}

    def on_nodes(self, count: int) -> FedConfig:
        """For a simulation of ``count`` nodes: it replaces the default number of clients, and any other must equal it.

        Raises:
            ValueError: the number of clients is neither the default nor that of the simulation.

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
    def options(self) -> dict[str, Any]:
        """The method's own options by name."""
        assert isinstance(self.method, MethodConfig)
        return options_of(self.method)

    @property
    def changed(self) -> dict[str, Any]:
        """The method's own options that differ from their defaults."""
        defaults = options_of(FAMILY.config_type(self.algorithm)())
        return {name: value for name, value in self.options.items() if value != defaults[name]}

    @property
    def label(self) -> str:
        """The method, with its data and its options where they are not the default.

        Example:
            >>> FedConfig(method="fedavg", train_on="subset").label
            'fedavg, subset'
            >>> FedConfig.of({"method": "fedlgd", "options": '{"contrast": 0}'}).label
            'fedlgd, contrast 0.0'
        """
        data = [self.training_data] if self.training_data != train_on(self.algorithm)[0] else []
        options = [f"{name.replace('_', '-')} {value}" for name, value in self.changed.items()]
        return ", ".join([self.algorithm, *data, *options])

    @property
    def least_clients(self) -> int:
        """Clients that must have a tree for it to count."""
        return self.min_clients or (2 if self.clients > 2 else 1)

    @property
    def start_options(self) -> dict[str, Any]:
        """The method and its options, as far as a client's tensors before the first round depend on them."""
        if self.training_data == "generated":
            return {name: getattr(self, name) for name in ("diffusion_steps", "generator_steps", "generator_width")}
        names = start_options(self.algorithm)
        return {} if names is None else {"method": self.algorithm, **{name: self.options[name] for name in names}}

    @property
    def at_server(self) -> bool:
        """Whether the server trains, and clients only count and evaluate."""
        return self.training_data == "generated" or self.options.get("trainer") == "server"


def _method(name: str, options: str) -> MethodConfig:
    """The config of a method from its name and its options as JSON, which anybody may have written."""
    FAMILY.check(name)
    made = FAMILY.config_type(name)
    try:
        given = json.loads(options)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"options are no JSON ({error}); give an object, such as '{{\"mu\": 0.1}}'") from error
    if not isinstance(given, dict):
        raise ValueError(f"options are {type(given).__name__}, wanted a JSON object, such as '{{\"mu\": 0.1}}'")
    kinds = {f.name: type(f.default) for f in fields(made)}
    if unknown := [repr(option)[:40] for option in given if option not in kinds]:
        raise ValueError(
            f"--method {name} has no option {', '.join(unknown)}; it has {', '.join(kinds) or 'no options'}"
        )
    for option, value in given.items():
        kind = kinds[option]
        # JSON writes a whole number without a point.
        if kind is float and type(value) is int and abs(value) < 2**53:
            given[option] = float(value)
        elif type(value) is not kind:
            raise ValueError(f"option {option} of --method {name} takes {kind.__name__}, got {repr(value)[:40]}")
    return made(**given)
