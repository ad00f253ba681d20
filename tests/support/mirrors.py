"""Fixtures for what fetches MNIST: small files under its names, a server of many faults, no public source."""

import gzip
import hashlib
import io
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from lenet.mnist import idx
from lenet.mnist.idx import KnownFile
from lenet.workspace import RAW
from support.http_sources import serving
from support.paths import ROOT

NOTE = Path(".runs/mnist-unreachable.txt")
AMBIENT = dict(os.environ)
REAL_MIRROR = AMBIENT.get("MNIST_MIRROR")
PUBLIC = (*idx.MIRRORS, idx.KERAS_NPZ)
# How much longer than its bound a wait may take on a busy machine, in seconds.
SLACK_S = 5


def use_dataset(name, folder="."):
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["data"]["dataset"] = name
    text = io.StringIO()
    yaml.dump(params, text)
    Path(folder, "params.yaml").write_text(text.getvalue(), encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder of every test here, with settings that ask for MNIST, and no mirror or proxy."""
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MNIST_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    use_dataset("mnist")
    return tmp_path


@pytest.fixture
def refused():
    """An address at which nobody listens; the port stays taken, so that nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
def tiny(monkeypatch, refused):
    """Small files under MNIST's names (name: content), and no public source in reach."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 20, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 10, dtype=np.uint8),
    }
    content = {name: idx.to_idx(array) for name, array in arrays.items()}
    files = tuple(KnownFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in content.items())
    monkeypatch.setattr(idx, "FILES", files)
    monkeypatch.setattr(idx, "KERAS_NAMES", dict(zip(files, ("x_train", "y_train", "x_test", "y_test"), strict=True)))
    monkeypatch.setattr(idx, "MIRRORS", ())
    monkeypatch.setattr(idx, "KERAS_NPZ", f"{refused}/mnist.npz")
    archive = npz(content)
    known = KnownFile("mnist.npz", len(archive), hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(idx, "KERAS_ARCHIVE", known)
    return content


@pytest.fixture
def server(tiny):
    with serving(tiny) as running:
        yield running


def served_by(fetch):
    return {file.name: fetch(file) for file in idx.FILES}


def in_raw():
    return {path.name: path.read_bytes() for path in RAW.iterdir()}


def fill(folder, content, *, compressed=True):
    folder.mkdir(parents=True)
    for name, data in content.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)


def npz(content, **changes):
    arrays = {key: idx.from_idx(content[file.name], file.name) for file, key in idx.KERAS_NAMES.items()} | changes
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    return archive.getvalue()
