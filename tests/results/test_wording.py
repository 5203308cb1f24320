from dataclasses import replace
from pathlib import Path

import pytest

from results import summary, wording
from results.events import EventKind
from results.layout import RunFolder
from results.record import EpisodeRecord
from results.scores import Failure
from tests.results.synthetic import ARMS, LARGE, ROUTES, SMALL, completion, event, manifest, record, write_run

HIT = (event(EventKind.COLLISION_PEDESTRIAN), completion(100.0))
CLEAN = (completion(100.0),)


def told(records: list[EpisodeRecord], routes: int = 6) -> wording.Headline:
    return wording.headline(summary.summarise(manifest(routes=ROUTES[:routes], seeds=(0,)), records))


def drives(routes: int = 6, **events: tuple) -> list[EpisodeRecord]:
    return [record(route.id, arm, 0, events.get(arm, CLEAN)) for route in ROUTES[:routes] for arm in ARMS]


def test_a_gain_is_called_a_gain_with_its_figures() -> None:
    words = told(drives(rgb=HIT))
    assert words.title == "Fused frames gained pilot 50.0 points of driving score in night_fog"
    assert any("does not include zero" in sentence for sentence in words.sentences)
    assert any("won back 100" in sentence for sentence in words.sentences)
    assert words.cautions == ()


def test_a_loss_is_called_a_loss_as_plainly() -> None:
    words = told(drives(fused=HIT))
    assert words.title == "Fused frames cost pilot 50.0 points of driving score in night_fog"
    assert any("−50.0 points" in sentence for sentence in words.sentences)


def test_a_loss_on_top_of_what_the_night_took() -> None:
    words = told(drives(rgb=HIT, fused=(*HIT[:1], *HIT)))
    assert any("lost another" in sentence for sentence in words.sentences)


def test_an_interval_that_includes_zero_is_not_sold_as_a_gain(tmp_path: Path) -> None:
    records = [
        record(route.id, arm, 0, HIT if (arm == "rgb" and i < 3) or (arm == "fused" and i in (3, 4)) else CLEAN)
        for i, route in enumerate(ROUTES)
        for arm in ARMS
    ]
    words = told(records)
    assert "no difference" in words.title
    assert any("includes zero" in sentence for sentence in words.sentences)


def test_two_routes_are_too_few_whatever_they_show() -> None:
    words = told(drives(2, rgb=HIT), routes=2)
    assert "too few to conclude" in words.title
    assert any("2 routes cannot support a conclusion" in caution for caution in words.cautions)
    assert not any("does not include zero" in sentence for sentence in words.sentences)


def test_equal_scores_are_called_equal() -> None:
    assert told(drives()).title == "Fused frames changed no score of pilot in night_fog"


def test_nothing_lost_means_no_recovery_ratio_and_says_why() -> None:
    assert any("There is no recovery ratio" in sentence for sentence in told(drives(fused=HIT)).sentences)


def test_crashed_and_missing_drives_are_said_aloud() -> None:
    records = drives()[:-1]
    records[1] = record(ROUTES[0].id, "fused", 0, (), failure=Failure.AGENT_CRASHED)
    words = told(records)
    assert words.title.startswith("Unfinished run")
    assert any("Missing episodes count as zero: 1 in clear" in caution for caution in words.cautions)
    assert any("Crashed episodes count as zero: 1 in fused" in caution for caution in words.cautions)
    assert any("Without them the difference is 0.0 points" in caution for caution in words.cautions)


def test_a_missing_drive_that_has_no_part_in_the_difference_says_nothing_of_it() -> None:
    words = told(drives()[:-1])
    assert any("Missing episodes count as zero: 1 in clear" in caution for caution in words.cautions)
    assert not any("Without" in caution for caution in words.cautions)


@pytest.mark.parametrize("driven", [0, 1, 5])
def test_drives_that_are_still_to_come_make_no_finding(driven: int) -> None:
    fused = [route.id for route in ROUTES[:driven]]
    records = [one for one in drives(rgb=HIT) if one.arm == "rgb" or (one.arm == "fused" and one.route_id in fused)]
    words = told(records)
    assert words.title == "Unfinished run: pilot in night_fog: too early to compare RGB and fused"
    assert f"Of the fused arm {driven} of 6 drives are there: too early to compare it." in words.sentences
    assert not any("Fused minus RGB" in sentence or "won" in sentence for sentence in words.sentences)


def in_droplets(large: tuple | None, rgb: tuple = HIT) -> wording.Headline:
    """What is said of six routes in fog; `large`: how drives in larger droplets went, None where there were none."""
    arms = {"rgb": "fog", "fused": "fog"} | ({} if large is None else {"fused_10um": "fog"})
    droplets = {"fused": SMALL} | ({} if large is None else {"fused_10um": LARGE})
    events = {"rgb": rgb, "fused": CLEAN, "fused_10um": large or ()}
    records = [record(route.id, arm, 0, events[arm]) for route in ROUTES for arm in arms]
    return wording.headline(summary.summarise(manifest(seeds=(0,), arms=arms, droplets=droplets), records))


def test_a_gain_in_small_droplets_alone_is_called_that() -> None:
    words = in_droplets(HIT)
    assert words.title == "Fused frames gained pilot 50.0 points of driving score in night_fog"
    (told_of_large,) = [sentence for sentence in words.sentences if "10 um" in sentence]
    assert "infrared fades 1.03 times as fast as light" in told_of_large
    assert "fused minus RGB is 0.0 points" in told_of_large
    (caution,) = words.cautions
    assert "with 10 um in place of 5 um it cannot be told from chance" in caution


def test_a_gain_that_droplets_do_not_change_needs_no_caution() -> None:
    words = in_droplets(CLEAN)
    assert any("fused minus RGB is +50.0 points" in sentence and "10 um" in sentence for sentence in words.sentences)
    assert words.cautions == ()


def test_a_gain_in_one_kind_of_fog_says_which() -> None:
    (caution,) = in_droplets(None).cautions
    assert "droplets of 5 um" in caution
    assert "none was driven" in caution
    assert in_droplets(None, rgb=CLEAN).cautions == ()


def test_fused_frames_are_held_against_other_fusions() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "average": CLEAN}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    words = wording.headline(summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records))
    (sentence,) = [sentence for sentence in words.sentences if "average arm:" in sentence]
    assert sentence.startswith("Fused frames against the average arm: 0.0 points")
    assert "includes zero" in sentence


def test_what_heat_adds_is_told_apart_from_what_the_network_does_without_it() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "restored": HIT}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    words = wording.headline(summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records))
    (sentence,) = [sentence for sentence in words.sentences if "without a thermal camera" in sentence]
    assert "is 0.0 points over RGB" in sentence
    assert "heat adds +50.0 (95" in sentence


@pytest.mark.parametrize(
    ("restored", "end"),
    [
        (HIT, "in night_fog, all of them by heat"),
        ((event(EventKind.RED_LIGHT), completion(100.0)), "in night_fog, 30.0 of them by heat"),
        (CLEAN, "in night_fog; what heat adds to that cannot be told from chance"),
    ],
)
def test_the_headline_says_what_of_a_gain_is_heat(restored: tuple, end: str) -> None:
    how = {"rgb": HIT, "fused": CLEAN, "restored": restored}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    asked = manifest(seeds=(0,), arms=dict.fromkeys(how, "fog"))
    title = wording.headline(summary.summarise(asked, records)).title
    assert title == f"Fused frames gained pilot 50.0 points of driving score {end}"
    unfinished = wording.headline(summary.summarise(asked, records[:-1])).title
    assert unfinished.endswith("of driving score in night_fog")


def test_what_the_ranks_of_the_routes_leave_open_is_no_finding() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "restored": HIT}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    found = summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records)
    (control,) = found["other_fusions"]
    heat = {**control["fused_over"], "p_wilcoxon": 0.064}
    heat["without_crashed"] = {**heat["without_crashed"], "p_wilcoxon": 0.064}
    words = wording.headline({**found, "other_fusions": [{**control, "fused_over": heat}]})
    assert words.title.endswith("points of driving score in night_fog; what heat adds to that is not certain")
    assert any("heat adds" in one and "leave it open: p = 0.064" in one for one in words.sentences)
    gain = {**found["paired"], "without_crashed": {**found["paired"]["without_crashed"], "p_wilcoxon": 0.05}}
    assert wording.headline({**found, "paired": gain}).title == (
        "pilot scored 50.0 points more with fused frames in night_fog: not certain"
    )


def test_the_headline_says_so_where_heat_takes_from_a_gain() -> None:
    how = {"rgb": HIT, "fused": (event(EventKind.RED_LIGHT), completion(100.0)), "restored": CLEAN}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    title = wording.headline(summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records)).title
    assert title.endswith("gained pilot 20.0 points of driving score in night_fog; without heat it had been 30.0 more")


def test_arms_that_are_still_being_driven_are_not_compared() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "fused_10um": CLEAN, "average": CLEAN}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    asked = manifest(seeds=(0,), arms=dict.fromkeys(how, "fog"), droplets={"fused": SMALL, "fused_10um": LARGE})
    words = wording.headline(summary.summarise(asked, records[:-2]))
    assert "Of the average arm 5 of 6 drives are there: too early to compare it." in words.sentences
    assert "Of the fused_10um arm 5 of 6 drives are there: too early to compare it." in words.sentences
    assert not any("against the average arm" in sentence or "um, in which" in sentence for sentence in words.sentences)
    assert not any("um" in caution.split() for caution in words.cautions)


def test_what_baseline_drives_are_missing_for_is_not_spoken_of() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "fused_10um": CLEAN, "restored": CLEAN}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    asked = manifest(seeds=(0,), arms=dict.fromkeys(how, "fog"), droplets={"fused": SMALL, "fused_10um": LARGE})
    words = wording.headline(summary.summarise(asked, records[1:]))
    assert words.sentences[1:] == (
        "Of the rgb arm 5 of 6 drives are there: too early to compare it.",
        "Fused frames against the restored arm: 0.0 points (95\N{NO-BREAK SPACE}% interval 0.0 to 0.0, which includes "
        "zero).",
    )
    assert words.cautions == ("The run is not complete. Missing episodes count as zero: 1 in rgb.",)


def test_figures_in_words_match_those_in_the_summary(tmp_path: Path) -> None:
    folder: RunFolder = write_run(tmp_path, seeds=(0,))
    figures = summary.write(folder)
    words = wording.headline(figures)
    for arm in ARMS:
        assert f"{figures['arms'][arm]['driving_score']:.1f} in the {arm} arm" in words.sentences[0]
    assert wording.signed(figures["paired"]["difference"]) in words.sentences[1]


def test_signs_are_shown_and_rounded_zero_has_none() -> None:
    assert wording.signed(3.14) == "+3.1"
    assert wording.signed(-3.14) == "−3.1"
    assert wording.signed(-0.04) == "0.0"
    assert wording.interval(None) == "no interval"
    assert wording.interval((-1.0, 2.0)) == "−1.0 to +2.0"


@pytest.mark.parametrize(
    ("weights", "is_heat"),
    [
        ({"name": "real", "sha256": "cd" * 32}, False),  # a run of before: nothing but the name says it
        ({"name": "mine.safetensors", "sha256": "cd" * 32, "restored_controls_sha256": "ab" * 32}, False),
        ({"name": "copy.safetensors", "sha256": "ab" * 32, "restored_controls_sha256": "ab" * 32}, True),
        ({"name": "sim", "sha256": "cd" * 32, "restored_controls_sha256": "ab" * 32}, False),  # a file of that name
    ],
)
def test_heat_is_spoken_of_with_the_weights_alone_that_the_control_is_one_of(
    weights: dict[str, str], is_heat: bool
) -> None:
    how = {"rgb": (*HIT[:1], *HIT), "fused": CLEAN, "restored": HIT}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    asked = replace(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), weights=weights)
    words = wording.headline(summary.summarise(asked, records))
    assert ("heat" in " ".join((words.title, *words.sentences))) == is_heat
    assert any("against the restored arm: +50.0 points" in sentence for sentence in words.sentences) != is_heat


def crashed(arm: str, routes: int) -> list[EpisodeRecord]:
    """As `drives`, but for crashes of an arm on the first routes."""
    first = [route.id for route in ROUTES[:routes]]
    return [
        record(one.route_id, arm, 0, (completion(50.0),), Failure.AGENT_CRASHED)
        if one.arm == arm and one.route_id in first
        else one
        for one in drives()
    ]


def test_crashes_make_no_finding() -> None:
    words = told(crashed("fused", 5))
    assert "cost" not in words.title
    assert words.title.endswith("too few routes (1 route) to conclude from; crashed drives left out")
    assert "Crashed episodes count as zero: 5 in fused." in words.cautions
    assert any(caution.endswith("over 1 pair, with them as zeros −83.3.") for caution in words.cautions)
    assert any("drives crashed in the arms fused" in sentence for sentence in words.sentences)


def test_where_everything_crashed_nothing_is_said_of_scores() -> None:
    words = told([record(one.route_id, one.arm, 0, (), Failure.AGENT_CRASHED) for one in drives()])
    assert words.title == (
        "pilot in night_fog: driving scores without a comparison of RGB and fused; crashed drives left out"
    )
    assert (
        "In every pair of the same route and seed a drive crashed: there is no difference to tell." in words.sentences
    )


def test_crashes_of_the_control_say_nothing_of_heat() -> None:
    how = {"rgb": HIT, "fused": CLEAN, "restored": HIT}
    records = [record(route.id, arm, 0, events) for route in ROUTES for arm, events in how.items()]
    records[2] = record(ROUTES[0].id, "restored", 0, (), Failure.AGENT_CRASHED)
    words = wording.headline(summary.summarise(manifest(seeds=(0,), arms=dict.fromkeys(how, "fog")), records))
    assert words.title == "Fused frames gained pilot 50.0 points of driving score in night_fog"
    (sentence,) = [sentence for sentence in words.sentences if "heat adds" in sentence]
    assert "heat adds +50.0" in sentence
    assert sentence.endswith(", crashed drives left out.")


def test_a_gain_too_small_to_be_shown_is_not_called_none() -> None:
    slow = {arm: event(EventKind.MIN_SPEED, percentage=p) for arm, p in (("rgb", 99.9), ("fused", 99.95))}
    words = told(drives(rgb=(slow["rgb"], *CLEAN), fused=(slow["fused"], *CLEAN)))
    assert words.title == "Fused frames gained pilot less than 0.1 points of driving score in night_fog"
