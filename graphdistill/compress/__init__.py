r"""Compression: a trained network becomes a smaller one, measured in the bytes of its entropy-coded file.

.. math:: \min_{\theta'} L(\theta'; \theta, D) \quad \text{with } \theta' \text{ of few bits, zeros or adaptive width}

for a trained network with weights :math:`\theta`, data D and a loss L that distils the network and reads the labels.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.compress.context import Compressed as Compressed
    from graphdistill.compress.distill import compress_network as compress_network
    from graphdistill.compress.methods.adaptive_width import Config as AdaptiveWidthConfig
    from graphdistill.compress.methods.quantized import Config as QuantizedConfig
    from graphdistill.compress.methods.sparse_2_4 import Config as SparseConfig
    from graphdistill.compress.size import coded_bytes as coded_bytes
    from graphdistill.compress.storage import load_compressed as load_compressed
    from graphdistill.compress.storage import save_compressed as save_compressed
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "AdaptiveWidthConfig": "graphdistill.compress.methods.adaptive_width:Config",
            "Compressed": "graphdistill.compress.context",
            "QuantizedConfig": "graphdistill.compress.methods.quantized:Config",
            "SparseConfig": "graphdistill.compress.methods.sparse_2_4:Config",
            "coded_bytes": "graphdistill.compress.size",
            "compress_network": "graphdistill.compress.distill",
            "load_compressed": "graphdistill.compress.storage",
            "save_compressed": "graphdistill.compress.storage",
        },
    )

__all__ = [
    "AdaptiveWidthConfig",
    "Compressed",
    "QuantizedConfig",
    "SparseConfig",
    "coded_bytes",
    "compress_network",
    "load_compressed",
    "save_compressed",
]
