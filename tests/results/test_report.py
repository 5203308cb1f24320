import base64
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from results import plots, report, summary, wording
from results.events import EventKind
from results.figure import arm_number
from results.films import film_webp
from results.layout import RunFolder
from results.manifest import RouteEntry, write_manifest
from results.record import write_episode
from results.scores import Failure
from results.strips import Moment, strip_jpeg, strip_picture
from tests.results.synthetic import (
    ARMS,
    LARGE,
    ROUTES,
    SMALL,
    completion,
    drive,
    event,
    manifest,
    record,
    tick_cap,
    write_run,
)

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags close in order; keeps tags and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_run(tmp_path_factory.mktemp("run"), seeds=(0,))
    summary.write(folder)
    report.write(folder)
    return folder


@pytest.fixture(scope="module")
def text(run: RunFolder) -> str:
    return run.report.read_text(encoding="utf-8")


def test_the_page_asks_the_network_for_nothing(text: str) -> None:
    page = Page(text)
    assert page.references
    assert all(reference.startswith(("data:", "#")) for reference in page.references)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)


def test_the_headline_comes_first_and_says_what_happened(run: RunFolder, text: str) -> None:
    heading = re.search(r"<h1>(.*?)</h1>", text)
    assert heading is not None
    assert heading.group(1) == wording.headline(summary.write(run)).title
    assert text.index("<h1>") < text.index("<svg") < text.index("<table")


@pytest.mark.parametrize(("kind", "ending"), [("image/jpeg", "jpg"), ("image/webp", "webp")])
def test_every_infraction_has_its_strip_and_its_film_as_they_lie_on_disk(
    run: RunFolder, text: str, kind: str, ending: str
) -> None:
    on_page = [base64.b64decode(data) for data in re.findall(rf"data:{kind};base64,([^\"]+)", text)]
    on_disk = [path.read_bytes() for path in run.episodes.rglob(f"*.{ending}")]
    assert len(on_disk) == 5
    assert sorted(on_page) == sorted(on_disk)


def test_every_route_has_a_map_and_a_timeline(text: str) -> None:
    assert text.count('aria-label="Map of the route') == len(ROUTES)
    assert text.count('aria-label="Speed over time') == len(ROUTES)
    assert all(f'id="route-{number}"' in text for number in range(1, len(ROUTES) + 1))


def test_figures_can_be_traced(text: str) -> None:
    assert manifest().config_hash in text
    assert "ab" * 32 in text
    assert "embedded simulator" in text
    assert "not photo-real" in text
    assert all(version in text for version in ("leaderboard-1.0", "leaderboard-2.0", "leaderboard-2.1", "bench2drive"))


def test_pictures_take_their_colours_from_the_page(text: str) -> None:
    svgs = re.findall(r"<svg.*?</svg>", text, flags=re.S)
    assert svgs
    for svg in svgs:
        assert "var(--arm" in svg
        assert "DejaVu" not in svg
        assert not re.search(r"#(0[0-9a-f]0[0-9a-f]|1000)", svg)


def test_the_command_rebuilds_everything_from_the_drives_alone(run: RunFolder, text: str) -> None:
    before = run.summary.read_bytes()
    for path in (run.summary, run.routes_csv, run.report):
        path.unlink()
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "results.report", str(run.path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr
    assert run.summary.read_bytes() == before
    assert run.report.read_text(encoding="utf-8") == text


def test_the_command_says_in_one_line_that_a_folder_holds_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "run.json" in said.err


def test_a_page_without_infractions_says_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(routes=ROUTES[:1], seeds=(0,)))
    for arm in ARMS:
        write_episode(folder.episode(ROUTES[0].id, arm, 0), record(ROUTES[0].id, arm), drive(0, arm, 0, 0.2))
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "No infraction in any arm" in text
    assert "data:image" not in text


def test_crashed_missing_and_failed_drives_are_shown_as_such(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(routes=ROUTES[:3], seeds=(0,)))
    crashed = record(ROUTES[0].id, "rgb", failure=Failure.AGENT_CRASHED, events=(), error="ValueError: no <lane>")
    blocked = record(ROUTES[1].id, "rgb", events=(event(EventKind.VEHICLE_BLOCKED, 9.0, 3.0, 40.0), completion(30.0)))
    for one in (crashed, blocked):
        write_episode(folder.episode(one.route_id, one.arm, 0), one, [])
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "Agent crashed: ValueError: no &lt;lane&gt;" in text
    assert "Failed - Agent got blocked" in text
    assert "Unfinished run" in text
    assert "Nothing was driven on this route" in text


def test_what_bench2drives_rule_does_not_count_is_not_on_its_page(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, replace(manifest(routes=ROUTES[:1], seeds=(0,)), metric_version="bench2drive"))
    early, late = (event(EventKind.COLLISION_PEDESTRIAN, time_s) for time_s in (100.5, 210.5))
    long = record(ROUTES[0].id, "rgb", events=(early, tick_cap(60.0), late, completion(100.0)), tick_count=4400)
    write_episode(folder.episode(ROUTES[0].id, "rgb", 0), long, [])
    text = report.write(folder).read_text()
    assert "100.5 s: <b>collision with a pedestrian" in text
    assert "210.5 s" not in text


def test_an_unfinished_run_shows_no_difference_that_its_title_forbids(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    arms = {"rgb": "night", "fused": "night", "average": "night"}
    write_manifest(folder, manifest(routes=ROUTES[:2], seeds=(0, 1), arms=arms))
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    for arm in arms:
        for route, seed in [(route.id, seed) for route in ROUTES[:2] for seed in (0, 1)][: 3 if arm == "fused" else 4]:
            one = record(route, arm, seed, hit if arm == "rgb" else (completion(100.0),))
            write_episode(folder.episode(route, arm, seed), one, [])
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "too early to compare RGB and fused" in text
    assert "fused minus rgb, paired" not in text
    assert "sign test p" not in text
    assert "75.0" not in text  # three drives of 100 and a zero in place of the one to come
    assert "Mean driving score per arm: rgb 50.0, fused –, average 100.0" in text
    rows = re.findall(r"<tr>\s*<td><a.*?</tr>", text, flags=re.S)
    assert ["+50.0" in row for row in rows] == [True, False]  # the first route is driven with all seeds
    assert "100.0<span" in rows[1]  # as in the picture: the mean of what is driven
    assert text.count("+50.0") == 4  # that, and average minus rgb with its interval
    assert "+25.0" not in text


def test_droplets_without_a_baseline_yet_have_no_picture(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    arms = dict.fromkeys(("rgb", "fused", "fused_10um"), "fog")
    droplets = {"fused": SMALL, "fused_10um": LARGE}
    write_manifest(folder, manifest(routes=ROUTES[:1], seeds=(0,), arms=arms, droplets=droplets))
    for arm in ("fused", "fused_10um"):
        write_episode(folder.episode(ROUTES[0].id, arm, 0), record(ROUTES[0].id, arm), [])
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "Paired difference by radius" not in text


def test_small_p_values_are_not_called_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    routes = tuple(RouteEntry(str(number), "", "Elm02") for number in range(12))
    write_manifest(folder, manifest(routes=routes, seeds=(0,), arms={"rgb": "night", "fused": "night"}))
    hit = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
    for route in routes:
        for arm, events in (("rgb", hit), ("fused", (completion(100.0),))):
            write_episode(folder.episode(route.id, arm, 0), record(route.id, arm, 0, events), [])
    text = report.write(folder).read_text(encoding="utf-8")
    assert "sign test p &lt; 0.001, Wilcoxon signed-rank test p &lt; 0.001 (both exact)" in text


def test_dots_of_one_score_do_not_hide_one_another() -> None:
    equal = {"rgb": 50.0, "fused": 50.0, "clear": 50.0, "restored": 50.5, "average": 90.0}
    shifts = plots._shifts(equal)
    assert shifts["rgb"] < shifts["fused"] < shifts["restored"]
    assert (shifts["clear"], shifts["average"]) == (0.0, 0.0)


def test_a_route_has_the_name_that_its_drives_tell(tmp_path: Path) -> None:
    """A scenario may turn out to lie beside the way only where the map is known."""
    run = write_run(tmp_path, seeds=(0,))
    summary.write(run)
    kept = [path for path in tmp_path.rglob("record.json") if ROUTES[0].name in path.read_text()]
    for path in kept:
        path.write_text(path.read_text().replace(ROUTES[0].name, f"{ROUTES[0].name} (left out)"))
    assert kept
    assert f"{ROUTES[0].name} (left out)" in report.write(run).read_text()


def test_names_from_outside_cannot_become_markup(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    route = RouteEntry("r1", '<script>alert("$x$")</script>', "Elm02")
    write_manifest(folder, manifest(routes=(route,), seeds=(0,)))
    for arm in ARMS:
        write_episode(folder.episode("r1", arm, 0), record("r1", arm), drive(0, arm, 0, 0.1))
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "<script>" not in text


def test_arms_beyond_the_known_three_have_their_own_colour(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(routes=ROUTES[:1], seeds=(0,), arms={"rgb": "night", "thermal": "night"}))
    for arm in ("rgb", "thermal"):
        write_episode(folder.episode(ROUTES[0].id, arm, 0), record(ROUTES[0].id, arm), drive(0, arm, 0, 0.1))
    text = report.write(folder).read_text(encoding="utf-8")
    assert "var(--arm3)" in re.findall(r"<svg.*?</svg>", text, flags=re.S)[0]
    # Every droplet and plain fusion beside the known three: no two alike, and the page says what each of them is.
    many = ["rgb", "fused", "fused_8um", "fused_10um", "average", "luminance_swap", "maximum", "thermal", "clear"]
    numbers = {arm_number(arm, many) for arm in many}
    assert len(numbers) == len(many)
    assert all(text.count(f"--arm{number}: #") == 3 for number in numbers)  # light, dark and print


def test_droplets_have_a_picture_and_a_row_each(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    arms = {"rgb": "fog", "fused": "fog", "fused_10um": "fog, droplets of 10 um"}
    run = manifest(routes=ROUTES[:2], seeds=(0,), arms=arms, droplets={"fused": SMALL, "fused_10um": LARGE})
    write_manifest(folder, run)
    for route in ROUTES[:2]:
        for arm in arms:
            events = (
                (event(EventKind.COLLISION_PEDESTRIAN, 2.0), completion(100.0))
                if arm == "rgb"
                else (completion(100.0),)
            )
            write_episode(folder.episode(route.id, arm, 0), record(route.id, arm, events=events), drive(0, arm, 0, 0.1))
    text = report.write(folder).read_text(encoding="utf-8")
    Page(text)
    assert "How much depends on the droplets" in text
    assert "Paired difference by radius of the fog&#x27;s droplets: 5 um +50.0, 10 um +50.0" in text
    assert "droplets of 5 um and 10 um (effective radius)" in text
    assert re.search(r"<td[^>]*>10 um</td><td>1.03 ×</td><td>fused_10um</td>", text)


def test_a_strip_shows_three_panels_per_moment() -> None:
    rgb = np.full((90, 160, 4), (200, 30, 30, 255), np.uint8)
    thermal = np.full((90, 160), 128, np.uint8)
    jpeg = strip_jpeg([Moment("before", rgb, thermal, None), Moment("now", rgb, thermal, rgb)], panel_width=160)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (2 * 90 + 4, 3 * 160 + 2 * 4, 3)
    assert np.abs(image[60, 80].astype(int) - (200, 30, 30)).max() < 12
    assert np.abs(image[60, 244].astype(int) - 128).max() < 12
    assert image[60, 408].max() < 40  # no fused frame was made before
    assert np.abs(image[154, 408].astype(int) - (200, 30, 30)).max() < 12


def test_a_film_plays_what_was_seen_in_its_order() -> None:
    rgb = np.full((91, 160, 4), (0, 30, 200, 255), np.uint8)
    moments = []
    for left in range(0, 120, 4):
        thermal = np.zeros((91, 160), np.uint8)
        thermal[40:60, left : left + 20] = 255  # somebody walks to the right
        moments.append(Moment(f"{left}", rgb, thermal, rgb))
    data = film_webp(moments, panel_width=160)
    assert data == film_webp(moments, panel_width=160)
    film = Image.open(io.BytesIO(data))
    frames = []
    for frame in ImageSequence.Iterator(film):
        picture = np.asarray(frame.convert("RGB"), np.float64)
        frames.append((picture, film.info["duration"]))  # known once the frame is read
    assert [duration_ms for _, duration_ms in frames[:-1]] == [100] * 29
    middles = [np.average(np.arange(160), weights=picture[50, 164:324].mean(axis=1)) for picture, _ in frames]
    assert np.abs(np.array(middles) - (np.arange(0, 120, 4) + 9.5)).max() < 4.0
    assert np.abs(np.array([picture[70, 80] - (200, 30, 0) for picture, _ in frames])).max() < 25.0  # red first


def test_a_film_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        film_webp([])


def test_a_strip_names_what_was_made_of_the_two_frames() -> None:
    frame, heat = np.full((90, 160, 3), 90, np.uint8), np.full((90, 160), 90, np.uint8)
    fused, restored = (
        strip_picture([Moment("now", frame, heat, frame, made=name)], panel_width=160) for name in ("fused", "restored")
    )
    rows, columns = np.nonzero((fused != restored).any(axis=2))
    assert columns.min() > 2 * 160  # the third panel alone,
    assert rows.max() < 24  # and its label alone


def test_a_strip_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        strip_jpeg([])
    with pytest.raises(ValueError, match="no frame at all"):
        strip_jpeg([Moment("now", None, None, None)])


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_damaged_ticks_are_told_in_one_line(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(ROUTES[:1], (0,), {"rgb": "night"}))
    episode = folder.episode(ROUTES[0].id, "rgb", 0)
    write_episode(episode, record(ROUTES[0].id), [])
    episode.ticks.write_bytes(content)
    assert report.main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nightloop: {episode.ticks}: not a readable record of ticks; take ")
    assert said.count("\n") == 1


def test_a_page_of_one_arm_speaks_of_no_arrow(text: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_manifest(folder, manifest(ROUTES[:1], (0,), {"rgb": "night"}))
    assert "The arrow runs" not in report.write(folder).read_text(encoding="utf-8")
    assert "The arrow runs from RGB to fused; the ring is the clear arm." in text
