import sys

import pytest

from scenarios import route_writer, training_routes

GOOD = """town: Elm02
routes:
- id: a
  points: [[1, 1, 60], [1, 1, 250]]
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file or directory"),
        ("- a\n", "a sketch has a town and a list of routes"),
        (GOOD + "town: Elm01\n", "5: not YAML: town stands twice"),
        (GOOD.replace("Elm02", "Elm2"), "unknown town 'Elm2'; available: "),
        (GOOD.replace("id: a", "name: a"), "route 1: no 'id' given"),
        (GOOD.replace("1, 60", "60"), "route 1: not enough values to unpack"),
        (GOOD + "  scenarios: [{type: ParkedObstacle}]\n", "route 1: no 'at' given"),
    ],
)
def test_a_mistake_in_a_sketch_is_one_line(text, says, tmp_path, monkeypatch, capsys):
    sketch = tmp_path / "sketch.yaml"
    if text is not None:
        sketch.write_text(text)
    monkeypatch.setattr(sys, "argv", ["route_writer", str(sketch)])
    with pytest.raises(SystemExit) as ended:
        route_writer.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{sketch}: {says}")
    assert said.count("\n") == 1
    assert not sketch.with_suffix(".xml").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--town", "Nowhere"], "--town: unknown town 'Nowhere'"),
        (["--count", "0"], "--count must be at least 1"),
        (["--out", "/proc/none/routes.xml"], "--out /proc/none/routes.xml: No such file or directory"),
    ],
)
def test_a_wrong_option_of_training_routes_is_told(options, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["training_routes", "--out", str(tmp_path / "routes.xml"), *options])
    with pytest.raises(SystemExit) as ended:
        training_routes.main()
    assert ended.value.code == 2
    assert f"error: {says}" in capsys.readouterr().err
