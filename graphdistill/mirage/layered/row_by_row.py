"""Which functions of torch treat every row of a tensor alone, and so are exact on distinct trees."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

META = set(
    "size dim numel stride is_contiguous is_floating_point is_complex element_size __len__ __repr__ get_device "
    "shape ndim device dtype layout is_cuda is_cpu is_sparse is_sparse_csr is_quantized is_meta is_nested "
    "requires_grad grad_fn is_leaf requires_grad_ is_inference _version names".split()
)
"""Functions and properties that ask for no value."""

ROWS_APART = set(
    "dropout dropout1d alpha_dropout feature_alpha_dropout relu relu6 leaky_relu prelu rrelu elu celu selu silu "
    "gelu mish softplus softsign softshrink hardshrink tanhshrink hardtanh hardsigmoid hardswish log_sigmoid "
    "logsigmoid threshold group_norm to float double half bfloat16 long int bool type type_as contiguous detach "
    "clone alias zeros_like ones_like full_like floor_divide gru_cell lstm_cell embedding embedding_bag one_hot "
    "radd iadd isub imul itruediv rdiv rmul truediv rtruediv rsub rpow ipow and or xor invert rand ror mod rmod "
    "floordiv rfloordiv".split()
)
"""Functions of each row alone that torch does not mark as pointwise."""

DIMS: dict[str, tuple[tuple[int, ...], int | None]] = {
    **dict.fromkeys("sum mean prod softmax log_softmax max min amax amin var std logsumexp".split(), ((1,), None)),
    **dict.fromkeys("argmax argmin cumsum cumprod unsqueeze squeeze any all select narrow flip".split(), ((1,), None)),
    **dict.fromkeys("cat concat concatenate stack unbind flatten".split(), ((1,), 0)),
    **dict.fromkeys("glu sort argsort".split(), ((1,), -1)),
    **dict.fromkeys("split chunk tensor_split".split(), ((2,), 0)),
    **dict.fromkeys("transpose swapaxes swapdims".split(), ((1, 2), None)),
    **dict.fromkeys("normalize cosine_similarity".split(), ((2,), 1)),
    "norm": ((2,), None),
    "topk": ((2,), -1),
}
"""Where functions take dimensions, which must not be that of the rows, and their default; ``None`` if all are meant."""


def function_name(func: Any) -> str:
    """The name of a torch function, method or property, without the underscores of Python's operators.

    Example:
        >>> function_name(torch.Tensor.__rsub__), function_name(torch.Tensor.shape.__get__)
        ('rsub', 'shape')
    """
    name: str = func.__name__
    if name == "__get__":
        name = func.__self__.__name__
    return name if name in META else name[2:-2] if name.startswith("__") and name.endswith("__") else name


@functools.cache
def _pointwise(name: str) -> bool:
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    return packet is not None and any(
        torch.Tag.pointwise in getattr(packet, overload).tags for overload in packet.overloads()
    )


def row_by_row(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call treats every row alone.

    Example:
        >>> x = torch.ones(2, 3)
        >>> row_by_row("sum", (x, 1), {}), row_by_row("sum", (x, 0), {}), row_by_row("sum", (x,), {})
        (True, False, False)
    """
    if name in DIMS:
        first = args[0] if args else kwargs.get("tensors", kwargs.get("input"))
        x = next(t for t in (first if isinstance(first, tuple | list) else [first]) if isinstance(t, Tensor))
        if name in ("max", "min") and len(args) > 1 and isinstance(args[1], Tensor):
            return True
        places, default = DIMS[name]
        given = [args[p] for p in places if p < len(args)]
        given += [kwargs[key] for key in ("dim", "start_dim", "dim0", "dim1", "axis", "dims") if key in kwargs]
        given = given or ([] if default is None else [default])
        new = name in ("stack", "unsqueeze")
        dims = [d for one in given for d in (one if isinstance(one, tuple | list) else [one])]
        return bool(dims) and all(isinstance(d, int) and (d + x.dim() + new if d < 0 else d) > 0 for d in dims)
    if name == "where" and len(args) < 2:
        return False  # positions, not values
    return name in ROWS_APART or _pointwise(name)
