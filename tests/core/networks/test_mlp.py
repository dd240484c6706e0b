from __future__ import annotations

import pytest
import torch
from sklearn.neural_network import MLPClassifier

from graphdistill.core.networks.mlp import MLP
from graphdistill.core.randomness import scoped


def test_logits_are_those_of_scikit_learn_with_the_same_weights() -> None:
    with scoped(0, "weights"):
        model, x = MLP((1, 3, 4), 3, width=7, depth=2).eval(), torch.rand(12, 1, 3, 4)
    theirs = MLPClassifier((7, 7), max_iter=1, random_state=0)
    theirs.partial_fit(x.flatten(1).numpy(), [0, 1, 2] * 4, classes=[0, 1, 2])
    layers = [block[0] for block in model.blocks] + [model.head]  # type: ignore[index]
    theirs.coefs_ = [layer.weight.detach().numpy().T for layer in layers]
    theirs.intercepts_ = [layer.bias.detach().numpy() for layer in layers]
    want = torch.from_numpy(theirs.predict_proba(x.flatten(1).numpy()))
    torch.testing.assert_close(model(x).softmax(dim=1), want, check_dtype=False)


def test_without_hidden_layers_it_is_linear() -> None:
    model = MLP((4,), 2, depth=0)
    x = torch.rand(3, 4)
    torch.testing.assert_close(model(x), x @ model.head.weight.T + model.head.bias)


def test_dropout_is_of_training_only() -> None:
    model, x = MLP((4,), 2, dropout=0.5), torch.rand(3, 4)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize(("option", "value", "least"), [("width", 0, 1), ("depth", -1, 0)])
def test_sizes_that_cannot_be_used(option: str, value: int, least: int) -> None:
    with pytest.raises(ValueError, match=f"{option} must be {least} or more, got {value}"):
        MLP((4,), 2, **{option: value})  # type: ignore[arg-type]


def test_the_embedding_is_the_input_of_the_last_layer() -> None:
    network, x = MLP((1, 4, 4), 3), torch.rand(2, 1, 4, 4)
    assert torch.equal(network.head(network.embed(x)), network(x))
