import pytest
import torch

from graphdistill.mirage.layered.accelerate import Kernels

INDEX, PTR = torch.tensor([0, 0, 2]), torch.tensor([0, 2, 2, 3])


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_a_link_gathers_and_reduces_as_plain_torch_does(shape):
    kernels = Kernels(INDEX, 3, PTR)
    x = torch.rand(3, *shape, dtype=torch.double)
    assert torch.equal(kernels.gather(x), x[INDEX])
    assert torch.equal(Kernels(INDEX, 3, None).gather(x), x[INDEX])
    assert torch.allclose(kernels.reduce(x, "sum"), torch.zeros_like(x).index_add(0, INDEX, x))
    assert torch.equal(kernels.reduce(x, "max")[0], torch.maximum(x[0], x[1]))


@pytest.mark.parametrize("heads", [0, 1, 2])
def test_a_weighted_sum_is_that_of_written_out_messages(heads):
    kernels, through = Kernels(INDEX, 3, PTR), Kernels(torch.tensor([1, 0, 1]), 2, None)
    x = torch.rand(2, *[heads] * (heads > 0), 3, dtype=torch.double, requires_grad=True)
    weight = torch.rand(3, *[heads] * (heads > 0), dtype=torch.double, requires_grad=True)

    def naive(x, weight):
        return torch.zeros(3, *x.shape[1:], dtype=x.dtype).index_add(0, INDEX, x[through.index] * weight[..., None])

    assert torch.allclose(kernels.weighted_sum(x, through, weight), naive(x, weight))
    assert torch.autograd.gradcheck(lambda *a: kernels.weighted_sum(a[0], through, a[1]), (x, weight))
    ones = torch.ones_like(weight)
    if heads < 2:
        assert torch.allclose(kernels.weighted_sum(x, through, None), naive(x, ones))
