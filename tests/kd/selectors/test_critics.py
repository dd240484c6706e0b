import math
from collections import Counter

import networkx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.kd.selectors.critics import NgramLikelihood, edit_distance, one_per_component


def levenshtein(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return levenshtein(a[1:], b[1:])
    return 1 + min(levenshtein(a[1:], b), levenshtein(a, b[1:]), levenshtein(a[1:], b[1:]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] * 5, *[st.integers(0, 2)] * 4), min_size=1, max_size=4))
def test_the_distance_is_that_of_the_recursion(rows):
    found = edit_distance(torch.tensor(rows)[:, :5], torch.tensor(rows)[:, 5:])
    assert found.tolist() == [levenshtein(row[:5], row[5:]) for row in rows]


def test_the_likelihood_is_that_of_a_loop_and_sums_to_one():
    draws = torch.Generator().manual_seed(0)
    texts, asked = (torch.randint(4, (n, 7), generator=draws) for n in (6, 3))
    model = NgramLikelihood(texts, vocabulary=4, order=3, smoothing=0.7)
    grams = Counter()
    for text in texts.tolist():
        for k in (1, 2, 3):
            grams.update(tuple(text[i : i + k]) for i in range(len(text) - k + 1))

    def p(context, c):
        value = 0.25
        for k in range(1, len(context) + 2):
            h = tuple(context[len(context) - k + 1 :])
            total = sum(grams[(*h, other)] for other in range(4))
            value = (grams[(*h, c)] + 0.7 * value) / (total + 0.7)
        return value

    for first in (0, 3):
        wanted = [
            sum(math.log(p(text[max(0, i - 2) : i], text[i])) for i in range(first, 7)) / (7 - first)
            for text in asked.tolist()
        ]
        assert model.mean_log(asked, first).tolist() == pytest.approx(wanted)
    ends = torch.cat([asked[:1, :3].expand(4, -1), torch.arange(4)[:, None]], dim=1)
    assert float(model.mean_log(ends, first=3).exp().sum()) == pytest.approx(1)


def test_components_are_those_of_networkx():
    draws = torch.Generator().manual_seed(1)
    texts = torch.randint(2, (24, 6), generator=draws)
    group, score = torch.arange(24) % 3, torch.rand(24, generator=draws)
    graph = networkx.Graph()
    graph.add_nodes_from(range(24))
    for i in range(24):
        for j in range(i):
            if group[i] == group[j] and levenshtein(texts[i].tolist(), texts[j].tolist()) <= 1:
                graph.add_edge(i, j)
    wanted = sorted(max(part, key=lambda i: score[i]) for part in networkx.connected_components(graph))
    assert 3 < len(wanted) < 24
    assert one_per_component(texts, group, score, 1 / 6).tolist() == wanted
    assert one_per_component(texts[:0], group[:0], score[:0], 0.5).tolist() == []
    assert one_per_component(texts[[0, 0]], group[[0, 0]], score[[0, 0]], 0.0).tolist() == [0]


def test_orders_without_a_number_are_refused():
    with pytest.raises(ValueError, match="order must be 1 or more and 67 ids to its power below 2\\^63, got 12"):
        NgramLikelihood(torch.zeros(1, 2, dtype=torch.long), 67, 12)
    with pytest.raises(ValueError, match="smoothing must be above 0, got 0"):
        NgramLikelihood(torch.zeros(1, 2, dtype=torch.long), 67, 2, 0)
