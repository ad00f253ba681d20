"""Train LeNet-5 in PyTorch, with all images in memory, one run after another.

    python pytorch.py DIGITS.npz EPOCHS SEED… --threads 2 [--compile]

Prints, as JSON, how many seconds compiling and training took. Imports and reading the data do not count.
"""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

parser = argparse.ArgumentParser()
parser.add_argument("digits")
parser.add_argument("epochs", type=int)
parser.add_argument("seeds", type=int, nargs="+")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--compile", action="store_true")
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)

model = nn.Sequential(
    *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
    *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
    nn.Flatten(),
    *(nn.Linear(400, 120), nn.Tanh()),
    *(nn.Linear(120, 84), nn.Tanh()),
    nn.Linear(84, 10),
)
assert sum(weights.numel() for weights in model.parameters()) == 61_706


def prepare(images: np.ndarray) -> torch.Tensor:
    """Add a border of two pixels to raw images (n, 28, 28) and scale them to 0…1; return float32 (n, 1, 32, 32)."""
    return torch.from_numpy(np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, np.newaxis]).float() / 255


def batch_loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return cross_entropy(model(images), labels)


splits = np.load(arguments.digits)
train, validation = prepare(splits["train_images"]), prepare(splits["validation_images"])
train_labels, validation_labels = (
    torch.from_numpy(splits[f"{name}_labels"]).long() for name in ("train", "validation")
)

started = time.perf_counter()
fast_batch_loss = batch_loss
if arguments.compile:
    fast_batch_loss = torch.compile(batch_loss)
    fast_batch_loss(train[:32], train_labels[:32]).backward()
compile_s = time.perf_counter() - started
for seed in arguments.seeds:
    torch.manual_seed(seed)
    for layer in model:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(arguments.epochs):
        for batch in torch.randperm(len(train)).split(32):
            optimizer.zero_grad()
            # The last batch is smaller. Compiling for its size too would take longer than training on it uncompiled.
            loss = (fast_batch_loss if len(batch) == 32 else batch_loss)(train[batch], train_labels[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (model(validation).argmax(1) == validation_labels).float().mean().item()
print(json.dumps({"train_s": time.perf_counter() - started, "compile_s": compile_s, "accuracy": accuracy}))
