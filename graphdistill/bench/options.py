"""Options of the benchmarks, without heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fed.config import FedConfig, Partition
from fed.methods import TrainOn
from graphdistill.core.command.base import check_counts
from graphdistill.core.config_checks import check_positive
from graphdistill.core.device import DeviceName, resolve_device
from graphdistill.core.methods import MethodConfig, names
from graphdistill.core.parallel import check_jobs, default_jobs
from graphdistill.generate.methods import FAMILY as GENERATE
from graphdistill.protect.config import Defence

if TYPE_CHECKING:
    import torch

CodecPart = Literal["sets", "prior", "labels", "memory", "plain"]
CondensePart = Literal["methods", "bytes", "probe", "units", "unroll", "fair", "large", "expansions"]


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """Options of every bench."""

    device: DeviceName = "cpu"
    """Device that networks are trained on; auto is the GPU where there is one, else the CPU."""
    debug: bool = False
    """Show the traceback of an error."""

    @property
    def torch_device(self) -> torch.device:
        """The device.

        Raises:
            ValueError: this machine has no such device.
        """
        return resolve_device(self.device)


@dataclass(frozen=True, kw_only=True)
class DataOptions(BenchOptions):
    """Options of benches that load data sets."""

    root: Path | None = None
    """Folder of data sets (default: $GRAPHDISTILL_DATA, else the user cache)."""


@dataclass(frozen=True, kw_only=True)
class ArraysBench(DataOptions):
    """Options of ``python -m graphdistill.bench arrays``; distilled images are learnt on the CPU."""

    parts: tuple[Literal["images", "distilled", "rows"], ...] = ("images", "distilled", "rows")
    """Parts to run."""
    datasets: tuple[str, ...] = ("digits", "mnist5k", "digits/usps", "cifar10_subset")
    """Sets of images; the distilled part takes the first two."""
    sizes: tuple[int, ...] = (10, 50, 500, 5000)
    """Numbers of random training images; all of them where there are fewer."""
    steps: int = 300
    """Steps of distribution matching; where the images are learnt further, they are more like noise."""


@dataclass(frozen=True, kw_only=True)
class CodecBench(DataOptions):
    """Options of ``python -m graphdistill.bench codec``; no network is trained, so it runs on the CPU alone."""

    parts: tuple[CodecPart, ...] = get_args(CodecPart)
    """Parts to run."""
    datasets: tuple[str, ...] = ("ogbg-molhiv", "ogbg-molbace", "NCI1", "MUTAG", "pains")
    """Data sets; memory and the plain part take the first."""
    sizes: tuple[int, ...] = (1000, 100)
    """Numbers of random graphs, in addition to all graphs."""
    draws: int = 5
    """Draws of at most 100 graphs, of which the mean is reported."""


@dataclass(frozen=True, kw_only=True)
class CondenseBench(DataOptions):
    """Options of ``python -m graphdistill.bench condense``."""

    parts: tuple[CondensePart, ...] = get_args(CondensePart)
    """Parts to run."""
    datasets: tuple[str, ...] = ("digits", "mnist5k", "planetoid-cora", "citeseer", "digits-knn", "ogbg-molbace")
    """Data sets of methods, bytes and probe; of fair and large those of their own that are named (default: all)."""
    methods: tuple[str, ...] = ()
    """Methods (default: all that support the data, in the bytes part dm, gcondx and ridge)."""
    bits: tuple[int, ...] = (8, 6, 5, 4, 3, 2)
    """Bits of the bytes part."""
    per_class: tuple[int, ...] = ()
    """Entries per class (default: 1 and 10 for images, 10 for other data), in the probe part images in all."""
    seeds: int = 3
    """Number of sets of each method."""
    trainings: int = 3
    """Number of trainings of the network on each set."""


FedPart = Literal["methods", "ablations", "privacy", "molecules", "trees", "clients"]


@dataclass(frozen=True, kw_only=True)
class FedBench(DataOptions):
    """Options of ``python -m graphdistill.bench fed``."""

    parts: tuple[FedPart, ...] = get_args(FedPart)
    """Parts to run."""
    datasets: tuple[str, ...] = ("digits-domains",)
    """Data sets of all parts but the last three, each as --dataset of python -m fed takes it."""
    partition: Partition = "domain"
    """How their images are divided."""
    molecules: tuple[str, ...] = ("pains", "ogbg-molbace")
    """Data sets of the molecules and trees parts; four clients share each by scaffold."""
    references: tuple[TrainOn, ...] = ("real", "subset")
    """Data that fedavg trains on for comparison, in the methods part."""
    methods: tuple[str, ...] = ("fedavg", "fedbn", "fedprox", "moon", "scaffold", "vhl", "fedlgd")
    """Methods of the methods part, on virtual data."""
    clients: int = 3
    """Clients of all parts but the last."""
    supports: tuple[float, ...] = (0.05, 0.1, 0.03)
    """Shares of a class that molecules are mined at: the first by all methods, the others by federated Mirage."""
    rounds: int = 20
    """Rounds of training."""
    image_size: int = 16
    """Height and width of all images in pixels; 0 takes those of the largest set, 28 of the digits."""
    per_class: int = 10
    """Virtual images of each class, at a client and at the server."""
    lrs: tuple[float, ...] = (0.1, 0.2, 0.4)
    """Learning rates; the best on validation with the first seed is used with all seeds (one: no choice)."""
    seeds: int = 3
    """Federations of each method."""

    def config(self, dataset: str, method: str | MethodConfig, **more: Any) -> FedConfig:
        """A federation of this bench."""
        given = {
            "clients": self.clients,
            "rounds": self.rounds,
            "per_class": self.per_class,
            "root": str(self.root or ""),
        }
        given |= {"image_size": self.image_size, "partition": self.partition, "device": self.device}
        return FedConfig(**{**given, "dataset": dataset, "method": method, **more})


@dataclass(frozen=True, kw_only=True)
class CircuitsBench(DataOptions):
    """Options of ``python -m graphdistill.bench circuits``; circuits are learnt on the CPU."""

    datasets: tuple[str, ...] = ("digits", "digits/mnist")
    """Sets of gray images."""
    images: int = 1000
    """Test images that are compressed, or all where there are fewer."""
    states: int = 16
    """Hidden states of each pixel."""
    epochs: int = 40
    """Most passes of expectation maximisation."""


def _claims() -> tuple[str, ...]:
    """Parts of the bench of knowledge distillation, a module each."""
    return tuple(name.replace("_", "-") for name in names(Path(__file__).parent / "kd"))


@dataclass(frozen=True, kw_only=True)
class GenerateBench(DataOptions):
    """Options of ``python -m graphdistill.bench generate``."""

    parts: tuple[Literal["sources", "mixture", "forgetting"], ...] = ("sources", "mixture", "forgetting")
    """Parts to run: sources of entries on data sets, a mixture of normal distributions with an exact teacher, and a
    class that is forgotten."""
    datasets: tuple[str, ...] = ("digits", "digits/usps", "mnist5k")
    """Sets of images, rows or graphs."""
    methods: tuple[str, ...] = ("dmd2", "sim")
    """Methods of distillation."""
    sampling_steps: tuple[int, ...] = (1,)
    """Evaluations of each generator for an entry."""
    image_size: int = 16
    """The most pixels of a side; larger images are resized."""
    steps: int = 600
    """Updates of a generator."""
    seeds: int = 3
    """Number of teachers, each with its generators, on one split."""
    teachers: Path | None = None
    """Folder that teachers are read from, or written to (default: they are trained, and not kept)."""
    jobs: int | None = None
    """Parallel processes, one thread each (default: one per available core)."""

    def __post_init__(self) -> None:
        for method in self.methods:
            GENERATE.check(method)
        for count in self.sampling_steps:
            if count < 1:
                raise ValueError(f"--sampling-steps must be 1 or more, got {count}")
        check_counts(self, "steps", "seeds")
        if self.image_size < 8:
            raise ValueError(f"--image-size must be 8 or more, got {self.image_size}")
        check_jobs(self.jobs, "--jobs")


@dataclass(frozen=True, kw_only=True)
class KDBench(DataOptions):
    """Options of ``python -m graphdistill.bench kd``."""

    parts: tuple[str, ...] = field(default_factory=_claims)
    """Parts to run, each the claim of a method or a check (default: all)."""
    seeds: int = 10
    """Number of seeds: teacher, student and split have the same seed in all rows, so that differences are paired."""
    first_seed: int = 0
    """First seed; later seeds add 1 each."""
    steps: int | None = None
    """Steps of every training (default: those of each part)."""
    jobs: int | None = None
    """Parallel processes, one thread each (default: one per available core)."""

    def __post_init__(self) -> None:
        unknown = [part for part in self.parts if part not in _claims()]
        if unknown:
            raise ValueError(f"--parts {unknown[0]!r} is unknown; choose from {', '.join(_claims())}")
        check_positive(self, "seeds", label=lambda name: f"--{name}")
        check_jobs(self.jobs, "--jobs")

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def num_jobs(self) -> int:
        """Number of parallel processes."""
        return self.jobs or default_jobs()


@dataclass(frozen=True, kw_only=True)
class LosslessBench(DataOptions):
    """Options of ``python -m graphdistill.bench lossless``."""

    parts: tuple[Literal["steps", "epochs", "plateau", "large"], ...] = ("steps", "epochs", "plateau", "large")
    """Parts to run: passes over all graphs at once, epochs of mini-batches, training to a plateau, OGB's size."""
    dataset: str = "ogbg-molhiv"
    """Data set; its training split is used."""
    networks: tuple[Literal["GCN", "GraphSAGE", "GIN", "GAT", "GATv2", "GraphConv", "Transformer"], ...] = (
        "GCN",
        "GraphSAGE",
        "GIN",
        "GAT",
    )
    """Convolutions of PyG."""
    depths: tuple[int, ...] = (2, 3)
    """Numbers of layers."""
    batch_size: int = 512
    """Graphs in a mini-batch."""
    budgets: tuple[int, ...] = (12_000, 60_000)
    """Bytes of the coded sets that are trained to a plateau."""
    target: float = 0.75
    """Validation score that the seconds of training are measured to."""
    seeds: int = 3
    """Number of seeds of training to a plateau."""


@dataclass(frozen=True, kw_only=True)
class MirageBench(DataOptions):
    """Options of ``python -m graphdistill.bench mirage``."""

    parts: tuple[Literal["cost", "lossless", "accuracy"], ...] = ("cost", "lossless", "accuracy")
    """Parts to run."""
    datasets: tuple[str, ...] = ("ogbg-molhiv", "ogbg-molbace", "NCI1", "pains")
    """Data sets of the accuracy part; cost and lossless take the first."""
    budgets: tuple[int, ...] = ()
    """Bytes of the sets in the accuracy part. (default: those of the targets)"""
    hops: int = 2
    """Depth of trees and networks in the accuracy part."""
    seeds: int = 5
    """Number of trainings of each network, each on a separate draw (distilled or random)."""


@dataclass(frozen=True, kw_only=True)
class ProtectBench(DataOptions):
    """Options of ``python -m graphdistill.bench protect``."""

    datasets: tuple[str, ...] = ("digits", "mnist5k")
    """Sets of images."""
    filter_sizes: tuple[int, ...] = ()
    """Sides of the filters (default: that of the method)."""
    defences: tuple[Defence, ...] = (
        "augmentation",
        "smoothing",
        "random-filters",
        "adversarial",
        "clean-validation",
    )
    """Trainings besides the plain one."""
    blur: float = 0.06
    """Largest weight of all places of a filter but one."""
    keys: int = 3
    """Number of keys and splits, each with a training of every network."""
    first_key: int = 0
    """First of them; later ones add 1 each."""
    steps: int = 300
    """Optimizer steps of a training."""


@dataclass(frozen=True, kw_only=True)
class ScaleBench(DataOptions):
    """Options of ``python -m graphdistill.bench scale``; it runs on the CPU alone."""

    parts: tuple[Literal["loading", "tables", "shards"], ...] = ("loading", "tables", "shards")
    """Parts to run: ways to read molecules, loads of whole tables, and a file of millions in shards."""
    datasets: tuple[str, ...] = ("ogbg-molhiv", "ogbg-molbace")
    """OGB's sets of molecules, whose tables of SMILES are read."""
    molecules: int = 8192
    """Random molecules that ways to read them are compared on."""
    rounds: int = 5
    """Number of rounds; the minimum time counts."""
    jobs: tuple[int, ...] = (1, 2)
    """Numbers of processes that whole tables are loaded with; shards take the largest."""
    wheel: Path = Path("molsets-0.3.1-py3-none-any.whl")
    """Wheel of molsets, whose molecules are read in shards: pip download --no-deps molsets==0.3.1."""
    sizes: tuple[int, ...] = (100_000, 500_000, 1_936_962)
    """Numbers of molecules in shards."""
    engine: str = "ray"
    """Engine of shards: serial, processes, ray or ray://HOST:PORT."""
    memory: str = "2GB"
    """Most memory of a process on shards."""
    bytes: int = 1_000_000
    """Budget of the set that is made from shards."""


@dataclass(frozen=True, kw_only=True)
class ScatterBench(BenchOptions):
    """Options of ``python -m graphdistill.bench scatter``."""

    parts: tuple[Literal["segments", "gather", "moments", "codes"], ...] = ("segments", "gather", "moments", "codes")
    """Parts to run."""
    scale: float = 1.0
    """Share of the full numbers of entries and rows to use."""
    rounds: int = 10
    """Number of rounds; the minimum time counts."""
    seed: int = 0
    """Seed of the random input."""


@dataclass(frozen=True, kw_only=True)
class SearchBench(DataOptions):
    """Options of ``python -m graphdistill.bench search``."""

    parts: tuple[Literal["networks", "memory"], ...] = ("networks", "memory")
    """Parts to run: choosing one of 24 networks, and tasks one after another with a memory."""
    datasets: tuple[str, ...] = ("mnist5k", "planetoid-cora", "pains")
    """Data sets that networks are chosen for: images of 16 pixels or more, nodes or graphs."""
    per_class: int = 10
    """Entries of each class in the small set; of graphs it takes a tenth of the bytes."""
    tasks: tuple[str, ...] = ("digits", "mnist5k")
    """Images whose classes are learnt two by two."""
    memory: int = 10
    """Entries of each class that are remembered."""
    seeds: int = 3
    """Number of small sets, of trainings on all the data, and of orders of the classes."""
    jobs: int | None = None
    """Parallel processes, one thread each (default: one per available core)."""

    def __post_init__(self) -> None:
        check_counts(self, "per_class", "memory", "seeds")
        check_jobs(self.jobs, "--jobs")


@dataclass(frozen=True, kw_only=True)
class VQGraphBench(DataOptions):
    """Options of ``python -m graphdistill.bench vqgraph``."""

    parts: tuple[Literal["accuracy", "targets", "paper", "cost", "latency", "large"], ...] = (
        "accuracy",
        "targets",
        "paper",
        "cost",
        "latency",
        "large",
    )
    """Parts to run."""
    datasets: tuple[str, ...] = ("cora", "citeseer")
    """Data sets of accuracy and paper; cost and latency take the first."""
    settings: tuple[Literal["transductive", "inductive"], ...] = ("transductive", "inductive")
    """Settings of the accuracy and targets parts."""
    seeds: int = 10
    """Number of splits, teachers and students."""
    graphs: tuple[str, ...] = ("cora", "citeseer", "facebook", "twitch-de", "twitch-es")
    """Data sets of the targets part; those of twitch are scored by macro-F1."""
    first_seed: int = 100
    """First seed of the targets part: nothing was chosen on 100 and later ones."""
    jobs: int | None = None
    """Parallel processes of the targets part, one thread each (default: one per available core)."""
    nodes: int = 1_000_000
    """Nodes of the large synthetic graph; it has five times as many edges."""
