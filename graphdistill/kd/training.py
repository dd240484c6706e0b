"""The loop of distillation: batches, outputs of both networks, the method's loss, checkpoints by validation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphdistill.core.parallel import one_thread
from graphdistill.core.randomness import scoped
from graphdistill.core.training.loop import BestScore, FitResult, Training, train
from graphdistill.core.training.sampler import RepeatedRandomSampler
from graphdistill.kd.inputs import Inputs
from graphdistill.kd.objective import Batch, Context, Objective
from graphdistill.kd.outputs import Outputs
from graphdistill.kd.teachers.stored import StoredTeacher, check_stored


@one_thread()
def fit_objective(
    context: Context, objective: Objective, *, eval_every: int, patience: int | None = None, label: str = "student"
) -> FitResult:
    """Train a student in place by an objective, and load the checkpoint with the best validation score.

    Args:
        context: networks, data and hyperparameters.
        objective: the loss, and what is trained along.
        eval_every: steps between validation checks; the last step always has one.
        patience: checks without improvement before training stops early. (default: it never does)
        label: what the bar shows.

    Returns:
        The best validation score, its step, and the seconds of training.

    Raises:
        ValueError: the loss is not one value a row, or it is not finite.
    """
    view, student, teacher = context.data, context.student, context.teacher
    entries = view.train
    size = min(context.batch_size, len(entries))
    sampler, draws = RepeatedRandomSampler(len(entries), size, context.generator("batches")), context.generator("loss")
    own = [] if objective.module is None else [objective.module.to(view.device)]
    whole = nn.ModuleList([student, *own, *([teacher] if objective.online else [])])
    moving = objective.online or objective.augment is not None or not objective.uses_teacher
    stored = isinstance(teacher, StoredTeacher)
    if isinstance(teacher, StoredTeacher):
        check_stored(teacher, view, reads_logits_alone=not moving and not objective.teacher_layers)
    fixed = None if moving or stored else context.teacher_outputs(objective.teacher_layers)
    everything = torch.arange(len(entries))
    step = 0

    def batches(epoch: int) -> Iterator[Tensor]:
        if objective.sample is not None:
            yield objective.sample(size)
        else:
            yield everything if size == len(entries) else sampler.round()

    def of_teacher(place: Tensor, inputs: Inputs, mine: Outputs) -> Outputs:
        if not objective.uses_teacher:
            return mine.detach()
        if isinstance(teacher, StoredTeacher):
            rows = place[:, None] * view.rows_per_entry + torch.arange(view.rows_per_entry)
            return Outputs(teacher.logits(rows.view(-1)).to(view.device))
        if fixed is not None:
            return fixed if place is everything else _rows_of(fixed, place.to(view.device), view.rows_per_entry)
        with torch.set_grad_enabled(objective.online):
            return view.run(teacher, entries[place], objective.teacher_layers, inputs)

    def loss(place: Tensor) -> Tensor:
        index = entries[place]
        inputs = view.inputs(index)
        if objective.augment is not None:
            inputs = objective.augment(inputs, index, draws)
        outputs = view.run(student, index, objective.student_layers, inputs)
        batch = Batch(
            index=index,
            inputs=inputs,
            y=view.known(index).to(view.device),
            student=outputs,
            teacher=of_teacher(place, inputs, outputs),
            fraction_done=step / context.steps,
            generator=draws,
        )
        value = objective.loss(batch)
        assert value.shape == batch.y.shape, f"the loss has shape {list(value.shape)}, not {list(batch.y.shape)}"
        return value.mean()

    def after_step(place: Tensor, value: Tensor) -> None:
        nonlocal step
        step += 1
        number = float(value)
        if number != number or abs(number) == float("inf"):
            raise ValueError(
                f"the loss is {number} at step {step}; lower the learning rate, which is {context.lr}, or check that "
                "the features are finite"
            )
        schedule.step()
        if objective.after_step is not None:
            objective.after_step(number)

    optimizer = torch.optim.AdamW(whole.parameters(), lr=context.lr, weight_decay=context.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, context.steps)
    check = objective.check or (lambda: view.score(student, "valid"))
    training = Training(whole, optimizer, loss, check, BestScore(), patience, after_step=after_step)
    with scoped(context.seed, "kd", "dropout"):
        return train(training, batches, context.steps, eval_every=eval_every, progress=context.progress, label=label)


def _rows_of(outputs: Outputs, place: Tensor, rows: int) -> Outputs:
    """Outputs at places among the entries; an entry has one row, or a row of logits for each of its positions."""
    if rows == 1:
        return outputs.take(place)
    logits = outputs.logits.view(-1, rows, outputs.logits.shape[-1])[place].flatten(0, 1)
    return Outputs(logits, {path: value[place] for path, value in outputs.features.items()})
