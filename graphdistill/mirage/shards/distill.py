"""From a file of molecules to a tree-count model and a coded set, shard by shard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Metric, Task
from graphdistill.core.parallel import Map, one_thread, open_engine
from graphdistill.core.ray_engine import check_answer
from graphdistill.core.training.metrics import score
from graphdistill.mirage.config import MirageConfig
from graphdistill.mirage.shards.coding import CODED_BYTES, MOLECULE_BYTES, Coding, code_within
from graphdistill.mirage.shards.config import PROCESS_BYTES, ShardsConfig
from graphdistill.mirage.shards.counting import supports_part
from graphdistill.mirage.shards.features import Counted
from graphdistill.mirage.shards.featurise import graphs_part
from graphdistill.mirage.shards.fit import fit
from graphdistill.mirage.shards.parts import Arrays
from graphdistill.mirage.shards.rows import SPLITS, Source
from graphdistill.mirage.shards.scoring import TreeCountModel, logits_of
from graphdistill.mirage.shards.selection import Selection, select
from graphdistill.mirage.shards.vocabulary import merged_part, ranges_for
from graphdistill.mirage.shards.work import SHARD_ROWS, Work, check_space, content_of

BYTES = 1_000_000
"""Budget where none is given: how many bytes all molecules take is not known before they are coded."""
SHARD_ROW_BYTES = 8000
"""Memory of a molecule while its shard is counted; measured on MOSES."""


@dataclass(frozen=True)
class ShardedResult:
    """What a run over shards gives.

    Attributes:
        model: the tree-count model.
        payload: tensors of the coded set.
        entries: molecules in it.
        task: task of the labels.
        metric: metric of the scores.
        scores: metric of the model by split.
        molecules: molecules by split.
        trees: counted trees by depth.
        content: sha256 of the file.
        seconds: seconds of each stage.
    """

    model: TreeCountModel
    payload: dict[str, torch.Tensor]
    entries: int
    task: Task
    metric: Metric
    scores: dict[str, float]
    molecules: dict[str, int]
    trees: tuple[int, ...]
    content: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Stored bytes of the set."""
        return sum(tensor.nbytes for tensor in self.payload.values())


@dataclass(frozen=True)
class Labels:
    """The labels of a file.

    Attributes:
        tasks: whether they are of many tasks.
        totals: training molecules with the labels 0 and 1 in each binary problem, ``[C, 2]``.
        classes: training molecules of each class, or of all with tasks.
    """

    tasks: bool
    totals: np.ndarray[Any, Any]
    classes: list[int]

    @property
    def balanced(self) -> bool:
        """Whether both labels weigh alike, as for ROC-AUC."""
        return self.tasks or len(self.classes) == 2


def distill_shards(
    source: Source,
    config: MirageConfig,
    shards: ShardsConfig,
    folder: Path,
    *,
    jobs: int = 1,
    seed: int = 0,
    skip_invalid: bool = False,
    progress: Progress = NO_PROGRESS,
) -> ShardedResult:
    """Distil a file of molecules that need not fit into memory, by shards on disk.

    A run that was interrupted goes on where it ended, with the same result; so does one with another number of shards
    or another engine, except that it starts again.

    Args:
        source: the file and its columns.
        config: budget, depth of the trees and bits of the labels.
        shards: engine, number of shards, memory of a process.
        folder: folder of the shards.
        jobs: parallel processes. (default: 1)
        seed: seed of all draws. (default: 0)
        skip_invalid: leave out rows that cannot be read. (default: they are an error)
        progress: shows bars. (default: silent)

    Raises:
        ValueError: the file is of another kind, rows are invalid, a class is missing, or memory or disk are too small.
    """
    budget = config.bytes or BYTES
    # Other processes may have another working directory.
    source, folder = replace(source, path=source.path.absolute()), folder.absolute()
    work = plan(source, shards, folder, budget=budget, depth=config.hops, seed=seed, skip_invalid=skip_invalid)
    clock = _Clock()
    with open_engine(shards.engine or "processes", jobs) as run, one_thread():
        stage = _Stage(work, run, progress, clock)
        folder.mkdir(parents=True, exist_ok=True)
        if not all(run(sees, [source.path, folder], range(jobs))):
            raise ValueError(
                f"the machines of --engine {shards.engine} do not see {source.path} or {folder}; give --dataset and "
                f"--work in a folder that they share"
            )
        with clock("splitting"), progress.step("splitting the file", 1) as advance:
            work.split()
            advance(1)
        counts = stage("featurising", shard_labels, work)
        labels = check_labels(source.path, counts)
        molecules = {name: int(sum(c["split"][k] for c in counts)) for k, name in enumerate(SPLITS)}
        trees = stage("counting trees", shard_trees, work)
        at_least = max(shards.min_graphs, int(molecules["train"] * shards.min_share))
        ranges = ranges_for(sum(trees), shards.memory_bytes - PROCESS_BYTES)
        with clock("merging supports"):
            list(run(merge_range, (work, ranges, at_least), range(ranges)))
        counted = Counted(work, ranges, at_least)
        stage("writing counts", shard_features, counted)
        with clock("fitting"), progress.step("fitting the model", None) as advance:
            arrays = work.parts(f"model-{work.depth}-{at_least}").get(
                0, lambda: {"coef": _fit(counted, run, labels, lambda text: advance(0, text))}
            )
        model = TreeCountModel(counted.ids, arrays["coef"])
        with clock("scoring"):
            metric: Metric = "rocauc" if labels.balanced else "accuracy"
            scores = _scores(list(run(shard_scores, (counted, model.coef), range(work.shards))), labels, metric)
        with clock("selecting"):
            selection = select(counted, model.coef, run, totals=labels.classes, most=budget, tasks=labels.tasks)
        stage("writing the selection", shard_selection, selection)
        task: Task = "multilabel" if labels.tasks else "multiclass"
        coding = Coding(selection, task, config.label_bits)
        with clock("coding"), progress.step("fitting the budget", None) as advance:
            entries = code_within(coding, run, budget, lambda text: advance(0, text))
        if entries < len(labels.classes):
            raise ValueError(f"the budget of {budget} bytes is below one molecule of each class; give more --bytes")
        payload = {name: torch.from_numpy(array) for name, array in coding.part(entries).items()}
    return ShardedResult(
        model=model,
        payload=payload,
        entries=entries,
        task=task,
        metric=metric,
        scores=scores,
        molecules=molecules,
        trees=tuple(map(len, counted.ids)),
        content=work.content,
        seconds=clock.seconds,
    )


def plan(
    source: Source, shards: ShardsConfig, folder: Path, *, budget: int, depth: int, seed: int, skip_invalid: bool
) -> Work:
    """Check the file, the disk and the memory, and divide the file.

    Raises:
        ValueError: as of :func:`distill_shards`.
    """
    source.check()
    if shards.engine is not None and shards.engine.startswith("ray://"):
        check_answer(shards.engine)
    rows = source.count()
    check_space(folder, rows)
    number = shards.shards or -(-rows // SHARD_ROWS)
    room = shards.memory_bytes - PROCESS_BYTES
    largest = -(-rows // number)
    if largest * SHARD_ROW_BYTES > room:
        least = -(-rows * SHARD_ROW_BYTES // room)
        raise ValueError(
            f"--memory {shards.memory} is too small for shards of {largest:,} molecules; give --shards {least} or "
            f"more, or more --memory"
        )
    coded = int(min(rows, budget / CODED_BYTES)) * MOLECULE_BYTES
    if coded > room:
        raise ValueError(
            f"--memory {shards.memory} is too small to code a set of {budget:,} bytes: give it "
            f"{(coded + PROCESS_BYTES) / 1e9:.1f}GB, or fewer --bytes"
        )
    return Work(source, folder, rows, number, content_of(source.path), depth, seed, skip_invalid=skip_invalid)


def check_labels(path: Path, counts: list[Arrays]) -> Labels:
    """Labels of all shards.

    Raises:
        ValueError: the training molecules lack a class, or a task lacks a label.
    """
    width = counts[0]["zero"].shape[0]
    if width > 1:
        totals = np.stack([np.sum([c[name] for c in counts], axis=0) for name in ("zero", "one")], axis=1)
        for number in np.flatnonzero((totals == 0).any(axis=1)).tolist():
            raise ValueError(f"{path}: label column {number + 1} does not hold both 0 and 1 in the training molecules")
        return Labels(True, totals, [int(sum(c["split"][0] for c in counts))])
    size = max(len(c["classes"]) for c in counts)
    classes = np.sum([np.pad(c["classes"], (0, size - len(c["classes"]))) for c in counts], axis=0)
    missing = np.flatnonzero(classes == 0).tolist()
    if missing or size < 2:
        raise ValueError(
            f"{path}: the training molecules have none of class {missing[0] if missing else 1}; number classes from 0 "
            f"without gaps, two or more"
        )
    one = classes[1:2] if size == 2 else classes
    return Labels(False, np.stack([classes.sum() - one, one], axis=1), classes.tolist())


def sees(paths: list[Path], _: int) -> bool:
    """Whether a process has these files and folders."""
    return all(path.exists() for path in paths)


def shard_labels(work: Work, shard: int) -> Arrays:
    """Featurise a shard and count its labels: molecules by split, training molecules by class or by task."""
    arrays = graphs_part(work, shard)
    y = arrays["y"][arrays["split"] == 0]
    out = {
        "split": np.bincount(arrays["split"], minlength=3),
        "zero": (y == 0).sum(axis=0),
        "one": (y == 1).sum(axis=0),
    }
    return {**out, "classes": np.bincount(y[:, 0].astype(np.int64)) if y.shape[1] == 1 else np.zeros(0, np.int64)}


def shard_trees(work: Work, shard: int) -> int:
    """Count the trees of a shard; returns the number of distinct ones."""
    return sum(len(array) for name, array in supports_part(work, shard).items() if name.startswith("ids"))


def merge_range(context: tuple[Work, int, int], number: int) -> None:
    """Merge the supports of a range of ids."""
    work, ranges, at_least = context
    merged_part(work, ranges, at_least, number)


def shard_features(counted: Counted, shard: int) -> None:
    """Write the counts of a shard."""
    counted.part(shard)


def shard_selection(selection: Selection, shard: int) -> None:
    """Write the selected molecules of a shard."""
    selection.part(shard)


def shard_scores(context: tuple[Counted, np.ndarray[Any, Any]], shard: int) -> Arrays:
    """Logits, labels and splits of a shard's molecules that are not for training, and training molecules apart."""
    counted, coef = context
    rows = counted.part(shard)
    held = rows["split"] > 0
    return {"logits": logits_of(rows, coef)[held], "y": rows["y"][held], "split": rows["split"][held]}


def _fit(counted: Counted, run: Map, labels: Labels, note: Callable[[str], object]) -> np.ndarray[Any, Any]:
    classes = len(labels.classes)
    columns = tuple(range(len(labels.totals))) if labels.tasks or classes > 2 else (1,)
    return fit(
        counted,
        run,
        columns=columns,
        tasks=labels.tasks,
        totals=labels.totals.astype(np.float64),
        balanced=labels.balanced,
        note=note,
    )


def _scores(parts: list[Arrays], labels: Labels, metric: Metric) -> dict[str, float]:
    """Metric of validation and test molecules, where there are any."""
    logits, y, split = (np.concatenate([part[name] for part in parts]) for name in ("logits", "y", "split"))
    out = {}
    for number, name in enumerate(SPLITS):
        here = split == number
        if here.any():
            values = torch.from_numpy(logits[here])
            pair = torch.cat([-values / 2, values / 2], dim=1) if values.shape[1] == 1 else values
            truth = torch.from_numpy(y[here])
            out[name] = score(pair, truth if labels.tasks else truth[:, 0].long(), metric)
    return out


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


@dataclass(frozen=True)
class _Stage:
    """Runs a function for every shard, with a bar and a clock."""

    work: Work
    run: Map
    progress: Progress
    clock: _Clock

    def __call__(self, name: str, function: Callable[[Any, int], Any], context: Any) -> list[Any]:
        with self.clock(name):
            done = self.run(function, context, range(self.work.shards))
            return list(self.progress.track(done, name, self.work.shards))
