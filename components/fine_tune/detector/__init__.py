"""Trains a detector on a scenes folder, and says how good it is on pictures that it has never seen.

``network``, ``framework``
    A small YOLOv3 built by GluonCV, or one of its zoo; MXNet and the device.
``anchors``, ``targets``, ``pictures``, ``batches``
    From a split of scenes to what the network shall say of a batch.
``training``, ``answering``
    The loop, and what a network finds.
``pretrained``
    Weights that are given, and other classes than theirs.
``matching``, ``precision``, ``evaluation``
    Average precision by VOC's and COCO's rules, with intervals; NumPy alone.
``folder``, ``chart``, ``page``, ``stages``
    What the stage writes.
"""
