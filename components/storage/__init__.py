"""One way to read and write places: folders (``file://…`` or a bare path) and buckets (``s3://bucket/key``).

::

    captured = place("s3://traffic/captured").child("signs", "AllTraffic")
    for entry in captured.files():
        with entry.place.open() as stream:
            ...

What holds for every place:

* What is written appears whole or not at all: locally a file beside it that is renamed, on S3 one upload that
  becomes visible when it is complete.
* A name never leaves its place: ``..``, empty segments and control characters are refused where a name is made.
* A store that does not answer is an error after some seconds, not a hang (a local file system that hangs does hang).
* Messages hold no credentials.

S3 is set up by the environment, in the words of the AWS tools: ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``,
``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_PROFILE``,
``AWS_CA_BUNDLE``. pyarrow is imported only once a bucket is touched.
"""

from __future__ import annotations

from components.storage.base import Entry, Place
from components.storage.parse import place

__all__ = ["Entry", "Place", "place"]
