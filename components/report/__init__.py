"""One self-contained HTML page out of a run's artifacts.

``page``      ``Page`` and ``Section``: the document, without a script and without an address
``blocks``    what a section is built of: key numbers, tables, pictures, bars, lineage, checks
``lineage``   the chain of artifacts with their digests, and checks with their verdicts
``charts``    line charts, ``matrix`` the confusion matrix: blocks drawn as inline SVG
``markup``    how HTML is written here: escaped, since it cannot be written otherwise
``compose``   which sections a run's artifacts make; ``sections`` has one room for each
``inputs``    the artifacts, read by the owners of their formats; ``checks`` what must hold between them

Another stage that wants a page composes its own::

    Page("Monitoring", [Section("Violations", [Figures([...]), PictureGrid([...])])]).render()
"""
