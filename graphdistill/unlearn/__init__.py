r"""Unlearning: a trained network is changed as if some of its training entries had not been there.

.. math:: \theta' = U(\theta, D, F) \approx A(D \setminus F)

for a training A, data D, the forgotten entries F and the weights :math:`\theta = A(D)`. The approximation is measured:
accuracy, and a membership attack on F, in the unlearned model and in one that was retrained without F. It is no proof.
"""

from typing import TYPE_CHECKING

from graphdistill.core.exports import on_first_use

if TYPE_CHECKING:
    from graphdistill.unlearn.forget import unlearn as unlearn
    from graphdistill.unlearn.methods.fine_tune import Config as FineTuneConfig
    from graphdistill.unlearn.methods.gradient_ascent import Config as GradientAscentConfig
    from graphdistill.unlearn.methods.laf import Config as LAFConfig
    from graphdistill.unlearn.request import read_request as read_request
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "FineTuneConfig": "graphdistill.unlearn.methods.fine_tune:Config",
            "GradientAscentConfig": "graphdistill.unlearn.methods.gradient_ascent:Config",
            "LAFConfig": "graphdistill.unlearn.methods.laf:Config",
            "read_request": "graphdistill.unlearn.request",
            "unlearn": "graphdistill.unlearn.forget",
        },
    )

__all__ = ["FineTuneConfig", "GradientAscentConfig", "LAFConfig", "read_request", "unlearn"]
