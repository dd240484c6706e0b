from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdistill.unlearn.request import check_forget, entries_of_class, random_entries, read_request
from tests.kd.samples import images, windows


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-5, 10**9), min_size=1, max_size=8), st.sampled_from([" ", "\n", ",", ", ", "json"]))
def test_what_was_written_is_read(tmp_path_factory, numbers, between):
    path = tmp_path_factory.mktemp("request") / "request"
    path.write_text(str(numbers) if between == "json" else between.join(map(str, numbers)), encoding="utf-8")
    assert read_request(path).tolist() == numbers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "--request r is empty; name one entry or more"),
        (b"[]", "--request r is empty"),
        (b"3\nfour\n", "--request r holds 'four', which is no index; write one whole number a line"),
        (b"[3, 4.5]", "--request r holds '4.5', which is no index"),
        (b"[true]", "--request r holds 'True', which is no index"),
        (b"[3, [4]]", r"--request r holds '\[4\]', which is no index"),
        (b"99999999999999999999", "--request r holds '99999999999999999999', which is no index"),
        (b'{"forget": [3]}', "--request r holds a JSON object; write a list of indices"),
        (b"[3, 4", "--request r is damaged JSON; write a list of indices"),
        (b"\xff\xfe\x00", "--request r is no text; write one index a line"),
        (None, "--request r cannot be read: No such file or directory; give a file of indices"),
    ],
)
def test_a_file_that_is_no_list_of_indices_is_refused(data, message, tmp_path):
    if data is not None:
        (tmp_path / "r").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_request(tmp_path / "r")


@pytest.mark.parametrize(
    ("forget", "message"),
    [
        ([], "forget is empty; name one entry or more"),
        ([90], "forget has entry 90, but rows has entries 0 to 89"),
        ([-1, 3], "forget has entry -1, but rows has entries 0 to 89"),
        ([3, 75], "forget has entry 75, which is not in the training split"),
        (list(range(60)), "forget holds all 60 training entries, so that nothing remains"),
        ([i for i in range(60) if i % 3], "forget leaves entries of class 0 alone, which need no classifier"),
        (torch.ones(60, dtype=torch.bool), r"forget must be long indices \[n\], got torch.bool \[60\]"),
        ([[3]], r"forget must be long indices \[n\], got torch.int64 \[1, 1\]"),
    ],
)
def test_entries_that_cannot_be_forgotten_are_refused(forget, message):
    with pytest.raises(ValueError, match=message):
        check_forget(images(), forget)


def test_each_entry_counts_once_in_ascending_order():
    assert check_forget(images(), [7, 3, 7]).tolist() == [3, 7]


def test_windows_of_a_text_have_no_class():
    with pytest.raises(ValueError, match="cycle has no class for each entry, so none can be forgotten here"):
        check_forget(windows(), [3])
    with pytest.raises(ValueError, match="--forget-class 1 has no training entries in cycle"):
        entries_of_class(windows(), 1)


def test_entries_of_a_class_and_at_random():
    assert entries_of_class(images(), 2).tolist() == list(range(2, 60, 3))
    with pytest.raises(ValueError, match="--forget-class 3 has no training entries in rows; choose from 0, 1, 2"):
        entries_of_class(images(), 3)
    data = replace(images(), train=images().train.flip(0))
    found = random_entries(data, 0.25, seed=1)
    assert len(found.unique()) == 15
    assert torch.equal(found, found.sort().values)
    assert torch.equal(found, random_entries(data, 0.25, seed=1))
    assert not torch.equal(found, random_entries(data, 0.25, seed=2))
    assert len(random_entries(data, 0.0001, seed=1)) == 1
