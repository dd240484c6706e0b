"""Distil a teacher into a student on data of any kind, by the method of a name or a config."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphdistill.core.command.progress import NO_PROGRESS, Progress
from graphdistill.core.data.datasets import Dataset
from graphdistill.core.methods import MethodConfig
from graphdistill.core.training.loop import FitResult
from graphdistill.core.training.metrics import score
from graphdistill.datasets import as_dataset
from graphdistill.kd.config import KDConfig
from graphdistill.kd.data.kinds import readable, view_of
from graphdistill.kd.data.view import View
from graphdistill.kd.methods import FAMILY, needs_teacher
from graphdistill.kd.objective import Context, FoundStudent, Objective
from graphdistill.kd.teachers.ensemble import MeanTeachers, WeightedTeachers
from graphdistill.kd.teachers.stored import StoredTeacher
from graphdistill.kd.training import fit_objective


def distill_kd(
    student: nn.Module,
    teacher: nn.Module | Sequence[nn.Module] | None,
    data: Dataset | Data | Sequence[Data],
    method: str | MethodConfig = "kd",
    config: KDConfig = KDConfig(),
    *,
    generator: torch.Generator | None = None,
    progress: Progress = NO_PROGRESS,
    device: torch.device | str = "cpu",
    labelled: Tensor | None = None,
    domain: Tensor | None = None,
) -> nn.Module:
    """Train a student in place on a teacher's outputs, and leave it at the checkpoint that is best on validation.

    A method that searches a student trains and returns another network of the given one's family.

    Student and teacher are any modules that return logits, or an object with ``logits``. They get those inputs that
    their ``forward`` names: nodes and graphs ``x``, ``edge_index``, ``edge_attr``, ``batch`` or ``data`` of PyG, images
    ``images`` or ``pixel_values``, text ``tokens``, ``input_ids`` or ``attention_mask``; a module that names none gets
    features, images, tokens or the PyG batch as its first argument.

    Args:
        student: the network that is trained.
        teacher: the trained network, which only methods that train both networks change, or its stored logits
            (:func:`~graphdistill.kd.teachers.load_logits`), or several networks, whose probabilities are averaged.
            Self-distillation ignores it; give ``None``.
        data: the data, of this library or PyG graphs that :func:`graphdistill.datasets.load` reads. Checkpoints are
            chosen on the validation split; the test split is not read. Methods for text read molecules as
            :func:`~graphdistill.kd.data.smiles.smiles_texts`.
        method: name of the method, or its config, such as ``TAIDConfig(alpha=0)``. (default: ``kd``)
        config: training of the student. (default: by the kind of data)
        generator: its initial seed seeds batches, dropout and what the method draws. (default: seed 0)
        progress: shows a bar. (default: silent)
        device: device that both networks are moved to. (default: the CPU)
        labelled: training entries whose labels may be used, long; the others are unlabelled. (default: all)
        domain: domain of each entry, as of :func:`graphdistill.datasets.load_domains`. (default: none)

    Returns:
        The student, or the one that was found, in evaluation mode.

    Raises:
        ValueError: an unknown method or one for other data, networks with different classes, a layer that is absent,
            logits that are not finite, or data that :func:`graphdistill.datasets.load` refuses.

    Example:
        >>> from torch_geometric.nn import GCN, MLP
        >>> from graphdistill.datasets import load
        >>> data = load("digits-knn")
        >>> teacher, student = GCN(64, 16, 2, 10), MLP([64, 16, 10], norm=None)
        >>> teacher = fit_labels(teacher, data, KDConfig(steps=20))
        >>> distill_kd(student, teacher, data, "kd", KDConfig(steps=20))(data.x[:1]).shape  # one node, no graph
        torch.Size([1, 10])
    """
    seed = 0 if generator is None else generator.initial_seed() % (1 << 62)
    FAMILY.check(method)
    if labelled is None and domain is None:
        data = readable(as_dataset(data), FAMILY.kinds(FAMILY.name_of(method)))
    view = view_of(data, device, labelled, domain)
    teacher = teacher if teacher is None or isinstance(teacher, nn.Module) else MeanTeachers(teacher)
    teacher = None if teacher is None else teacher.to(view.device)
    student = student.to(view.device)
    found = fit_kd(student, teacher, view, method, config, seed=seed, progress=progress)
    return found.network if isinstance(found, FoundStudent) else student


def fit_kd(
    student: nn.Module,
    teacher: nn.Module | None,
    view: View,
    method: str | MethodConfig = "kd",
    config: KDConfig = KDConfig(),
    *,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> FitResult:
    """Train a student in place, as :func:`distill_kd`, on a view of the data.

    Args:
        student: the network that is trained, on the device of the view.
        teacher: the trained network, on the same device; self-distillation ignores it.
        view: the data.
        method: name of the method, or its config. (default: ``kd``)
        config: training of the student. (default: by the kind of data)
        seed: seed of batches, dropout and what the method draws. (default: 0)
        progress: shows a bar. (default: silent)

    Returns:
        The validation score of the checkpoint, its step, and the seconds of training; of a method that searches a
        student a :class:`~graphdistill.kd.objective.FoundStudent`, which has the network, too.

    Raises:
        ValueError: as :func:`distill_kd`, or the method needs a teacher and there is none.
    """
    FAMILY.check(method, view.KIND)
    how, module = FAMILY.config(method), FAMILY.module(method)
    if not needs_teacher(method):
        alone = context_of(student, student, view, config, seed=seed, progress=progress)
        check_networks(alone)
        return _run(module, alone, how, config)
    if teacher is None:
        raise ValueError(f"--method {how.name} needs a teacher, got None; give a trained network")
    context = context_of(student, teacher, view, config, seed=seed, progress=progress)
    logits = check_networks(context)
    mode = teacher.training
    teacher.eval()
    try:
        return _run(module, context, how, config, logits)
    finally:
        teacher.train(mode)


def _run(
    module: ModuleType, context: Context, method: MethodConfig, config: KDConfig, logits: Tensor | None = None
) -> FitResult:
    """Train by a method; ``logits`` are those of the teacher on validation, to notice one that is not trained."""
    if hasattr(module, "distill"):
        notice_chance(context.data, logits)
        found: FitResult = module.distill(context, method)
        return found
    objective: Objective = module.objective(context, method)
    if objective.teacher_layers and isinstance(context.teacher, WeightedTeachers):
        raise ValueError(
            f"{method.name} reads hidden layers, which several teachers do not have in common; give one teacher, or "
            "choose kd or meal-v2"
        )
    if not objective.online:
        notice_chance(context.data, logits)
    return fit(context, objective, config)


def fit_labels(
    network: nn.Module,
    data: Dataset | Data | Sequence[Data] | View,
    config: KDConfig = KDConfig(),
    *,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
    label: str = "teacher",
) -> nn.Module:
    """Train a network in place on labels alone, as a teacher or as a baseline of its student.

    Args:
        network: the network.
        data: the data, or a view of them.
        config: training. (default: by the kind of data)
        seed: seed of batches and dropout. (default: 0)
        progress: shows a bar. (default: silent)
        label: what the bar shows. (default: teacher)

    Returns:
        The network in evaluation mode, at the checkpoint that is best on validation.
    """
    view = data if isinstance(data, View) else view_of(data)
    context = context_of(network, nn.Identity(), view, config, seed=seed, progress=progress)
    fit(context, labels_alone(context), config, label=label)
    return network


def labels_alone(context: Context) -> Objective:
    """Cross-entropy on labels; no teacher runs."""
    return Objective(loss=context.label_loss, uses_teacher=False)


def context_of(
    student: nn.Module, teacher: nn.Module, view: View, config: KDConfig, *, seed: int, progress: Progress
) -> Context:
    """What the method gets; hyperparameters that the config leaves out are those of the kind of data."""
    usual = view.TRAINING
    given: dict[str, Any] = {
        name: getattr(usual, name) if getattr(config, name) is None else getattr(config, name)
        for name in ("steps", "batch_size", "lr", "weight_decay")
    }
    return Context(student=student, teacher=teacher, data=view, seed=seed, progress=progress, **given)


def fit(context: Context, objective: Objective, config: KDConfig, label: str = "student") -> FitResult:
    """Train by an objective with the config's validation checks."""
    every = config.eval_every or context.data.TRAINING.eval_every
    return fit_objective(context, objective, eval_every=every, patience=config.patience, label=label)


def check_networks(context: Context) -> Tensor | None:
    """Check that student and teacher fit each other and the data.

    Returns:
        The teacher's logits on validation; ``None`` if it is stored, without them.

    Raises:
        ValueError: they have different classes, fewer than the data, another number of rows, or logits that are not
            finite.
    """
    view = context.data
    if isinstance(context.teacher, StoredTeacher):
        teacher = theirs = context.teacher.logits(torch.arange(view.rows_per_entry * len(view.train[:2])))
        student = view.predict(context.student, view.train[:2]).logits
    else:
        student, teacher = (found.logits for found in context.probe())
        theirs = view.logits(context.teacher, "valid")
    what = "vocabulary" if view.rows_per_entry > 1 and view.metric == "accuracy" else "classes"
    if student.shape[1] != teacher.shape[1]:
        raise ValueError(
            f"student and teacher must have the same {what}: the student has {student.shape[1]} logits, the teacher "
            f"{teacher.shape[1]}, and {view.name} {view.num_classes} {what}; build the student with {teacher.shape[1]}"
        )
    if student.shape[1] < view.num_classes and context.student is context.teacher:
        raise ValueError(
            f"the student has {student.shape[1]} logits, but {view.name} has {view.num_classes} {what}; build it with "
            f"{view.num_classes}"
        )
    if student.shape[1] < view.num_classes:
        raise ValueError(
            f"the teacher has {teacher.shape[1]} logits, but {view.name} has {view.num_classes} {what}; train a "
            "teacher on these data"
        )
    if len(student) != len(teacher):
        raise ValueError(f"the student gives {len(student)} rows of logits where the teacher gives {len(teacher)}")
    if not bool(torch.isfinite(theirs).all()):
        raise ValueError("the teacher's logits hold NaN or infinity; train or fix the teacher first")
    return None if isinstance(context.teacher, StoredTeacher) else theirs


def notice_chance(view: View, logits: Tensor | None) -> None:
    """Warn of a teacher whose validation score is that of a guess.

    Args:
        view: the data.
        logits: logits of the teacher on validation; without them nothing is noticed.
    """
    if logits is None:
        return
    truth = view.labels(view.data.valid)
    chance = {"rocauc": 0.5, "f1": 0.0}.get(view.metric)
    chance = float(truth.bincount().max()) / len(truth) if chance is None else chance
    reached = score(logits, truth, view.metric)
    if not reached > chance:
        warnings.warn(
            f"the teacher's validation {view.metric} is {reached:.3f}, that of a guess is {chance:.3f}: is it trained?",
            stacklevel=5,
        )
