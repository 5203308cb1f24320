"""Ensembles on disk: shards of samples and a manifest that says whose they are.

    DIR/manifest.json       settings of the draw, and per shard its checksum and the pairs in it
    DIR/shard-00000.safetensors   one uint8 tensor (K, 3, h, w) per pair, under the pair's name

A shard is written whole or not at all, then entered in the manifest; a draw that was interrupted goes on after the last
entry, and draws again what has been damaged since. Bytes are precise enough: rounding adds a variance of 1/12 of a
squared grey level.
"""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fusion.errors import FusionError
from fusion.files import make_folder, whole

Settings = dict[str, Any]


class EnsembleCache:
    """A cache that is being drawn or read. `settings` holds teacher id, samples (K), steps, eta, seed and scale."""

    def __init__(self, folder: Path, settings: Settings, shards: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.settings = settings
        self._shards = shards

    @classmethod
    def create(cls, folder: Path, settings: Settings) -> "EnsembleCache":
        """A new cache, or the one already begun in this folder with the same settings."""
        if (folder / "manifest.json").exists():
            cache = cls.open(folder)
            # Those of tiles are only there where tiles are asked for; told from the end, tile comes before its overlap.
            for key in [*settings, *sorted(cache.settings.keys() - settings.keys(), reverse=True)]:
                before, now = cache.settings.get(key), settings.get(key)
                if before != now:
                    drawn = f"without {key}" if before is None else f"with {key} = {before!r}"
                    raise FusionError(f"{folder} was drawn {drawn}, not {'without' if now is None else repr(now)}")
            return cache
        make_folder(folder)
        return cls(folder, settings, [])

    @classmethod
    def open(cls, folder: Path) -> "EnsembleCache":
        path = folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text())
            return cls(folder, manifest["settings"], manifest["shards"])
        except FileNotFoundError:
            raise FusionError(f"{folder} holds no ensembles: there is no manifest.json") from None
        except (OSError, json.JSONDecodeError, KeyError, TypeError):
            raise FusionError(f"{path} is not the manifest of an ensemble cache") from None

    @property
    def sources(self) -> dict[str, str]:
        """Name -> checksum of its source images, for every pair drawn so far."""
        return {name: source for shard in self._shards for name, source in shard["pairs"].items()}

    @property
    def checksums(self) -> frozenset[str]:
        """Of the shards."""
        return frozenset(shard["sha256"] for shard in self._shards)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the manifest says: of how the samples were drawn, from what, and of the samples."""
        said = [self.settings, self.sources, sorted(self.checksums)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def used(self, samples: int) -> int:
        """How many samples of every pair are meant by --samples; 0 is all that are drawn."""
        drawn = int(self.settings["samples"])
        if samples > drawn:
            raise FusionError(f"{self.folder} holds {drawn} sample{'s' * (drawn > 1)} per pair, not {samples}")
        return samples or drawn

    def append(self, samples: Mapping[str, Tensor], sources: Mapping[str, str]) -> None:
        """Adds one shard: name -> uint8 (K, 3, h, w), and name -> checksum of the source images."""
        taken = {shard["file"] for shard in self._shards}
        name = next(name for number in count() if (name := f"shard-{number:05d}.safetensors") not in taken)
        entry = {"file": name, "sha256": write_shard(self.folder / name, samples), "pairs": dict(sources)}
        self._keep(sorted([*self._shards, entry], key=lambda shard: str(shard["file"])))

    def forget_damaged(self) -> list[str]:
        """Strikes shards that are missing or not what was written from the manifest, so that their pairs are drawn
        again; returns what is wrong with them, a line each."""
        kept, faults = [], []
        for shard in self._shards:
            try:
                read_shard(self.folder / shard["file"], shard["sha256"])
                kept.append(shard)
            except FusionError as error:
                faults.append(str(error))
        if faults:
            self._keep(kept)
        return faults

    def _keep(self, shards: list[dict[str, Any]]) -> None:
        write_manifest(self.folder, {"settings": self.settings, "shards": shards})
        self._shards = shards

    def ensembles(self) -> Iterator[tuple[str, Tensor]]:
        """(name, samples uint8 (K, 3, h, w)) of every pair; raises FusionError that names a damaged shard."""
        for _, samples in self.shards():
            yield from samples.items()

    def shards(self, skip: Container[str] = ()) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """(checksum, name -> samples) shard by shard; those whose checksum is in `skip` are not read."""
        for shard in self._shards:
            if shard["sha256"] not in skip:
                yield shard["sha256"], read_shard(self.folder / shard["file"], shard["sha256"])


def write_shard(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Writes tensors by name, whole or not at all; returns the SHA-256 of the file."""
    data = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    _write(path, data)
    return hashlib.sha256(data).hexdigest()


def read_shard(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a shard by name, in order; raises FusionError that names it where it is damaged."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise FusionError(f"{path} is damaged: its checksum is not the manifest's")
        return dict(sorted(load(data).items()))  # safetensors gives them in another order every time
    except (OSError, SafetensorError) as error:
        raise FusionError(f"{path} cannot be read: {error}") from None


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    _write(folder / "manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def as_bytes(samples: Tensor) -> Tensor:
    """Floats in [0, 1] -> uint8."""
    return (samples.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)


def _write(path: Path, data: bytes) -> None:
    with whole(path) as partial:
        partial.write_bytes(data)
