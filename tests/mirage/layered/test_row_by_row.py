import pytest
import torch

from graphdistill.mirage.layered.row_by_row import function_name, row_by_row

X = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "exact"),
    [
        ("relu", (X,), {}, True),
        ("add_", (X, 1), {}, True),
        ("softmax", (X, -1), {}, True),
        ("softmax", (X,), {"dim": -2}, False),
        ("cat", ([X, X],), {}, False),
        ("cat", ([X, X], -1), {}, True),
        ("stack", ([X, X], -3), {}, False),
        ("stack", ([X, X], -2), {}, True),
        ("unsqueeze", (X, 0), {}, False),
        ("sum", (X, [1, 0]), {}, False),
        ("sort", (X,), {}, True),
        ("sort", (X[0],), {}, False),
        ("max", (X, X), {}, True),
        ("max", (X,), {}, False),
        ("transpose", (X, 0, 1), {}, False),
        ("normalize", (X,), {}, True),
        ("topk", (X, 1, 0), {}, False),
        ("cumsum", (X, 0), {}, False),
        ("nonzero", (X,), {}, False),
        ("where", (X,), {}, False),
        ("where", (X > 0, X, 0), {}, True),
        ("unique", (X,), {}, False),
        ("rand_like", (X,), {}, False),
        ("roll", (X, 1), {}, False),
        ("einsum", ("ij,ij->ij", X, X), {}, False),
    ],
)
def test_what_treats_every_row_alone(name, args, kwargs, exact):
    assert row_by_row(name, args, kwargs) is exact


def test_names_are_those_that_people_know():
    assert [function_name(f) for f in (torch.Tensor.__rsub__, torch.Tensor.T.__get__, torch.relu)] == [
        "rsub",
        "T",
        "relu",
    ]
