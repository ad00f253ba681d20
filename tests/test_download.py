import gzip
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from http_sources import BOMB, serving
from ruamel.yaml import YAML

from lenet import download, errors, mnist
from lenet.download import SourceError
from lenet.errors import MnistUnreachableError
from lenet.mnist import KnownFile
from lenet.workspace import RAW

REPOSITORY = Path(__file__).parents[1]
NOTE = Path(".runs/mnist-unreachable.txt")
AMBIENT = dict(os.environ)
REAL_MIRROR = AMBIENT.get("MNIST_MIRROR")
PUBLIC = (*mnist.MIRRORS, mnist.KERAS_NPZ)
# How much longer than its bound a wait may take on a busy machine, in seconds.
SLACK_S = 5


def use_dataset(name, folder="."):
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
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
    content = {name: mnist.to_idx(array) for name, array in arrays.items()}
    files = tuple(KnownFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in content.items())
    monkeypatch.setattr(mnist, "FILES", files)
    monkeypatch.setattr(mnist, "KERAS_NAMES", dict(zip(files, ("x_train", "y_train", "x_test", "y_test"), strict=True)))
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.setattr(mnist, "KERAS_NPZ", f"{refused}/mnist.npz")
    archive = npz(content)
    known = KnownFile("mnist.npz", len(archive), hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(mnist, "KERAS_ARCHIVE", known)
    return content


@pytest.fixture
def server(tiny):
    with serving(tiny) as running:
        yield running


def served_by(fetch):
    return {file.name: fetch(file) for file in mnist.FILES}


def in_raw():
    return {path.name: path.read_bytes() for path in RAW.iterdir()}


def fill(folder, content, *, compressed=True):
    folder.mkdir(parents=True)
    for name, data in content.items():
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)


# A mirror


@pytest.mark.parametrize("way", ["whole", "uncompressed", "encoded", "no-length"])
def test_a_mirror_may_send_its_files(server, tiny, way):
    assert served_by(download.from_mirror(server.url(way))) == tiny


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_mirrors_address_may_end_in_a_slash_or_not(server, slashes):
    download.from_mirror(server.url("whole") + slashes)(mnist.FILES[0])
    assert server.asked == ["/whole/train-images-idx3-ubyte.gz"]


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("cut-gzip", "damaged or truncated gzip file"),
        ("html", "an HTML page instead of train-images-idx3-ubyte"),
        ("wrong", "train-images-idx3-ubyte has the wrong SHA-256"),
        ("cut-content", "train-images-idx3-ubyte has 15,695 bytes instead of 15,696"),
        ("bomb", "decompresses to more than the 15,696 bytes expected"),
        ("endless", "sends more than the 16,720 bytes expected"),
        ("404", "HTTP status 404"),
        ("500", "HTTP status 500"),
    ],
)
def test_what_a_bad_mirror_serves_is_refused_with_the_reason(server, way, reason):
    with pytest.raises(SourceError, match=reason):
        download.from_mirror(server.url(way))(mnist.FILES[0])


def test_a_truncated_download_is_refused_with_the_sizes(server, tiny):
    whole = len(gzip.compress(tiny["train-images-idx3-ubyte"]))
    with pytest.raises(SourceError, match=rf"{whole // 2} bytes read, {whole - whole // 2} more expected"):
        download.from_mirror(server.url("truncated"))(mnist.FILES[0])


def test_a_mirror_that_refuses_connections_is_refused_with_the_cause(refused):
    with pytest.raises(SourceError, match="Connection refused"):
        download.from_mirror(refused)(mnist.FILES[0])


def test_a_misspelt_address_is_refused_with_the_reason():
    with pytest.raises(SourceError, match="label empty or too long"):
        download.from_mirror("http://mirror..example/mnist")(mnist.FILES[0])


@pytest.mark.parametrize(("way", "reason"), [("stall", "no answer within 0.3 s"), ("stall-midway", "timed out")])
def test_a_mirror_that_stalls_is_given_up(server, monkeypatch, way, reason):
    monkeypatch.setattr(download, "STALL_TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.raises(SourceError, match=reason):
        download.from_mirror(server.url(way))(mnist.FILES[0])
    assert 0.3 <= time.monotonic() - start < SLACK_S


def test_a_mirror_that_takes_no_connection_is_given_up_with_the_time_waited(monkeypatch):
    monkeypatch.setattr(download, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # they fill the queue, which nobody serves
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            with pytest.raises(SourceError, match=r"within 0\.3 s"):
                download.from_mirror(f"http://127.0.0.1:{full.getsockname()[1]}")(mnist.FILES[0])
        finally:
            for client in waiting:
                client.close()


def test_a_mirror_that_sends_a_byte_now_and_then_is_given_up(server, monkeypatch):
    monkeypatch.setattr(download, "SOURCE_TIMEOUT_S", 0.5)
    start = time.monotonic()
    with pytest.raises(MnistUnreachableError, match=r"dripping: not finished after 0\.5 s"):
        download.fetch_all({"dripping": download.from_mirror(server.url("drip"))})
    assert 0.5 <= time.monotonic() - start < SLACK_S


# Gzip


def test_content_that_is_not_compressed_stays_as_it_is():
    assert download.decompress(b"plain", 100) == b"plain"


def test_a_gzip_bomb_is_refused_before_it_unfolds():
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="decompresses to more than the 1,000 bytes expected"):
            download.decompress(BOMB, 1000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000  # it holds 8 million
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda gz: gz[:5], id="cut in the header"),
        pytest.param(lambda gz: gz[:-20], id="cut in the data"),
        pytest.param(lambda gz: gz[:-8], id="without the checksum"),
        pytest.param(lambda gz: gz[:-8] + bytes(4) + gz[-4:], id="with another checksum"),
        pytest.param(lambda gz: gz[:12] + b"\xff\xff\xff\xff" + gz[16:], id="overwritten"),
        pytest.param(lambda gz: gz + b"more", id="with a tail"),
    ],
)
def test_a_damaged_gzip_file_is_refused(damage):
    content = bytes(range(256)) * 4
    with pytest.raises(SourceError, match="damaged or truncated gzip file"):
        download.decompress(damage(gzip.compress(content)), len(content))


# A folder


@pytest.mark.parametrize("compressed", [True, False])
def test_a_folder_may_hold_the_files_with_or_without_gz(folder, tiny, compressed):
    fill(folder / "mirror", tiny, compressed=compressed)
    assert served_by(download.from_folder(folder / "mirror")) == tiny


def test_a_folder_without_the_files_is_refused_with_the_name_it_lacks(folder):
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte\[\.gz\] is not there"):
        download.from_folder(folder)(mnist.FILES[0])


def test_a_mirror_folder_that_is_a_file_is_refused_with_its_path(folder):
    (folder / "mirror").touch()
    with pytest.raises(SourceError, match=rf"{folder}/mirror/train-images-idx3-ubyte\.gz: Not a directory"):
        download.from_folder(folder / "mirror")(mnist.FILES[0])


def test_a_damaged_file_in_a_folder_is_refused(folder, tiny):
    fill(folder / "mirror", tiny)
    path = folder / "mirror/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="damaged or truncated gzip file"):
        download.from_folder(folder / "mirror")(mnist.FILES[0])


# Keras's archive


def npz(content, **changes):
    arrays = {key: mnist.from_idx(content[file.name], file.name) for file, key in mnist.KERAS_NAMES.items()} | changes
    archive = io.BytesIO()
    np.savez_compressed(archive, **arrays)
    return archive.getvalue()


def test_keras_archive_gives_the_same_bytes(server, tiny):
    server.documents["/mnist.npz"] = npz(tiny)
    assert served_by(download.from_keras(server.url("mnist.npz"))) == tiny


def test_keras_archive_is_downloaded_once_for_all_four_files(server, tiny):
    server.documents["/mnist.npz"] = npz(tiny)
    served_by(download.from_keras(server.url("mnist.npz")))
    assert server.asked == ["/mnist.npz"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda archive: archive[:-100], "mnist.npz has .* bytes instead of", id="cut off"),
        pytest.param(lambda archive: archive[:200] + b"****" + archive[204:], "wrong SHA-256", id="overwritten"),
        pytest.param(lambda archive: b"", "mnist.npz has 0 bytes", id="empty"),
        pytest.param(lambda archive: b"<html>Sign in</html>", "an HTML page instead of mnist.npz", id="HTML page"),
        pytest.param(lambda archive: archive + bytes(100), "more than", id="longer"),
    ],
)
def test_a_keras_archive_with_something_else_in_it_is_refused(server, tiny, damage, reason):
    server.documents["/mnist.npz"] = damage(npz(tiny))
    with pytest.raises(SourceError, match=reason):
        download.from_keras(server.url("mnist.npz"))(mnist.FILES[0])


# The sources, one after the other


def test_without_a_mirror_of_ones_own_the_public_ones_are_tried(monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", ("https://one.example/", "https://two.example/"))
    assert list(download.sources()) == ["https://one.example/", "https://two.example/", mnist.KERAS_NPZ]


def test_ones_own_mirror_is_tried_first(monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", ("https://one.example/",))
    monkeypatch.setenv("MNIST_MIRROR", "digits")
    assert list(download.sources()) == ["MNIST_MIRROR=digits", "https://one.example/", mnist.KERAS_NPZ]


def test_an_empty_mirror_setting_counts_as_none(monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "")
    assert list(download.sources()) == [mnist.KERAS_NPZ]


@pytest.mark.parametrize("where", ["relative", "absolute"])
def test_a_mirror_may_be_a_folder(folder, tiny, monkeypatch, where):
    fill(folder / "shared/mnist", tiny)
    monkeypatch.setenv("MNIST_MIRROR", "shared/mnist" if where == "relative" else str(folder / "shared/mnist"))
    assert download.fetch_all(download.sources()) == {file: tiny[file.name] for file in mnist.FILES}


def test_a_relative_mirror_is_found_from_a_temporary_workspace_of_dvc(folder, tiny, monkeypatch):
    fill(folder / "checkout/mirror", tiny)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    monkeypatch.setenv("DVC_ROOT", str(folder / "checkout"))
    monkeypatch.setenv("MNIST_MIRROR", "mirror")
    assert download.fetch_all(download.sources()) == {file: tiny[file.name] for file in mnist.FILES}


def test_a_mirror_may_be_a_base_url(server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    assert download.fetch_all(download.sources()) == {file: tiny[file.name] for file in mnist.FILES}


@pytest.mark.parametrize("bad", ["404", "truncated", "cut-gzip", "html", "wrong", "bomb", "endless", "length-twice"])
def test_a_bad_mirror_gives_way_to_the_next(server, tiny, monkeypatch, bad):
    monkeypatch.setenv("MNIST_MIRROR", server.url(bad))
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("whole"),))
    assert download.fetch_all(download.sources()) == {file: tiny[file.name] for file in mnist.FILES}


def test_bad_mirrors_give_way_to_keras_archive(server, tiny, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("404"),))
    monkeypatch.setattr(mnist, "KERAS_NPZ", server.url("mnist.npz"))
    server.documents["/mnist.npz"] = npz(tiny)
    assert download.fetch_all(download.sources()) == {file: tiny[file.name] for file in mnist.FILES}


def test_files_already_fetched_are_not_fetched_again_from_the_next_mirror(server, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("lacks-test-labels"), server.url("whole")))
    download.fetch_all(download.sources())
    assert [path for path in server.asked if path.startswith("/whole/")] == ["/whole/t10k-labels-idx1-ubyte.gz"]


def test_later_sources_are_left_alone_once_all_is_there(server, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("whole"), server.url("404")))
    download.fetch_all(download.sources())
    assert not [path for path in server.asked if path.startswith("/404/")]


def test_a_source_given_up_is_named_at_once_with_its_reason(server, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("404"), server.url("whole")))
    download.fetch_all(download.sources())
    assert capsys.readouterr().err == f"{server.url('404')}: HTTP status 404\n"


def test_where_all_sources_fail_each_is_listed_with_its_reason(server, monkeypatch):
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("404"), server.url("html")))
    with pytest.raises(MnistUnreachableError) as unreachable:
        download.fetch_all(download.sources())
    lines = str(unreachable.value).splitlines()
    assert lines[1] == f"  {server.url('404')}: HTTP status 404"
    assert lines[2] == f"  {server.url('html')}: an HTML page instead of train-images-idx3-ubyte"
    assert lines[3].startswith(f"  {mnist.KERAS_NPZ}: ")


def test_where_all_sources_fail_the_message_says_how_to_go_on():
    with pytest.raises(MnistUnreachableError, match=r"set MNIST_MIRROR to a folder or base URL .* make demo"):
        download.fetch_all(download.sources())


# The time limit


def test_the_time_limit_ends_a_block_that_takes_too_long():
    with pytest.raises(SourceError, match=r"not finished after 0\.05 s"), download.time_limit(0.05):
        time.sleep(SLACK_S)


def test_the_time_limit_ends_with_its_block():
    late = []
    found = signal.signal(signal.SIGALRM, lambda *_: late.append("signal"))
    try:
        with download.time_limit(0.05):
            pass
        time.sleep(0.1)
    finally:
        signal.signal(signal.SIGALRM, found)
    assert late == []


def test_the_time_limit_gives_back_the_handler_it_found():
    def own(*_):
        pass

    found = signal.signal(signal.SIGALRM, own)
    try:
        with pytest.raises(SourceError), download.time_limit(0.01):
            time.sleep(SLACK_S)
        assert signal.getsignal(signal.SIGALRM) is own
    finally:
        signal.signal(signal.SIGALRM, found)


def test_the_time_limit_refuses_a_thread_in_which_it_cannot_work():
    raised = []

    def use():
        try:
            with download.time_limit(1):
                pass
        except RuntimeError as error:
            raised.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert raised == ["time_limit works in the main thread alone"]


# The stage


def test_the_stage_writes_the_four_files_as_they_are(server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert in_raw() == tiny


def test_the_stage_replaces_all_that_was_there(server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.mkdir(parents=True)
    (RAW / "train-images-idx3-ubyte").write_bytes(b"former")
    (RAW / "stray").touch()
    download.main()
    assert in_raw() == tiny


def test_the_stage_leaves_nothing_else_beside_the_files(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    download.main()
    assert list(RAW.parent.iterdir()) == [RAW]


def test_the_stage_keeps_former_files_where_no_source_serves_new_ones():
    RAW.mkdir(parents=True)
    (RAW / "train-images-idx3-ubyte").write_bytes(b"former")
    with pytest.raises(MnistUnreachableError):
        download.main()
    assert in_raw() == {"train-images-idx3-ubyte": b"former"}


def test_three_files_of_four_are_not_written(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("lacks-test-labels"))
    with pytest.raises(MnistUnreachableError):
        download.main()
    assert not RAW.parent.exists()


def test_that_no_source_served_is_noted_for_this_machine():
    with pytest.raises(MnistUnreachableError) as unreachable:
        download.main()
    assert NOTE.read_text(encoding="utf-8") == f"{unreachable.value}\n"


def test_the_note_lies_in_the_checkout_also_from_a_temporary_workspace(folder, monkeypatch):
    (folder / "checkout").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(folder / "checkout"))
    with pytest.raises(MnistUnreachableError):
        download.main()
    assert (folder / "checkout" / NOTE).is_file()
    assert not NOTE.exists()


def test_the_note_goes_once_a_source_serves(server, monkeypatch):
    with pytest.raises(MnistUnreachableError):
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
    assert in_raw() == {file.name: mnist.to_idx(array) for file, array in mnist.bundled_digits().items()}


def test_a_folder_that_cannot_be_made_ends_the_command_with_one_line(server, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    RAW.parent.touch()  # a file where a folder should be stops root, too, whom permissions do not
    with pytest.raises(SystemExit) as end:
        errors.run(download.main)
    assert end.value.code == "error: data: File exists: free space or mend the permissions, then run it again"


# The command, as DVC runs it


@pytest.fixture
def environment(refused):
    """The environment of a command whose every request beyond this machine is refused."""
    proxies = {"https_proxy": refused, "HTTPS_PROXY": refused, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    return os.environ | proxies | {"PYTHONPATH": str(REPOSITORY / "src")}


COMMAND = (sys.executable, "-m", "lenet.download")


def run(command, environment, **changes):
    return subprocess.run(command, env=environment | changes, capture_output=True, text=True, timeout=120, check=False)


def error_of(finished):
    return finished.stderr[finished.stderr.index("error: ") :].splitlines()


def test_the_command_without_any_source_reports_each_and_leaves_only_the_note(folder, server, environment):
    finished = run(COMMAND, environment, MNIST_MIRROR=server.url("404"))
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    first, *reasons, last = error_of(finished)
    assert first == "error: MNIST could not be had from any source:"
    assert reasons[0] == f"  MNIST_MIRROR={server.url('404')}: HTTP status 404"
    assert [reason.split(": ")[0] for reason in reasons[1:]] == [f"  {source}" for source in PUBLIC]
    assert last.startswith("Connect to the internet, or set MNIST_MIRROR")
    assert sorted(path.name for path in folder.iterdir()) == [".runs", "params.yaml"]
    assert [path.name for path in (folder / ".runs").iterdir()] == [NOTE.name]


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
    assert "No space left on device: free space" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stdout == ""


def test_the_command_with_a_limit_on_file_sizes_says_so_and_leaves_nothing_half_written(folder, environment):
    use_dataset("digits")
    finished = run(["sh", "-c", 'ulimit -f 512; "$@"', "sh", *COMMAND], environment)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: ")
    assert "File too large: free space" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert list((folder / "data").iterdir()) == []


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


@pytest.mark.skipif(
    not REAL_MIRROR,
    reason="set MNIST_MIRROR to a folder (relative to the project's root) or base URL with MNIST's four .gz files",
)
def test_the_command_brings_the_real_mnist_byte_for_byte(environment):
    is_url = str(REAL_MIRROR).startswith(("http://", "https://"))
    mirror = REAL_MIRROR if is_url else str(REPOSITORY / REAL_MIRROR)
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
