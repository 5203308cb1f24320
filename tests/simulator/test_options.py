"""Options that cannot be: one line that says what can, with exit code 2, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import determinism, fuzz, serve, stress
from simulator.render import contact_sheet
from simulator.towns import plot
from validation import __main__ as validation
from validation import contact_sheet as thermal_sheet

COMMANDS = [
    (serve.main, ["--port", "-1"], "0 to 65535, not -1"),
    (serve.main, ["--port", "2e3"], "a whole number, not '2e3'"),
    (serve.main, ["--threads", "0"], "1 to 256, not 0"),
    (serve.main, ["--seed", "-1"], "0 to 9223372036854775807, not -1"),
    (serve.main, ["--parent-pid", str(10**20)], "1 to 2147483647"),
    (serve.main, ["--recordings", __file__], "a folder, not"),
    (serve.main, ["--host", "nowhere.invalid"], "cannot listen on nowhere.invalid:2000"),
    (fuzz.main, ["--messages", "0"], "1 or more, not 0"),
    (thermal_sheet.main, ["x.png", "--town", "Nowhere"], "no town 'Nowhere': there are Elm01"),
    (stress.main, ["--ticks", "-1"], "1 or more, not -1"),
    (stress.main, ["--limit", "nan"], "more than 0, not nan"),
    (determinism.main, ["--ticks", "0"], "1 or more, not 0"),
    (determinism.main, ["--image", "12"], "a size as 640x360, not '12'"),
    (determinism.main, ["--image", "0x9999"], "1 to 4096 pixels each way, not 0x9999"),
    (contact_sheet.main, ["x.png", "--fov", "180"], "between 0 and 180 degrees, not 180"),
    (contact_sheet.main, ["x.png", "--place", "-1"], "0 or more, not -1"),
    (contact_sheet.main, ["x.foo"], "a name that ends in .png or .jpg, not 'x.foo'"),
    (thermal_sheet.main, ["nowhere/x.png"], "nowhere/x.png: no folder nowhere"),
    (plot.main, ["Elm01", "x"], "a name that ends in .png"),
    (plot.main, ["nowhere.xodr", "x.png"], "cannot read nowhere.xodr: No such file or directory"),
    (validation.main, ["--out", __file__], "cannot make the folder"),
]


@pytest.mark.parametrize(("command", "arguments", "told"), COMMANDS, ids=lambda value: None)
def test_an_option_that_cannot_be_is_one_line(command, arguments, told, capsys, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = command(arguments)
    except SystemExit as end:
        code = end.code
    out, errors = capsys.readouterr()
    assert (code, out) == (2, "")
    assert told in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())
