"""Attacks on a packaged classifier, judged as its server would judge them.

``model``
    The classifier as a function of pixels in [0, 1] at its input size; the caller's network is left as it was.
``goals``
    What an attack wants: a class for all images, or each image out of its own.
``norms``
    L2 and L∞: sizes, projections, steepest steps, and rounding to 8 bits that never leaves the ball.
``attacks``
    The template, ``FGSM``, ``PGD``, ``MIFGSM`` and ``DeepFool``.
``judging``
    PNG, decoding, the model's preprocessing, scores: what the server makes of an image.
``robustness``
    Accuracy under attack against the radius, with intervals.
``crafting``, ``folder``, ``summary``
    The stage: which images, the folder it writes, the numbers it reports.
"""
