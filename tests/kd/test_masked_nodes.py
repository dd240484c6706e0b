import pytest
import torch
from torch_geometric.nn import GCN

from graphdistill.kd.masked_nodes import NodeDecoder, run_until, scaled_cosine_error
from tests.kd.samples import mlp, nodes_context


def test_the_error_is_that_of_a_loop():
    found, wanted = torch.randn(6, 4), torch.randn(6, 4)
    rows = [(1 - a @ b / a.norm() / b.norm()) ** 2 for a, b in zip(found, wanted, strict=True)]
    assert torch.allclose(scaled_cosine_error(found, wanted), torch.stack(rows), atol=1e-6)


def test_masked_nodes_show_nothing_of_themselves():
    decoder, x = NodeDecoder(4, 3), torch.rand(5, 3)
    masked = torch.tensor([True, False, True, False, False])
    hidden, edges = torch.randn(5, 4), torch.tensor([[0, 1, 3], [1, 2, 4]])
    assert torch.equal(decoder.hide(x, masked)[masked], torch.zeros(2, 3))
    assert torch.equal(decoder.hide(x, masked)[~masked], x[~masked])
    changed = hidden.clone()
    changed[masked] += 9
    value = decoder(hidden, edges, x, masked)
    assert torch.equal(value, decoder(changed, edges, x, masked))
    value.backward()
    assert decoder.conv.lin.weight.grad is not None


def test_later_layers_do_not_run():
    context, net = nodes_context(), GCN(10, 8, 3, 10).eval()
    view = context.data
    inputs = view.inputs(view.train)
    wanted = view.predict(net, view.train, ("convs.1",)).features["convs.1"]
    handle = net.convs[2].register_forward_hook(lambda *_: pytest.fail("the last layer ran"))
    found = run_until(view, net, "convs.1", view.train, inputs)
    handle.remove()
    assert torch.allclose(found, wanted)
    assert torch.allclose(run_until(view, net, "convs.1", view.train, inputs), wanted)


def test_a_layer_that_is_not_called_is_refused():
    context, net = nodes_context(), mlp()
    net.unused = torch.nn.Module()
    net.forward = lambda x: net[3](net[1](x).relu())
    with pytest.raises(ValueError, match="layer 'unused' of Sequential is not called; name another layer"):
        run_until(context.data, net, "unused", context.data.train, context.data.inputs(context.data.train))
