import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.linear_model import LogisticRegression

from graphdistill.core.trees.soft_regression import fit_soft_regression

DRAW = np.random.default_rng(0)
X = np.log1p(DRAW.poisson(0.7, (60, 6)))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_soft_labels_are_as_copies_of_a_row_with_each_class(classes: int, weighted: bool) -> None:
    target = DRAW.dirichlet(np.ones(classes), len(X))
    weight = DRAW.uniform(0.5, 2, len(X)) if weighted else np.ones(len(X))
    given = torch.tensor(weight) if weighted else None
    found, intercept = fit_soft_regression(sp.csr_matrix(X), torch.tensor(target), given, strength=0.7)
    copies, labels = np.repeat(X, classes, axis=0), np.tile(np.arange(classes), len(X))
    # The penalty of scikit-learn's softmax is half of the squares, that of its two classes is on their difference.
    model = LogisticRegression(C=0.7 if classes == 2 else 0.35, tol=1e-9, max_iter=5000)
    model.fit(copies, labels, sample_weight=(weight[:, None] * target).ravel())
    probabilities = (torch.tensor(X).float() @ found + intercept).softmax(dim=1)
    np.testing.assert_allclose(probabilities.numpy(), model.predict_proba(X), atol=2e-4)


def test_hard_labels_of_one_class_give_a_finite_intercept() -> None:
    found, intercept = fit_soft_regression(sp.csr_matrix((4, 0)), torch.tensor([[1.0, 0.0]] * 4))
    assert found.shape == (0, 2)
    assert bool(torch.isfinite(intercept).all())
    assert float(intercept.softmax(dim=0)[0]) > 0.9
