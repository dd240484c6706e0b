"""Checks of data before a method reads it: the same rules and error messages for every source."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

MAX_MAGNITUDE = 1e18
"""Largest magnitude of a feature; the square of a larger one overflows single precision."""
MAX_CATEGORIES = 100_000
"""Largest number of classes, or of categories of a column; larger numbers are taken for ids."""
RENUMBER = "torch.unique(y, return_inverse=True)[1] numbers them from 0 without gaps"
"""Advice for labels that are ids."""


def check_numbers(what: str, values: Tensor, ptr: Tensor | None = None, limit: float = MAX_MAGNITUDE) -> None:
    """Reject NaN, infinity and numbers whose squares overflow; the error names the first row and column.

    Args:
        what: name of the matrix.
        values: float ``[N, ...]``; integers pass.
        ptr: first row of each graph and N at the end; with it the error also names the graph. (default: none)
        limit: largest allowed magnitude; ``inf`` allows all finite numbers. (default: 1e18)

    Raises:
        ValueError: such a number is found.

    Example:
        >>> check_numbers("x", torch.tensor([[0.0, 1.0], [2.0, torch.nan]]))
        Traceback (most recent call last):
        ValueError: x holds nan in row 1, column 1; replace it, or leave that row out
    """
    if not values.is_floating_point() or not values.numel():
        return
    low, high = values.aminmax()  # with a NaN both are NaN; allocates nothing of the matrix's size
    if max(-float(low), float(high)) <= limit and np.isfinite([float(low), float(high)]).all():
        return
    place = (~torch.isfinite(values) | (values.abs() > limit)).nonzero()[0]
    value, row = float(values[tuple(place)]), int(place[0])
    column = f", column {int(place[1])}" if len(place) == 2 else ""
    graph = "" if ptr is None else f" (graph {int(torch.searchsorted(ptr, row, right=True)) - 1})"
    way = "replace it, or leave that row out" if not np.isfinite(value) else "scale that column"
    raise ValueError(f"{what} holds {value:g} in row {row}{column}{graph}; {way}")


def check_integers(what: str, values: Tensor) -> None:
    """Reject integers that are negative, or so large that they must be ids.

    Raises:
        ValueError: an integer is negative, or 100,000 or more.

    Example:
        >>> check_integers("x", torch.tensor([[0], [10**9]]))
        Traceback (most recent call last):
        ValueError: x holds 1000000000 in row 1, column 0; integers are categories from 0 to 99999: number them ...
    """
    if values.is_floating_point() or not values.numel():
        return
    low, high = (int(end) for end in values.aminmax())
    if low >= 0 and high < MAX_CATEGORIES:
        return
    value = low if low < 0 else high
    row, column = (values == value).nonzero()[0].tolist()
    raise ValueError(
        f"{what} holds {value} in row {row}, column {column}; integers are categories from 0 to {MAX_CATEGORIES - 1}: "
        f"number them by torch.unique(column, return_inverse=True)[1], or give floats if they are quantities"
    )


def class_labels(y: Any, what: str) -> Tensor:
    """Convert labels of any shape and type to class numbers; -1 is a missing label.

    Whole-number floats, booleans, a column ``[N, 1]`` and one-hot rows ``[N, C]`` are accepted; NaN, -1 and a row of
    zeros are missing labels.

    Args:
        y: tensor, array or list.
        what: name of the labels in errors.

    Returns:
        Long ``[N]``.

    Raises:
        ValueError: text, fractions, other negative numbers, or rows that are not one-hot.

    Example:
        >>> class_labels(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), "y").tolist()
        [1, 0, -1]
        >>> class_labels(torch.tensor([0.5, 1.0]), "y")
        Traceback (most recent call last):
        ValueError: y holds 0.5 at 0; classes are whole numbers from 0: bin targets, for example by torch.bucketize
    """
    values = as_numbers(y, what)
    if values.dim() == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dim() == 2:
        if not one_hot(values, empty=True):
            raise ValueError(
                f"{what} must hold one class for each entry, got {list(values.shape)}; "
                f"give class numbers, of soft or one-hot rows by y.argmax(1)"
            )
        values = values.nan_to_num().float()
        values = torch.where(values.any(dim=1), values.argmax(dim=1), -1)
    if values.dim() != 1:
        raise ValueError(f"{what} must hold one class for each entry, got {list(values.shape)}")
    known = ~torch.isnan(values)
    bad = known & ((values != values.floor()) | (values < -1) | (values > 2**62))
    if bool(bad.any()):
        place = int(bad.nonzero()[0])
        value = values[place].item()
        way = "-1 or NaN for no label" if value < -1 else "bin targets, for example by torch.bucketize"
        raise ValueError(f"{what} holds {value:g} at {place}; classes are whole numbers from 0: {way}")
    return torch.where(known, values, -1).long()


def as_numbers(y: Any, what: str) -> Tensor:
    """Convert labels, features or edge indices to a real tensor; integers and booleans become long.

    Raises:
        ValueError: they are text, complex or not numeric.
    """
    if not isinstance(y, Tensor):
        array = np.asarray(y)
        if array.dtype.kind not in "biuf":
            example = f" such as {array.flat[0]!s:.40}" if array.size else ""
            held = "text" if array.dtype.kind in "US" else "no numbers"
            raise ValueError(
                f"{what} holds {held}{example}; number them, for example by numpy.unique(y, return_inverse=True)[1]"
            )
        y = torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.int64))
    if y.is_complex():
        raise ValueError(f"{what} is complex; give real numbers")
    values: Tensor = y if y.is_floating_point() else y.long()
    return values


def one_hot(y: Tensor, *, empty: bool = False) -> bool:
    """Whether every row is one-hot; with ``empty`` some rows, but not all, may be zero.

    Example:
        >>> one_hot(torch.eye(3)), one_hot(torch.ones(2, 2)), one_hot(torch.zeros(2, 2), empty=True)
        (True, False, False)
    """
    if y.dim() != 2 or y.shape[1] < 2 or not len(y):
        return False
    if empty:
        y = y.where(~torch.isnan(y).all(dim=1, keepdim=True), 0)
    ones = (y == 1).sum(dim=1)
    exact = bool(((y == 0) | (y == 1)).all()) and bool((ones <= 1).all())
    return exact and bool(ones.any() if empty else (ones == 1).all())


def check_classes(y: Tensor, what: str) -> None:
    """Reject class numbers so large that they must be ids.

    Raises:
        ValueError: the largest is 100,000 or more, and there are not as many labels.

    Example:
        >>> check_classes(torch.tensor([0, 10**9]), "y")
        Traceback (most recent call last):
        ValueError: y holds class 1000000000 but only 2 labels; torch.unique(y, return_inverse=True)[1] numbers them ...
    """
    top = int(y.max()) if y.numel() else -1
    if top >= max(len(y), MAX_CATEGORIES):
        raise ValueError(f"{what} holds class {top} but only {len(y)} labels; {RENUMBER}")


def check_index(splits: Mapping[str, Tensor], count: int, entries: str) -> None:
    """Reject splits that are not long indices of entries.

    Raises:
        ValueError: an index is out of range, or a split is a mask or a matrix.

    Example:
        >>> check_index({"train": torch.tensor([0, 7])}, 5, "nodes")
        Traceback (most recent call last):
        ValueError: train must hold the numbers of nodes, from 0 to 4, long [n]; got 7
    """
    for name, index in splits.items():
        got = f"{index.dtype} {list(index.shape)}" if index.dim() != 1 or index.dtype != torch.long else ""
        for end in index.aminmax() if index.numel() and not got else ():
            got = got or ("" if 0 <= int(end) < count else str(int(end)))
        if got:
            raise ValueError(f"{name} must hold the numbers of {entries}, from 0 to {count - 1}, long [n]; got {got}")


def fractional(values: Tensor) -> bool:
    """Whether most of the known numbers have a fraction, so that they are targets of regression and no classes.

    Example:
        >>> fractional(torch.tensor([0.5, 1.25, 2.0, torch.nan])), fractional(torch.tensor([0, 1, -1]))
        (True, False)
    """
    known = values[torch.isfinite(values)]
    return 2 * int((known != known.floor()).sum()) > len(known)


def check_targets(y: Tensor, splits: Mapping[str, Tensor]) -> None:
    """Reject targets of regression that are not finite floats, or that a split lacks.

    Args:
        y: targets, float ``[n, T]`` with NaN for unknown ones.
        splits: indices of the entries of each split.

    Raises:
        ValueError: y is not float, holds an infinite or huge number, or a split has no value of a target.

    Example:
        >>> check_targets(torch.tensor([[0.5], [torch.nan]]), {"train": torch.tensor([0]), "valid": torch.tensor([1])})
        Traceback (most recent call last):
        ValueError: valid has no value of target 0; give its entries some, or leave that target out
    """
    if not y.is_floating_point() or y.dim() != 2:
        raise ValueError(f"y is {y.dtype} {list(y.shape)}; targets of regression are float [n, T]")
    check_numbers("y", torch.where(torch.isnan(y), 0, y))
    for name, index in splits.items():
        absent = torch.isnan(y[index]).all(dim=0).nonzero()
        if len(index) and len(absent):
            target = int(absent[0])
            raise ValueError(f"{name} has no value of target {target}; give its entries some, or leave that target out")


def check_known(y: Tensor, splits: Mapping[str, Tensor], entries: str) -> None:
    """Reject splits that contain entries without a label.

    Raises:
        ValueError: there are such entries; the message has their number and the first one.

    Example:
        >>> check_known(torch.tensor([0, -1]), {"train": torch.tensor([0]), "test": torch.tensor([1])}, "nodes")
        Traceback (most recent call last):
        ValueError: y has no label at 1 of the nodes of test, the first is 1; take them out of test
    """
    for name, index in splits.items():
        missing = index[y[index] < 0]
        if len(missing):
            raise ValueError(
                f"y has no label at {len(missing)} of the {entries} of {name}, the first is {int(missing[0])}; "
                f"take them out of {name}"
            )


def check_splits(
    y: Tensor, splits: Mapping[str, Tensor], entries: str, *, absent: Literal["error", "warn", "ignore"] = "error"
) -> None:
    """Reject splits that cannot be trained or evaluated on.

    Args:
        y: labels, long ``[n]`` with -1 for none, or float ``[n, T]`` of many tasks.
        splits: indices of the entries of each split, ``train`` among them.
        entries: name of the entries in errors, such as ``nodes``.
        absent: handling of a class without training entries: ``error``, ``warn`` (for published splits) or ``ignore``
            (if no class is learnt). (default: ``error``)

    Raises:
        ValueError: a split is empty, an entry is in two splits or has no label, there is a single class, class numbers
            have a gap, or the training split lacks a class.

    Example:
        >>> splits = {"train": torch.tensor([0, 1]), "valid": torch.tensor([1]), "test": torch.tensor([2])}
        >>> check_splits(torch.tensor([0, 1, 0]), splits, "nodes")
        Traceback (most recent call last):
        ValueError: train and valid share 1 of the nodes, the first is 1; give each to one of them
    """
    owner = torch.zeros(len(y), dtype=torch.uint8)
    names = list(splits)
    for place, (name, index) in enumerate(splits.items(), start=1):
        if not len(index):
            raise ValueError(f"{name} has no {entries}; give more of them, or define the split yourself")
        twice = index[owner[index] > 0]
        if len(twice):
            other = names[int(owner[twice[0]]) - 1]
            count = int((owner[twice] == owner[twice[0]]).sum())
            raise ValueError(
                f"{other} and {name} share {count} of the {entries}, the first is {int(twice[0])}; "
                f"give each to one of them"
            )
        if len(index.unique()) < len(index):
            raise ValueError(f"{name} holds some of the {entries} twice; give each once")
        owner[index] = place
    if y.dim() > 1:
        return
    check_known(y, splits, entries)
    check_classes(y, "y")
    counts = torch.bincount(y[y >= 0])
    if int((counts > 0).sum()) < 2:
        raise ValueError(f"y holds a single class, {len(counts) - 1}; give {entries} of two or more classes")
    nowhere = (counts == 0).nonzero().view(-1)
    if len(nowhere):
        raise ValueError(f"y holds classes up to {len(counts) - 1} but none of class {int(nowhere[0])}; {RENUMBER}")
    untrained = (torch.bincount(y[splits["train"]], minlength=len(counts)) == 0).nonzero().view(-1)
    if len(untrained) and absent != "ignore":
        label = int(untrained[0])
        where = ", ".join(f"{int((y[index] == label).sum())} in {name}" for name, index in splits.items())
        message = f"class {label} has none of the training {entries} ({where})"
        if absent == "error":
            raise ValueError(f"{message}; give train some of it, or leave that class out")
        warnings.warn(f"{message}, so nothing can learn it", UserWarning, stacklevel=3)
