import copy

import pytest
import torch

from graphdistill.core.networks.mixed import MixedConvNet, MixedGNN, mixed_operations


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (MixedGNN(3, 4, 2), (torch.rand(5, 3), torch.tensor([[0, 1, 2], [1, 2, 3]]))),
        (MixedConvNet((2, 8, 8), 3, width=4), (torch.rand(2, 2, 8, 8),)),
    ],
    ids=["gnn", "convnet"],
)
def test_a_layer_is_the_weighted_sum_and_then_one_operation(network, inputs):
    network.eval()
    for operation in mixed_operations(network):
        torch.nn.init.normal_(operation.alpha, generator=torch.Generator().manual_seed(0))
    seen = []
    first = mixed_operations(network)[0]
    handle = first.register_forward_hook(lambda _, args, out: seen.append((args, out)))
    network(*inputs)
    (args, out) = seen[0]
    share = first.alpha.exp() / first.alpha.exp().sum()
    wanted = sum(w * module(*args) for w, module in zip(share, first.operations.values(), strict=True))
    assert torch.allclose(out, wanted, atol=1e-6)
    before = copy.deepcopy(first.operations)
    names = [operation.discretise() for operation in mixed_operations(network)]
    assert names == [list(before)[int(o.alpha.argmax())] for o in mixed_operations(network)]
    assert [list(o.operations) for o in mixed_operations(network)] == [[name] for name in names]
    logits = network(*inputs)
    args, out = seen[1]
    assert torch.equal(out, before[names[0]](*args))
    handle.remove()
    again = type(network)(3, 4, 2) if len(inputs) == 2 else type(network)((2, 8, 8), 3, width=4)
    again.load_state_dict(network.state_dict())
    assert list(again.state_dict()) == list(network.state_dict())
    assert torch.equal(again.eval()(*inputs), logits)


def test_weights_of_a_whole_supernet_drop_nothing_and_other_weights_are_refused():
    network = MixedConvNet((1, 8, 8), 3, width=4, depth=1)
    network.load_state_dict(MixedConvNet((1, 8, 8), 3, width=4, depth=1).state_dict())
    assert len(mixed_operations(network)[0].operations) == 5
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict({"first.weight": network.first.weight})
    assert len(mixed_operations(network)[0].operations) == 5


def test_small_images_are_refused():
    with pytest.raises(ValueError, match="images of 8 x 8 pixels are too small for 4 blocks; give fewer blocks"):
        MixedConvNet((1, 8, 8), 3, depth=4)
