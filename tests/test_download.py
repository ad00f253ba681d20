import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.mirrors import (  # noqa: F401
    SLACK_S,
    dataset,
    folder,
    in_temporary_workspace,
    raw_files,
    server,
    tiny_files,
    use_dataset,
)

from lenet import download, program
from lenet.errors import DataUnreachableError, LabError
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


def test_a_named_mirror_that_fails_leaves_no_note_so_that_no_demo_hides_the_mistake(folder, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "mnsit")
    with pytest.raises(LabError, match="mnsit does not exist"):
        download.main()
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
