import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from graphdistill.kd.inputs import Inputs
from graphdistill.kd.outputs import PENULTIMATE, outputs_of
from graphdistill.kd.teachers.heads import HeadedNetwork, features_of, fit_head
from tests.kd.samples import mlp


def test_the_layer_is_the_logistic_regression_of_scikit_learn():
    draws = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    x = torch.randn(60, 5, generator=draws) * torch.tensor([1.0, 5.0, 0.1, 2.0, 1.0]) + nn.functional.one_hot(y, 5)
    x[:, 4] = 2.5
    standard = (x - x.mean(0)) / x.std(0, correction=0).where(x.std(0) > 0, torch.ones(5))
    wanted = LogisticRegression(C=1 / (0.02 * 60), tol=1e-8, max_iter=5000).fit(standard.numpy(), y.numpy())
    found = fit_head(x, y, 3, 0.02)(x).softmax(1)
    torch.testing.assert_close(
        found, torch.from_numpy(wanted.predict_proba(standard.numpy())).float(), atol=1e-3, rtol=0
    )


def test_a_class_without_entries_has_no_answer_and_the_network_stays():
    network = mlp(0, 4, 3)
    x = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    batch = Inputs("x", {"x": x})
    outputs = outputs_of(network, batch, (PENULTIMATE,))
    features = features_of(outputs).detach()
    assert torch.equal(features[:, -3:], outputs.logits)
    head = fit_head(features, torch.arange(12) % 2, 3, 0.01)
    found = HeadedNetwork(network, head)(batch)
    torch.testing.assert_close(found, head(features))
    assert set(found.argmax(1).tolist()) == {0, 1}
