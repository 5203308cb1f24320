"""Draws an ensemble of fused images for every pair and keeps it on disk.

    python -m fusion.ensemble --data DIR --teacher runs/teacher/teacher.safetensors --out DIR [--samples 8] [--steps 3]

`--teacher FOLDER` with an unconditional DDPM of `diffusers` samples the posterior (fusion.teacher.posterior; it takes
25 steps). `--teacher reference` puts the clear twin itself in the teacher's place (one sample, no variances): the
baseline without diffusion. `--teacher student:NAME` puts an earlier student there, by name or path (one sample, at
scale 1): a new one keeps what it paints and learns from other terms of the loss. A draw that was interrupted goes on
where it stopped.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fusion import limits
from fusion.errors import FusionError
from fusion.pairs.data import TEACHER_SCALE, Pair, evenly, load, read_folders, reduce
from fusion.pairs.in_order import in_order
from fusion.progress import bar
from fusion.teacher import Teacher
from fusion.training.cache import EnsembleCache, as_bytes

SHARD_PAIRS = 16
STUDENT = "student:"


def load_teacher(name_or_path: str, steps: int, eta: float, tile: int = 0, overlap: int = 32) -> Teacher:
    """A trained teacher by its path, a folder of `diffusers` as prior, an earlier student, or the twin."""
    # Each kind is imported where it is asked for: a student brings numba, which no other needs.
    if name_or_path == "reference":
        from fusion.teacher.reference import Reference

        return Reference()
    if name_or_path.startswith(STUDENT):
        from fusion.teacher.earlier import EarlierStudent

        return EarlierStudent.load(name_or_path.removeprefix(STUDENT))
    path = Path(name_or_path)
    if path.is_dir():
        from fusion.teacher.posterior import PosteriorTeacher

        return PosteriorTeacher.load(path, steps, eta, tile, overlap)
    from fusion.teacher.conditional import ConditionalTeacher

    return ConditionalTeacher.load(path, steps, eta, tile, overlap)


def scale_for(teacher: str, asked: int | None) -> int:
    """By which factor frames are reduced before this teacher sees them: as those were that it was trained on."""
    if teacher.startswith(STUDENT):
        return 1 if asked is None else asked
    path = Path(teacher)
    trained = None
    if path.is_file():
        from fusion.teacher.conditional import look_at_teacher

        trained = look_at_teacher(path).scale
    if asked is None:
        return TEACHER_SCALE if trained is None else trained
    if trained not in (None, asked):
        raise FusionError(f"--scale {asked}: {path} was trained at scale {trained}; leave it out")
    return asked


def drawn_as(pairs: Sequence[Pair], cache: EnsembleCache) -> dict[str, str]:
    """Name of every pair that has an ensemble -> the name it was drawn under, in order of the latter.

    A folder's pairs are named otherwise when it is given alone than when it is given beside another one: those whose
    name the cache does not know are told by their files.
    """
    sources, names = cache.sources, {pair.name for pair in pairs}
    found = {name: name for name in names & sources.keys()}
    left: dict[str, list[str]] = {}
    for name in sorted(sources.keys() - names, reverse=True):
        left.setdefault(sources[name], []).append(name)
    unknown = [pair for pair in pairs if pair.name not in found] if left else []
    for pair, checksum in zip(unknown, in_order(source_checksum, unknown, "checking pairs")):
        if left.get(checksum):
            found[pair.name] = left[checksum].pop()
    return dict(sorted(found.items(), key=lambda item: item[1]))


def check_sources(pairs: Sequence[Pair], cache: EnsembleCache) -> None:
    """FusionError where the files of a pair are not those that the teacher was shown: a set that was rendered anew has
    other frames under the same names."""
    for pair, checksum in zip(pairs, in_order(source_checksum, pairs, "checking pairs")):
        if cache.sources[pair.name] != checksum:
            raise FusionError(
                f"{pair.visible} or its partners changed since the ensembles in {cache.folder} were drawn"
            )


def source_checksum(pair: Pair) -> str:
    """Of the bytes of the pair's files, in the order visible, thermal, clear."""
    digest = hashlib.sha256()
    for path in (pair.visible, pair.thermal, pair.clear):
        if path is not None:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def pair_seed(seed: int, name: str) -> int:
    """A pair's own seed: its samples do not depend on which pairs were drawn before it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7], "big")


def draw(pairs: tuple[Pair, ...], teacher: Teacher, cache: EnsembleCache, device: str = "cpu") -> None:
    """Samples every pair that the cache does not hold yet."""
    settings = cache.settings
    have = cache.sources
    for pair in pairs:
        if pair.name in have and have[pair.name] != source_checksum(pair):
            raise FusionError(
                f"{pair.visible} or its partners changed since the ensembles in {cache.folder} were drawn"
            )
    known = drawn_as(pairs, cache)
    missing = [pair for pair in pairs if pair.name not in known]
    done = len(pairs) - len(missing)
    with bar("drawing", len(pairs)) as advance:
        advance(done)
        for first in range(0, len(missing), SHARD_PAIRS):
            shard = missing[first : first + SHARD_PAIRS]
            samples: dict[str, Tensor] = {}
            for pair in shard:
                images = load(pair)
                visible, thermal = (
                    torch.from_numpy(reduce(image, settings["scale"])).to(device)
                    for image in (images.visible, images.thermal)
                )
                if hasattr(teacher, "look_at"):
                    clear = images.clear
                    teacher.look_at(None if clear is None else torch.from_numpy(reduce(clear, settings["scale"])))
                drawn = teacher.sample(visible, thermal, settings["samples"], pair_seed(settings["seed"], pair.name))
                samples[pair.name] = as_bytes(drawn.cpu())
                advance(1)
            cache.append(samples, {pair.name: source_checksum(pair) for pair in shard})
            done += len(shard)
            print(f"{done} of {len(pairs)} pairs drawn", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.ensemble", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of pairs")
    parser.add_argument(
        "--teacher",
        required=True,
        help="weights of a teacher, folder of an unconditional diffusers model, student:NAME, or 'reference'",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the ensembles, new or begun alike")
    parser.add_argument(
        "--samples", type=int, default=8, help="K, per pair (default: 8; always 1 where they would all be alike)"
    )
    parser.add_argument("--steps", type=int, help="DDIM steps (default: 3; with a folder of diffusers 25)")
    parser.add_argument("--eta", type=float, default=1.0, help="of DDIM: 0 adds no noise between steps (default: 1.0)")
    parser.add_argument(
        "--scale",
        type=int,
        help="the teacher sees frames reduced by this factor (default: that of its training; where its file does not "
        f"say {TEACHER_SCALE}, with student:NAME 1)",
    )
    parser.add_argument(
        "--tile", type=int, default=0, metavar="PX", help="sample frames larger than this in tiles (default: 0, whole)"
    )
    parser.add_argument("--overlap", type=int, default=32, metavar="PX", help="of neighbouring tiles (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default: 0)")
    parser.add_argument(
        "--limit", type=int, default=0, help="every n-th pair so that at most this many are drawn (default: 0, all)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    options = parser.parse_args()
    try:
        of_student = options.teacher.startswith(STUDENT)
        if options.steps is None:
            options.steps = 25 if Path(options.teacher).is_dir() else 3
        options.scale = scale_for(options.teacher, options.scale)
        limits.check(vars(options), samples=1)
        pairs = read_folders(options.data)
        if 0 < options.limit < len(pairs):
            pairs = tuple(evenly(pairs, options.limit))
        if options.tile and not 0 <= options.overlap <= options.tile // 2:
            raise FusionError(f"--overlap {options.overlap} must be at most half of --tile {options.tile}")
        teacher = load_teacher(options.teacher, options.steps, options.eta, options.tile, options.overlap)
        if hasattr(teacher, "to"):
            teacher.to(options.device)
        settings = {
            "teacher": teacher.identity,
            "samples": 1 if of_student or options.teacher == "reference" else options.samples,
            "steps": options.steps,
            "eta": options.eta,
            "seed": options.seed,
            "scale": options.scale,
        }
        if options.tile:
            settings |= {"tile": options.tile, "overlap": options.overlap}
        cache = EnsembleCache.create(options.out, settings)
        for fault in cache.forget_damaged():
            print(f"fusion.ensemble: {fault}; drawing it again", file=sys.stderr)
        draw(pairs, teacher, cache, options.device)
        print(f"ensembles of {len(cache.sources)} pairs in {options.out}")
    except FusionError as error:
        sys.exit(f"fusion.ensemble: {error}")


if __name__ == "__main__":
    main()
