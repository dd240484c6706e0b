"""Devices: a name of the command line becomes a ``torch.device``, and a network has the one of its parameters.

Torch is imported on first use, because commands parse arguments without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch
    from torch import nn

DeviceName = Literal["cpu", "cuda", "auto"]


def resolve_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is the GPU where there is one, else the CPU.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.

    Raises:
        ValueError: the name is unknown, or this machine has no such GPU.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    import torch

    kind, _, number = name.partition(":")
    if kind not in get_args(DeviceName) or (number and (kind != "cuda" or not number.isdecimal())):
        raise ValueError(f"--device {name!r} is unknown; choose from {', '.join(get_args(DeviceName))}")
    count = torch.cuda.device_count()
    if kind == "auto":
        return torch.device("cuda" if count else "cpu")
    if kind == "cuda" and not count:
        raise ValueError(f"--device {name}: torch {torch.__version__} finds no GPU here; give cpu or auto")
    if number and int(number) >= count:
        raise ValueError(f"--device {name}: this machine has {count} GPUs, counted from 0; give one of them")
    return torch.device(name)


def device_of(module: nn.Module) -> torch.device:
    """The device of a network's first parameter, or the CPU if it has none.

    Example:
        >>> from torch import nn
        >>> device_of(nn.Linear(2, 1, device="meta")), device_of(nn.ReLU())
        (device(type='meta'), device(type='cpu'))
    """
    import torch

    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has done its work, so that time can be measured; on a CPU nothing is waited for."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def describe_device(device: torch.device) -> str:
    """The device's name, with the model of a GPU.

    Example:
        >>> describe_device(resolve_device("cpu"))
        'cpu'
    """
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
