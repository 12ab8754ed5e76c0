"""PyTorch's part of the comparison, on the CPU: reads one JSON command a line, answers with one JSON object a line."""

import json
import platform
import sys

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(json.dumps({"error": f"this Python ({sys.executable}) has no torch: {error}"}), flush=True)
    sys.exit(1)

# Expansion, channels, repeats, stride and dilation of each stage, at output stride 16.
STAGES = [
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 2, 1),
    (6, 96, 3, 1, 1),
    (6, 160, 3, 1, 1),
    (6, 320, 1, 1, 2),
]
LOW_LEVEL = 3  # blocks before the low-level feature


def conv_norm(inputs, outputs, kernel=1, activation=None, **options):
    layers = [nn.Conv2d(inputs, outputs, kernel, bias=False, **options), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation else []))


def resize(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class Block(nn.Module):
    """Inverted residual; the input is padded before the expansion, as papilla has it."""

    def __init__(self, inputs, outputs, expansion, stride, dilation):
        super().__init__()
        hidden = inputs * expansion
        layers = [nn.ZeroPad2d(dilation)]
        if expansion != 1:
            layers.append(conv_norm(inputs, hidden, activation=nn.ReLU6))
        spatial = {"stride": stride, "dilation": dilation, "groups": hidden}
        layers.append(conv_norm(hidden, hidden, 3, nn.ReLU6, **spatial))
        layers.append(conv_norm(hidden, outputs))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.residual else y


class DeepLab(nn.Module):
    """DeepLabv3+ on MobileNetV2, with a mask branch and a boundary branch."""

    def __init__(self):
        super().__init__()
        self.stem = conv_norm(3, 32, 3, nn.ReLU6, stride=2, padding=1)
        blocks, inputs = [], 32
        for expansion, outputs, repeats, stride, dilation in STAGES:
            for repeat in range(repeats):
                blocks.append(Block(inputs, outputs, expansion, stride if repeat == 0 else 1, dilation))
                inputs = outputs
        self.early, self.late = nn.Sequential(*blocks[:LOW_LEVEL]), nn.Sequential(*blocks[LOW_LEVEL:])
        pyramid = [conv_norm(320, 256, activation=nn.ReLU)]
        for rate in (6, 12, 18):
            pyramid.append(conv_norm(320, 256, 3, nn.ReLU, padding=rate, dilation=rate))
        self.pyramid = nn.ModuleList(pyramid)
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_norm(320, 256, activation=nn.ReLU))
        self.joined = nn.Sequential(conv_norm(5 * 256, 256, activation=nn.ReLU), nn.Dropout(0.5))
        self.low = conv_norm(24, 48, activation=nn.ReLU)
        self.boundary = nn.Sequential(
            conv_norm(304, 256, 3, nn.ReLU, padding=1),
            nn.Dropout(0.5),
            conv_norm(256, 256, 3, nn.ReLU, padding=1),
            nn.Dropout(0.1),
            nn.Conv2d(256, 1, 1),
        )
        self.mask = nn.Sequential(nn.BatchNorm2d(305), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Conv2d(305, 2, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, image):
        """Image [N, 3, H, W] -> logits of the masks [N, 2, H, W] and of the boundary [N, 1, H, W]."""
        x = self.early(self.stem(image))
        low = self.low(x)
        x = self.late(x)
        branches = [branch(x) for branch in self.pyramid]
        pooled = resize(self.pooled(x), x.shape[2:])
        x = self.joined(torch.cat([*branches, pooled], 1))
        joined = torch.cat([resize(x, low.shape[2:]), low], 1)
        boundary = self.boundary(joined)
        mask = self.mask(torch.cat([joined, boundary], 1))
        return [resize(logits, image.shape[2:]) for logits in (mask, boundary)]


def layer(command):
    """A convolution `[N, I, H, W]` -> O channels; with `backward` also the gradients of input and weights."""
    n, inputs, rows, columns = command["input"]
    kernel, backward = command["kernel"], command["backward"]
    x = torch.rand(n, inputs, rows, columns).mul_(2).sub_(1).requires_grad_(backward)
    w = torch.rand(command["outputs"], inputs // command["groups"], kernel, kernel).mul_(2).sub_(1)
    w.requires_grad_(backward)
    options = {name: command[name] for name in ("stride", "padding", "dilation", "groups")}
    with torch.no_grad():
        dy = torch.rand_like(F.conv2d(x, w, **options)) if backward else None

    def run():
        y = F.conv2d(x, w, **options)
        if backward:
            torch.autograd.grad(y, (x, w), dy)

    return run, {}


def step(command):
    """The source-only training step: forward, loss, backward, Adam."""
    n, size = command["batch"], command["size"]
    network = DeepLab().train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.99), eps=1e-8)
    image = torch.rand(n, 3, size, size).mul_(2).sub_(1)
    mask, boundary = (torch.rand(n, channels, size, size).round_() for channels in (2, 1))

    def run():
        optimiser.zero_grad(set_to_none=True)
        masks, boundaries = network(image)
        loss = F.binary_cross_entropy_with_logits(masks, mask) + F.mse_loss(boundaries.sigmoid(), boundary)
        loss.backward()
        optimiser.step()
        return loss.item()

    return run, {"parameters": sum(p.numel() for p in network.parameters() if p.requires_grad)}


def start(command):
    torch.set_num_threads(command["threads"])
    torch.manual_seed(0)
    return {"torch": torch.__version__, "python": platform.python_version(), "threads": torch.get_num_threads()}


def main():
    run = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            match command["do"]:
                case "start":
                    answer = start(command)
                case "layer":
                    run, answer = layer(command)
                case "step":
                    run, answer = step(command)
                case "run":
                    answer = {"loss": run()}
        except RuntimeError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
