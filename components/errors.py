"""Every error that Roadworthy raises on purpose.

::

    RoadworthyError                  anything the user can act on; a stage prints it as one line and exits with 1
    ├── InputError                   what was given is not what was expected
    │   ├── ImageError               bytes that are no acceptable image
    │   │   └── OversizeError        an image over the limits
    │   ├── DatasetError             a folder that is no dataset, or one whose index lies
    │   ├── RequestError             a request the server refuses (carries the HTTP status)
    │   └── RecordError              a captured record that cannot be read
    ├── ArchiveError                 a model archive that must not be unpacked or loaded
    │   ├── UnsafeMemberError        a member that would leave the folder, or is no plain file
    │   ├── LimitError               more members, bytes or compression than allowed
    │   ├── DigestError              content that differs from its manifest
    │   └── SignatureError           a model that is not signed by the key that is required
    ├── CompletenessError            an explanation whose terms do not sum up to what they explain
    ├── WeightsError                 weights that do not fit the model, or are no safetensors
    ├── StorageError                 a place that cannot be read or written
    ├── EndpointError                an endpoint that does not start, answer or stop
    └── PipelineError                a pipeline that cannot be compiled or run
        ├── UnsupportedError         the target has no faithful counterpart for a construct
        ├── ParameterError           a run's parameters do not match the pipeline's
        └── StepFailedError          a step exited with an error

Messages have one form: what was being done, ``expected …``, ``found …``. They name the offending
value unless it could be a secret.
"""

from __future__ import annotations


class RoadworthyError(Exception):
    """Anything the user can act on; a stage prints it as one line and exits with status 1."""


class InputError(RoadworthyError):
    """What was given is not what was expected."""


class ImageError(InputError):
    """Bytes that are no acceptable image."""


class OversizeError(ImageError):
    """An image over the limits, refused before a pixel is decoded."""


class DatasetError(InputError):
    """A folder that is no dataset, or one whose index does not match its files."""


class RequestError(InputError):
    """A request the server refuses.

    Args:
        message: What was expected and what was found; it is sent to the client as it is.
        status: The HTTP status of the answer, 4xx or 503.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class RecordError(InputError):
    """A captured record that cannot be read."""


class ArchiveError(RoadworthyError):
    """A model archive that must not be unpacked or loaded."""


class UnsafeMemberError(ArchiveError):
    """An archive member that would leave its folder, or is no plain file or folder."""


class LimitError(ArchiveError):
    """An archive with more members, bytes or compression than allowed."""


class DigestError(ArchiveError):
    """Content that differs from its manifest."""


class SignatureError(ArchiveError):
    """A model that is not signed by the key that is required, or a signature that is none."""


class CompletenessError(RoadworthyError):
    """An explanation whose terms do not sum up to what they explain; its picture would be a fiction."""


class WeightsError(RoadworthyError):
    """Weights that do not fit the model, or are no safetensors file."""


class StorageError(RoadworthyError):
    """A place that cannot be read or written."""


class EndpointError(RoadworthyError):
    """An endpoint that does not start, answer or stop.

    Args:
        message: What was expected and what was found.
        status: Of the HTTP answer that refused; 0 where none came.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class PipelineError(RoadworthyError):
    """A pipeline that cannot be compiled or run."""


class UnsupportedError(PipelineError):
    """A construct that the target cannot express faithfully."""


class ParameterError(PipelineError):
    """A run's parameters do not match those of the pipeline."""


class StepFailedError(PipelineError):
    """A pipeline step that exited with an error."""
