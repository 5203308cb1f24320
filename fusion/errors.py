"""The one error that this package raises at its border: always a single clear line."""


class FusionError(ValueError):
    """Input, weights or data that cannot be worked with; the message is one line that names the culprit."""


class NotWritten(FusionError):
    """A file or folder that could not be written, as on a full disk."""
