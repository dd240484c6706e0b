import copy

import pytest
import torch
from safetensors.torch import save
from torch import nn

from graphdistill.compress.methods.quantized import rounded
from graphdistill.compress.methods.sparse_2_4 import Config, pruned, sparsify
from graphdistill.compress.size import (
    CODES,
    FLOATS,
    PLAN,
    POSITIONS,
    SPARSE,
    check_encoded,
    coded_bytes,
    decode_network,
    encode_network,
)


def network(width=9):
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(12, width), nn.BatchNorm1d(width), nn.Linear(width, 4).double(), nn.Linear(4, 30))
    made[1].num_batches_tracked += 5
    return made


def test_what_is_stored_is_the_network_bit_for_bit():
    small = rounded(network(), bits=3, bucket_size=50)
    tensors = encode_network(small.network, small.parts)
    check_encoded(network(), tensors)
    torch.manual_seed(1)
    other = copy.deepcopy(network())
    for value in other.parameters():
        nn.init.normal_(value)
    parts = decode_network(other, tensors)
    state = other.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in small.network.state_dict().items())
    assert state["1.num_batches_tracked"] == 5
    assert parts.keys() == small.parts.keys() == {"0.weight", "3.weight"}
    for name, part in parts.items():
        assert torch.equal(part.codes, small.parts[name].codes)
        assert torch.equal(part.weight, state[name])
    assert coded_bytes(small.network, small.parts) == len(save(tensors))


def test_codes_take_about_their_entropy():
    torch.manual_seed(0)
    small = rounded(nn.Linear(200, 100, bias=False), bits=2)
    codes = small.parts["weight"].codes.flatten().long()
    share = codes.bincount() / len(codes)
    entropy = -(share * share.log2()).sum().item() * len(codes) / 8
    stream = len(encode_network(small.network, small.parts)[CODES])
    assert 0.95 * entropy < stream < 1.05 * entropy + 50
    normal = nn.Linear(200, 100, bias=False)
    nn.init.normal_(normal.weight)
    peaked = rounded(normal, bits=2)
    # A peaked distribution takes less than two bits a weight.
    assert coded_bytes(peaked.network, peaked.parts) < 0.9 * 20_000 * 2 / 8 + 2 * 4 * 79 + 300


def test_a_network_without_quantised_weights_is_coded_as_it_is():
    linear = nn.Linear(30, 20)
    again = nn.Linear(30, 20)
    assert decode_network(again, encode_network(linear, {})) == {}
    assert torch.equal(linear.weight, again.weight)
    assert coded_bytes(linear) < 4 * 620 + 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {**t, PLAN: torch.tensor([99, 4, 50], dtype=torch.int32)}, "a damaged plan of its levels"),
        (lambda t: {**t, PLAN: t[PLAN][:0]}, "the weights of another network"),
        (lambda t: {**t, FLOATS: t[FLOATS][:-3]}, "the coded array"),
        (lambda t: {**t, PLAN: torch.tensor([2, 2, 50], dtype=torch.int32)}, "the weights of another network"),
    ],
)
def test_damaged_streams_are_refused(change, message):
    small = rounded(network(), bits=3, bucket_size=50)
    tensors = change(encode_network(small.network, small.parts))
    with pytest.raises(ValueError, match=message):
        decode_network(network(), tensors)


def test_a_header_of_another_network_is_refused():
    tensors = encode_network(*vars(rounded(network(), bits=3)).values())
    with pytest.raises(ValueError, match=r"holds 'state\.\d', which is not expected"):
        check_encoded(nn.Linear(3, 2), tensors)
    with pytest.raises(ValueError, match="holds codes of float32"):
        check_encoded(network(), {**tensors, CODES: torch.zeros(3)})
    with pytest.raises(ValueError, match="a damaged plan"):
        check_encoded(network(), {**tensors, PLAN: tensors[PLAN][:2]})


@pytest.mark.parametrize("words", [{}, {"sparsity": "50"}, {"sparsity": "75"}, {"slorb": 5}])
def test_sparse_weights_come_back_bit_for_bit(words):
    small = sparsify(network(), Config(**words)).finished()
    tensors = encode_network(small.network, small.parts)
    check_encoded(network(), tensors)
    other = network()
    for value in other.parameters():
        nn.init.normal_(value)
    parts = decode_network(other, tensors)
    assert parts.keys() == {"0.weight", "3.weight"}
    for name, value in small.network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
        # Not even the sign of a zero changes.
        assert torch.equal(value.signbit(), other.state_dict()[name].signbit()) if value.is_floating_point() else True
    for name, part in parts.items():
        assert torch.equal(part.mask, small.parts[name].mask)
        assert torch.equal(part.weight, other.state_dict()[name])
    if not words:
        assert bool((parts["0.weight"].mask.view(-1, 4).sum(dim=1) == 2).all())
    assert coded_bytes(small.network, small.parts) == len(save(tensors))


@pytest.mark.parametrize(("sparsity", "bits"), [("2:4", 2.585 / 4), ("50", 1.0), ("75", 0.8113)])
def test_positions_take_about_their_entropy(sparsity, bits):
    linear = nn.Linear(200, 100, bias=False)
    small = pruned(linear, sparsity)
    stream = len(encode_network(small.network, small.parts)[POSITIONS])
    assert 0.98 * bits * 20_000 / 8 < stream < 1.02 * bits * 20_000 / 8 + 60
    kept = int(small.parts["weight"].mask.sum())
    assert coded_bytes(small.network, small.parts) < 4 * kept + 1.02 * bits * 20_000 / 8 + 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {**t, SPARSE: torch.tensor([99, 4, 0], dtype=torch.int32)}, "a damaged plan of its zeros"),
        (lambda t: {**t, SPARSE: torch.tensor([1, 3, 0], dtype=torch.int32)}, "a damaged plan of its zeros"),
        (lambda t: {**t, SPARSE: torch.tensor([0, 4, 0], dtype=torch.int32)}, "a damaged plan of its zeros"),
        (lambda t: {**t, SPARSE: torch.tensor([1, 4, -1], dtype=torch.int32)}, "a damaged plan of its zeros"),
        (lambda t: {**t, SPARSE: torch.tensor([1, 1, 0], dtype=torch.int32)}, "the weights of another network"),
        (lambda t: {**t, SPARSE: torch.tensor([1, 4, 2], dtype=torch.int32)}, "the weights of another network"),
        (lambda t: {**t, POSITIONS: t[POSITIONS][:-3]}, "the coded array"),
    ],
)
def test_damaged_positions_are_refused(change, message):
    small = pruned(network())
    tensors = change(encode_network(small.network, small.parts))
    with pytest.raises(ValueError, match=message):
        decode_network(network(), tensors)


def test_a_plan_of_zeros_without_positions_is_refused():
    small = pruned(network())
    tensors = encode_network(small.network, small.parts)
    with pytest.raises(ValueError, match="holds no 'positions'"):
        check_encoded(network(), {name: value for name, value in tensors.items() if name != POSITIONS})
    with pytest.raises(ValueError, match="a damaged plan"):
        check_encoded(network(), {**tensors, SPARSE: tensors[SPARSE][:2]})
