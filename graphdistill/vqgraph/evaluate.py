"""Evaluation of teacher, student and baselines with the same data, width, epochs, learning rate and seeds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from scipy import stats
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import k_hop_subgraph

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.command.report import Row, rows_of
from graphdistill.core.data.datasets import NodeDataset
from graphdistill.core.data.sparse_features import SparseFeatures
from graphdistill.core.data.tensors import to_device
from graphdistill.core.device import device_of, synchronize
from graphdistill.core.randomness import generator, scoped
from graphdistill.core.training.metrics import score
from graphdistill.kd.features.relation_matching import RelationMatching
from graphdistill.kd.nodes.inductive import InductiveSplit, Setting, inductive_split
from graphdistill.kd.nodes.reliable_neighbours import ReliableNeighbours, reliability
from graphdistill.kd.nodes.sampling import Neighbours
from graphdistill.kd.nodes.teachers import TeacherName, build_teacher, find_layer, fit_teacher, teacher_outputs
from graphdistill.vqgraph.config import VQGraphConfig
from graphdistill.vqgraph.distill import (
    Distilled,
    Loss,
    build_student,
    distill_vqgraph,
    fit_student,
    hard_loss,
    soft_loss,
)
from graphdistill.vqgraph.student import VQGraphStudent

NAMES = {
    "teacher": "teacher {}",
    "vqgraph": "VQGraph student",
    "glnn": "GLNN: teacher's soft labels",
    "krd": "KRD: reliable neighbours",
    "relations": "relation matching",
    "mlp": "MLP on labels only",
    "untrained": "untrained MLP",
}
METHODS = tuple(NAMES)
NAMES |= {
    "paper teacher": "published quantized teacher {}",
    "paper student": "published student, selected on TEST",
    "paper ours": "VQGraph student, selected on TEST",
    "paper glnn": "GLNN, selected on TEST",
}
CHOSEN_ON_TEST = ("paper student", "paper ours", "paper glnn")


def accuracy(logits: Tensor, y: Tensor) -> float:
    """Share of the most probable classes that are right."""
    return score(logits, y, "accuracy")


def macro_f1(logits: Tensor, y: Tensor) -> float:
    """Mean over classes of the F1 score of the most probable classes.

    Example:
        >>> round(macro_f1(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1, 1])), 4)
        0.6667
    """
    return float(f1_score(y, logits.argmax(dim=1), average="macro"))


@dataclass
class Scores:
    """Test scores and validation accuracies of one model, one number per seed.

    Attributes:
        test: score by column: ``test``, or ``tran`` (seen), ``ind`` (unseen) and ``prod`` (both, 0.8 and 0.2).
        valid: validation accuracy of the checkpoints.
        seconds: seconds of training.
        measure: score of logits ``[n, C]`` and labels on test. (default: accuracy)
    """

    test: dict[str, list[float]] = field(default_factory=dict)
    valid: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    measure: Callable[[Tensor, Tensor], float] = accuracy

    def add(self, split: InductiveSplit, seen: Tensor, unseen: Tensor, valid: float, seconds: float) -> None:
        """Add the scores of logits of the observed and of the held-out nodes."""
        test = split.data.test
        tran = self.measure(seen[test], split.data.y[test])
        found = {"test": tran}
        if len(split.unseen):
            ind = self.measure(unseen, split.whole.y[split.unseen])
            found = {"tran": tran, "ind": ind, "prod": 0.8 * tran + 0.2 * ind}
        for name, value in found.items():
            self.test.setdefault(name, []).append(value)
        self.valid.append(valid)
        self.seconds.append(seconds)

    def extend(self, other: Scores) -> None:
        """Append the scores of further seeds."""
        for name, values in other.test.items():
            self.test.setdefault(name, []).extend(values)
        self.valid.extend(other.valid)
        self.seconds.extend(other.seconds)


def normalize_features(data: NodeDataset) -> NodeDataset:
    """The data with each node's features scaled to unit length, the same for all models."""
    return replace(data, x=F.normalize(data.x.float(), dim=1))


@torch.no_grad()
def logits_of(student: VQGraphStudent, x: Tensor) -> Tensor:
    """Logits of a student, computed on its device, on the CPU."""
    logits: Tensor = student(x.to(device_of(student)))
    return logits.cpu()


@dataclass(frozen=True)
class TrainedTeacher:
    """A trained teacher, its split, and its outputs on the observed graph."""

    teacher: nn.Module
    layer: str
    split: InductiveSplit
    logits: Tensor
    hidden: Tensor
    valid: float
    seconds: float


def train_teacher(
    split: InductiveSplit,
    name: TeacherName,
    config: VQGraphConfig,
    *,
    layer: str = "",
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress = NO_PROGRESS,
) -> TrainedTeacher:
    """Build and train a teacher on the observed graph, on a device."""
    classes = int(split.whole.y.max()) + 1
    with scoped(seed, "teacher's weights"):
        teacher, usual = build_teacher(name, split.data.x.shape[1], classes, hidden_channels=config.hidden)
        teacher = teacher.to(device)
    find_layer(teacher, layer or usual)
    if config.code_weight and config.num_codes > len(split.data.y):
        raise ValueError(f"num_codes is {config.num_codes} but there are only {len(split.data.y)} nodes; take fewer")
    start = time.perf_counter()
    training = replace(config.teacher, batch_size=config.teacher.batch_size or config.batch_size)
    fitted = fit_teacher(teacher, split.data, training, seed=seed, progress=progress)
    seconds = time.perf_counter() - start
    layer = layer or usual
    logits, hidden = teacher_outputs(
        teacher, layer, split.data.x, split.data.edge_index, batch_size=config.batch_size, seed=seed
    )
    return TrainedTeacher(teacher, layer, split, logits, hidden, fitted.valid, seconds)


def score_seed(
    data: NodeDataset,
    name: TeacherName,
    setting: Setting,
    config: VQGraphConfig,
    scores: dict[str, Scores],
    *,
    seed: int,
    layer: str = "",
    methods: Sequence[str] = METHODS,
    device: torch.device | str = "cpu",
    progress: Progress = NO_PROGRESS,
) -> tuple[TrainedTeacher, Distilled | None]:
    """Train and score all models once on one split, on a device, and add the results to ``scores``."""
    split = inductive_split(normalize_features(data), setting, generator=generator(seed, "held out", data.name))
    trained = train_teacher(split, name, config, layer=layer, seed=seed, device=device, progress=progress)
    later = trained.logits[:0]
    if len(split.unseen):
        graph = split.whole.x, split.whole.edge_index
        later = teacher_outputs(trained.teacher, trained.layer, *graph, batch_size=config.batch_size, seed=seed)[0][
            split.unseen
        ]
    distilled = None
    for method in methods:
        here = scores.setdefault(method, Scores())
        if method == "teacher":
            here.add(split, trained.logits, later, trained.valid, trained.seconds)
            continue
        if method == "vqgraph":
            distilled = distill_vqgraph(
                trained.teacher,
                split.data,
                config,
                layer=trained.layer,
                generator=torch.Generator().manual_seed(seed),
                progress=progress,
                outputs=(trained.logits, trained.hidden),
            )
            student, valid, seconds = distilled.student, distilled.valid, distilled.seconds
        else:
            start = time.perf_counter()
            student, valid = baseline(method, trained, config, seed)
            seconds = time.perf_counter() - start
        with torch.no_grad():
            seen, unseen = (logits_of(student, x) for x in (split.data.x, split.whole.x[split.unseen]))
            here.add(split, seen, unseen, valid, seconds)
    return trained, distilled


def baseline(method: str, trained: TrainedTeacher, config: VQGraphConfig, seed: int) -> tuple[VQGraphStudent, float]:
    """A baseline student with the same network, learning rate, dropout and epochs, and its validation accuracy."""
    device = device_of(trained.teacher)
    data = to_device(trained.split.data, device)
    with scoped(seed, "weights"):
        student = build_student(data.x.shape[1], trained.logits.shape[1], config).to(device)
    if method == "untrained":
        return student.eval(), 0.0
    soft = trained.logits.to(device).softmax(dim=1)
    losses: dict[str, Callable[[], list[Loss]]] = {
        "mlp": lambda: [hard_loss(data)],
        "glnn": lambda: [soft_loss(soft)],
        "relations": lambda: [soft_loss(soft), _relation_loss(trained.hidden.to(device), seed)],
        "krd": lambda: [soft_loss(soft), _neighbour_loss(trained, data, soft, config, seed)],
    }
    return student, fit_student(student, data, losses[method](), config, seed=seed).valid


def _relation_loss(hidden: Tensor, seed: int) -> Loss:
    """Relation matching with the teacher's hidden layer ``[N, H]``."""
    relations, draws = RelationMatching(), generator(seed, "relations")

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        return relations(h, hidden[nodes], generator=draws).mean()

    return loss


def _neighbour_loss(trained: TrainedTeacher, data: NodeDataset, soft: Tensor, config: VQGraphConfig, seed: int) -> Loss:
    """Soft labels ``[N, C]`` of reliable neighbours."""

    def predict(x: Tensor) -> Tensor:
        return teacher_outputs(
            trained.teacher, trained.layer, x, data.edge_index, batch_size=config.batch_size, seed=seed
        )[0]

    reliable = reliability(predict, data.x, generator(seed, "noise"), logits=trained.logits)
    neighbours, draws = ReliableNeighbours(soft, data.edge_index, reliable), generator(seed, "neighbours")

    def loss(nodes: Tensor, logits: Tensor, h: Tensor) -> Tensor:
        return neighbours(nodes, logits, draws).mean()

    return loss


def rows(scores: dict[str, Scores], teacher: str) -> list[Row]:
    """A row of the report for each model and column."""
    return [
        row
        for method, found in scores.items()
        for row in rows_of(
            NAMES[method].format(teacher),
            found.test,
            valid=() if method in ("untrained", *CHOSEN_ON_TEST) else tuple(found.valid),
            train_seconds=sum(found.seconds) / len(found.seconds),
        )
    ]


def paired(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Mean difference of two models over the same seeds, and the p-value of a paired t-test.

    The p-value is NaN for a single seed, or if all differences are equal.

    Example:
        >>> gain, p = paired([0.8, 0.9, 0.7], [0.7, 0.8, 0.61])
        >>> round(gain, 3), p < 0.01
        (0.097, True)
    """
    differences = [a - b for a, b in zip(values, others, strict=True)]
    gain = sum(differences) / len(differences)
    if max(differences) - min(differences) < 1e-12:
        return gain, float("nan")
    return gain, float(stats.ttest_1samp(differences, 0).pvalue)


def over_glnn(scores: dict[str, Scores], method: str) -> str:
    """Gain in points over GLNN with the same selection, in the last column, with its p-value; empty for GLNN."""
    other = scores.get("paper glnn" if method in CHOSEN_ON_TEST else "glnn")
    if other is None or other is scores[method]:
        return ""
    column = list(other.test)[-1]
    gain, p = paired(scores[method].test[column], other.test[column])
    return f"{100 * gain:+.2f}" + (f" (p {p:.2g})" if p == p else "")


@torch.no_grad()
def latency(trained: TrainedTeacher, student: nn.Module, *, seed: int = 0, draws: int = 50) -> dict[str, float]:
    """Milliseconds per prediction for one node, on the networks' device, or on torch's threads.

    ``teacher`` samples the node's full receptive field and runs on it; ``teacher, PyG`` does so by PyG's
    ``k_hop_subgraph``, which scans all edges; ``student`` runs on one row; ``student, full batch`` is a run on all
    nodes divided by their number, with sparse CSR features if most are zero. The minimum of three rounds over ``draws``
    nodes.
    """
    device = device_of(student)
    data = trained.split.whole
    neighbours = Neighbours(data.edge_index, len(data.y))
    data = to_device(data, device)
    layers = [module for module in trained.teacher.modules() if isinstance(module, MessagePassing)]
    hops = max(1, sum(getattr(layer, "K", 1) for layer in layers))
    sparse = SparseFeatures(data.x).segments is not None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        whole = data.x.to_sparse_csr() if sparse else data.x
    nodes = torch.randperm(len(data.y), generator=generator(seed, "latency"))[:draws].split(1)
    trained.teacher.eval()
    student.eval()

    def run_teacher(node: Tensor) -> None:
        near, edges = neighbours.sample(node, [-1] * hops, generator(0))
        trained.teacher(data.x[near.to(device)], edges.to(device))

    def run_by_pyg(node: Tensor) -> None:
        node, count = node.to(device), len(data.y)
        near, edges, place, _ = k_hop_subgraph(node, hops, data.edge_index, relabel_nodes=True, num_nodes=count)
        trained.teacher(data.x[near], edges)[place]

    calls: dict[str, tuple[Callable[[Tensor], object], Sequence[Tensor], int]] = {
        "teacher": (run_teacher, nodes, len(nodes)),
        "teacher, PyG": (run_by_pyg, nodes, len(nodes)),
        "student": (lambda node: student(data.x[node.to(device)]), nodes, len(nodes)),
        "student, full batch": (lambda _: student(whole), nodes[:3], len(nodes[:3]) * len(data.y)),
    }
    found, on_gpu = {}, device.type == "cuda"
    for name, (call, over, count) in calls.items():
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            for node in over:
                call(node)
                if on_gpu:
                    synchronize(device)
            best = min(best, time.perf_counter() - start)
        found[name] = 1000 * best / count
    return found
