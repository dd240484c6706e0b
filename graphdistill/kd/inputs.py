"""A batch as named inputs, and modules of any library that are called with those that their ``forward`` names."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn


class Inputs(Mapping[str, Any]):
    """Named inputs of a batch, of which some are made on first use.

    Args:
        main: name of the input that a module gets whose ``forward`` names none of them.
        given: inputs by name.
        made: functions that make further inputs, by name. (default: none)

    Example:
        >>> inputs = Inputs("x", {"x": 2}, {"square": lambda: 4})
        >>> sorted(inputs), inputs["square"], inputs.main
        (['square', 'x'], 4, 2)
    """

    def __init__(self, main: str, given: Mapping[str, Any], made: Mapping[str, Callable[[], Any]] | None = None):
        self._main, self._given, self._made = main, dict(given), dict(made or {})

    def __getitem__(self, name: str) -> Any:
        if name not in self._given and name in self._made:
            self._given[name] = self._made[name]()
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._given, *self._made]))

    def __len__(self) -> int:
        return len({*self._given, *self._made})

    @property
    def main(self) -> Any:
        """The input of a module whose ``forward`` names none."""
        return self[self._main]

    def derive(self, made: Mapping[str, Callable[[], Any]]) -> None:
        """Add functions that make further inputs, by name."""
        self._made |= made

    def replaced(self, value: Any) -> Inputs:
        """The inputs with another main one; whatever has the same value, an alias, is replaced too."""
        old = self.main
        return Inputs(self._main, {n: value if v is old else v for n, v in self._given.items()}, self._made)


class BatchModule(nn.Module, ABC):
    """Base of modules that pass a whole batch on to others, such as several teachers as one.

    Its ``forward`` gets the :class:`Inputs`.

    Args:
        members: the modules that the batch is passed on to.
    """

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(members)

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """Logits of a batch."""


def names_of(module: nn.Module) -> dict[str, bool]:
    """Names of the arguments of a module's ``forward``, each with whether it is required.

    Those of a :class:`BatchModule` are the names of its members.

    Example:
        >>> names_of(nn.Linear(1, 1))
        {'input': True}
    """
    if isinstance(module, BatchModule):
        return {name: required for member in module.members for name, required in names_of(member).items()}
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(module.forward).parameters.values()
    return {p.name: p.default is inspect.Parameter.empty for p in found if p.kind in kinds}


def call(module: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of a module on a batch.

    It gets the inputs that its ``forward`` names; if its first argument is none of them, it gets the main input.

    Args:
        module: returns a tensor, or an object with ``logits``, as in transformers.
        inputs: the batch.

    Raises:
        ValueError: an argument is required that the batch does not have, or the result has no logits.

    Example:
        >>> import torch
        >>> call(nn.Linear(3, 2), Inputs("x", {"x": torch.ones(4, 3)})).shape
        torch.Size([4, 2])
    """
    if isinstance(module, BatchModule):
        out: Tensor = module(inputs)
        return out
    wanted = names_of(module)
    given = {name: inputs[name] for name in wanted if name in inputs}
    rest = [name for name, required in wanted.items() if required and name not in given]
    first = [] if not wanted or next(iter(wanted)) in given else [inputs.main]
    missing = rest[1:] if first and rest[:1] == list(wanted)[:1] else rest
    if missing:
        raise ValueError(
            f"{type(module).__name__}.forward needs {' and '.join(missing)}, but a batch has {', '.join(inputs)}; "
            "rename the argument, or wrap the module"
        )
    found = module(*first, **given)
    logits = found if isinstance(found, Tensor) else getattr(found, "logits", None)
    if not isinstance(logits, Tensor):
        raise ValueError(
            f"{type(module).__name__} returns {type(found).__name__}; return a tensor of logits, or an object that "
            "has them as logits"
        )
    return logits
