"""The draw as its command starts it: what is asked for reaches the teacher, and whose samples are whose."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

from fusion import FusionError
from fusion.ensemble import draw, drawn_as, load_teacher, main, source_checksum
from fusion.pairs.data import Pair, read_folders, read_pairs
from fusion.synthetic import write
from fusion.training.cache import EnsembleCache

SETTINGS = {"teacher": "fake", "samples": 2, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}


class Fake:
    """Samples are noise of their seed; it keeps what it was asked."""

    identity = "fake"

    def __init__(self) -> None:
        self.devices, self.seen, self.seeds = [], [], []

    def to(self, device):
        self.devices.append(device)

    def look_at(self, clear):
        self.seen.append(clear)

    def sample(self, visible, thermal, n, seed):
        self.seeds.append(seed)
        self.devices += [visible.device.type, thermal.device.type]
        return torch.rand((n, *visible.shape), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def folder(tmp_path) -> Path:
    write(tmp_path / "drawn", count=6, seed=0, width=48, height=32)
    return tmp_path / "drawn"


@pytest.fixture
def start(folder, tmp_path, monkeypatch):
    """The command with these words -> (what the teacher was loaded with, the teacher, the ensembles)."""

    def start(*words: object, out: str = "ensembles", teacher: object = "reference"):
        fake, told = Fake(), []
        monkeypatch.setattr("fusion.ensemble.load_teacher", lambda *given: told.append(given) or fake)
        arguments = ["--data", folder, "--teacher", teacher, "--out", tmp_path / out, *words]
        monkeypatch.setattr(sys, "argv", ["", *map(str, arguments)])
        main()
        return told[0], fake, EnsembleCache.open(tmp_path / out)

    return start


def test_what_is_asked_for_reaches_the_teacher_and_is_written_down(start, tmp_path):
    asked = {"samples": 3, "steps": 7, "eta": 0.5, "scale": 2, "tile": 64, "overlap": 32, "seed": 4, "device": "meta"}
    words = [word for name, value in asked.items() for word in (f"--{name}", value)]
    given, teacher, cache = start(*words, teacher="t.safetensors")
    assert given == ("t.safetensors", 7, 0.5, 64, 32)
    assert teacher.devices == ["meta"] + ["meta", "meta"] * 6  # it, and the frames of every pair
    expected = {"teacher": "fake", "samples": 3, "steps": 7, "eta": 0.5, "seed": 4, "scale": 2}
    assert cache.settings == {**expected, "tile": 64, "overlap": 32}
    assert {samples.shape for _, samples in cache.ensembles()} == {(3, 3, 16, 24)}
    given, _, cache = start(out="plain")
    assert given[1:4] == (3, 1.0, 0)
    assert cache.settings == {"teacher": "fake", "samples": 1, "steps": 3, "eta": 1.0, "seed": 0, "scale": 4}
    (tmp_path / "prior").mkdir()
    given, _, cache = start(out="of a prior", teacher=tmp_path / "prior")
    assert given[1] == cache.settings["steps"] == 25
    assert cache.settings["samples"] == 8


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--tile 64 --overlap 33", "--overlap 33 must be at most half of --tile 64"),
        ("--tile 64 --overlap -1", "--overlap is 0 or more, not -1"),
        ("--samples 0", "--samples is 1 or more, not 0"),
    ],
)
def test_what_no_draw_can_have_is_refused_before_anything_is_drawn(start, tmp_path, words, says):
    with pytest.raises(SystemExit, match=says):
        start(*words.split())
    assert not (tmp_path / "ensembles").exists()


def test_every_pair_has_a_seed_of_its_own_that_hangs_on_its_name_and_the_seed_alone(start, folder):
    _, all_of_them, _ = start()
    assert len(set(all_of_them.seeds)) == 6
    _, others, _ = start("--seed", 1, out="other")
    assert set(others.seeds).isdisjoint(all_of_them.seeds)
    _, some, cache = start("--limit", 2, out="some")
    names = [pair.name for pair in read_pairs(folder)]
    assert sorted(cache.sources) == [names[0], names[3]]  # from all over the folder
    assert some.seeds == [all_of_them.seeds[0], all_of_them.seeds[3]]


def test_a_draw_that_is_begun_anew_draws_what_is_damaged_and_says_so(start, capsys, monkeypatch):
    monkeypatch.setattr("fusion.ensemble.SHARD_PAIRS", 2)
    _, teacher, cache = start()
    before = dict(cache.ensembles())
    (cache.folder / "shard-00001.safetensors").write_bytes(b"half of")
    capsys.readouterr()
    _, again, cache = start()
    assert again.seeds == teacher.seeds[2:4]
    assert all(torch.equal(samples, before[name]) for name, samples in cache.ensembles())
    said = capsys.readouterr()
    assert "shard-00001.safetensors is damaged: its checksum is not the manifest's; drawing it again" in said.err
    assert said.out.splitlines()[0] == "6 of 6 pairs drawn"


def test_each_kind_of_teacher_is_loaded_as_asked(tmp_path, monkeypatch):
    for kind in ("conditional.ConditionalTeacher", "posterior.PosteriorTeacher"):
        monkeypatch.setattr(f"fusion.teacher.{kind}.load", lambda *given, kind=kind: (kind, *given))
    options = {"steps": 7, "eta": 0.5, "tile": 64, "overlap": 16}
    weights = tmp_path / "teacher.safetensors"
    assert load_teacher(str(weights), **options) == ("conditional.ConditionalTeacher", weights, 7, 0.5, 64, 16)
    assert load_teacher(str(tmp_path), **options) == ("posterior.PosteriorTeacher", tmp_path, 7, 0.5, 64, 16)


def test_a_teacher_that_looks_at_twins_is_told_where_there_is_none(folder, tmp_path):
    teacher = Fake()
    draw(read_pairs(folder)[:1], teacher, EnsembleCache.create(tmp_path / "twins", SETTINGS))
    shutil.rmtree(folder / "clear")
    draw(read_pairs(folder)[:1], teacher, EnsembleCache.create(tmp_path / "alone", SETTINGS))
    seen, missing = teacher.seen
    assert seen.shape == (3, 8, 12)
    assert missing is None


@pytest.mark.parametrize("kind", ["rgb", "thermal", "clear"])
def test_a_pair_whose_files_have_changed_is_not_drawn_on_with(folder, tmp_path, kind):
    cache, teacher = EnsembleCache.create(tmp_path / "ensembles", SETTINGS), Fake()
    draw(read_pairs(folder)[:1], teacher, cache)
    changed = folder / kind / read_pairs(folder)[0].visible.name
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(FusionError, match=r"or its partners changed since the ensembles in .* were drawn"):
        draw(read_pairs(folder), teacher, cache)
    assert len(teacher.seeds) == 1


def test_frames_that_are_alike_have_an_ensemble_each_in_the_order_of_the_names_they_were_drawn_under(folder, tmp_path):
    first, second = read_pairs(folder)[:2]
    for path, other in ((second.visible, first.visible), (second.thermal, first.thermal), (second.clear, first.clear)):
        shutil.copy(other, path)  # a recording that stood still
    write(tmp_path / "beside", count=1, seed=9, width=48, height=32)
    both = read_folders([folder, tmp_path / "beside"])
    cache = EnsembleCache.create(tmp_path / "ensembles", SETTINGS)
    draw(both, Fake(), cache)
    alone = [pair.name for pair in read_pairs(folder)]
    found = drawn_as(read_pairs(folder), cache)
    assert list(found.items()) == [(name, f"drawn/{name}") for name in alone]
    assert source_checksum(first) == source_checksum(Pair("other", first.visible, first.thermal, first.clear))
    cache = EnsembleCache.create(tmp_path / "one of them", SETTINGS)
    draw(read_pairs(folder)[:1], Fake(), cache)
    assert drawn_as(read_pairs(folder), cache) == {first.name: first.name}
    draw(read_pairs(folder), Fake(), cache)
    assert list(drawn_as(read_pairs(folder)[::-1], cache)) == alone
