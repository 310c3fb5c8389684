"""Fine-tunes a classifier on a dataset folder, and says how good it is on tracks it has never seen.

``network``
    ResNet18 with as many outputs as there are classes, from scratch or from weights that are given.
``pictures``
    A split of the dataset as one tensor in memory, and the augmentation on the device.
``training``
    The loop: a recipe in, the best weights out; the same seed gives the same weights on the same machine.
``evaluation``
    Accuracy with its interval, and the confusion matrix.
"""
