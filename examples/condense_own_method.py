"""A distillation method of your own: write an objective, choose networks and steps, and call the loop."""

from dataclasses import dataclass

from graphdistill import load
from graphdistill.condense.extend import Augment, Recipe, Schedule, Step, class_moments, distill_by


@dataclass(frozen=True)
class LayerMatch:
    """Distance of class means of the features of every block; DM compares those of the last block only."""

    batch: int = 64

    def accumulate(self, step: Step) -> float:
        """Add the gradient to that of the set and return the loss."""
        view, (x, y) = step.view(), step.real.sample(self.batch, step.generator)
        theirs, ours = step.net.features(view(x)), step.net.features(view(step.synthetic.inputs()))
        terms = []
        for a, b in zip(theirs, ours, strict=True):
            wanted = class_moments(a.detach().flatten(1), y, step.real.num_classes).mean
            found = class_moments(b.flatten(1), step.synthetic.y, step.real.num_classes).mean
            terms.append((wanted - found).square().mean())
        return step.synthetic.backward(sum(terms))


recipe = Recipe(objective=LayerMatch(), schedule=Schedule(), augment=Augment(), steps=40, lr=10.0)
synthetic = distill_by(recipe, load("digits"), per_class=1)
for step, accuracy in synthetic.meta["checks"]:
    print(f"after {step} steps: validation accuracy {accuracy:.3f}")
