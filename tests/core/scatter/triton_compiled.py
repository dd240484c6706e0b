"""The CUDA kernels compiled to machine code without a device: `test_kernels.py` starts this with an empty cache."""

from __future__ import annotations

from typing import Any

import pytest

from graphdistill.core.scatter._reference import LABEL

ROWS, OUT = "rows", "out"
"""Stand for a pointer to the dtype at hand, and to what its results are stored as."""

LONG, INT = "*i64", "i32"

FEATURES = {"features": INT}
REDUCE = {
    **{"x": ROWS, "starts": LONG, "stops": LONG, "index": LONG, "weight": ROWS, "count": LONG},
    **{"origin": "*fp64", "owner": LONG, "out": OUT},
}
HASH = {"child": LONG, "starts": LONG, "stops": LONG, "index": LONG, "factor": LONG, "label": LONG, "out": LONG}
NEAREST = {"x": ROWS, "codebook": ROWS, "offset": ROWS, "out": LONG, "n": INT, "codes": INT, **FEATURES}
FLAGS = ("HAS_INDEX", "HAS_WEIGHT", "HAS_COUNT", "MOMENTS", "MAX")


def reduce(*on: str, block: int = 64, narrow: bool = False) -> tuple[str, dict[str, str], dict[str, Any]]:
    """A variant of the kernel that reduces; ``narrow`` is one column, which Triton makes a constant of."""
    flags = {flag: flag in on for flag in FLAGS}
    types = {**REDUCE, "squares": OUT, **({} if narrow else FEATURES)}
    return (
        "reduce_kernel",
        types,
        {**flags, "BLOCK_E": min(64, 512 // block), "BLOCK_F": block, **({"features": 1} if narrow else {})},
    )


# What the launchers of _triton.py ask for: halves, and the widest of everything.
VARIANTS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "sum": reduce(),
    "sum of one column": reduce(block=1, narrow=True),
    "mean": reduce("HAS_COUNT"),
    "maximum": reduce("MAX"),
    "gathered sum": reduce("HAS_INDEX"),
    "gathered, weighted mean": reduce("HAS_INDEX", "HAS_WEIGHT", "HAS_COUNT"),
    "moments": reduce("HAS_INDEX", "MOMENTS"),
    "cut": (
        "cut_kernel",
        {"ptr": LONG, "twin": LONG, "starts": LONG, "stops": LONG, "segment": LONG},
        {"LIMIT": 256},
    ),
    "dot": (
        "dot_kernel",
        {"rows": ROWS, "x": ROWS, "owner": LONG, "index": LONG, "out": ROWS, "entries": INT, **FEATURES},
        {"BLOCK_E": 32, "BLOCK_F": 64},
    ),
    "repeat": (
        "repeat_kernel",
        {"x": ROWS, "owner": LONG, "out": ROWS, "entries": INT, **FEATURES},
        {"BLOCK_E": 32, "BLOCK_F": 64},
    ),
    "nearest": (
        "nearest_kernel",
        NEAREST,
        {
            "BLOCK_N": 64,
            "BLOCK_K": 64,
            "BLOCK_F": 32,
        },
    ),
    **{
        f"hash {' '.join(on) or 'nothing'}": (
            "hash_kernel",
            {**HASH, "segments": INT},
            {**{flag: flag in on for flag in ("HAS_INDEX", "HAS_FACTOR", "FINAL")}, "BLOCK_S": 64},
        )
        for on in (("HAS_INDEX", "HAS_FACTOR", "FINAL"), ("HAS_INDEX",), ("FINAL",), ())
    },
}

DTYPES = {"fp16": "fp32", "bf16": "fp32", "fp32": "fp32", "fp64": "fp64"}
HELPERS = {"_larger"}


def dtypes(variant: str) -> list[str]:
    """The dtypes of rows that a variant is launched with: the hash has none, distances are taken in float32 or more."""
    kernel, types, _ = VARIANTS[variant]
    if ROWS not in types.values():
        return ["i64"]
    return ["fp32", "fp64"] if kernel == "nearest_kernel" else list(DTYPES)


CASES = [pytest.param(v, d, id=f"{v}, {d}") for v in VARIANTS for d in dtypes(v)]


def test_every_kernel_is_compiled() -> None:
    import triton

    from graphdistill.core.scatter import _kernels

    kernels = {name for name, value in vars(_kernels).items() if isinstance(value, triton.JITFunction)}
    assert kernels - HELPERS == {kernel for kernel, _, _ in VARIANTS.values()}


@pytest.mark.parametrize("capability", [90, pytest.param(80, marks=pytest.mark.long)])
@pytest.mark.parametrize(("variant", "dtype"), CASES)
def test_kernels_become_machine_code(variant: str, dtype: str, capability: int) -> None:
    import triton
    from triton import language as tl
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from graphdistill.core.scatter import _kernels
    from graphdistill.core.splitmix64 import FACTORS, signed

    name, types, constants = VARIANTS[variant]
    kernel = getattr(_kernels, name)
    wide = "fp64" if variant == "moments" else DTYPES.get(dtype, dtype)
    spelled = {ROWS: f"*{dtype}", OUT: f"*{wide if variant == 'moments' else dtype}"}
    extra = {
        "WIDE": tl.float64 if wide == "fp64" else tl.float32,
        "LABEL_FACTOR": LABEL,
        "PRECISION": "ieee" if dtype == "fp64" else "tf32x3",
        "MIX_1": signed(FACTORS[0]),
        "MIX_2": signed(FACTORS[1]),
    }
    constants = constants | {key: value for key, value in extra.items() if key in kernel.arg_names}
    signature = {
        argument: "constexpr" if argument in constants else spelled.get(types[argument], types[argument])
        for argument in kernel.arg_names
    }
    places = {(kernel.arg_names.index(argument),): value for argument, value in constants.items()}
    done = triton.compile(ASTSource(kernel, signature, places), target=GPUTarget("cuda", capability, 32))
    assert f".target sm_{capability}" in done.asm["ptx"]
    assert done.asm["cubin"].startswith(b"\x7fELF")
    assert done.metadata.shared < 100_000
