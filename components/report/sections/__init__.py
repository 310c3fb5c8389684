"""The sections of a report, one room each: what an artifact has to say, as blocks.

``data``       a dataset: its counts, and samples of every class
``training``   a model: how good it is, how it got there, what it was made from
``confusion``  which classes it takes for which
``archive``    the packed model: its digest and files
``traffic``    what a replay of a dataset measured at the endpoint
``captured``   what the endpoint captured: predicted classes, images with their event ids
"""
