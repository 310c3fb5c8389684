"""The stages ``baseline`` and ``check`` as KFP container components."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Metrics, Output, OutputPath

from components.artifacts import image


@dsl.container_component
def baseline(
    place: str,
    baseline: Output[Artifact],
    metrics: Output[Metrics],
    endpoint: str = "",
    variant: str = "",
    start: str = "",
    end: str = "",
    images: int = 1000,
    wait_for: int = 0,
    wait_seconds: float = 120.0,
    comparison_threshold: float = 0.1,
) -> dsl.ContainerSpec:
    """Reads a window of captured traffic into statistics.json and constraints.json."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.monitor", "baseline"],
        args=[
            *("--comparison-threshold", comparison_threshold, "--wait-seconds", wait_seconds, "--endpoint", endpoint),
            *("--baseline", baseline.path, "--executor-input", "{{$}}", "--metrics", metrics.path, "--images", images),
            *("--wait-for", wait_for, "--variant", variant, "--place", place, "--start", start, "--end", end),
        ],
    )


@dsl.container_component
def check(
    place: str,
    baseline: Input[Artifact],
    results: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
    violated: OutputPath(bool),  # type: ignore[valid-type]
    message: OutputPath(str),  # type: ignore[valid-type]
    endpoint: str = "",
    variant: str = "",
    start: str = "",
    end: str = "",
    images: int = 1000,
    wait_for: int = 0,
    wait_seconds: float = 120.0,
    share_threshold: float = 0.5,
    confidence_bound: float = 0.5,
    low_confidence_threshold: float = 0.2,
    related: str = "gtsrb",
    unrelated_threshold: float = 0.1,
    mix_effect_threshold: float = 0.2,
    alpha: float = 0.01,
    minimum_records: int = 30,
    allow_other_model: bool = False,
    flagged: int = 10_000,
    schedule: str = "",
    gateway: str = "",
    fail_on_violation: bool = False,
) -> dsl.ContainerSpec:
    """Judges a window of captured traffic by rules and by a baseline."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.monitor", "check"],
        args=[
            *("--low-confidence-threshold", low_confidence_threshold, "--mix-effect-threshold", mix_effect_threshold),
            *("--unrelated-threshold", unrelated_threshold, "--fail-on-violation", fail_on_violation, "--place", place),
            *("--confidence-bound", confidence_bound, "--share-threshold", share_threshold, "--results", results.path),
            *("--minimum-records", minimum_records, "--wait-seconds", wait_seconds, "--baseline", baseline.path),
            *("--executor-input", "{{$}}", "--metrics", metrics.path, "--report", report.path, "--violated", violated),
            *("--endpoint", endpoint, "--wait-for", wait_for, "--schedule", schedule, "--message", message),
            *("--variant", variant, "--related", related, "--flagged", flagged, "--gateway", gateway, "--start", start),
            *("--images", images, "--alpha", alpha, "--end", end, "--allow-other-model", allow_other_model),
        ],
    )
