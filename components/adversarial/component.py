"""The stage ``adversarial`` as a KFP container component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

from components.artifacts import image


@dsl.container_component
def adversarial(
    dataset: Input[Dataset],
    archive: Input[Model],
    adversarial: Output[Dataset],
    metrics: Output[Metrics],
    attack: str = "deepfool",
    target: int = 14,
    epsilon: float = 0.0,
    norm: str = "",
    steps: int = 0,
    step_size: float = 0.0,
    overshoot: float = 0.02,
    confidence: float = 0.1,
    count: int = 200,
    split: str = "test",
    seed: int = 0,
    batch: int = 32,
    epsilons: str = "1,2,4,8,16",
    robustness_attack: str = "pgd",
    robustness_count: int = 100,
) -> dsl.ContainerSpec:
    """Attacks a packaged classifier with a dataset's images and judges them as its server would."""
    return dsl.ContainerSpec(
        image=image("torch"),
        command=["python", "-m", "components.adversarial"],
        args=[
            *("--dataset", dataset.path),
            *("--archive", archive.path),
            *("--adversarial", adversarial.path),
            *("--metrics", metrics.path),
            *("--attack", attack),
            *("--target", target),
            *("--epsilon", epsilon),
            *("--norm", norm),
            *("--steps", steps),
            *("--step-size", step_size),
            *("--overshoot", overshoot),
            *("--confidence", confidence),
            *("--count", count),
            *("--split", split),
            *("--seed", seed),
            *("--batch", batch),
            *("--epsilons", epsilons),
            *("--robustness-attack", robustness_attack),
            *("--robustness-count", robustness_count),
            *("--executor-input", "{{$}}"),
        ],
    )
