"""What `fusion.evaluate` found, as tables in Markdown."""

from typing import Any

from fusion.pairs.classes import CLASSES


def markdown(table: dict[str, Any]) -> str:
    """Of condition -> fusion -> metric -> mean, low, high, count: means with half of their interval, if any."""
    lines = []
    for condition, by_fusion in table.items():
        metrics = list(next(iter(by_fusion.values())))
        count = max(entry["count"] for entry in next(iter(by_fusion.values())).values())
        lines += [f"## {condition} ({count} pairs)", "", f"| fusion | {' | '.join(metrics)} |", "|---" * (len(metrics) + 1) + "|"]  # fmt: skip # noqa: E501
        for name, by_metric in by_fusion.items():
            cells = []
            for metric in metrics:
                one = by_metric.get(metric)
                cells.append(_mean(one) if one else "")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _mean(one: dict[str, Any]) -> str:
    half = "" if one["low"] is None else f" ± {(one['high'] - one['low']) / 2.0:.1g}"
    return f"{one['mean']:.3g}{half}"


def _interval(one: dict[str, Any], sign: str = "") -> str:
    if one["low"] is None:
        return "too few frames for an interval"
    return f"{one['low']:{sign}.3f} to {one['high']:{sign}.3f}"


def detection_markdown(table: dict[str, Any]) -> str:
    """Of condition -> fusion -> class -> AP50, low, high, frames, boxes."""
    lines = []
    for condition, by_fusion in table.items():
        kinds = next(iter(by_fusion.values()))
        frames = max(one["frames"] for one in kinds.values())
        boxes = ", ".join(f"{one['boxes']} {kind}s" for kind, one in kinds.items())
        lines.append(f"\n## Detection, AP50, {condition} ({frames} frames: {boxes})\n")
        lines += [f"| fusion | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
        for name, by_kind in by_fusion.items():
            cells = [f"{one['AP50']:.3f} ({_interval(one)})" if one["boxes"] else "" for one in by_kind.values()]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        for name, by_kind in by_fusion.items():
            lines += _leads(f"Detection, {condition}: AP50 of {name} minus that of", by_kind)
    return "\n".join(lines) + "\n"


def segmentation_markdown(table: dict[str, Any]) -> str:
    """Of condition -> fusion -> IoU by class, their mean, low, high, frames."""
    lines = []
    for condition, by_fusion in table.items():
        names = [name for name in CLASSES if any(name in one["IoU"] for one in by_fusion.values())]
        frames = next(iter(by_fusion.values()))["frames"]
        lines.append(f"\n## Segmentation, IoU, {condition} ({frames} frames)\n")
        lines += [f"| fusion | mean | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
        for name, one in by_fusion.items():
            cells = [f"{one['IoU'][kind]:.3f}" if kind in one["IoU"] else "" for kind in names]
            lines.append(f"| {name} | {one['mean']:.3f} ({_interval(one)}) | {' | '.join(cells)} |")
        for name, one in by_fusion.items():
            lines += _leads(f"Segmentation, {condition}: mean IoU of {name} minus that of", {"mean": one})
    return "\n".join(lines) + "\n"


def _leads(title: str, by_kind: dict[str, Any]) -> list[str]:
    """How far a student is ahead of the other fusions on the same frames; nothing for what is no student."""
    others = list(dict.fromkeys(other for one in by_kind.values() for other in one.get("ahead of", ())))
    if not others:
        return []
    lines = ["", f"{title} (an interval without zero tells them apart):", ""]
    lines += [f"| on the same frames | {' | '.join(by_kind)} |", "|---" * (len(by_kind) + 1) + "|"]
    for other in others:
        leads = [one.get("ahead of", {}).get(other) for one in by_kind.values()]
        cells = [f"{lead['by']:+.3f} ({_interval(lead, '+')})" if lead else "" for lead in leads]
        lines.append(f"| {other} | {' | '.join(cells)} |")
    return lines
