"""The stage ``capture`` as a KFP container component."""

from kfp import dsl
from kfp.dsl import Dataset, Metrics, Output, OutputPath

from components.artifacts import image


@dsl.container_component
def capture(
    place: str,
    records: Output[Dataset],
    metrics: Output[Metrics],
    window_start: OutputPath(str),  # type: ignore[valid-type]
    window_end: OutputPath(str),  # type: ignore[valid-type]
    endpoint: str = "",
    variant: str = "",
    start: str = "",
    end: str = "",
    hours: float = 0.0,
    images: int = 256,
    wait_for: int = 0,
    wait_seconds: float = 120.0,
) -> dsl.ContainerSpec:
    """Reads a window of captured traffic into a dataset."""
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.capture"],
        args=[
            *("--records", records.path),
            *("--metrics", metrics.path),
            *("--window-start", window_start),
            *("--window-end", window_end),
            *("--place", place),
            *("--endpoint", endpoint),
            *("--variant", variant),
            *("--start", start),
            *("--end", end),
            *("--hours", hours),
            *("--images", images),
            *("--wait-for", wait_for),
            *("--wait-seconds", wait_seconds),
            *("--executor-input", "{{$}}"),
        ],
    )
