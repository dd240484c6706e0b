from __future__ import annotations

import itertools
import math

import pytest
import torch

from graphdistill.core.codec.chow_liu import Tree, chow_liu_tree, mutual_information
from graphdistill.core.codec.hidden_chow_liu import CircuitConfig, Parameters, fit_parameters, log_likelihood

TREE = Tree(torch.tensor([0, 1, 2, 3]), torch.tensor([-1, 0, 1, 0]))


def random_parameters(seed: int, states: int, levels: int) -> Parameters:
    generator = torch.Generator().manual_seed(seed)
    parts = [
        torch.rand(size, generator=generator).add(0.05)
        for size in ((states,), (4, states, states), (4, states, levels))
    ]
    return Parameters(*(part / part.sum(dim=-1, keepdim=True) for part in parts))


def by_enumeration(row: list[int], parameters: Parameters, states: int) -> float:
    """Probability of a row: the sum over all hidden states, written out."""
    total = 0.0
    for z in itertools.product(range(states), repeat=4):
        p = float(parameters.first[z[0]])
        for place, parent in enumerate(TREE.parent.tolist()):
            if place:
                p *= float(parameters.transition[place, z[parent], z[place]])
            p *= float(parameters.emission[place, z[place], row[place]])
        total += p
    return total


def test_the_likelihood_is_the_sum_over_all_hidden_states():
    parameters = random_parameters(0, 3, 2)
    x = torch.tensor(list(itertools.product(range(2), repeat=4)))
    found = log_likelihood(x, TREE, parameters, batch_size=5)
    assert found.tolist() == pytest.approx([math.log2(by_enumeration(r, parameters, 3)) for r in x.tolist()], abs=1e-4)
    assert float(torch.exp2(found).sum()) == pytest.approx(1, abs=1e-5)


def test_learning_raises_the_likelihood_in_every_pass():
    # Rows of a known circuit, learnt almost without smoothing: expectation maximisation never falls.
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(2, (200, 1), generator=generator).expand(-1, 4).clone()
    x = torch.where(torch.rand(x.shape, generator=generator) < 0.1, 1 - x, x)
    tree = chow_liu_tree(mutual_information(x, 2))
    scores = []
    for epochs in range(1, 9):
        config = CircuitConfig(states=2, epochs=epochs, smoothing=1e-3)
        fitted = fit_parameters(
            x[:, tree.variable], tree, config, num_levels=2, generator=torch.Generator().manual_seed(2)
        )
        scores.append(float(log_likelihood(x[:, tree.variable], tree, fitted).mean()))
    assert all(after > before - 2e-3 for before, after in itertools.pairwise(scores))
    # The rows have about 1 bit in common and 4 of the binary entropy of 0.1.
    assert -scores[-1] < 1 + 4 * 0.47 + 0.1
    assert scores[-1] > scores[0] + 0.3


def test_rows_at_a_time_change_nothing():
    x = torch.randint(3, (50, 4), generator=torch.Generator().manual_seed(3))
    fits = [
        fit_parameters(
            x,
            TREE,
            CircuitConfig(states=3, epochs=3, batch_size=size),
            num_levels=3,
            generator=torch.Generator().manual_seed(4),
        )
        for size in (7, 50)
    ]
    torch.testing.assert_close(fits[0].transition, fits[1].transition, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fits[0].emission, fits[1].emission, rtol=1e-4, atol=1e-5)


def test_the_best_pass_on_validation_is_kept_and_learning_stops():
    generator = torch.Generator().manual_seed(5)
    x, other = (torch.randint(4, (20, 4), generator=generator) for _ in range(2))
    config = CircuitConfig(states=8, epochs=60, patience=2, smoothing=1e-3)

    def fitted(epochs: int, valid: torch.Tensor | None) -> Parameters:
        drawn = torch.Generator().manual_seed(6)
        many = CircuitConfig(states=8, epochs=epochs, patience=2, smoothing=1e-3)
        return fit_parameters(x, TREE, many, num_levels=4, generator=drawn, valid=valid)

    kept = fitted(config.epochs, other)
    scores = [float(log_likelihood(other, TREE, fitted(epochs, None)).mean()) for epochs in range(1, 12)]
    assert float(log_likelihood(other, TREE, kept).mean()) == pytest.approx(max(scores), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"states": 0}, "states must be 1 or more, got 0"),
        ({"epochs": 0}, "epochs must be 1 or more, got 0"),
        ({"states": 65}, "at most 64 states and 256 levels, got 65 and 24"),
        ({"smoothing": 0.0}, r"smoothing must be above 0, got 0\.0"),
    ],
)
def test_impossible_sizes_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        CircuitConfig(**given)
