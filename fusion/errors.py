"""The one error that this package raises at its border: always a single clear line."""

import textwrap


class FusionError(ValueError):
    """Input, weights or data that cannot be worked with; the message is one line that names the culprit."""


class NotWritten(FusionError):
    """A file or folder that could not be written, as on a full disk."""


def one_line(text: str) -> str:
    """What another's error says, cut where it is long, at a space: addresses stay whole."""
    return textwrap.shorten(text, 200, placeholder=" ...")


def described(error: Exception) -> str:
    """Another's error with its kind, without which the text of many says nothing."""
    return one_line(f"{type(error).__name__}: {error}")
