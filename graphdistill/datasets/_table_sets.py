"""Tables without a file: those of scikit-learn, and one that is made with a known bias against a group."""

from __future__ import annotations

import numpy as np
import torch

from graphdistill.core.data.datasets import TableDataset, TaskName
from graphdistill.core.randomness import generator
from graphdistill.datasets._rows import table_of

SKLEARN = ("iris", "wine", "breast-cancer", "diabetes")
"""Names of the tables of scikit-learn."""
BIASED = "biased-table"
"""Name of the table with a bias."""
RATES = (0.65, 0.35)
"""Share of the label ``yes`` in each group of the biased table: a gap of 0.30."""
ROWS = 2000
"""Rows of the biased table."""
PROXY = 1.5
"""Half the distance of the groups' means, in deviations, of each feature that shows the group: with it the classes that
a logistic regression predicts have a parity gap of 0.30, too."""


def load_sklearn_table(name: str, seed: int) -> TableDataset:
    """A table in scikit-learn's wheel, split 80/10/10: classes, or of ``diabetes`` targets."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name.replace('-', '_')}")()
    labels = found.target_names[found.target] if "target_names" in found else found.target
    columns = {
        str(feature): [repr(float(v)) for v in x] for feature, x in zip(found.feature_names, found.data.T, strict=True)
    }
    columns["label"] = [str(value) for value in labels]
    task: TaskName = "classification" if "target_names" in found else "regression"
    return table_of(name, columns, "label", None, seed, task, f"{name} of scikit-learn")


def load_biased(seed: int) -> TableDataset:
    r"""Applicants of two groups of equal size and equal merit, of whom 65 % of one and 35 % of the other are accepted.

    .. math:: y_i = [m_i + 0.4 e_i > t_{g_i}], \quad m, e \sim N(0, 1),

    with the threshold :math:`t_g` of each group that exactly its share passes, so that the parity gap of the labels is
    0.30. ``exam`` and ``interview`` show the merit, with noise; ``district`` and ``commute`` show the group and have no
    part in merit; ``siblings`` shows nothing. A tenth of the interviews are missing.

    Args:
        seed: seed of the rows and of their split.

    Example:
        >>> data = load_biased(0)
        >>> [round(float(data.y[data.group == g].double().mean()), 2) for g in (0, 1)], data.groups
        ([0.65, 0.35], ('a', 'b'))
    """
    draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator(seed, BIASED))))
    group = draw.permutation(np.arange(ROWS) % 2)
    merit = draw.standard_normal(ROWS)
    score = merit + 0.4 * draw.standard_normal(ROWS)
    accepted = np.zeros(ROWS, dtype=bool)
    for which, rate in enumerate(RATES):
        members = np.flatnonzero(group == which)
        accepted[members[score[members].argsort()[::-1][: round(rate * len(members))]]] = True
    side = 1 - 2 * group  # 1 and -1
    district = np.clip(np.round(2 + PROXY * side + draw.standard_normal(ROWS)), 0, 4).astype(int)
    interview = np.char.mod("%.2f", 5 + 2 * (merit + 0.6 * draw.standard_normal(ROWS)))
    interview[draw.random(ROWS) < 0.1] = ""
    columns = {
        "exam": np.char.mod("%.1f", 50 + 15 * (merit + 0.6 * draw.standard_normal(ROWS))),
        "interview": interview,
        "district": np.array(["north", "east", "centre", "west", "south"])[district],
        "commute": np.char.mod("%.1f", 20 - 5 * PROXY * side + 5 * draw.standard_normal(ROWS)),
        "siblings": draw.poisson(1.5, ROWS).astype(str),
        "group": np.array(["a", "b"])[group],
        "accepted": np.where(accepted, "yes", "no"),
    }
    cells = {name: values.tolist() for name, values in columns.items()}
    notes = "made with a parity gap of 0.30"
    return table_of(BIASED, cells, "accepted", "group", seed, notes=notes)
