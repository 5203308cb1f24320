"""Posterior sampling: any unconditional diffusion model of natural images fuses a pair without having seen one.

The idea of DDFM (Zhao et al., ICCV 2023): at every step of sampling, the model's guess of the clean image is corrected
towards both frames by an EM step. Here, with y_0 the guess and f the corrected image, per pixel

    prior         f ~ N(y_0, r_t^2),  r_t^2 = 1 - alpha_bar_t: what the guess is worth at step t (Song et al. 2023,
                  "Pseudoinverse-guided diffusion models for inverse problems", section 3)
    likelihood    luma(f) - t ~ Laplace(b_t),  luma(f) - luma(v) ~ Laplace(b_v),  chroma(f) - chroma(v) ~ Laplace(b_c)

A Laplace variable is a Gaussian whose variance is exponential with mean 2 b^2 (the hierarchy). Hence, for residual r,

    E step    E[1 / variance] = 1 / (b |r|),   E[variance] = b |r| + b^2
    M step    f = (y_0 / r_t^2 + sum of source / (b |r|)) / (1 / r_t^2 + sum of 1 / (b |r|)),
              b^2 = mean of E[variance] / 2

Chroma is what a colour differs by from its luma and so has no luma itself (ITU-R BT.601: the weights of Y sum to 1).
Solved channel by channel it comes out with some; that is taken off again, or the luma of f would not be the one that
the M step has weighed the two frames for.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.errors import FusionError, one_line
from fusion.teacher.diffusion import check_steps
from fusion.teacher.library import load_diffusers
from fusion.teacher.tiles import in_tiles
from fusion.training.losses import luminance

FLOOR = 1e-3
"""Smallest residual and scale, for images in -1..1: a pixel that fits exactly must not weigh infinitely much."""
FIRST_SCALE = 0.2
SUFFIXES = (".json", ".safetensors", ".bin")
"""Of the files that make a model of `diffusers` what it is."""


def em_fusion(guess: Tensor, visible: Tensor, thermal: Tensor, prior_variance: float, rounds: int) -> Tensor:
    """f (B, 3, h, w) from y_0 and v (B, 3, h, w) and t (B, 1, h, w), all in -1..1, after `rounds` EM rounds."""
    luma, colour = luminance(guess), guess - luminance(guess)
    seen, seen_colour = luminance(visible), visible - luminance(visible)
    fused_luma = _map_of(luma, (thermal, seen), prior_variance, rounds)
    fused_colour = _map_of(colour, (seen_colour,), prior_variance, rounds)
    return fused_luma + fused_colour - luminance(fused_colour)


def _map_of(guess: Tensor, sources: tuple[Tensor, ...], prior_variance: float, rounds: int) -> Tensor:
    fused = guess
    scales = [guess.new_full((guess.shape[0], 1, 1, 1), FIRST_SCALE) for _ in sources]
    for _ in range(rounds):
        precision = torch.full_like(fused, 1.0 / max(prior_variance, FLOOR**2))
        total = guess * precision
        for index, source in enumerate(sources):
            residual = (fused - source).abs().clamp(min=FLOOR)
            weight = 1.0 / (scales[index] * residual)
            total, precision = total + weight * source, precision + weight
            variance = scales[index] * residual + scales[index].square()
            scales[index] = (variance.mean(dim=(1, 2, 3), keepdim=True) / 2.0).sqrt().clamp(min=FLOOR)
        fused = total / precision
    return fused


class PosteriorTeacher:
    """p(y given v, t) with an unconditional model as prior. `unet` and `scheduler` are those of `diffusers`."""

    def __init__(self, unet: Any, scheduler: Any, steps: int = 25, eta: float = 1.0, rounds: int = 2, tile: int = 0,
                 overlap: int = 32, checksum: str = "untrained") -> None:  # fmt: skip
        self._unet = unet.eval().requires_grad_(False)
        self._kept: Tensor = scheduler.alphas_cumprod
        check_steps(steps, len(self._kept))
        self._prediction = str(scheduler.config.prediction_type)
        self._multiple = 2 ** (len(unet.config.block_out_channels) - 1)
        self._steps, self._eta, self._rounds = steps, eta, rounds
        self._tile, self._overlap = tile, overlap
        self._checksum = checksum

    @property
    def identity(self) -> str:
        return f"posterior-{self._checksum[:16]}" + (f"-em{self._rounds}" if self._rounds != 2 else "")

    def to(self, device: str) -> "PosteriorTeacher":
        self._unet.to(device)
        return self

    @torch.inference_mode()
    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        """visible (3, h, w), thermal (1, h, w) in [0, 1] -> (n, 3, h, w), of any size."""
        height, width = visible.shape[-2:]
        padding = (0, -width % self._multiple, 0, -height % self._multiple)
        v, t = (F.pad(part[None] * 2.0 - 1.0, padding, mode="replicate") for part in (visible, thermal))
        v, t = v.expand(n, -1, -1, -1), t.expand(n, -1, -1, -1)
        generator = torch.Generator().manual_seed(seed)
        shape = (n, 3, *v.shape[-2:])
        image = torch.randn(shape, generator=generator).to(v)
        count = len(self._kept)
        visited = [round(count - index * count / self._steps) - 1 for index in range(self._steps)]  # from pure noise on
        for step, before in zip(visited, [*visited[1:], -1]):
            kept = self._kept[step].to(image)
            kept_before = self._kept[before].to(image) if before >= 0 else torch.ones_like(kept)
            guess = em_fusion(self._guess(image, step, kept), v, t, float(1.0 - kept), self._rounds).clamp(-1.0, 1.0)
            # The noise is drawn on the CPU, so that a seed means the same on every device.
            noise = torch.randn(shape, generator=generator).to(image)
            image = _ddim_step(guess, image, kept, kept_before, self._eta, noise)
        return (image[..., :height, :width] * 0.5 + 0.5).clamp(0.0, 1.0)

    def _guess(self, image: Tensor, step: int, kept: Tensor) -> Tensor:
        """y_0 from what the network predicts; some checkpoints predict a variance too, which is not used."""

        def network(noisy: Tensor, at: Tensor) -> Tensor:
            predicted: Tensor = self._unet(noisy, at).sample[:, :3]
            return predicted

        tile = -(-self._tile // self._multiple) * self._multiple or max(image.shape[-2:])
        predicted = in_tiles(network, tile, self._overlap, image, (), torch.tensor(step, device=image.device))
        if self._prediction == "sample":
            return predicted
        if self._prediction == "v_prediction":
            return kept.sqrt() * image - (1.0 - kept).sqrt() * predicted
        return ((image - (1.0 - kept).sqrt() * predicted) / kept.sqrt()).clamp(-1.0, 1.0)

    @classmethod
    def load(
        cls, folder: Path, steps: int = 25, eta: float = 1.0, tile: int = 0, overlap: int = 32
    ) -> "PosteriorTeacher":
        """From a folder that `DDPMPipeline.save_pretrained` writes (model_index.json, unet/, scheduler/), or with all
        files at its root, as older ones have them (google/ddpm-cifar10-32)."""
        parts = [_part(folder, "unet", "config.json"), _part(folder, "scheduler", "scheduler_config.json")]
        diffusers = load_diffusers()
        try:
            unet: Any = diffusers.UNet2DModel.from_pretrained(parts[0])
            scheduler: Any = diffusers.DDPMScheduler.from_pretrained(parts[1])
        except (OSError, ValueError, RuntimeError) as error:
            raise FusionError(f"{folder} cannot be loaded by diffusers: {one_line(str(error))}") from None
        if unet.config.in_channels != 3:
            raise FusionError(
                f"{folder} holds a model of {unet.config.in_channels} channels, not an unconditional RGB one"
            )
        if getattr(unet, "class_embedding", None) is not None:
            raise FusionError(f"{folder} holds a model that is told a class, not an unconditional one")
        digest = hashlib.sha256()
        for path in sorted({path for part in parts for path in part.iterdir() if path.suffix in SUFFIXES}):
            digest.update(path.read_bytes())
        return cls(unet, scheduler, steps, eta, tile=tile, overlap=overlap, checksum=digest.hexdigest())


def _part(folder: Path, name: str, file: str) -> Path:
    if (folder / name).is_dir():
        return folder / name
    if (folder / file).is_file():
        return folder
    raise FusionError(
        f"{folder} is not a diffusers pipeline: it needs the folders unet and scheduler, or their files beside each "
        f"other; there is neither {name} nor {file}"
    )


def _ddim_step(guess: Tensor, image: Tensor, kept: Tensor, kept_before: Tensor, eta: float, noise: Tensor) -> Tensor:
    """Song et al. 2021, eq. 12 with eq. 16's sigma, from a guess of the clean image; `kept` are alpha_bar."""
    epsilon = (image - kept.sqrt() * guess) / (1.0 - kept).sqrt()
    sigma = eta * ((1.0 - kept_before) / (1.0 - kept) * (1.0 - kept / kept_before)).clamp(min=0.0).sqrt()
    return kept_before.sqrt() * guess + (1.0 - kept_before - sigma**2).clamp(min=0.0).sqrt() * epsilon + sigma * noise
