from pathlib import Path

import pytest
import torch

from fusion.cache import EnsembleCache
from fusion.errors import FusionError

SETTINGS = {"teacher": "drawn", "samples": 1, "steps": 1, "eta": 1.0, "seed": 0, "scale": 4}


def drawn(number: int) -> dict[str, torch.Tensor]:
    return {f"pair{number}": torch.full((1, 3, 2, 2), number, dtype=torch.uint8)}


def fill(folder: Path) -> EnsembleCache:
    cache = EnsembleCache.create(folder, SETTINGS)
    for number in range(3):
        cache.append(drawn(number), {f"pair{number}": "source"})
    return cache


@pytest.mark.parametrize("loss", ["truncated", "gone"])
def test_a_damaged_shard_is_named_and_drawn_again_into_the_same_cache(tmp_path: Path, loss: str) -> None:
    fill(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shard = tmp_path / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:50]) if loss == "truncated" else shard.unlink()
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
