"""The sections of a report, one room each: what an artifact has to say, as blocks.

``data``       a dataset: its counts, and samples of every class
``training``   a model: how good it is, how it got there, what it was made from
``confusion``  which classes it takes for which
``archive``    the packed model: its digest and files
``traffic``    what a replay of a dataset measured at the endpoint
``captured``   what the endpoint captured: predicted classes, images with their event ids
``flagged``    flagged images: original, adversarial, difference, saliency of both
``monitor``    what the monitor found by every rule, and what it would have seen
``classes``    how often each class was predicted, before and during
``attack``     how often an attack succeeded, by which changes, and what accuracy it leaves
``scenes``     a dataset for detectors: counts, and pictures with their boxes
``detector``   the key numbers of a detector's training
``precision``  its precision over recall, class by class
``boxes``      what made each of its boxes: heat maps, and the numbers behind them in ``box_table``
``saliency``   whether the saliency left the sign, and whether the maps add up
"""
