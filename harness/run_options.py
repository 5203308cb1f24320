"""What `python -m harness.run` takes."""

from __future__ import annotations

import argparse

from agents.loader import BUILT_IN
from harness.arms import CHOICES
from harness.executor import FIRST_TICK_LIMIT_S, TICK_LIMIT_S
from harness.options import Parser, given, metres, path, share, whole
from results.scores import DEFAULT_VERSION, METRIC_VERSIONS


def parser_of(description: str) -> argparse.ArgumentParser:
    parser = Parser(prog="python -m harness.run", description=description)
    add = parser.add_argument
    add("--scenario", type=given, default="night_fog", help="a scenario's name or YAML file (default: night_fog)")
    add(
        "--agent",
        type=given,
        default="pilot",
        help=f"{', '.join(BUILT_IN)} or the path of a leaderboard agent's .py file",
    )
    add("--agent-config", default="", help="handed to the agent's setup()")
    add(
        "--agent-python",
        type=given,
        default=None,
        metavar="PYTHON",
        help="the interpreter that an agent's file runs in, 3.7 or newer, with its own carla and numpy (default: ours)",
    )
    add(
        "--plan-spacing",
        type=metres,
        default=None,
        metavar="M",
        help="metres between the points of the thinned-out plan that an agent is given (default: its leaderboard's)",
    )
    add(
        "--arms",
        default=None,
        help=f"of {CHOICES}; default: rgb and fused, clear where the scenario names a twin, and unless --quick "
        "is given the other droplets it names, and with the weights sim restored: RGB by the same network taught "
        "without a thermal camera, their control and no other weights'",
    )
    add(
        "--seeds",
        type=whole(1, 10_000),
        default=None,
        metavar="N",
        help="run seeds 0..N-1 (default: 2; with --quick 1)",
    )
    add("--quick", action="store_true", help="two routes (or those of --routes-subset), one seed, rgb, fused and clear")
    add(
        "--routes",
        type=path,
        default=None,
        metavar="FILE",
        help="a leaderboard route file (.xml) to drive in the scenario's weather, each route in its own town",
    )
    add(
        "--routes-subset",
        type=given,
        default=None,
        metavar="IDS",
        help="drive these routes alone: 4, or 1,6, or a range of the file's order as 0-4 (default: all)",
    )
    add("--out", type=path, default=None, metavar="DIR", help="where results go (default: a new folder in runs/)")
    add(
        "--resume",
        action="store_true",
        help="go on with the run in --out (without --out: with the newest of this kind); it may get more arms, seeds "
        "and routes than it had",
    )
    add(
        "--carla",
        type=given,
        default=None,
        metavar="HOST:PORT[,...]",
        help="a running CARLA 0.9.16 server instead of the embedded one; several, one drive each, with commas between",
    )
    add(
        "--fog-table",
        type=path,
        default=None,
        metavar="FILE",
        help="what each fog density means on the server of --carla (from python -m sensors.calibrate_fog)",
    )
    add(
        "--weights",
        type=given,
        default="sim",
        help="FusionProxy's weights: a name or a .safetensors file (default: sim)",
    )
    add(
        "--thermal",
        type=given,
        default=None,
        help="thermal camera: a preset or a YAML file (default: the scenario's, or adk)",
    )
    add(
        "--metric",
        default=DEFAULT_VERSION,
        choices=METRIC_VERSIONS,
        help=f"headline score (default: {DEFAULT_VERSION}); an agent's file also drives as on that leaderboard: "
        "leaderboard-1.0 and bench2drive thin out its plan otherwise, bench2drive tells it so (IS_BENCH2DRIVE), "
        "its sensors may be as far from the ego as there (3 m; bench2drive 100, leaderboard-1.0 1000), and with "
        "leaderboard-1.0 setup() comes before the plan",
    )
    add(
        "--workers",
        type=whole(1, 1_000),
        default=None,
        metavar="N",
        help="episodes at a time (default: one per core, at most 8 unless --ray is given)",
    )
    add(
        "--ray",
        type=given,
        default=None,
        metavar="ADDRESS",
        help="drive on the machines of a Ray cluster: auto, or HOST:PORT of its head, from a machine that is in it; "
        "ray://HOST:10001 from any other (with ray[client]); local makes this machine one",
    )
    add(
        "--ray-gpus",
        type=share,
        default=0.0,
        metavar="N",
        help="GPUs for each drive of --ray, 0.5 for two drives on one (default: none)",
    )
    add(
        "--tick-limit",
        type=whole(1, 1_000_000),
        default=round(TICK_LIMIT_S),
        metavar="S",
        help="a drive that does not tick for so many seconds is ended and run again (default: %(default)s); until its "
        f"first tick it has {FIRST_TICK_LIMIT_S:.0f} or, if that is more, as many",
    )
    return parser
