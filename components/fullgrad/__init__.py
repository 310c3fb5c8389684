"""FullGrad: why the model said so, as a picture that adds up.

A network's output is its input times the gradient at the input, plus each bias times the gradient where it is added
(Full-Gradient Representation for Neural Network Visualization, Srinivas and Fleuret 2019, arXiv 1905.00780, equation 2
and proposition 1). Here that holds for any graph, and is checked for each image::

    result = fullgrad(model, images)              # model in evaluation mode, images (N, C, H, W)
    result.saliency                               # (N, H, W)
    result.logit, result.residual                 # (N,), (N,): what was explained, and how far the sum is from it
    [term.module for term in result.bias_gradients]

``private``        a copy of the caller's model that shares its weights: nothing of the caller's is ever touched.
``rules``          what an operation adds of its own: explicit biases, and implicit ones, z − J·x, of everything else.
``trace``          runs the network and notes where biases enter, by module name and call.
``folding``        batch normalisation into the convolution before it, where that is exact.
``decomposition``  one backward pass, the terms, their sum, the residual.
``precision``      float32 without the shortcuts of GPUs.
``diagnosis``      which modules to look at when the sum is wrong.
``saliency``       from terms to a map, as the reference implementation does it, in one interpolation a size.
``methods``        ``fullgrad``, ``simple_fullgrad``, ``smooth_fullgrad``.
``explainer``      ``Explainer``, for many batches of one model.
``offline``        the same map from recorded tensors alone, without the model.

The stages (``__main__``) explain what a monitor flagged: ``selection`` (which records), ``replayed`` (what the dataset
knows of these), ``explaining`` (the model's own preprocessing, then the map), ``interest`` (how much lies outside the
sign), ``overlay``, ``folder`` and ``summary`` (what is written).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.fullgrad.explainer import Explainer
    from components.fullgrad.methods import fullgrad, simple_fullgrad, smooth_fullgrad
    from components.fullgrad.result import BiasGradient, Explanation

__all__ = ["BiasGradient", "Explainer", "Explanation", "fullgrad", "simple_fullgrad", "smooth_fullgrad"]


def __getattr__(name: str) -> Any:
    # Late, because the stage's program imports this package before it knows whether it needs torch.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components.fullgrad import explainer, methods, result

    places = {"BiasGradient": result, "Explanation": result, "Explainer": explainer}
    return getattr(places.get(name, methods), name)
