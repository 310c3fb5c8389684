"""The KFP component over ``python -m components.data``."""

# No postponed annotations: kfp reads the types of the arguments from them.
from kfp import dsl
from kfp.dsl import HTML, Dataset, Output

from components.artifacts import image


@dsl.container_component
def data(  # noqa: D417 - kfp's compiler puts this text into the UI
    dataset: Output[Dataset],
    sheet: Output[HTML],
    source: str = "rendered",
    tracks_per_class: int = 0,
    frames_per_track: int = 0,
    classes: str = "",
    seed: int = 0,
) -> dsl.ContainerSpec:
    """Makes a dataset of traffic signs: rendered, or read from a folder or mirror of the real GTSRB.

    Args:
        source: "rendered", or the URI of a folder with GTSRB's own files.
        tracks_per_class: Physical signs of each class at most; 0 is 30 of the renderer's, all of GTSRB's.
        frames_per_track: Images of each sign at most; 0 is 6 of the renderer's, all of GTSRB's.
        classes: Class numbers separated by commas; all 43 when empty.
        seed: Of the rendering, and of the split by track.
    """
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.data"],
        args=[
            "--source",
            source,
            "--tracks-per-class",
            tracks_per_class,
            "--frames-per-track",
            frames_per_track,
            "--classes",
            classes,
            "--seed",
            seed,
            "--dataset",
            dataset.path,
            "--sheet",
            sheet.path,
            "--executor-input",
            "{{$}}",
        ],
    )
