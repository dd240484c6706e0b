"""When the steps of a method end: the forgotten entries are predicted as entries that were never seen."""

from __future__ import annotations

from torch import Tensor

from graphdistill.core.evaluation.membership import membership_auc
from graphdistill.unlearn.context import Context, of_classes


class Stopping:
    """Whether the model of a context has forgotten enough, by what can be known without a retrained model.

    Where whole classes are forgotten, a retrained model never predicts them: enough is when no forgotten entry is
    predicted as by the given model. Otherwise a retrained model is as confident on forgotten entries as on validation
    entries of the same classes: enough is when a membership attack by confidence does no better than a threshold. The
    attack reads no labels but those that say which validation entries are of the forgotten classes.

    Args:
        context: the context, whose model still is the given one.
        threshold: ROC-AUC of the attack at which to stop; 0 for never.
    """

    def __init__(self, context: Context, threshold: float):
        self.context, self.threshold = context, threshold
        data = context.whole.data
        self._whole_classes = not len(of_classes(data.y, context.remaining, data.y[context.forget]))
        self._others = of_classes(data.y, data.valid, data.y[context.forget])
        self._given = self._logits(context.forget).argmax(dim=1)

    def __call__(self) -> bool:
        """Whether to stop now."""
        if not self.threshold:
            return False
        logits = self._logits(self.context.forget)
        if self._whole_classes:
            return not bool((logits.argmax(dim=1) == self._given).any())
        if not len(self._others):
            return False
        auc, _ = membership_auc(_doubt(logits), _doubt(self._logits(self._others)))
        return auc <= self.threshold

    def _logits(self, index: Tensor) -> Tensor:
        return self.context.whole.predict(self.context.model, index).logits.cpu()


def _doubt(logits: Tensor) -> Tensor:
    """Negative logarithm of the largest probability, ``[n]``."""
    found: Tensor = -logits.double().log_softmax(dim=1).max(dim=1).values
    return found
