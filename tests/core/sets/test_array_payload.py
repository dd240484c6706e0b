import pytest
import torch

from graphdistill.core.sets import array_payload
from graphdistill.core.sets.array_payload import check_coded, edge_gaps, edges_of_gaps, read_arrays, store_arrays


def test_arrays_come_back_and_take_the_bytes_of_their_streams():
    tensors = {"pixels": torch.arange(64, dtype=torch.uint8).view(4, 1, 4, 4), "y": torch.tensor([0.5, 0.25]).half()}
    streams = store_arrays(tensors)
    check_coded(streams)
    back = read_arrays(streams)
    assert all(torch.equal(back[name], tensors[name]) and back[name].dtype == tensors[name].dtype for name in tensors)


def test_streams_that_were_changed_are_refused():
    streams = store_arrays({"y": torch.arange(50)})
    streams["y"][9] ^= 4
    with pytest.raises(ValueError, match="holds y that cannot be read: the coded array"):
        read_arrays(streams)
    with pytest.raises(ValueError, match=r"holds y of int64 \[50\], expected uint8"):
        read_arrays({"y": torch.arange(50)})


def test_what_no_reader_accepts_is_not_stored(monkeypatch):
    monkeypatch.setattr(array_payload, "MOST_VALUES", 100)
    with pytest.raises(ValueError, match="y has 50,000 values, nearly all of them equal; store fewer entries"):
        store_arrays({"y": torch.zeros(50_000, dtype=torch.uint8)})


@pytest.mark.parametrize("count", [0, 1, 40])
def test_edges_keep_their_order(count):
    edge_index = torch.randint(7, (2, count), generator=torch.Generator().manual_seed(0))
    assert torch.equal(edges_of_gaps(edge_gaps(edge_index, 7), 7), edge_index)
    ascending = edge_index[:, (edge_index[0] * 7 + edge_index[1]).argsort()]
    assert bool((edge_gaps(ascending, 7) >= 0).all())
