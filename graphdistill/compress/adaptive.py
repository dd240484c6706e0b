r"""Layers of adaptive width: learners whose outputs add up, and a gate that says how many an input needs.

.. math:: h_n(x) = b + \sum_{i \le n} U_i \, \sigma(V_i x + c_i), \qquad n(x) = \arg\max_n \; g_n(x) - \lambda n

with N learners of r hidden units and the logits g of a gate; one price :math:`\lambda` for all layers sets the mean n.

Shape legend: T rows (tokens, nodes, entries), N learners, r hidden units of a learner, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense import Linear as PyGLinear

from graphdistill.compress.levels import straight_through
from graphdistill.kd.data.view import View

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh, nn.LeakyReLU)
"""Functions between the two linear layers of a feed-forward part, which act on each number alone."""


class AdaptiveLayer(nn.Module):
    """Learners in place of a linear layer or of a feed-forward part, and a gate over their number.

    In training mode the gate draws a number for each row (Gumbel, straight-through) and ``used`` holds it, one-hot; in
    evaluation mode it takes the best one, rows compute no learner beyond theirs, and ``used`` holds the numbers.

    Args:
        down: linear layer to the hidden units of all learners, one learner after the other.
        activation: function of the hidden units.
        up: linear layer from them.
        learners: number N of learners.
        gate_width: hidden units of the gate; 0 for no gate: all learners are used. (default: 0)

    Raises:
        ValueError: the hidden units are no multiple of the learners.

    Shapes:
        - **input:** ``[..., I]``
        - **output:** ``[..., O]``

    Example:
        >>> layer = AdaptiveLayer(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2), learners=4, gate_width=5).eval()
        >>> layer(torch.rand(6, 3)).shape, layer.used.shape
        (torch.Size([6, 2]), torch.Size([6]))
    """

    price: Tensor

    def __init__(self, down: nn.Linear, activation: nn.Module, up: nn.Linear, learners: int, gate_width: int = 0):
        super().__init__()
        if down.out_features % learners:
            raise ValueError(f"{down.out_features} hidden units are no multiple of {learners} learners")
        self.down, self.activation, self.up, self.learners = down, activation, up, learners
        self.size = down.out_features // learners
        self.gate: nn.Sequential | None = None
        if gate_width:
            inner, outer = nn.Linear(down.in_features, gate_width), nn.Linear(gate_width, learners + 1)
            self.gate = nn.Sequential(inner, nn.ReLU(), outer).to(down.weight.device)
            self.register_buffer("price", torch.zeros((), device=down.weight.device))
        self.used: Tensor | None = None
        self.noise = 1.0

    @property
    def learner_cost(self) -> int:
        """Multiply-adds of a learner for a row."""
        return self.size * (self.down.in_features + self.up.out_features)

    @property
    def gate_cost(self) -> int:
        """Multiply-adds of the gate for a row."""
        return 0 if self.gate is None else sum(part.weight.numel() for part in self.gate if isinstance(part, nn.Linear))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of as many learners as the gate says."""
        if self.gate is None:
            full: Tensor = self.up(self.activation(self.down(x)))
            return full
        logits = self.gate(x)
        if self.training:
            self.used = self._drawn(logits)
            # A learner is kept where the number is its own or a larger one.
            return self._masked(x, self.used[..., 1:].flip(-1).cumsum(-1).flip(-1))
        number = (logits - self.price * torch.arange(self.learners + 1, device=x.device)).argmax(-1)
        if torch.compiler.is_compiling():
            # A graph of fixed shapes, as in an exported file, cannot group rows by their numbers.
            return self._masked(x, (torch.arange(self.learners, device=x.device) < number[..., None]).to(x.dtype))
        self.used = number
        return self._grouped(x, number)

    def _masked(self, x: Tensor, keep: Tensor) -> Tensor:
        """Outputs of all learners, of which those that are not kept, ``[..., N]``, count nothing."""
        out: Tensor = self.up(self.activation(self.down(x)) * keep.repeat_interleave(self.size, dim=-1))
        return out

    def _drawn(self, logits: Tensor) -> Tensor:
        """A number for each row, one-hot, with the gradient of the softmax."""
        noisy = logits - self.noise * torch.empty_like(logits).exponential_().log()
        soft = noisy.softmax(-1)
        hard = torch.zeros_like(soft).scatter_(-1, noisy.argmax(-1, keepdim=True), 1.0)
        return straight_through(soft, hard)

    def _grouped(self, x: Tensor, number: Tensor) -> Tensor:
        """Outputs of rows, each with its number of learners, one product for each number."""
        rows, wanted = x.reshape(-1, x.shape[-1]), number.reshape(-1)
        out = rows.new_zeros(len(rows), self.up.out_features)
        for count in wanted.unique().tolist():
            here = wanted == count
            if count:
                out[here] = self.prefix(rows[here], count)
        if self.up.bias is not None:
            out = out + self.up.bias
        return out.view(*x.shape[:-1], -1)

    def prefix(self, x: Tensor, count: int) -> Tensor:
        """Sum of the first learners, without the bias of the output.

        Args:
            x: ``[T, I]``.
            count: number of learners.
        """
        units = count * self.size
        bias = None if self.down.bias is None else self.down.bias[:units]
        return F.linear(self.activation(F.linear(x, self.down.weight[:units], bias)), self.up.weight[:, :units])

    def prefixes(self, x: Tensor) -> Tensor:
        """Outputs with 0 to N learners, ``[N + 1, T, O]``.

        Args:
            x: ``[T, I]``.
        """
        hidden = self.activation(self.down(x)).view(len(x), self.learners, self.size)
        weight = self.up.weight.view(-1, self.learners, self.size)
        sums = torch.einsum("tnr,onr->nto", hidden, weight).cumsum(0)
        found = torch.cat([torch.zeros_like(sums[:1]), sums])
        return found if self.up.bias is None else found + self.up.bias

    @torch.no_grad()
    def truncated(self, count: int) -> AdaptiveLayer:
        """The first learners alone, without a gate.

        Args:
            count: number of learners, 1 or more.
        """
        units = count * self.size
        down = linear(self.down.weight[:units], None if self.down.bias is None else self.down.bias[:units])
        return AdaptiveLayer(down, self.activation, linear(self.up.weight[:, :units], self.up.bias), count)


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer of copies of a weight and a bias."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None).to(weight.device)
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)
    return made


def learners_of(part: nn.Module, learners: int, gate_width: int) -> AdaptiveLayer | None:
    """Learners that compute nearly the same as a linear layer or a feed-forward part, for nearly the same cost.

    Slices of a feed-forward part are its hidden units, those of the largest weights first; of a linear layer they are
    singular vectors of its weight, those of the largest singular values first. Hidden units beyond a multiple of the
    number of learners are left out.

    Args:
        part: the layer, or a sequence of a linear layer, an activation and a linear layer.
        learners: number of learners.
        gate_width: hidden units of the gate.

    Returns:
        The layer; ``None`` where a learner would have no hidden unit.

    Example:
        >>> learners_of(nn.Linear(8, 8), 2, 3).size  # two learners of two units cost what 8 x 8 weights cost
        2
    """
    if isinstance(part, nn.Sequential):
        first, activation, second = part
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        order = (first.weight.norm(dim=1) * second.weight.norm(dim=0)).argsort(descending=True, stable=True)
        down, up = first.weight[order], second.weight[:, order]
        bias: Tensor | None = None if first.bias is None else first.bias[order]
        last_bias: Tensor | None = second.bias
    else:
        assert isinstance(part, nn.Linear | PyGLinear)
        u, s, v = torch.linalg.svd(part.weight.detach(), full_matrices=False)
        down, up = s.sqrt()[:, None] * v, u * s.sqrt()
        bias, activation, last_bias = None, nn.Identity(), part.bias
        limit = part.weight.numel() // sum(part.weight.shape)
        down, up = down[:limit], up[:, :limit]
    units = len(down) // learners * learners
    if not units:
        return None
    made = linear(down[:units], None if bias is None else bias[:units])
    return AdaptiveLayer(made, activation, linear(up[:, :units], last_bias), learners, gate_width)


def replaceable(network: nn.Module, called: list[nn.Module], *, everything: bool) -> dict[str, nn.Module]:
    """Parts of a network that learners can replace, by path.

    Those are feed-forward parts; with ``everything``, or where there are none, also all linear layers that are called,
    but for the last one.

    Args:
        network: the network.
        called: linear layers in the order in which a prediction calls them.
        everything: also single linear layers.

    Example:
        >>> net = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)), nn.Linear(4, 2))
        >>> list(replaceable(net, [net[0][0], net[0][2], net[1]], everything=True))
        ['0']
    """
    parts = {path: part for path, part in network.named_modules() if path and _feed_forward(part, called)}
    if parts and not everything:
        return parts
    inner = {id(layer) for part in parts.values() for layer in part.modules()}
    once = [layer for layer in called if called.count(layer) == 1 and layer is not called[-1]]
    for path, layer in network.named_modules():
        if any(layer is own for own in once) and id(layer) not in inner and type(layer) in (nn.Linear, PyGLinear):
            parts[path] = layer
    return parts


def _feed_forward(part: nn.Module, called: list[nn.Module]) -> bool:
    """Whether a part is a sequence of a linear layer, an activation and a linear layer, both called once."""
    if type(part) is not nn.Sequential or len(part) != 3:
        return False
    first, between, second = part
    both = type(first) is nn.Linear and type(second) is nn.Linear and isinstance(between, ACTIVATIONS)
    return both and second is not called[-1] and called.count(first) == called.count(second) == 1


def adaptive_layers(network: nn.Module) -> dict[str, AdaptiveLayer]:
    """Layers of adaptive width with a gate, by path."""
    found = {path: part for path, part in network.named_modules() if isinstance(part, AdaptiveLayer)}
    return {path: layer for path, layer in found.items() if layer.gate is not None}


def share_used(network: nn.Module) -> float:
    """Multiply-adds of all adaptive layers in the latest prediction, over those with all learners and no gate."""
    used = full = 0.0
    for layer in adaptive_layers(network).values():
        assert layer.used is not None
        used += layer.used.numel() * layer.gate_cost + float(layer.used.sum()) * layer.learner_cost
        full += layer.used.numel() * layer.learners * layer.learner_cost
    return used / full


@torch.no_grad()
def set_budget(network: nn.Module, view: View, budget: float, index: Tensor) -> float:
    """Set the price of a learner so that entries take a share of the multiply-adds in the mean.

    Args:
        network: a network with adaptive layers.
        view: the data.
        budget: the largest share.
        index: entries that the mean is taken over, long, of one chunk of the view.

    Returns:
        The share that they take; above the budget only where the gates alone are.
    """
    layers = adaptive_layers(network).values()

    def share(price: float) -> float:
        for layer in layers:
            layer.price.fill_(price)
        view.predict(network, index)
        return share_used(network)

    low, high = -32.0, 32.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) <= budget else (middle, high)
    return share(high)


@torch.no_grad()
def use_of(network: nn.Module, view: View, index: Tensor) -> dict[str, Tensor]:
    """Number of learners that each row of entries uses, long, by the path of the layer; of a graph network all nodes.

    Args:
        network: the network; without adaptive layers the result is empty.
        view: the data.
        index: the entries.
    """
    layers = adaptive_layers(network)
    found: Mapping[str, list[Tensor]] = {path: [] for path in layers}
    for part in index.split(view.CHUNK) if layers else ():
        view.predict(network, part)
        for path, layer in layers.items():
            assert layer.used is not None
            found[path].append(layer.used.cpu())
        if view.KIND == "nodes" and any(len(parts[0]) != len(part) for parts in found.values()):
            # A graph network has seen all nodes.
            break
    return {path: torch.cat(parts) for path, parts in found.items()}
