"""The time and weather that a pair was taken in, by what its files are called."""

from fusion.data import Pair


def condition_of(pair: Pair) -> str:
    """Time and weather ("night fog", "day", "rain", ...) from the pair's name and its folders; MSRS's names end in N or
    D; "unnamed" where neither is told."""
    stem = pair.visible.stem
    text = f"{pair.visible.parent.parent.name}/{stem}".lower()
    letter = {"N": "night", "D": "day"}.get(stem[-1], "") if stem[:-1].isdigit() else ""
    time = next((word for word in ("night", "day") if word in text), letter)
    weather = next((word for word in ("fog", "rain", "snow") if word in text.replace("haze", "fog")), "")
    return f"{time} {weather}".strip() or "unnamed"
