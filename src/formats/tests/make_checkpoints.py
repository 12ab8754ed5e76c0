"""Writes the two checkpoints beside this script with PyTorch and numpy: the same objects in both layouts."""
from collections import OrderedDict

import numpy
import torch

features = [torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)]
for index, values in enumerate(features[0].parameters()):
    torch.nn.init.constant_(values, index + 0.5)
backbone = torch.nn.Module()
backbone.features = torch.nn.Sequential(*features)
backbone.low_level_features = backbone.features[0:2]
network = torch.nn.Module()
network.backbone = backbone
network.head = torch.nn.Conv2d(1, 2, 1)
torch.nn.init.constant_(network.head.weight, -1.0)
torch.nn.init.zeros_(network.head.bias)
optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.99))
sum(parameter.sum() for parameter in network.parameters()).backward()
optimiser.step()
discriminator = lambda channels: OrderedDict([("conv1.weight", torch.full((2, channels, 1, 1), float(channels)))])
matrix = torch.arange(6, dtype=torch.float32).reshape(2, 3)
checkpoint = {
    "epoch": 7,
    "iteration": -70000,
    "arch": "Net",
    "large": 2**80,
    "model_state_dict": network.state_dict(),
    "model_dis_state_dict": discriminator(2),
    "model_dis2_state_dict": discriminator(1),
    "optim_state_dict": optimiser.state_dict(),
    "learning_rate_gen": 1e-3,
    "best_mean_dice": numpy.float64(0.8125),
    "numpy_int": numpy.int32(-3),
    "numpy_bool": numpy.bool_(True),
    "flags": [True, False, None, (1, 2)],
    "size": torch.Size([4, 5]),
    "device": torch.device("cpu"),
    "parameter": torch.nn.Parameter(torch.tensor([1.5])),
    "transposed": matrix.t(),
    "column": matrix[:, 1],
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(2.5),
    "double": torch.tensor([-0.1], dtype=torch.float64),
    "half": torch.tensor([1.5], dtype=torch.float16),
    "bfloat16": torch.tensor([-1.5], dtype=torch.bfloat16),
    "long": torch.tensor([-5]),
    "int": torch.tensor([70000], dtype=torch.int32),
    "short": torch.tensor([-300], dtype=torch.int16),
    "char": torch.tensor([-1], dtype=torch.int8),
    "byte": torch.tensor([255], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
}
torch.save(checkpoint, "archive.pth")
torch.save(checkpoint, "plain.pth", _use_new_zipfile_serialization=False)
