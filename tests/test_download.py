import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.mirrors import (  # noqa: F401
    ENVIRONMENT,
    MNIST,
    REAL_MIRROR,
    SLACK_S,
    dataset,
    folder,
    in_temporary_workspace,
    raw_files,
    server,
    tiny_files,
    use_dataset,
)
from support.paths import ROOT

from lenet import download, program
from lenet.errors import DataUnreachableError
from lenet.mnist import datasets, idx
from lenet.workspace import RAW

NOTE = ".runs/data-unreachable.txt"

# The stage


@pytest.fixture(autouse=True)
def _small_mnist(dataset, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", dataset)


def test_old_files_stay_until_all_four_are_downloaded_and_a_note_in_the_checkout_says_why(
    folder, dataset, server, tiny_files, monkeypatch
):
    in_temporary_workspace(folder, monkeypatch)
    old_files = {"train-images-idx3-ubyte": b"former", "orphan": b""}
    RAW.mkdir(parents=True)
    for name, data in old_files.items():
        (RAW / name).write_bytes(data)

    incomplete = replace(dataset, mirrors=(server.url("lacks-test-labels"),))
    monkeypatch.setitem(datasets.DATASETS, "mnist", incomplete)
    with pytest.raises(DataUnreachableError) as unreachable:
        download.main()
    assert raw_files() == old_files
    assert (folder / NOTE).read_text(encoding="utf-8") == f"{unreachable.value}\n"

    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert raw_files() == tiny_files
    assert list(RAW.parent.iterdir()) == [RAW]
    assert not (folder / NOTE).exists()


def test_the_bundled_digits_are_written_as_the_same_four_files_without_any_request(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    use_dataset("digits")
    download.main()
    assert raw_files() == {name: idx.to_idx(array) for name, array in datasets.bundled_digits().items()}
    assert server.requested_paths == []


def test_a_folder_that_cannot_be_created_ends_the_command_with_a_message_of_one_line(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.parent.touch()  # a file is in the folder's place; missing permissions would not stop root
    with pytest.raises(SystemExit) as end:
        program.run(download.main)
    assert end.value.code == "error: data: File exists: move what is in the way, then run the command again"


# The command, as DVC runs it

COMMAND = (sys.executable, "-m", "lenet.download")


@pytest.mark.slow
def test_a_download_that_is_interrupted_ends_at_once_and_leaves_no_files(folder, server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("drip"))
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as command:
        assert server.first_request.wait(60)
        command.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, stderr = command.communicate(timeout=60)
    assert (command.returncode, stderr) == (130, "interrupted: `dvc repro` runs this stage again\n")
    assert time.monotonic() - start < SLACK_S
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(
    not REAL_MIRROR,
    reason="set MNIST_MIRROR to a folder (relative to the project's root) or base URL with MNIST's four .gz files",
)
def test_the_command_downloads_the_real_mnist_byte_for_byte():
    is_url = str(REAL_MIRROR).startswith(("http://", "https://"))
    environment = ENVIRONMENT | {"MNIST_MIRROR": REAL_MIRROR if is_url else str(ROOT / REAL_MIRROR)}
    finished = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in raw_files().items()}
    assert digests == {file.name: file.sha256 for file in MNIST.files}
