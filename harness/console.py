"""What a run prints: a line for each drive as it ends, and the figures when all have."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.arms import arm_of
from harness.executor import Outcome
from results.arms import TREATMENT
from results.counting import counted
from results.layout import RunFolder
from results.record import read_episode
from results.wording import crashed_of_recovery


def line_of(outcome: Outcome, folder: RunFolder) -> str:
    """One line on how an episode ended."""
    job = outcome.job
    if outcome.finished is None:
        return f"{job.name}: no result after {outcome.attempts} attempts: {outcome.reason} (log: {job.log})"
    request = job.request
    record = read_episode(folder.episode(request["route_id"], request["arm"], request["seed"]))
    if record.is_crash:
        return f"{job.name}: {record.status}: {record.error} (log: {job.log})"
    judged = record.judged_by(version := request["config"]["metric_version"])
    score = record.score(version)
    return (
        f"{job.name}: {judged.status}, driving score {score.driving_score:.1f}, route {score.route_completion:.0f} %, "
        f"{counted(len(judged.infractions), 'infraction')}, {record.tick_count} ticks "
        f"in {record.duration_system_s:.0f} s"
    )


def print_summary(figures: dict[str, Any], console: Console) -> None:
    table = Table(title=Text(f"{figures['scenario']} · {figures['agent']} · {figures['metric_version']}"))
    for heading in ("arm", "driving score", "route completion", "infraction penalty"):
        table.add_column(heading, justify="left" if heading == "arm" else "right")
    for name, arm in figures["arms"].items():
        table.add_row(
            f"{name}: {arm_of(name).title}",
            f"{arm['driving_score']:.1f}",
            f"{arm['route_completion']:.1f} %",
            f"{arm['infraction_penalty']:.2f}",
        )
    console.print(table)
    counts = {name: arm["episodes"] for name, arm in figures["arms"].items()}
    if undriven := [name for name, count in counts.items() if count["driven"] < count["expected"]]:
        print(f"drives are missing and count as zero ({', '.join(undriven)}): no difference is to be read from these")
        return
    if crashed := [name for name, count in counts.items() if count["crashed"]]:
        print(f"drives crashed and count as zero above ({', '.join(crashed)}); pairs with them are left out below")
    if figures["paired"]:
        _print_difference("fused - rgb", figures["paired"]["without_crashed"])
    if not crashed_of_recovery(figures):
        _print_recovery(figures["recovery"], figures["paired"])
    for entry in figures["droplets"] or ():
        if entry["arm"] != TREATMENT:
            _print_difference(f"{entry['arm']} - rgb", entry["paired"]["without_crashed"])
    for entry in figures["other_fusions"]:
        if entry["fused_over"]:
            _print_difference(f"fused - {entry['arm']}", entry["fused_over"]["without_crashed"])


def _print_difference(what: str, paired: dict[str, Any]) -> None:
    if paired["difference"] is None:
        print(f"{what}: no pair of drives that did not crash")
        return
    ends = paired["ci95"]
    interval = f"95 % interval [{ends[0]:+.1f}, {ends[1]:+.1f}]" if ends else "one pair has no interval"
    print(f"{what}: {paired['difference']:+.1f} driving score, {interval}{_too_few(paired)}")


def _print_recovery(recovery: dict[str, Any] | None, paired: dict[str, Any] | None) -> None:
    if recovery is None or paired is None:
        return
    if recovery["ratio"] is None:
        print(f"recovered of what the weather took: no ratio, {recovery['reason']}")
        return
    ends = recovery["ci95"]
    interval = f"95 % interval [{100 * ends[0]:.0f} %, {100 * ends[1]:.0f} %]" if ends else recovery["reason"]
    print(f"recovered of what the weather took: {100 * recovery['ratio']:.0f} %, {interval}{_too_few(paired)}")


def _too_few(paired: dict[str, Any]) -> str:
    return f" ({counted(paired['routes'], 'route')}: too few to conclude from)" if paired["sample_too_small"] else ""
