from fusion import progress
from fusion.progress import along


def test_without_a_terminal_a_line_now_and_then_says_how_far_it_is(monkeypatch, capsys):
    clock = iter(range(0, 1000, 11))  # seconds, a look at it after another
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(along("measuring", "abcdefgh", 8)) == list("abcdefgh")
    assert capsys.readouterr().err == "measuring: 3 of 8\nmeasuring: 6 of 8\n"


def test_what_is_short_says_nothing(capsys):
    assert list(along("measuring", range(100), 100)) == list(range(100))
    assert capsys.readouterr().err == ""
