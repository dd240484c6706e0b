import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.architectures.evolution import evolve

GRID = list(itertools.product(range(8), range(8)))


def hill(choice):
    return -((choice[0] - 6) ** 2) - (choice[1] - 3) ** 2


def test_the_top_of_a_hill_is_found_more_often_than_by_as_many_random_draws():
    wide = list(itertools.product(range(12), range(12)))
    hits = {"evolution": 0, "random": 0}
    for seed in range(20):
        draws = torch.Generator().manual_seed(seed)
        found = evolve(wide, hill, draws, population=8, sample=4, children=60)
        hits["evolution"] += next(iter(found)) == (6, 3)
        order = torch.randperm(len(wide), generator=draws)[: len(found)]
        hits["random"] += (6, 3) in [wide[i] for i in order]
    assert hits["evolution"] > hits["random"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 10), population=st.integers(1, 6), children=st.integers(0, 9))
def test_choices_are_scored_once_and_come_best_first(seed, count, population, children):
    calls = []

    def score(choice):
        calls.append(choice)
        return hill(choice)

    draws = torch.Generator().manual_seed(seed)
    found = evolve(GRID[:count], score, draws, population=population, sample=2, children=children)
    assert sorted(calls) == sorted(found)
    assert set(found) <= set(GRID[:count])
    assert list(found.values()) == sorted(found.values(), reverse=True)
    again = evolve(
        GRID[:count], hill, torch.Generator().manual_seed(seed), population=population, sample=2, children=children
    )
    assert list(again.items()) == list(found.items())


def test_without_a_neighbour_any_choice_is_a_child():
    choices = [(0, 0), (1, 1), (2, 2)]
    found = evolve(choices, lambda choice: choice[0], torch.Generator().manual_seed(0), population=1, children=30)
    assert set(found) == set(choices)
