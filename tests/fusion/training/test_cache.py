import hashlib
import json
from pathlib import Path

import pytest
import torch

from fusion.errors import FusionError
from fusion.training.cache import EnsembleCache, as_bytes

SETTINGS = {"teacher": "drawn", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}


def drawn(number: int) -> dict[str, torch.Tensor]:
    return {f"pair{number}": torch.full((1, 3, 2, 2), number, dtype=torch.uint8)}


def fill(folder: Path) -> EnsembleCache:
    cache = EnsembleCache.create(folder, SETTINGS)
    for number in range(3):
        cache.append(drawn(number), {f"pair{number}": "source"})
    return cache


@pytest.mark.parametrize("loss", ["truncated", "gone", "changed"])
def test_a_damaged_shard_is_named_and_drawn_again_into_the_same_cache(tmp_path: Path, loss: str) -> None:
    fill(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shard = tmp_path / "shard-00001.safetensors"
    if loss == "gone":
        shard.unlink()
    else:  # one sample of another grey level is as readable as ever
        shard.write_bytes(shard.read_bytes()[:50] if loss == "truncated" else shard.read_bytes()[:-1] + b"?")
    cache = EnsembleCache.open(tmp_path)
    with pytest.raises(FusionError, match=r"shard-00001\.safetensors (is damaged|cannot be read)"):
        list(cache.ensembles())
    (fault,) = cache.forget_damaged()
    assert "shard-00001.safetensors" in fault
    assert sorted(cache.sources) == ["pair0", "pair2"]
    cache.append(drawn(1), {"pair1": "source"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        ({"tile": 64}, {}, "was drawn with tile = 64, not without"),
        ({}, {"tile": 64}, "was drawn without tile, not 64"),
        ({"tile": 64}, {"tile": 32}, "was drawn with tile = 64, not 32"),
    ],
)
def test_a_draw_in_tiles_is_not_gone_on_with_otherwise(tmp_path: Path, before, now, says) -> None:
    cache = EnsembleCache.create(tmp_path, {**SETTINGS, **before})
    cache.append(drawn(0), {"pair0": "source"})
    with pytest.raises(FusionError, match=says):
        EnsembleCache.create(tmp_path, {**SETTINGS, **now})
    assert EnsembleCache.create(tmp_path, {**SETTINGS, **before}).sources == cache.sources


def test_a_whole_cache_stays_as_it_is(tmp_path: Path) -> None:
    cache = fill(tmp_path)
    before = (tmp_path / "manifest.json").stat().st_mtime_ns
    assert cache.forget_damaged() == []
    assert (tmp_path / "manifest.json").stat().st_mtime_ns == before


def test_ensembles_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = [f"pair{number:02}" for number in range(30)]
    samples = {name: torch.zeros((1, 3, 2, 2), dtype=torch.uint8) for name in names}
    EnsembleCache.create(tmp_path, SETTINGS).append(samples, dict.fromkeys(names, "source"))
    assert [name for name, _ in EnsembleCache.open(tmp_path).ensembles()] == names


def test_as_many_samples_are_used_as_are_asked_for_and_there(tmp_path: Path) -> None:
    cache = EnsembleCache.create(tmp_path, {**SETTINGS, "samples": 4})
    assert [cache.used(samples) for samples in (0, 1, 4)] == [4, 1, 4]
    with pytest.raises(FusionError, match="holds 4 samples per pair, not 5"):
        cache.used(5)
    with pytest.raises(FusionError, match="holds 1 sample per pair, not 2"):
        EnsembleCache.create(tmp_path / "one", SETTINGS).used(2)


def test_a_digest_tells_draws_apart_and_is_the_same_in_every_process(tmp_path: Path) -> None:
    def cache(name: str, source: str = "source", level: int = 1, **settings: object) -> EnsembleCache:
        cache = EnsembleCache.create(tmp_path / name, {**SETTINGS, **settings})
        for number in range(12):
            cache.append(drawn(level + number), {f"pair{level + number}": source})
        return cache

    one = cache("one")
    assert EnsembleCache.open(tmp_path / "one").digest == one.digest == cache("again").digest
    others = {cache("source", "another").digest, cache("samples", level=2).digest, cache("seed", seed=1).digest}
    assert len(others | {one.digest}) == 4
    # A set of texts has another order in every process.
    said = [one.settings, one.sources, sorted(one.checksums)]
    assert one.digest == hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, r"holds no ensembles: there is no manifest\.json"),
        ("[]", r"manifest\.json is not the manifest of an ensemble cache"),
        ('{"settings": {}}', r"manifest\.json is not the manifest of an ensemble cache"),
        ("{", r"manifest\.json is not the manifest of an ensemble cache"),
    ],
)
def test_a_folder_that_is_no_cache_is_told(tmp_path: Path, manifest: str | None, says: str) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(FusionError, match=says):
        EnsembleCache.open(tmp_path)


def test_samples_are_kept_to_the_nearest_grey_level() -> None:
    levels = torch.tensor([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 100.4 / 255, 254.6 / 255, 1.0, 1.7])
    assert as_bytes(levels).tolist() == [0, 0, 0, 1, 100, 255, 255, 255]
