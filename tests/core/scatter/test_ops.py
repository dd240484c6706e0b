from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from functorch.compile import make_boxed_func
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd

from graphdistill.core import scatter
from graphdistill.core.scatter import _ops, _reference
from graphdistill.core.scatter._operator import Operator
from tests.core.scatter.samples import Sample, close, draw, leaves, words
from tests.reference import gather_dot_naive, segment_sum_naive

OPS = {name: op for name, op in vars(_ops).items() if isinstance(op, Operator)}


def samples(device: torch.device | str = "cpu") -> dict[str, list[tuple[Any, ...]]]:
    """Arguments of each operator, every way that it is called."""
    x, ptr, index, weight = draw([2, 0, 4], 3, torch.float32, device, rows=6)
    entries, rows, full = (v.clone().requires_grad_() for v in (x[index], x[:3], x))
    w, code = weight.clone().requires_grad_(), torch.tensor([0, 1, 1, 3, 0, 3], device=device)
    label, child, factor = (words(n, m).to(device) for n, m in ((3, 2), (6, 2), (6, 1)))
    twin = _reference.transpose(ptr, index, 6)
    return {
        "segment_reduce": [(entries, ptr, reduce) for reduce in ("sum", "mean", "max")],
        "segment_repeat": [(rows, ptr, 6), (rows, ptr, 6, True)],
        "gather_segment": [
            (full, ptr, index, w, "sum"),
            (full, ptr, index, None, "mean"),
            (full, ptr, index, w, "mean", *twin, True),
        ],
        "gather_dot": [(rows, full, ptr, index)],
        "transpose": [(ptr, index, 6)],
        "sort_by": [(code, 5), (code, 4, "code")],
        "class_moments": [(full, code, *_reference.sort_by(code, 5))],
        "nearest_code": [(x, x[:2] + 1, metric, 1 << 20) for metric in ("euclidean", "cosine")],
        "tree_hash_step": [(label, child, ptr, index, None), (label, child, ptr, index, factor)],
    }


def test_every_operator_has_a_sample() -> None:
    registered = {name.split("::")[1] for name in torch._C._dispatch_get_all_op_names() if "graphdistill::" in name}
    assert set(samples()) == set(OPS) == registered


@pytest.mark.parametrize("name", OPS)
def test_operators_are_registered_well(name: str, device: torch.device) -> None:
    for arguments in samples(device)[name]:
        torch.library.opcheck(getattr(torch.ops.graphdistill, name).default, arguments)


def sized(times: int) -> Sample:
    """The sample that functions are compiled and exported with, or one with other sizes."""
    return draw([2, 0, 4] * times, rows=3 + 4 * times)


public: dict[str, tuple[Callable[..., Any], str, Callable[[int], tuple[Tensor, ...]]]] = {
    "segment_sum": (scatter.segment_sum, "segment_reduce", lambda n: (sized(n).gathered, sized(n).ptr)),
    "segment_mean": (scatter.segment_mean, "segment_reduce", lambda n: (sized(n).gathered, sized(n).ptr)),
    "segment_max": (scatter.segment_max, "segment_reduce", lambda n: (sized(n).gathered, sized(n).ptr)),
    "segment_repeat": (
        lambda x, ptr, index: scatter.segment_repeat(x, ptr, index.shape[0]),
        "segment_repeat",
        lambda n: (draw([], rows=3 * n).x, *sized(n)[1:3]),
    ),
    "gather_segment": (scatter.gather_segment, "gather_segment", sized),
    "class_moments": (
        lambda x, y: scatter.class_moments(x, y, 40)[1:],
        "class_moments",
        lambda n: (sized(n).gathered, sized(n).index),
    ),
    "codebook_stats": (
        lambda x, y: scatter.codebook_stats(x, y, 40)[1],
        "gather_segment",
        lambda n: (sized(n).gathered, sized(n).index),
    ),
    "nearest_code": (scatter.nearest_code, "nearest_code", lambda n: (sized(n).x, draw([], rows=4 * n, seed=1).x)),
    "tree_hash_step": (
        scatter.tree_hash_step,
        "tree_hash_step",
        lambda n: (words(3 * n, 2), words(3 + 4 * n, 2), *sized(n)[1:3]),
    ),
    "sort_by": (lambda keys: scatter.sort_by(keys, 40), "sort_by", lambda n: (sized(n).index,)),
}


def counted(*graphs: torch.fx.GraphModule) -> Counter[str]:
    """How often each operator of ours is in the graphs."""
    targets = [str(node.target) for graph in graphs for node in graph.graph.nodes]
    return Counter(target.split(".")[1] for target in targets if target.startswith("graphdistill."))


def parts(out: Any) -> list[Tensor]:
    return list(out) if isinstance(out, tuple) else [out]


@pytest.fixture
def graphs() -> Iterator[list[torch.fx.GraphModule]]:
    """Graphs that the backend "record" has seen, forward and then backward."""
    torch._dynamo.reset()
    yield []
    torch._dynamo.reset()


def compiled(function: Callable[..., Any], graphs: list[torch.fx.GraphModule]) -> Callable[..., Any]:
    """``function`` compiled whole, with its graphs run as they are and noted down."""

    def record(graph: torch.fx.GraphModule, _: object) -> object:
        graphs.append(graph)
        return make_boxed_func(graph.forward)

    return torch.compile(function, fullgraph=True, backend=aot_autograd(fw_compiler=record))


@pytest.mark.parametrize("name", public)
def test_compiled_whole_a_function_is_one_node(name: str, graphs: list[torch.fx.GraphModule]) -> None:
    function, op, arguments = public[name]
    fast = compiled(function, graphs)
    inputs = [leaves(v)[0] if v.is_floating_point() else v for v in arguments(1)]
    plain = [leaves(v)[0] if v.is_floating_point() else v for v in arguments(1)]
    outs, want = parts(fast(*inputs)), parts(function(*plain))
    assert counted(graphs[0])[op] == 1
    assert all(torch.equal(a, b) for a, b in zip(outs, want, strict=True))
    if not want[0].requires_grad:
        return
    sum((out * out).sum() for out in outs).backward()
    sum((out * out).sum() for out in want).backward()
    for a, b in zip(inputs, plain, strict=True):
        assert not a.is_floating_point() or torch.equal(a.grad, b.grad)
    assert len(graphs) == 2


@pytest.mark.parametrize("name", public)
def test_exported_with_any_sizes_a_function_is_one_node(name: str) -> None:
    function, op, arguments = public[name]

    class Model(torch.nn.Module):
        def forward(self, *inputs: Tensor) -> Any:
            return function(*inputs)

    sizes = tuple({0: torch.export.Dim.AUTO} for _ in arguments(1))
    program = torch.export.export(Model(), arguments(1), dynamic_shapes=(sizes,))
    assert counted(program.graph_module)[op] == 1
    for times in (1, 3):
        inputs = arguments(times)
        outs = zip(parts(program.module()(*inputs)), parts(function(*inputs)), strict=True)
        assert all(torch.equal(a, b) for a, b in outs)


def gather(x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    return scatter.gather_segment(x, ptr, index, weight, "mean").relu() * 2


def test_exported_programs_take_other_sizes_and_refuse_bad_pointers() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Tensor, ptr: Tensor, index: Tensor, weight: Tensor) -> Tensor:
            return gather(x, ptr, index, weight)

    sizes = tuple({0: torch.export.Dim.AUTO} for _ in range(4))
    program = torch.export.export(Model(), draw([2, 0, 4]), dynamic_shapes=sizes).module()
    for lengths, rows in (([1, 5, 0, 0, 3], 11), ([2, 1], 2)):
        other = draw(lengths, rows=rows)
        assert torch.equal(program(*other), gather(*other))
    x, ptr, index, weight = draw([2, 0, 4])
    with pytest.raises(ValueError, match="ptr must not decrease, got 3 before 2"):
        program(x, torch.tensor([0, 3, 2, 6]), index, weight)
    with pytest.raises(ValueError, match="index must be from 0 to 6, got 7"):
        program(x, ptr, index + 7 - index.max(), weight)


def test_compiled_functions_refuse_bad_pointers(graphs: list[torch.fx.GraphModule]) -> None:
    fast = compiled(gather, graphs)
    x, ptr, index, weight = draw([2, 0, 4])
    assert torch.equal(fast(x, ptr, index, weight), gather(x, ptr, index, weight))
    with pytest.raises(ValueError, match="ptr must end at 6, the length of index, got 7"):
        fast(x, ptr + ptr.ne(0), index, weight)
    with pytest.raises(ValueError, match="ptr must start at 0, got 1"):
        fast(x, ptr + 1, index, weight)
    assert len(graphs) == 1


def test_the_backward_pass_is_made_of_operators(graphs: list[torch.fx.GraphModule]) -> None:
    x, ptr, index, weight = draw([2, 0, 4])
    inputs = leaves(x, weight)
    compiled(gather, graphs)(inputs[0], ptr, index, inputs[1]).sum().backward()
    forward, backward = graphs
    assert counted(forward) == {"gather_segment": 1}
    assert counted(backward) == {"transpose": 1, "gather_segment": 1, "gather_dot": 1}


def test_held_segments_compile_and_sort_once(graphs: list[torch.fx.GraphModule]) -> None:
    x, ptr, index, weight = draw([2, 0, 4])
    held = scatter.Segments(ptr, index, len(x), weight)
    want = held.sum(x)
    (leaf,) = leaves(x)
    out = compiled(held.sum, graphs)(leaf)
    out.sum().backward()
    assert torch.equal(out, want)
    assert [counted(graph) for graph in graphs] == [{"gather_segment": 1}] * 2


@pytest.mark.long
def test_inductor_compiles_forward_and_backward() -> None:
    torch._dynamo.reset()
    x, ptr, index, weight = draw([2, 0, 4])
    ours, plain = leaves(x, weight), leaves(x, weight)
    torch.compile(gather, fullgraph=True)(ours[0], ptr, index, ours[1]).sum().backward()
    gather(plain[0], ptr, index, plain[1]).sum().backward()
    for a, b in zip(ours, plain, strict=True):
        close(a.grad, b.grad)


def test_dot_products_and_their_derivatives(device: torch.device) -> None:
    x, ptr, index, _ = draw([2, 0, 4], device=device, rows=6)
    rows, x = leaves(x[:3] + 1, x)
    close(_ops.gather_dot(rows, x, ptr, index), gather_dot_naive(rows.cpu(), x.cpu(), ptr.cpu(), index.cpu()))
    assert torch.autograd.gradcheck(_ops.gather_dot, (rows, x, ptr, index))
    assert torch.autograd.gradgradcheck(_ops.gather_dot, (rows, x, ptr, index))


def test_trusted_segments_are_not_checked_again() -> None:
    x, ptr, index, _ = draw([2, 0, 4])
    with pytest.raises(ValueError, match="ptr must end at 6"):
        _ops.gather_segment(x, ptr[:-1], index, None, "sum")
    assert len(_ops.gather_segment(x, ptr[:-1], index[:2], None, "sum", trusted=True)) == 2


def test_tensors_on_the_cpu_take_plain_torch() -> None:
    assert _ops.kernels(torch.ones(1)) is _reference


def test_without_triton_cuda_takes_plain_torch_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder, device: torch.device
) -> None:
    class OnCuda:
        is_cuda = True

    monkeypatch.setitem(sys.modules, "graphdistill.core.scatter._triton", None)
    monkeypatch.delattr(scatter, "_triton", raising=False)
    _ops._cuda.cache_clear()
    try:
        with pytest.warns(UserWarning, match=r"triton is not installed, so segment operations on CUDA run in plain"):
            assert _ops.kernels(OnCuda()) is _reference
        recwarn.clear()
        assert _ops.kernels(OnCuda()) is _reference
        sample = draw([2, 0, 4], device=device)
        want = segment_sum_naive(sample.ptr.cpu(), sample.index.cpu(), sample.weight.cpu(), sample.x.cpu())
        close(scatter.gather_segment(*sample), want)
        assert len(recwarn) == 0
    finally:
        _ops._cuda.cache_clear()


def test_with_triton_cuda_takes_its_kernels() -> None:
    pytest.importorskip("triton")
    from graphdistill.core.scatter import _triton

    class OnCuda:
        is_cuda = True

    assert _ops.kernels(OnCuda()) is _triton
