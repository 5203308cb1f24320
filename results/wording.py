"""What a run shows, in sentences: a loss as plainly as a gain, and never more than the sample can carry."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.arms import BASELINE, CEILING, CONTROL, CONTROLLED, TREATMENT
from results.counting import counted
from results.statistics import MIN_ROUTES

MINUS = "−"
_PER_CENT = "\N{NO-BREAK SPACE}%"

SIGNIFICANT_P = 0.05


@dataclass(frozen=True)
class Headline:
    """`title` is the finding, `sentences` the figures it rests on, `cautions` what weakens it."""

    title: str
    sentences: tuple[str, ...]
    cautions: tuple[str, ...]


def headline(summary: Mapping[str, Any]) -> Headline:
    paired = summary["paired"]
    sentences = [_scores(summary)]
    crashed = crashed_arms(summary, *_compared(summary))
    early = [*filter(None, (_undriven(summary, arm) for arm in _compared(summary)))]
    if early:
        sentences += early
    elif paired and paired["difference"] is not None:
        sentences.append(_difference(paired["without_crashed"], crashed))
    recovered = "" if early or any(_undriven(summary, arm) for arm in summary["arms"]) else _recovered(summary)
    if recovered:
        sentences.append(recovered)
    for entry in _others(summary):
        sentences += filter(None, [_undriven(summary, entry["arm"]) or _other_droplets(summary, entry)])
    for entry in summary["other_fusions"]:
        sentences += filter(None, [_undriven(summary, entry["arm"]) or _other_fusion(summary, entry)])
    title = _early_title(summary) if early else _title(summary) + ("; crashed drives left out" if crashed else "")
    if not summary["complete"]:
        title = f"Unfinished run: {title}"
    return Headline(title, tuple(sentences), tuple(_cautions(summary)))


def are_left_out(summary: Mapping[str, Any]) -> bool:
    """Whether the difference is without some pairs of which a drive crashed."""
    return bool(crashed_arms(summary, *_compared(summary)))


def _compared(summary: Mapping[str, Any]) -> tuple[str, ...]:
    paired = summary["paired"]
    return (paired["baseline"], paired["treatment"]) if paired else ()


def _early_title(summary: Mapping[str, Any]) -> str:
    return f"{_agent_name(summary['agent'])} in {summary['scenario']}: too early to compare RGB and fused"


def signed(value: float, digits: int = 1) -> str:
    """With a sign that can be seen; a difference that rounds to nothing has none."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0.0:
        return text
    return f"{'+' if value > 0 else MINUS}{text}"


def interval(ci95: tuple[float, float] | list[float] | None, digits: int = 1) -> str:
    return "no interval" if ci95 is None else f"{signed(ci95[0], digits)} to {signed(ci95[1], digits)}"


def percent(share: float) -> str:
    return f"{MINUS if round(share * 100) < 0 else ''}{abs(share) * 100:.0f}{_PER_CENT}"


def _title(summary: Mapping[str, Any]) -> str:
    """A crash says nothing about driving: it makes no finding."""
    agent, scenario = _agent_name(summary["agent"]), summary["scenario"]
    paired = summary["paired"] and summary["paired"]["without_crashed"]
    if not paired or paired["difference"] is None:
        return f"{agent} in {scenario}: driving scores without a comparison of RGB and fused"
    difference = paired["difference"]
    points = f"{_size(difference)} points"
    if paired["worse"] == paired["better"] == 0 and not (are_left_out(summary) and paired["sample_too_small"]):
        return f"Fused frames changed no score of {agent} in {scenario}"
    if paired["sample_too_small"]:
        routes = counted(paired["routes"], "route")
        if float(f"{difference:.1f}") == 0.0:
            return f"No difference for {agent} on average in {scenario}, on too few routes ({routes}) to conclude from"
        word = "more" if difference > 0 else "less"
        return f"{agent} scored {points} {word} with fused frames on {routes} of {scenario}: too few to conclude from"
    if paired["includes_zero"]:
        return f"Fused frames made no difference for {agent} in {scenario} that can be told from chance"
    if _is_open_by_ranks(paired):
        word = "more" if difference > 0 else "less"
        return f"{agent} scored {points} {word} with fused frames in {scenario}: not certain"
    verb = "gained" if difference > 0 else "cost"
    return f"Fused frames {verb} {agent} {points} of driving score in {scenario}{_of_it_heat(summary)}"


def _size(difference: float) -> str:
    """Of a difference that is one, however small."""
    size = f"{abs(difference):.1f}"
    return size if float(size) else "less than 0.1"


def _has_control(summary: Mapping[str, Any]) -> bool:
    """Whether the control was taught as the run's weights were but for the thermal frames: then what is between them
    is heat. Runs of before have no word of it but the weights' name."""
    weights = summary["provenance"]["weights"]
    controls = weights.get(f"{CONTROL}_controls_sha256")
    return weights.get("name") == CONTROLLED if controls is None else weights.get("sha256") == controls


def _of_it_heat(summary: Mapping[str, Any]) -> str:
    """What of a gain the thermal camera has part in: the network undoes darkness and fog without one, too."""
    entry = next((entry for entry in summary["other_fusions"] if entry["arm"] == CONTROL), None)
    if entry is None or entry["fused_over"] is None or not _has_control(summary) or _undriven(summary, CONTROL):
        return ""
    if crashed_arms(summary, CONTROL, *_compared(summary)):  # of other pairs than the gain
        return ""
    heat = entry["fused_over"]
    if heat["difference"] is None or heat["sample_too_small"] or summary["paired"]["difference"] < 0.0:
        return ""
    if heat["includes_zero"]:
        return "; what heat adds to that cannot be told from chance"
    if _is_open_by_ranks(heat):
        return "; what heat adds to that is not certain"
    if heat["difference"] < 0.0:
        return f"; without heat it had been {_size(heat['difference'])} more"
    by_heat = _size(heat["difference"]) if heat["difference"] < summary["paired"]["difference"] else "all"
    return f", {by_heat} of them by heat"


def _agent_name(agent: str) -> str:
    """An agent given by a file goes by the file's name."""
    return Path(agent).stem if agent.endswith(".py") else agent


def _scores(summary: Mapping[str, Any]) -> str:
    arms = summary["arms"]
    told = ", ".join(
        f"{arms[arm]['driving_score']:.1f} in the {arm} arm" for arm in arms if not _undriven(summary, arm)
    )
    if not told:
        return f"No arm is driven to its end yet ({summary['metric_version']})."
    return f"Driving score ({summary['metric_version']}, 0 to 100): {told}."


def _difference(paired: Mapping[str, Any], crashed: Collection[str]) -> str:
    if paired["difference"] is None:
        return "In every pair of the same route and seed a drive crashed: there is no difference to tell."
    base = f"Fused minus RGB over {counted(paired['pairs'], 'pair')} of the same route and seed"
    if crashed:
        base += " that did not crash"
    counts = f"better in {paired['better']}, worse in {paired['worse']}, equal in {paired['equal']}"
    ends = _ends(paired)
    if paired["sample_too_small"] and paired["ci95"]:
        ends += ", which rests on too few routes to be trusted"
    return f"{base}: {signed(paired['difference'])} points ({ends}); {counts}."


def _recovered(summary: Mapping[str, Any]) -> str:
    recovery = summary["recovery"]
    if recovery and (crashed := crashed_of_recovery(summary)):
        return f"There is no recovery ratio: drives crashed in the arms {', '.join(crashed)}."
    if not recovery:
        return ""
    if recovery["ratio"] is None:
        return f"There is no recovery ratio: {recovery['reason']}."
    lost = f"The conditions took {recovery['lost']:.1f} points from the agent (clear minus RGB)"
    ends = recovery["ci95"]
    within = (
        f" (95{_PER_CENT} interval {percent(ends[0])} to {percent(ends[1])})" if ends else f" ({recovery['reason']})"
    )
    if round(recovery["ratio"] * 100) == 0:
        return f"{lost}; fused frames won back none of them{within}."
    if recovery["ratio"] < 0:
        return (
            f"{lost}; fused frames won none of them back and lost another {percent(-recovery['ratio'])} of it{within}."
        )
    return f"{lost}; fused frames won back {percent(recovery['ratio'])} of them{within}."


def fading(lwir_over_visible: float) -> str:
    """How fast long-wave infrared fades in a fog, beside light."""
    times = f"{lwir_over_visible:.2f}"
    return "as fast as light" if times == "1.00" else f"{times} times as fast as light"


def _others(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was driven in fog of other droplets than those of the headline."""
    treatment = summary["paired"]["treatment"] if summary["paired"] else None
    return [entry for entry in summary["droplets"] or () if entry["arm"] != treatment]


def _undriven(summary: Mapping[str, Any], arm: str) -> str:
    """Drives that are still to come count as zero: a difference made of them is none to be read."""
    episodes = summary["arms"][arm]["episodes"]
    if episodes["driven"] == episodes["expected"]:
        return ""
    return f"Of the {arm} arm {episodes['driven']} of {episodes['expected']} drives are there: too early to compare it."


def crashed_arms(summary: Mapping[str, Any], *arms: str) -> list[str]:
    """Those of the arms that have crashed drives."""
    return [arm for arm in arms if summary["arms"][arm]["episodes"]["crashed"]]


def crashed_of_recovery(summary: Mapping[str, Any], treatment: str = TREATMENT) -> list[str]:
    """Arms that a recovery ratio is made of and that have crashed drives: with one of them no ratio is told."""
    return crashed_arms(summary, *(arm for arm in (BASELINE, treatment, CEILING) if arm in summary["arms"]))


def _left_out(summary: Mapping[str, Any], arm: str) -> str:
    return ", crashed drives left out" if crashed_arms(summary, arm, *_compared(summary)) else ""


def _other_droplets(summary: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    if _undriven(summary, BASELINE):
        return ""
    paired = entry["paired"]["without_crashed"]
    fog = f"fog of droplets of {entry['radius_um']:g} um, in which infrared fades {fading(entry['lwir_over_visible'])}"
    if paired["difference"] is None:
        return f"In {fog}, there is no pair."
    left_out = _left_out(summary, entry["arm"])
    return f"In {fog}, fused minus RGB is {signed(paired['difference'])} points ({_ends(paired)}){left_out}."


def _other_fusion(summary: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    paired, over_rgb = (found and found["without_crashed"] for found in (entry["fused_over"], entry["over_rgb"]))
    if paired is None or paired["difference"] is None:
        return ""
    left_out = _left_out(summary, entry["arm"])
    is_control = entry["arm"] == CONTROL and _has_control(summary)
    if is_control and over_rgb is not None and over_rgb["difference"] is not None:
        return (
            f"RGB restored by such a network without a thermal camera (the {CONTROL} arm) is "
            f"{signed(over_rgb['difference'])} points over RGB ({_ends(over_rgb)}); heat adds "
            f"{signed(paired['difference'])} ({_ends(paired)}){left_out}."
        )
    told = f"{signed(paired['difference'])} points ({_ends(paired)}){left_out}"
    return f"Fused frames against the {entry['arm']} arm: {told}."


def _ends(paired: Mapping[str, Any]) -> str:
    """The interval of a difference, and what it says of chance where the sample may say it."""
    if not paired["ci95"]:
        return "one pair has no interval"
    verdict = ""
    if not paired["sample_too_small"]:
        verdict = ", which includes zero" if paired["includes_zero"] else ", which does not include zero"
        if _is_open_by_ranks(paired):
            verdict += f", though the signed ranks of the routes leave it open: p = {paired['p_wilcoxon']:.3f}"
    return f"95{_PER_CENT} interval {interval(paired['ci95'])}{verdict}"


def _is_open_by_ranks(paired: Mapping[str, Any]) -> bool:
    """Whether an exact test of the routes leaves open what the interval of their mean decides: a mean that a few large
    differences make is no finding."""
    return not paired["includes_zero"] and paired["p_wilcoxon"] >= SIGNIFICANT_P


def _droplet_cautions(summary: Mapping[str, Any]) -> list[str]:
    """A gain in fog is one for the droplets that were driven."""
    if any(_undriven(summary, entry["arm"]) for entry in _others(summary)):
        return []
    paired, entries = summary["paired"], summary["droplets"] or ()
    if crashed_arms(summary, *_compared(summary), *(entry["arm"] for entry in _others(summary))):
        return []
    own = next((entry for entry in entries if paired and entry["arm"] == paired["treatment"]), None)
    if own is None or paired["difference"] is None or paired["difference"] <= 0.0:
        return []
    if len(entries) == 1 and own["lwir_over_visible"] < 1.0:
        return [
            f"This fog was taken to have droplets of {own['radius_um']:g} um, in which infrared fades "
            f"{fading(own['lwir_over_visible'])}. In fog of larger ones it sees less; none was driven."
        ]
    lost = [e for e in _others(summary) if e["paired"]["difference"] is not None and e["paired"]["includes_zero"]]
    if not lost or paired["includes_zero"]:
        return []
    radii = " and ".join(f"{entry['radius_um']:g}" for entry in lost)
    return [
        f"The gain rests on the size of the droplets: with {radii} um in place of {own['radius_um']:g} um it cannot be "
        "told from chance."
    ]


def _cautions(summary: Mapping[str, Any]) -> list[str]:
    cautions = []
    missing = {name: arm["episodes"]["expected"] - arm["episodes"]["driven"] for name, arm in summary["arms"].items()}
    paired = summary["paired"]
    early = any(missing[arm] for arm in _compared(summary))
    found = paired and paired["without_crashed"]
    if found and found["difference"] is not None and found["sample_too_small"]:
        cautions.append(
            f"{counted(found['routes'], 'route')} cannot support a conclusion in either direction: with fewer than "
            f"{MIN_ROUTES} routes not even a gain on every one would be significant, and the interval is too narrow."
        )
    cautions += _droplet_cautions(summary)
    if any(missing.values()):
        told = ", ".join(f"{count} in {name}" for name, count in missing.items() if count)
        cautions.append(f"The run is not complete. Missing episodes count as zero: {told}.")
    crashed = {name: arm["episodes"]["crashed"] for name, arm in summary["arms"].items()}
    if any(crashed.values()):
        told = ", ".join(f"{count} in {name}" for name, count in crashed.items() if count)
        cautions.append(f"Crashed episodes count as zero: {told}.")
    if paired and not early and are_left_out(summary):
        without = paired["without_crashed"]
        cautions.append(
            "Without the crashed episodes no pair is left."
            if without["difference"] is None
            else f"Without them the difference is {signed(without['difference'])} points "
            f"({interval(without['ci95'])}) over {counted(without['pairs'], 'pair')}, with them as zeros "
            f"{signed(paired['difference'])}."
        )
    return cautions
