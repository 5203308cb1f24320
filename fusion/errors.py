"""The one error that this package raises at its border: always a single clear line."""


class FusionError(ValueError):
    """Input, weights or data that the fusion package cannot work with. The message is one line that names the culprit."""
