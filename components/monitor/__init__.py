"""Monitor: a baseline from captured traffic, and rules that later windows are judged by.

``window``     ``collect``: a window of captured records as counts, in constant memory, whatever their order or copies.
``statistics`` ``Statistics``, what is counted; ``schema`` writes and reads it as SageMaker's ``statistics.json``.
``constraints`` what a baseline suggests, and what a check takes from ``constraints.json``.
``settings``   ``Settings``: the other thresholds, proved sensible at the start.
``models``     whether window and baseline are of one model.
``evaluate``   ``evaluate``: counts in, what every rule found out; ``shares`` and ``drift`` hold the rules.
``flagging``   the records behind each violation.
``violations``, ``metrics``, ``page``  what is written for SageMaker's readers, for machines, for people.

Beneath: ``spill`` and ``pictures`` (distinct records and a fair draw of images), ``answers`` and ``related`` (what is
looked at in a prediction), ``grids`` and ``histogram``; ``intervals``, ``resampling`` and ``power`` are the statistics.
The format of the results is ``components.report.verdicts``.
"""
