"""Denoising diffusion around the teacher's network: the training loss, and sampling by DDIM with eta."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.errors import FusionError
from fusion.teacher.library import load_diffusers
from fusion.teacher.network import TeacherNetwork
from fusion.teacher.tiles import Denoiser

PREDICTIONS = ("sample", "epsilon", "v_prediction")


@dataclass(frozen=True)
class DiffusionConfig:
    """Noise schedule: T steps of linear beta, as in Ho et al. 2020. `prediction` is diffusers' prediction_type.

    "sample" (the network predicts y_0 itself) is the default because a small network trained for minutes is then at
    worst a blurred restoration, where an error in epsilon is magnified by 1 / sqrt(alpha_bar) at the first steps.

    `emphasis` above 1 trains more on noisy steps (t = T (1 - u^emphasis), u uniform): few-step samplers visit those.
    """

    train_steps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02
    prediction: str = "sample"
    emphasis: float = 1.0


def check_steps(steps: int, most: int) -> None:
    """A sampler cannot visit more steps than the schedule has."""
    if not 1 <= steps <= most:
        raise FusionError(f"--steps is 1 to {most} for this teacher, not {steps}")


def _schedule(config: DiffusionConfig) -> dict[str, object]:
    return {
        "num_train_timesteps": config.train_steps,
        "beta_start": config.beta_start,
        "beta_end": config.beta_end,
        "beta_schedule": "linear",
        "prediction_type": config.prediction,
        "clip_sample": True,
    }


class Diffusion:
    """Training loss and sampler of one schedule. Images and conditions lie in [-1, 1] here."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.ddpm: Any = load_diffusers().DDPMScheduler(**_schedule(config))

    def loss(self, network: TeacherNetwork, target: Tensor, condition: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the prediction at random steps; target (B, 3, h, w), condition (B, 4, h, w)."""
        return self.loss_at(network, target, condition, *self.draw(target, generator))

    def draw(self, target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random step (B,) and noise (B, 3, h, w) for every image of a batch."""
        share = 1.0 - torch.rand(target.shape[0], generator=generator, device=generator.device) ** self.config.emphasis
        step = (share * self.config.train_steps).long().clamp(max=self.config.train_steps - 1)
        noise = torch.randn(target.shape, generator=generator, device=generator.device)
        return step.to(target.device), noise.to(target)

    def loss_at(
        self, network: TeacherNetwork, target: Tensor, condition: Tensor, step: Tensor, noise: Tensor
    ) -> Tensor:
        noisy = self.ddpm.add_noise(target, noise, step)
        prediction = network(noisy, condition, step)
        wanted = {"sample": target, "epsilon": noise}.get(self.config.prediction)
        if wanted is None:
            wanted = self.ddpm.get_velocity(target, noise, step)
        return F.mse_loss(prediction, wanted)

    @torch.no_grad()
    def sample(
        self, network: Denoiser, condition: Tensor, steps: int, eta: float, generator: torch.Generator
    ) -> Tensor:
        """One image per condition (B, 4, h, w), by DDIM (Song et al. 2021, eq. 12); eta = 1 is ancestral sampling."""
        scheduler: Any = load_diffusers().DDIMScheduler(
            **_schedule(self.config), timestep_spacing="trailing", set_alpha_to_one=True
        )
        check_steps(steps, self.config.train_steps)
        scheduler.set_timesteps(steps)
        shape = (condition.shape[0], 3, *condition.shape[2:])
        image = torch.randn(shape, generator=generator).to(condition)
        for step in scheduler.timesteps[:steps]:  # rounding gives some counts (61, 103, ...) one more, below zero
            prediction = network(image, condition, step.to(condition.device).expand(condition.shape[0]))
            noise = torch.randn(shape, generator=generator).to(condition)
            # The noise is drawn here, on the CPU, so that a seed means the same on every device.
            found = scheduler.step(prediction, int(step), image, eta=eta, variance_noise=noise)
            image = found.prev_sample
        # The last step goes to the clean image. The scheduler goes T // steps down, which is not far enough where the
        # last step that it visits was rounded up (with 6, 7, 11, ... of 1,000): some noise would stay.
        return Tensor(found.pred_original_sample)
