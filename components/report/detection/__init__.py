"""Story B on a page: a detector, how well it finds things, and what made each box that was explained.

``fields``     JSON that a stage above this floor wrote, read field by field with its checks
``curves``     the precision-recall curves that ``fine_tune.detector`` writes
``clarified``  the results folder of ``clarify``; ``analysis`` reads its JSON, ``arrays`` its arrays
``story``      what was found, in sentences out of the numbers
``judging``    what must hold of dataset, model, metrics and curves; ``proving`` what must hold of the explanations
``component``  the page as a KFP component

The sections are with the others in ``sections``: ``scenes``, ``detector``, ``precision``, ``boxes``.
"""
