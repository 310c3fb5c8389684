"""The KFP component over ``python -m components.data.scenes``."""

# No postponed annotations: kfp reads the types of the arguments from them.
from kfp import dsl
from kfp.dsl import HTML, Dataset, Output

from components.artifacts import image


@dsl.container_component
def scenes(  # noqa: D417 - kfp's compiler puts this text into the UI
    dataset: Output[Dataset],
    sheet: Output[HTML],
    source: str = "signs",
    classes: str = "",
    train: int = 0,
    validation: int = 0,
    test: int = 0,
    side: int = 128,
    seed: int = 0,
) -> dsl.ContainerSpec:
    """Makes a dataset for detectors: composed scenes with exact boxes, or the user's own data.

    Args:
        source: "signs", or "cut-outs:", "voc:" or "coco:" and a place: a path, file:// or s3://.
        classes: Names separated by commas, in the order of their numbers; the four signs, or all, when empty.
        train: Pictures for training; 0 is 2000 composed ones, all of the user's.
        validation: Pictures for validation; 0 is 200 composed ones, all of the user's.
        test: Pictures for the test; 0 is 300 composed ones, all of the user's.
        side: Of a composed picture, in pixels.
        seed: Of all that is drawn by lot.
    """
    return dsl.ContainerSpec(
        image=image("analysis"),
        command=["python", "-m", "components.data.scenes"],
        args=[
            "--source",
            source,
            "--classes",
            classes,
            "--train",
            train,
            "--validation",
            validation,
            "--test",
            test,
            "--side",
            side,
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
