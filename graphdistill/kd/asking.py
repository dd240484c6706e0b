r"""A student that asks its teacher where it is not sure: accuracy for the share of entries that the teacher gets.

.. math:: \hat y(x) = \begin{cases} \arg\max_c p_s(c \mid x) & \max_c p_s(c \mid x) \ge \tau \\
    \arg\max_c p_t(c \mid x) & \text{otherwise} \end{cases}

with the threshold :math:`\tau` below which a wished share of the validation entries are (Chow, IEEE Transactions on
Information Theory 1970, https://doi.org/10.1109/TIT.1970.1054406, whose rejected entries go to a person).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from graphdistill.core.command.style import COLOURS, Kind, add_panel, margin_labels, new_figure, save, styled
from graphdistill.core.training.metrics import score
from graphdistill.kd.data.view import View


@dataclass(frozen=True)
class Asked:
    """What asking the teacher for a share of entries gives.

    Attributes:
        wished: share of validation entries that the threshold is chosen for.
        threshold: probability of the student's class below which the teacher is asked.
        share: share of test entries for which it is.
        test: test accuracy.
        random: test accuracy that asking for as many random entries has in the mean.
    """

    wished: float
    threshold: float
    share: float
    test: float
    random: float


def check_shares(shares: Sequence[float]) -> None:
    """Fail unless all are from 0 to 1.

    Raises:
        ValueError: one is not.
    """
    for share in shares:
        if not 0 <= share <= 1:
            raise ValueError(f"--ask must be shares from 0 to 1, got {share}")


def confidence(logits: Tensor) -> Tensor:
    """Probability of the most likely class, double ``[n]``, of logits ``[n, C]``."""
    return logits.double().softmax(dim=1).amax(dim=1)


def threshold_for(logits: Tensor, share: float) -> float:
    """Threshold below which a share of entries are, rounded to a number of them; ties ask together or not at all.

    Args:
        logits: those of the student on validation, ``[n, C]``.
        share: the share, 0 to 1.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 9.0]])
        >>> round(threshold_for(logits, 1 / 3), 3), threshold_for(logits, 0), threshold_for(logits, 1)
        (0.953, 0.0, 2.0)
    """
    ordered = confidence(logits).sort().values
    count = round(share * len(ordered))
    if count == 0 or count == len(ordered):
        return 2.0 * (count > 0)
    return float(ordered[count])


def ask_teacher(view: View, student: nn.Module, teacher: nn.Module, shares: Sequence[float]) -> list[Asked]:
    """Test accuracy of a student that asks its teacher, for each wished share.

    Args:
        view: the data: thresholds are chosen on validation, all is scored on test.
        student: the student.
        teacher: the teacher.
        shares: wished shares, 0 to 1.

    Raises:
        ValueError: a share is out of range, or the metric of the data is not accuracy.
    """
    check_shares(shares)
    check_asking(view)
    ours, theirs, y = (view.logits(student, "test"), view.logits(teacher, "test"), view.labels(view.data.test))
    valid = view.logits(student, "valid")
    alone, above = score(ours, y, "accuracy"), score(theirs, y, "accuracy")
    found = []
    for wished in shares:
        threshold = threshold_for(valid, wished)
        asks = confidence(ours) < threshold
        share = float(asks.double().mean())
        test = score(torch.where(asks[:, None], theirs, ours), y, "accuracy")
        found.append(Asked(wished, threshold, share, test, (1 - share) * alone + share * above))
    return found


def check_asking(view: View) -> None:
    """Fail unless the metric is accuracy: others do not add up over entries of two networks.

    Raises:
        ValueError: it is another one.
    """
    if view.metric != "accuracy":
        raise ValueError(
            f"--ask counts right entries of two networks, but the metric of {view.name} is {view.metric}; give data "
            "whose metric is accuracy"
        )


def explained(seeds: Sequence[Sequence[Asked]]) -> list[str]:
    """A sentence for each wished share, means over seeds.

    Args:
        seeds: results of :func:`ask_teacher` of each seed.
    """
    lines = []
    for row in zip(*seeds, strict=True):
        share = statistics.fmean(asked.share for asked in row)
        test = statistics.fmean(asked.test for asked in row)
        random = statistics.fmean(asked.random for asked in row)
        lines.append(
            f"Asking the teacher for {100 * share:.1f}% of test ({100 * row[0].wished:.0f}% wished): accuracy "
            f"{test:.3f}, at random {random:.3f}."
        )
    return lines


def draw_asking(seeds: Sequence[Sequence[Asked]], title: str, path: Path) -> None:
    """Write a figure of the accuracy for the share of teacher calls, by confidence and at random.

    Args:
        seeds: results of :func:`ask_teacher` of each seed.
        title: title of the figure.
        path: the PNG file.
    """
    found = torch.tensor([[[a.share, a.test, a.random] for a in row] for row in seeds], dtype=torch.double).mean(dim=0)
    found = found[found[:, 0].argsort()]
    with styled():
        figure = new_figure(7.6, 4.6, title, f"mean over {len(seeds)} seed{'s' * (len(seeds) != 1)}")
        axes = add_panel(figure, 0.75, 1.2, 4.9, 2.7)
        share = (100 * found[:, 0]).tolist()
        lines: tuple[tuple[str, int, Kind], ...] = (("by confidence", 1, "distilled"), ("at random", 2, "simple"))
        for _, column, kind in lines:
            axes.plot(share, found[:, column].tolist(), marker="o", color=COLOURS[kind])
        axes.set_xlabel("test entries that ask the teacher, %")
        axes.set_title("Test accuracy for teacher calls", pad=10)
        margin_labels(axes, [(float(found[-1, column]), name, COLOURS[kind]) for name, column, kind in lines])
        save(figure, path)
