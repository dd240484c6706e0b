import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from graphdistill.core.scatter import Segments, _ops
from graphdistill.core.scatter._operator import Operator, operator

calls = []


@operator("graphdistill_tests::scaled")
def scaled(x: torch.Tensor, factor: float = 2.0, shift: float = 0.0) -> torch.Tensor:
    calls.append((factor, shift))
    return x * factor + shift


@scaled.register_fake
def _(x, factor=2.0, shift=0.0):
    return torch.empty_like(x)


def keep(ctx, inputs, output):
    _, ctx.factor, _ = inputs


def differentiate(ctx, gradient):
    return scaled(gradient, ctx.factor), None, None


scaled.register_autograd(differentiate, setup_context=keep)


class Seen(TorchDispatchMode):
    """The names of all operators that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


def test_arguments_are_those_of_the_function():
    x = torch.ones(2)
    for found in (scaled(x, 3.0, 1.0), scaled(x, 3.0, shift=1.0), scaled(x, shift=1.0, factor=3.0)):
        assert found.tolist() == [4.0, 4.0]
    assert scaled(x).tolist() == scaled(x, 2.0).tolist() == [2.0, 2.0]


def test_it_differentiates_twice_as_the_registered_operator_does():
    x = torch.rand(3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(scaled, (x, 3.0))
    assert torch.autograd.gradgradcheck(scaled, (x, 3.0))
    ours = torch.autograd.grad(scaled(x, 3.0).square().sum(), x, create_graph=True)
    theirs = torch.autograd.grad(scaled.registered(x, 3.0).square().sum(), x, create_graph=True)
    assert torch.equal(*ours, *theirs)
    assert torch.equal(torch.autograd.grad(ours[0].sum(), x)[0], torch.autograd.grad(theirs[0].sum(), x)[0])
    with torch.no_grad():
        assert not scaled(x).requires_grad


def test_whoever_watches_sees_the_registered_operator():
    x = torch.ones(2)
    with Seen() as seen:
        scaled(x)
    assert seen.names == ["graphdistill_tests.scaled.default"]
    program = torch.export.export(Twice(), (x,))
    assert "graphdistill_tests.scaled" in str(program.graph)


class Twice(torch.nn.Module):
    def forward(self, x):
        return scaled(x)


@pytest.mark.parametrize("name", [name for name, value in vars(_ops).items() if isinstance(value, Operator)])
def test_every_operator_of_the_library_is_registered(name):
    assert hasattr(torch.ops.graphdistill, name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_segments_give_the_bits_of_the_registered_operator(weighted, reduce):
    draw = torch.Generator().manual_seed(0)
    ptr, index = torch.tensor([0, 2, 2, 700]), torch.randint(50, (700,), generator=draw)
    segments = Segments(ptr, index, 50)
    x = torch.randn(50, 8, generator=draw).requires_grad_()
    weight = torch.rand(700, generator=draw).requires_grad_() if weighted else None
    inputs = [x, weight] if weighted else [x]
    ours = getattr(segments, reduce)(x, weight)
    theirs = _ops.gather_segment.registered(x, ptr, index, weight, reduce, *segments.twin, True)
    assert torch.equal(ours, theirs)
    gradient = torch.randn(ours.shape, generator=draw)
    for one, other in zip(*(torch.autograd.grad(o, inputs, gradient) for o in (ours, theirs)), strict=True):
        assert torch.equal(one, other)
