"""The time and weather that a pair was taken in, by what its files are called."""

import re

from fusion.pairs.data import Pair

TIMES = ("night", "day")
WEATHERS = ("fog", "haze", "rain", "snow")
_START = r"((?<![A-Za-z])|(?<=[a-z])(?=[A-Z])|(?<=night)|(?<=day))"
"""Of a word, in a name of several: rain_01, LightRain, nightrain; not train or terrain."""


def condition_of(pair: Pair) -> str:
    """Time and weather ("night fog", "day", "rain", ...) from the pair's name and its folders; MSRS's names end in N or
    D; "unnamed" where neither is told."""
    stem = pair.visible.stem
    text = f"{pair.visible.parent.parent.name}/{stem}"
    letter = {"N": "night", "D": "day"}.get(stem[-1], "") if stem[:-1].isdigit() else ""
    time = _first_of(TIMES, text) or letter
    weather = _first_of(WEATHERS, text).replace("haze", "fog")
    return f"{time} {weather}".strip() or "unnamed"


def _first_of(words: tuple[str, ...], text: str) -> str:
    return next((word for word in words if re.search(f"{_START}(?i:{word})", text)), "")
