import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.mirrors import (  # noqa: F401
    AMBIENT,
    MNIST,
    NOTE,
    REAL_MIRROR,
    SLACK_S,
    dataset,
    folder,
    in_raw,
    packed,
    refused,
    server,
    tiny,
    use_dataset,
)
from support.paths import ROOT

from lenet import download, errors
from lenet.errors import DataUnreachableError
from lenet.mnist import datasets, idx
from lenet.workspace import RAW

# The stage


@pytest.fixture(autouse=True)
def _small_mnist(dataset, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "mnist", dataset)


def test_the_stage_writes_the_four_files_as_they_are(server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert in_raw() == tiny


def test_the_stage_replaces_all_that_was_there(server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.mkdir(parents=True)
    (RAW / "train-images-idx3-ubyte").write_bytes(b"former")
    (RAW / "orphan").touch()
    download.main()
    assert in_raw() == tiny


def test_the_stage_leaves_nothing_else_beside_the_files(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert list(RAW.parent.iterdir()) == [RAW]


def test_the_stage_keeps_former_files_where_no_source_serves_new_ones():
    RAW.mkdir(parents=True)
    (RAW / "train-images-idx3-ubyte").write_bytes(b"former")
    with pytest.raises(DataUnreachableError):
        download.main()
    assert in_raw() == {"train-images-idx3-ubyte": b"former"}


def test_three_files_of_four_are_not_written(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("lacks-test-labels"))
    with pytest.raises(DataUnreachableError):
        download.main()
    assert not RAW.parent.exists()


def test_that_no_source_served_is_noted_for_this_machine():
    with pytest.raises(DataUnreachableError) as unreachable:
        download.main()
    assert NOTE.read_text(encoding="utf-8") == f"{unreachable.value}\n"


def test_the_note_lies_in_the_checkout_also_from_a_temporary_workspace(folder, monkeypatch):
    (folder / "checkout").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(folder / "checkout"))
    with pytest.raises(DataUnreachableError):
        download.main()
    assert (folder / "checkout" / NOTE).is_file()
    assert not NOTE.exists()


def test_the_note_goes_once_a_source_serves(server, monkeypatch):
    with pytest.raises(DataUnreachableError):
        download.main()
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert not NOTE.exists()


def test_the_bundled_digits_ask_no_source(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    use_dataset("digits")
    download.main()
    assert server.asked == []


def test_the_bundled_digits_are_written_as_the_same_four_files():
    use_dataset("digits")
    download.main()
    assert in_raw() == {name: idx.to_idx(array) for name, array in datasets.bundled_digits().items()}


def test_a_folder_that_cannot_be_made_ends_the_command_with_one_line(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.parent.touch()  # a file where a folder should be stops root, too, whom permissions do not
    with pytest.raises(SystemExit) as end:
        errors.run(download.main)
    assert end.value.code == "error: data: File exists: move what is in the way, then run it again"


# The command, as DVC runs it


@pytest.fixture
def environment(refused):
    """The environment of a command whose every request beyond this machine is refused."""
    proxies = {"https_proxy": refused, "HTTPS_PROXY": refused, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    return os.environ | proxies | {"PYTHONPATH": str(ROOT / "src")}


COMMAND = (sys.executable, "-m", "lenet.download")


def run(command, environment, **changes):
    return subprocess.run(command, env=environment | changes, capture_output=True, text=True, timeout=120, check=False)


def error_of(finished):
    return finished.stderr[finished.stderr.index("error: ") :].splitlines()


@pytest.mark.slow
def test_the_command_without_any_source_reports_each_and_leaves_only_the_note(folder, server, environment):
    finished = run(COMMAND, environment, MNIST_MIRROR=server.url("404"))
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    first, *reasons, last = error_of(finished)
    assert first == "error: MNIST could not be downloaded from any source:"
    assert reasons[0] == f"  MNIST_MIRROR={server.url('404')}: HTTP status 404"
    public = (*MNIST.mirrors, MNIST.archive.url)
    assert [reason.split(": ")[0] for reason in reasons[1:]] == [f"  {source}" for source in public]
    assert last.startswith("Connect to the internet, or set MNIST_MIRROR")
    assert sorted(path.name for path in folder.iterdir()) == [".runs", "params.yaml"]
    assert [path.name for path in (folder / ".runs").iterdir()] == [NOTE.name]


@pytest.mark.slow
def test_a_mirrors_password_is_neither_printed_nor_in_the_note(folder, server, environment):
    address = server.url("404").replace("http://", "http://me:pa%2Fs3cret@")
    finished = run(COMMAND, environment, MNIST_MIRROR=address)
    note = (folder / ".runs" / NOTE.name).read_text()
    assert f"  MNIST_MIRROR={server.url('404').replace('http://', 'http://…@')}: HTTP status 404" in note.splitlines()
    assert "s3cret" not in finished.stderr + finished.stdout + note


@pytest.mark.slow
def test_the_command_on_a_full_disk_says_so_and_leaves_nothing_half_written(folder, environment):
    private = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    mount = "mount -t tmpfs -o size=1m none data"
    (folder / "data").mkdir()
    if not shutil.which("unshare") or run([*private, "sh", "-c", mount], environment).returncode:
        pytest.skip("this machine does not let its user mount a small disk in a private namespace")
    use_dataset("digits")
    script = mount + ' && { "$@"; status=$?; ls -A data; exit $status; }'
    finished = run([*private, "sh", "-c", script, "sh", *COMMAND], environment)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert "No space left on device: free some space" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stdout == ""


@pytest.mark.slow
def test_the_command_with_a_limit_on_file_sizes_says_so_and_leaves_nothing_half_written(folder, environment):
    use_dataset("digits")
    finished = run(["sh", "-c", 'ulimit -f 512; "$@"', "sh", *COMMAND], environment)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert "File too large: raise the limit" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert list((folder / "data").iterdir()) == []


@pytest.mark.slow
def test_the_command_interrupted_in_a_download_ends_at_once_and_leaves_nothing(folder, server, environment):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a command inherits it where it is ignored
    try:
        command = subprocess.Popen(
            COMMAND, env=environment | {"MNIST_MIRROR": server.url("drip")}, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with command:
        assert server.first_request.wait(60)
        command.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, said = command.communicate(timeout=60)
    assert command.returncode == 130
    assert said == "interrupted: nothing of this stage was kept\n"
    assert time.monotonic() - start < SLACK_S
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(
    not REAL_MIRROR,
    reason="set MNIST_MIRROR to a folder (relative to the project's root) or base URL with MNIST's four .gz files",
)
def test_the_command_brings_the_real_mnist_byte_for_byte(environment):
    is_url = str(REAL_MIRROR).startswith(("http://", "https://"))
    mirror = REAL_MIRROR if is_url else str(ROOT / REAL_MIRROR)
    source = AMBIENT | {"PYTHONPATH": environment["PYTHONPATH"]} if is_url else environment
    finished = run(COMMAND, source, MNIST_MIRROR=mirror)
    assert (finished.returncode, finished.stderr) == (0, "")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in RAW.iterdir()}
    assert digests == {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
