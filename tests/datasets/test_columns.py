import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from graphdistill.datasets._columns import encode_columns, is_missing, numbers_of

NUMBERS = st.one_of(st.just(""), st.floats(-1e6, 1e6).map(repr), st.integers(-99, 99).map(str))
TEXTS = st.sampled_from(["a", "b", "c c", "?", "-"])


def encode(columns, train):
    count = len(next(iter(columns.values())))
    return encode_columns(columns, torch.tensor(train), range(2, count + 2), "a.csv")


@given(st.lists(NUMBERS, min_size=6, max_size=20), st.data())
def test_numbers_are_those_of_scikit_learn_fitted_to_the_training_rows(cells, data):
    train = sorted(data.draw(st.sets(st.integers(0, len(cells) - 1), min_size=3)))
    values = np.array([[float(cell or "nan")] for cell in cells])
    known = values[train][~np.isnan(values[train])]
    spread = len(known) and known.std() > 1e-9 * abs(known.mean())
    found = encode({"n": cells, "other": [str(i) for i in range(len(cells))]}, train)
    column = found.x[:, 0] if found.names[0] == "n" else None
    assert (column is not None) == bool(spread)
    assert ("n missing" in found.names) == (0 < np.isnan(values[train]).sum() < len(train))
    if column is not None:
        imputer = SimpleImputer().fit(values[train])
        wanted = imputer.transform(values) - known.mean()
        scaled = wanted / StandardScaler().fit(known[:, None]).scale_
        np.testing.assert_allclose(column, scaled[:, 0], rtol=1e-4, atol=1e-5)


@given(st.lists(TEXTS, min_size=6, max_size=20), st.data())
def test_categories_are_those_of_scikit_learn_fitted_to_the_training_rows(cells, data):
    train = sorted(data.draw(st.sets(st.integers(0, len(cells) - 1), min_size=3)))
    texts = np.array([["~" if cell == "?" else cell] for cell in cells])  # sorted last, as missing ones are here
    if len({*texts[train, 0]}) < 2:
        return
    oracle = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(texts[train])
    cells = [cell if cell != "?" else "?" for cell in cells]
    found = encode({"c": cells + ["x"] * (numbers_of(cells) is not None)}, train)
    np.testing.assert_array_equal(found.x[: len(cells)], oracle.transform(texts))
    names = ["c missing" if level == "~" else f"c={level}" for level in oracle.categories_[0]]
    assert list(found.names) == names


def test_a_row_outside_of_training_changes_no_other_row():
    columns = {"n": ["1", "2", "3", "4"], "c": ["a", "b", "a", "b"]}
    other = {"n": ["1", "2", "3", "1e9"], "c": ["a", "b", "a", "unseen"]}
    first, second = encode(columns, [0, 1, 2]), encode(other, [0, 1, 2])
    assert torch.equal(first.x[:3], second.x[:3])
    assert second.x[3, 1:].tolist() == [0, 0]


def test_large_numbers_of_small_spread_keep_their_digits():
    seconds = [str(1_700_000_000 + i) for i in range(10)]
    assert encode({"n": seconds}, range(10)).x[:, 0].unique().numel() == 10


def test_constant_columns_are_left_out_and_named():
    found = encode({"n": ["1", "2"], "same": ["7", "7"], "text": ["a", "a"], "none": ["", ""]}, [0, 1])
    assert found.names == ("n",)
    assert found.left_out == ("same (constant)", "text (constant)", "none (constant)")


@pytest.mark.parametrize("cell", ["", "?", "NA", "nan", "NULL", "n/a"])
def test_missing_cells(cell):
    assert is_missing(cell)


@pytest.mark.parametrize("cells", [["1", "b"], ["", "?"], ["1_0", "2"], ["1,5", "2"]])
def test_cells_that_are_no_numbers(cells):
    assert numbers_of(cells) is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"n": ["1", "inf"]}, r"a\.csv line 3: n is 'inf'; numbers are finite and at most 1e18: correct it"),
        ({"n": ["1", "1e300"]}, r"a\.csv line 3: n is '1e300'"),
        ({"n": ["1", "1"]}, r"a\.csv has no column besides the label that differs between training rows"),
        (
            {"name": [f"n{i:03}" for i in range(101)]},
            r"column 'name' holds 101 different texts, such as 'n000', 'n001', 'n002', more than 100; leave out names",
        ),
    ],
)
def test_columns_that_cannot_be_used(columns, message):
    with pytest.raises(ValueError, match=message):
        encode(columns, range(len(next(iter(columns.values())))))
