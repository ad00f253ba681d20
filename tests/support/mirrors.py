"""Fixtures for downloads: a small data set under MNIST's name, a server of it with many faults, no public source."""

import gzip
import hashlib
import io
import os
import shutil
import socket
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from lenet.mnist import idx
from lenet.mnist.datasets import DATASETS, RAW_FILES, KnownFile
from lenet.workspace import RAW
from support.http_sources import serving
from support.params import edit_params
from support.paths import ROOT

MNIST = DATASETS["mnist"]
NOTE = Path(".runs/data-unreachable.txt")
AMBIENT = dict(os.environ)
REAL_MIRROR = AMBIENT.get("MNIST_MIRROR")
# How much longer than its bound a wait may take on a busy machine, in seconds.
SLACK_S = 5


def use_dataset(name):
    with edit_params() as params:
        params["data"]["dataset"] = name


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder of every test here, with settings that ask for MNIST, and no mirror or proxy."""
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "MNIST_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "params.yaml").write_text(params_of_mnist(), encoding="utf-8")
    return tmp_path


@cache
def params_of_mnist():
    """Return the project's settings, on MNIST whatever they are on now."""
    with TemporaryDirectory() as folder:
        path = Path(shutil.copy(ROOT / "params.yaml", folder))
        with edit_params(path) as params:
            params["data"]["dataset"] = "mnist"
        return path.read_text(encoding="utf-8")


@pytest.fixture
def refused():
    """An address at which nobody listens; the port stays taken, so that nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(scope="session")
def tiny():
    """The four files of a small data set (name: content): 200 training images, 30 test images."""
    rng = np.random.default_rng(0)
    arrays = [part for n in (200, 30) for part in (rng.integers(0, 256, (n, 28, 28), np.uint8), labels(n))]
    return {name: idx.to_idx(array) for name, array in zip(RAW_FILES, arrays, strict=True)}


@pytest.fixture(scope="session")
def packed(tiny):
    """The archive of the small data set."""
    return npz(tiny)


@pytest.fixture
def dataset(tiny, packed, refused):
    """MNIST, but with the small files, no mirrors, and its archive out of reach."""
    archive = replace(MNIST.archive, url=f"{refused}/mnist.npz", file=known("mnist.npz", packed))
    return replace(MNIST, files=known_files(tiny), mirrors=(), archive=archive)


@pytest.fixture
def server(tiny):
    with serving(tiny) as running:
        yield running


def labels(n):
    return np.arange(n, dtype=np.uint8) % 10


def known(name, content):
    return KnownFile(name, len(content), hashlib.sha256(content).hexdigest())


def known_files(content):
    return tuple(known(name, data) for name, data in content.items())


def served_by(fetch, dataset):
    return {file.name: fetch(file) for file in dataset.files}


def in_raw():
    return {path.name: path.read_bytes() for path in RAW.iterdir()}


def fill(folder, content, *, compressed=True):
    folder.mkdir(parents=True)
    for name, data in content.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)


def npz(content):
    """Return an archive of these files, its arrays named as in Keras's."""
    arrays = {key: idx.from_idx(content[name], name) for name, key in MNIST.archive.arrays.items()}
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    return archive.getvalue()
