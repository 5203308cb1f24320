"""Feature statistics of an ensemble cache, kept on disk beside it, so that training only reads them.

    python -m fusion.features --ensembles DIR [--backbones NAME,NAME] [--samples K]

    DIR/features/BACKBONE-kK/manifest.json     which backbone, how many samples, and per shard its checksum, the
                                               ensemble shard it belongs to and the mean of raw u of every pair;
                                               a second BACKBONE of that name is BACKBONE-CHECKSUM here
    DIR/features/BACKBONE-kK/shard-00000.safetensors   per pair m (C, h, w) float16 and raw u (h, w) float32

`fusion.train` draws what is missing by itself. A draw that was interrupted goes on after the last shard, and what
has been damaged since is drawn again.
"""

import argparse
import json
import re
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion import limits
from fusion.backbones import DEFAULT, Backbone, load_backbones, unit_features
from fusion.errors import FusionError
from fusion.files import make_folder
from fusion.progress import bar
from fusion.training.cache import EnsembleCache, read_shard, write_manifest, write_shard
from fusion.training.statistics import feature_statistics


@dataclass(frozen=True)
class FeatureStatistics:
    """What one backbone sees in the K samples of one pair: m (C, h, w) float16, raw u (h, w) float32 and its mean."""

    mean: Tensor
    variance: Tensor
    variance_mean: float


def draw_features(
    cache: EnsembleCache, backbone: Backbone, samples: int = 0, device: torch.device | str = "cpu"
) -> Path:
    """Fills the folder of this backbone, which lies on `device`, and number of samples (0: all), and returns it. What
    is damaged there is named on standard error and drawn again."""
    samples = cache.used(samples)
    settings = {"backbone": backbone.identity, "samples": samples, "stride_px": backbone.stride_px}
    folder = _folder_of(cache, backbone, samples)
    before = _open(folder, settings)
    shards = [shard for shard in before if _is_sound(folder, shard, cache.checksums)]
    if len(shards) < len(before):
        write_manifest(folder, {"settings": settings, "shards": shards})
    have = {shard["of"] for shard in shards}
    with bar(f"features of {backbone.name}", len(cache.sources)) as advance:
        advance(sum(len(shard["pairs"]) for shard in shards))
        for checksum, ensembles in cache.shards(skip=have):
            tensors: dict[str, Tensor] = {}
            means: dict[str, float] = {}
            for name, images in ensembles.items():
                tensors[f"m:{name}"], tensors[f"u:{name}"] = _of_pair(backbone, images[:samples].to(device))
                means[name] = float(tensors[f"u:{name}"].double().mean())
                advance(1)
            taken = {shard["file"] for shard in shards}
            file = next(free for number in count() if (free := f"shard-{number:05d}.safetensors") not in taken)
            entry = {"file": file, "sha256": write_shard(folder / file, tensors), "of": checksum, "pairs": means}
            shards = sorted([*shards, entry], key=lambda shard: str(shard["file"]))
            write_manifest(folder, {"settings": settings, "shards": shards})
    return folder


def read_features(folder: Path) -> Iterator[tuple[str, FeatureStatistics]]:
    """(name, statistics) of every pair; raises FusionError that names a damaged shard."""
    for shard in _manifest(folder)["shards"]:
        tensors = read_shard(folder / shard["file"], shard["sha256"])
        for name, mean in shard["pairs"].items():
            yield name, FeatureStatistics(tensors[f"m:{name}"], tensors[f"u:{name}"], float(mean))


@torch.inference_mode()
def _of_pair(backbone: Backbone, samples: Tensor) -> tuple[Tensor, Tensor]:
    images = samples.float() / 255.0
    # On a CPU one sample at a time: maps of a large backbone need not all fit into memory.
    parts = images.split(1) if images.device.type == "cpu" else (images,)
    features = torch.cat([unit_features(backbone, part) for part in parts]).cpu()
    mean, variance = feature_statistics(features)
    return mean.half(), variance


def _folder_of(cache: EnsembleCache, backbone: Backbone, samples: int) -> Path:
    """By its name, as long as no other network of that name is there; then by its identity."""
    names = backbone.name, backbone.identity
    named, own = (cache.folder / "features" / f"{_slug(name)}-k{samples}" for name in names)
    if own.exists() or not (named / "manifest.json").exists():
        return own if own.exists() else named
    return named if _manifest(named)["settings"].get("backbone") == backbone.identity else own


def _open(folder: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    if not (folder / "manifest.json").exists():
        make_folder(folder)
        return []
    manifest = _manifest(folder)
    for key, value in settings.items():
        if manifest["settings"].get(key) != value:
            before = manifest["settings"].get(key)
            raise FusionError(f"{folder} was drawn with {key} = {before!r}, not {value!r}: remove it to draw it again")
    return list(manifest["shards"])


def _is_sound(folder: Path, shard: dict[str, Any], ensembles: Container[str]) -> bool:
    """Whether a shard is what was written, of ensembles that are still there; says so where it is not."""
    path = folder / shard["file"]
    try:
        if shard["of"] not in ensembles:
            raise FusionError(f"{path} is of ensembles that have changed")
        read_shard(path, shard["sha256"])
    except FusionError as error:
        print(f"fusion.features: {error}; drawing it again", file=sys.stderr)
        return False
    return True


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        manifest["settings"], manifest["shards"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError):
        raise FusionError(f"{path} is not the manifest of feature statistics") from None
    return manifest


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.features", description=__doc__.splitlines()[0])
    parser.add_argument("--ensembles", type=Path, required=True, help="cache that fusion.ensemble drew")
    parser.add_argument("--backbones", default=DEFAULT, help=f"separated by commas (default: {DEFAULT})")
    parser.add_argument("--samples", type=int, default=0, help="use the first K samples; 0 is all")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        cache = EnsembleCache.open(options.ensembles)
        for backbone in load_backbones(options.backbones):
            print(draw_features(cache, backbone.to(options.device), options.samples, options.device))
    except FusionError as error:
        sys.exit(f"fusion.features: {error}")


if __name__ == "__main__":
    main()
