"""One self-contained HTML page out of a run's artifacts.

``page``      ``Page`` and ``Section``: the document; one small script sorts tables, and nothing is loaded
``blocks``    what a section is built of: key numbers, a story, panels; with ``tables`` and ``pictures``
``lineage``   the chain of artifacts with their digests, and checks with their verdicts
``charts``    line charts, ``bands`` shares with intervals, ``recall`` precision over recall, ``matrix``: inline SVG
``markup``    how HTML is written here: escaped, since it cannot be written otherwise
``compose``   which sections a run's artifacts make; ``sections`` has one room for each
``story``     what happened, in sentences out of the numbers
``inputs``    the artifacts, read by the owners of their formats; those that are read for a page alone have a room here:
              ``windows`` (with ``verdicts``), ``attacks``, ``explanations``
``checks``    what must hold between the artifacts; ``agreements`` those of a monitored attack
``detection`` a detector's artifacts, and what is said and checked of them
``changes`` and ``differences`` are what the page computes itself; ``cases`` puts a flagged image's views together

Another stage that wants a page composes its own::

    Page("Monitoring", [Section("Violations", [Figures([...]), PictureGrid([...])])]).render()
"""
