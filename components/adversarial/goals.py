"""What an attack wants."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Goal:
    """Each image into its class (targeted), or out of it (untargeted).

    Attributes:
        classes: int64 ``(batch,)``: the targets, or the classes to leave.
        targeted: Which of the two.
    """

    classes: torch.Tensor
    targeted: bool

    def margin(self, logits: torch.Tensor) -> torch.Tensor:
        """Returns by how many logits the goal is met ``(batch,)``: over 0 once it is.

        Targeted, it is the target's logit less the best other one; untargeted, the best other one less the class's own.
        """
        own = logits.gather(1, self.classes[:, None]).squeeze(1)
        difference = own - logits.scatter(1, self.classes[:, None], -torch.inf).amax(1)
        return difference if self.targeted else -difference

    def objective(self, logits: torch.Tensor) -> torch.Tensor:
        """Returns what an attack climbs ``(batch,)``: the cross-entropy of the class to leave, or less the target's."""
        loss = torch.nn.functional.cross_entropy(logits, self.classes, reduction="none")
        return -loss if self.targeted else loss

    def with_rivals(self, logits: torch.Tensor, count: int) -> torch.Tensor:
        """Returns each image's class and the ``count`` best beside it, or all there are: ``(batch, 1 + count)``."""
        others = logits.scatter(1, self.classes[:, None], -torch.inf)
        best = others.topk(min(count, logits.shape[1] - 1), dim=1).indices
        return torch.cat((self.classes[:, None], best), 1)

    def __getitem__(self, chosen: torch.Tensor) -> Goal:
        """Returns the goal of some of the images."""
        return Goal(self.classes[chosen], self.targeted)
