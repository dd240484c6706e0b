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
    from graphdistill.compress.methods.entropic_student import Config as EntropicStudentConfig
    from graphdistill.compress.methods.quantized import Config as QuantizedConfig
    from graphdistill.compress.methods.sparse_2_4 import Config as SparseConfig
    from graphdistill.compress.size import coded_bytes as coded_bytes
    from graphdistill.compress.split import halves as halves
    from graphdistill.compress.split import split_network as split_network
    from graphdistill.compress.storage import load_compressed as load_compressed
    from graphdistill.compress.storage import save_compressed as save_compressed
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "AdaptiveWidthConfig": "graphdistill.compress.methods.adaptive_width:Config",
            "Compressed": "graphdistill.compress.context",
            "EntropicStudentConfig": "graphdistill.compress.methods.entropic_student:Config",
            "QuantizedConfig": "graphdistill.compress.methods.quantized:Config",
            "SparseConfig": "graphdistill.compress.methods.sparse_2_4:Config",
            "coded_bytes": "graphdistill.compress.size",
            "compress_network": "graphdistill.compress.distill",
            "halves": "graphdistill.compress.split",
            "load_compressed": "graphdistill.compress.storage",
            "save_compressed": "graphdistill.compress.storage",
            "split_network": "graphdistill.compress.split",
        },
    )

__all__ = [
    "AdaptiveWidthConfig",
    "Compressed",
    "EntropicStudentConfig",
    "QuantizedConfig",
    "SparseConfig",
    "coded_bytes",
    "compress_network",
    "halves",
    "load_compressed",
    "save_compressed",
    "split_network",
]
