"""What a student is trained by: every number of `fusion.train`, each an option of its command line."""

from dataclasses import dataclass

from fusion.backbones import DEFAULT
from fusion.training.augment import Disturbance
from fusion.training.recipe import option


@dataclass(frozen=True)
class Recipe:
    """What decides the student's weights, besides the data."""

    steps: int = option(2000, "training steps")
    batch: int = option(4, "frames per step")
    patch_px: int = option(96, "side of the patch of a frame that the loss looks at, in pixels")
    learning_rate: float = option(2e-3, "highest learning rate, reached after a twentieth of the steps")
    ema: float = option(0.995, "decay per step of the weights' moving average, 0 to 1")
    tau_pix: float = option(0.005, "variance of the samples, in [0, 1] squared, at which a pixel's weight is 1/e")
    tau_feat: float = option(0.5, "variance, in means of the data, by which backbones are told apart: small is strict")
    lambda_feat: float = option(0.1, "weight of L_feat, what the backbones see; 0 loads none")
    lambda_edge: float = option(0.2, "weight of L_edge, edges that are lost")
    lambda_twin: float = option(1.0, "weight of L_twin, the clear twin")
    lambda_contrast: float = option(0.0, "weight of L_contrast, warm things where there is no clear twin")
    contrast_gain: float = option(1.0, "how much stronger than in the thermal frame a warm thing should come out")
    contrast_detail: float = option(0.0, "how much of its contrast with what is close by comes on top")
    lambda_flicker: float = option(0.0, "weight of L_flicker, what changes from a frame to the next")
    evidence_gain: float = option(1.0, "how much more L_twin asks for where the thermal frame shows a thing")
    evidence_patches: float = option(0.5, "share of the patches that are laid where the thermal frame shows a thing")
    label_gain: float = option(0.0, "how much more L_twin asks for where a person or a vehicle is labelled")
    label_patches: float = option(0.0, "share of the patches that are laid at a labelled person or vehicle")
    signal_gain: float = option(0.0, "how much more L_twin asks for where a signal's lamp is lit")
    signal_patches: float = option(0.0, "share of the patches that are laid at a lit signal")
    pixel_weighting: bool = option(True, "pixels count less where the samples disagree")
    routing: bool = option(True, "backbones teach where they agree with themselves, otherwise all alike everywhere")
    backbones: str = option(DEFAULT, "frozen networks of L_feat, separated by commas")
    context_px: int = option(64, "how much of the frame around a patch the backbones see with it, in pixels")
    thermal: bool = option(True, "off: it sees the visible frame's luminance in place of the thermal frame, ever after")
    samples: int = option(0, "how many of the K drawn samples to use, 0 for all")
    anchor_share: float = option(0.1, "share of clear frames, whose target is the frame itself")
    missing_share: float = option(0.0, "share of frames without their thermal half, whose target is the frame itself")
    drift_px: float = option(3.0, "most drift of the thermal frame, in pixels, up to 30")
    drift_deg: float = option(0.5, "most rotation of the thermal frame, in degrees, up to 10")
    parallax_px: float = option(0.0, "most sideways shift of the thermal frame at the bottom row, in pixels")
    polarity_share: float = option(0.0, "share of thermal frames that are inverted, black for hot")
    motion_blur_px: float = option(0.0, "longest motion blur of the thermal frame, in pixels")
    rolling_frames: float = option(0.0, "by how many frames, 0 to 1, the thermal frame's last row may be early or late")
    held_out: float = option(0.1, "share of the pairs that is not trained on but measured")
    init: str = option("", "weights to start from, by name or path; none is the identity")
    bf16: bool = option(False, "the network computes in bfloat16")
    seed: int = option(0, "of every random choice")

    @property
    def disturbance(self) -> Disturbance:
        return Disturbance(
            drift_px=self.drift_px,
            drift_deg=self.drift_deg,
            parallax_px=self.parallax_px,
            polarity_share=self.polarity_share,
            motion_blur_px=self.motion_blur_px,
            rolling_frames=self.rolling_frames,
        )
