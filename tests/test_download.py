import hashlib
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.mirrors import (  # noqa: F401
    AMBIENT,
    MNIST,
    REAL_MIRROR,
    SLACK_S,
    dataset,
    folder,
    in_raw,
    in_temporary_workspace,
    server,
    tiny,
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


def test_former_files_stay_until_all_four_are_served_and_a_note_in_the_checkout_says_why(
    folder, dataset, server, tiny, monkeypatch
):
    in_temporary_workspace(folder, monkeypatch)
    former = {"train-images-idx3-ubyte": b"former", "orphan": b""}
    RAW.mkdir(parents=True)
    for name, data in former.items():
        (RAW / name).write_bytes(data)

    lacking = replace(dataset, mirrors=(server.url("lacks-test-labels"),))
    monkeypatch.setitem(datasets.DATASETS, "mnist", lacking)
    with pytest.raises(DataUnreachableError) as unreachable:
        download.main()
    assert in_raw() == former
    assert (folder / NOTE).read_text(encoding="utf-8") == f"{unreachable.value}\n"

    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert in_raw() == tiny
    assert list(RAW.parent.iterdir()) == [RAW]
    assert not (folder / NOTE).exists()


def test_the_bundled_digits_are_written_as_the_same_four_files_and_no_source_is_asked(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    use_dataset("digits")
    download.main()
    assert in_raw() == {name: idx.to_idx(array) for name, array in datasets.bundled_digits().items()}
    assert server.asked == []


def test_a_folder_that_cannot_be_made_ends_the_command_with_one_line(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.parent.touch()  # a file where a folder should be stops root, too, whom permissions do not
    with pytest.raises(SystemExit) as end:
        program.run(download.main)
    assert end.value.code == "error: data: File exists: move what is in the way, then run it again"


# The command, as DVC runs it

COMMAND = (sys.executable, "-m", "lenet.download")


@pytest.mark.slow
def test_the_command_interrupted_in_a_download_ends_at_once_and_leaves_nothing(folder, server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("drip"))
    with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as command:
        assert server.first_request.wait(60)
        command.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, said = command.communicate(timeout=60)
    assert (command.returncode, said) == (130, "interrupted: nothing of this stage was kept\n")
    assert time.monotonic() - start < SLACK_S
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(
    not REAL_MIRROR,
    reason="set MNIST_MIRROR to a folder (relative to the project's root) or base URL with MNIST's four .gz files",
)
def test_the_command_brings_the_real_mnist_byte_for_byte():
    is_url = str(REAL_MIRROR).startswith(("http://", "https://"))
    source = AMBIENT | {"MNIST_MIRROR": REAL_MIRROR if is_url else str(ROOT / REAL_MIRROR)}
    finished = subprocess.run(COMMAND, env=source, capture_output=True, text=True, timeout=120, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in in_raw().items()}
    assert digests == {file.name: file.sha256 for file in MNIST.files}
