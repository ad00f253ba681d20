import gzip
import hashlib
import signal
import socket
import threading
import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz import damaged, result_or_refusal
from support.http_sources import BOMB
from support.mirrors import SLACK_S, dataset, fill, folder, packed, refused, served_by, server, tiny  # noqa: F401

from lenet.errors import DataUnreachableError
from lenet.mnist import mirrors, web
from lenet.mnist.datasets import DATASETS, KnownFile
from lenet.mnist.web import SourceError

# A mirror


@pytest.mark.parametrize("way", ["whole", "uncompressed", "encoded", "no-length", "moved"])
def test_a_mirror_may_send_its_files(dataset, server, tiny, way):
    assert served_by(mirrors.from_mirror(server.url(way)), dataset) == tiny


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_a_mirrors_address_may_end_in_a_slash_or_not(dataset, server, slashes):
    mirrors.from_mirror(server.url("whole") + slashes)(dataset.files[0])
    assert server.asked == ["/whole/train-images-idx3-ubyte.gz"]


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("cut-gzip", r"train-images-idx3-ubyte\.gz is damaged or truncated"),
        ("html", "an HTML page instead of train-images-idx3-ubyte"),
        ("wrong", "train-images-idx3-ubyte has the wrong SHA-256"),
        ("cut-content", "train-images-idx3-ubyte has 156,815 bytes instead of 156,816"),
        ("bomb", "train-images-idx3-ubyte.gz decompresses to more than the 156,816 bytes expected"),
        ("endless", "sends more than the 157,840 bytes expected"),
        ("encoded-bomb", "decompresses to more than the 156,816 bytes expected"),
        ("moved-in-a-circle", "Exceeded 30 redirects"),
        ("moved-to-a-file", "file:///etc/passwd': redirects are followed to https:// or http:// alone"),
        ("404", "HTTP status 404"),
        ("500", "HTTP status 500"),
    ],
)
def test_what_a_bad_mirror_serves_is_refused_with_the_reason(dataset, server, way, reason):
    with pytest.raises(SourceError, match=reason):
        mirrors.from_mirror(server.url(way))(dataset.files[0])


def test_the_public_sources_are_read_by_https():
    for each in DATASETS.values():
        addresses = [*each.mirrors, *([each.archive.url] if each.archive else [])]
        assert all(address.startswith("https://") for address in addresses)


def test_a_truncated_download_is_refused_with_the_sizes(dataset, server, tiny):
    whole = len(gzip.compress(tiny["train-images-idx3-ubyte"]))
    with pytest.raises(SourceError, match=rf"{whole // 2} bytes read, {whole - whole // 2} more expected"):
        mirrors.from_mirror(server.url("truncated"))(dataset.files[0])


def test_a_mirror_that_refuses_connections_is_refused_with_the_cause(dataset, refused):
    with pytest.raises(SourceError, match="Connection refused"):
        mirrors.from_mirror(refused)(dataset.files[0])


def test_a_misspelt_address_is_refused_with_the_reason(dataset):
    with pytest.raises(SourceError, match="label empty or too long"):
        mirrors.from_mirror("http://mirror..example/mnist")(dataset.files[0])


@pytest.mark.parametrize(("way", "reason"), [("stall", "no answer within 0.3 s"), ("stall-midway", "timed out")])
def test_a_mirror_that_stalls_is_given_up(dataset, server, monkeypatch, way, reason):
    monkeypatch.setattr(web, "STALL_TIMEOUT_S", 0.3)
    start = time.monotonic()
    with pytest.raises(SourceError, match=reason):
        mirrors.from_mirror(server.url(way))(dataset.files[0])
    assert 0.3 <= time.monotonic() - start < SLACK_S


def test_a_mirror_that_takes_no_connection_is_given_up_with_the_time_waited(dataset, monkeypatch):
    monkeypatch.setattr(web, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # they fill the queue, which nobody serves
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            with pytest.raises(SourceError, match=r"within 0\.3 s"):
                mirrors.from_mirror(f"http://127.0.0.1:{full.getsockname()[1]}")(dataset.files[0])
        finally:
            for client in waiting:
                client.close()


def test_a_mirror_that_sends_a_byte_now_and_then_is_given_up(dataset, server, monkeypatch):
    monkeypatch.setattr(mirrors, "SOURCE_TIMEOUT_S", 0.5)
    start = time.monotonic()
    with pytest.raises(DataUnreachableError, match=r"drip: not finished after 0\.5 s"):
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("drip"),), archive=None))
    assert 0.5 <= time.monotonic() - start < SLACK_S


# Gzip


def known(size):
    """A file of that size."""
    return KnownFile("train-images-idx3-ubyte", size, "")


def test_content_that_is_not_compressed_stays_as_it_is():
    assert mirrors.decompress(b"plain", known(100)) == b"plain"


def test_a_gzip_bomb_is_refused_before_it_unfolds():
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="decompresses to more than the 1,000 bytes expected"):
            mirrors.decompress(BOMB, known(1000))
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
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte\.gz is damaged or truncated"):
        mirrors.decompress(damage(gzip.compress(content)), known(len(content)))


PLAIN = bytes(range(256))


@given(st.binary(max_size=300) | damaged(gzip.compress(PLAIN)) | damaged(PLAIN) | st.binary().map(gzip.compress))
def test_whatever_is_sent_is_the_file_or_refused(content):
    file = KnownFile("train-images-idx3-ubyte", len(PLAIN), hashlib.sha256(PLAIN).hexdigest())
    got, refusal = result_or_refusal(SourceError, lambda: mirrors.checked(file, mirrors.decompress(content, file)))
    assert refusal or got == PLAIN


# A folder


@pytest.mark.parametrize("compressed", [True, False])
def test_a_folder_may_hold_the_files_with_or_without_gz(dataset, folder, tiny, compressed):
    fill(folder / "mirror", tiny, compressed=compressed)
    assert served_by(mirrors.from_folder(folder / "mirror"), dataset) == tiny


def test_a_folder_without_the_files_is_refused_with_the_name_it_lacks(dataset, folder):
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte\[\.gz\] is not there"):
        mirrors.from_folder(folder)(dataset.files[0])


def test_a_mirror_folder_that_is_a_file_is_refused_with_its_path(dataset, folder):
    (folder / "mirror").touch()
    with pytest.raises(SourceError, match=rf"{folder}/mirror/train-images-idx3-ubyte\.gz: Not a directory"):
        mirrors.from_folder(folder / "mirror")(dataset.files[0])


def test_a_damaged_file_in_a_folder_is_refused(dataset, folder, tiny):
    fill(folder / "mirror", tiny)
    path = folder / "mirror/train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"train-images-idx3-ubyte\.gz is damaged or truncated"):
        mirrors.from_folder(folder / "mirror")(dataset.files[0])


# An archive


def test_an_archive_gives_the_same_bytes(dataset, server, tiny, packed):
    server.documents["/mnist.npz"] = packed
    assert served_by(mirrors.from_archive(replace(dataset.archive, url=server.url("mnist.npz"))), dataset) == tiny


def test_an_archive_is_downloaded_once_for_all_four_files(dataset, server, packed):
    server.documents["/mnist.npz"] = packed
    served_by(mirrors.from_archive(replace(dataset.archive, url=server.url("mnist.npz"))), dataset)
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
def test_an_archive_with_something_else_in_it_is_refused(dataset, server, packed, damage, reason):
    server.documents["/mnist.npz"] = damage(packed)
    with pytest.raises(SourceError, match=reason):
        mirrors.from_archive(replace(dataset.archive, url=server.url("mnist.npz")))(dataset.files[0])


# The sources, one after the other


def test_without_a_mirror_of_ones_own_the_public_ones_are_tried(dataset):
    public = ("https://one.example/", "https://two.example/")
    assert list(mirrors.sources(replace(dataset, mirrors=public))) == [*public, dataset.archive.url]


def test_a_data_set_need_not_have_an_archive(dataset):
    without = replace(dataset, mirrors=("https://one.example/",), archive=None)
    assert list(mirrors.sources(without)) == ["https://one.example/"]


def test_ones_own_mirror_is_tried_first(dataset, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "digits")
    one = replace(dataset, mirrors=("https://one.example/",))
    assert list(mirrors.sources(one)) == ["MNIST_MIRROR=digits", "https://one.example/", dataset.archive.url]


@pytest.mark.parametrize(
    "address", ["http://me:pa/s3cret@127.0.0.1:9/mnist", "{refused}/?token=s3cret", "ftp://me:s3cret@h"]
)
def test_a_mirrors_password_is_not_shown(dataset, refused, monkeypatch, capsys, address):
    monkeypatch.setenv("MNIST_MIRROR", address.format(refused=refused))
    with pytest.raises(DataUnreachableError, match="MNIST_MIRROR=") as raised:
        mirrors.fetch_all(replace(dataset, archive=None))
    said = f"{raised.value} {capsys.readouterr().err}"
    assert "s3cret" not in said
    assert ":pa" not in said
    assert "…" in said


def test_each_data_set_has_a_mirror_variable_of_its_own(dataset, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "digits")
    monkeypatch.setenv("FASHION_MIRROR", "clothes")
    fashion = replace(dataset, name="fashion", archive=None)
    assert list(mirrors.sources(fashion)) == ["FASHION_MIRROR=clothes"]


def test_an_empty_mirror_setting_counts_as_none(dataset, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", "")
    assert list(mirrors.sources(dataset)) == [dataset.archive.url]


@pytest.mark.parametrize("where", ["relative", "absolute"])
def test_a_mirror_may_be_a_folder(dataset, folder, tiny, monkeypatch, where):
    fill(folder / "shared/mnist", tiny)
    monkeypatch.setenv("MNIST_MIRROR", "shared/mnist" if where == "relative" else str(folder / "shared/mnist"))
    assert mirrors.fetch_all(dataset) == tiny


def test_a_relative_mirror_is_found_from_a_temporary_workspace_of_dvc(dataset, folder, tiny, monkeypatch):
    fill(folder / "checkout/mirror", tiny)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    monkeypatch.setenv("DVC_ROOT", str(folder / "checkout"))
    monkeypatch.setenv("MNIST_MIRROR", "mirror")
    assert mirrors.fetch_all(dataset) == tiny


def test_a_mirror_may_be_a_base_url(dataset, server, tiny, monkeypatch):
    monkeypatch.setenv("MNIST_MIRROR", server.url("whole"))
    assert mirrors.fetch_all(dataset) == tiny


@pytest.mark.parametrize("bad", ["404", "truncated", "cut-gzip", "html", "wrong", "bomb", "endless", "length-twice"])
def test_a_bad_mirror_gives_way_to_the_next(dataset, server, tiny, bad):
    assert mirrors.fetch_all(replace(dataset, mirrors=(server.url(bad), server.url("whole")))) == tiny


def test_bad_mirrors_give_way_to_the_archive(dataset, server, tiny, packed):
    server.documents["/mnist.npz"] = packed
    archive = replace(dataset.archive, url=server.url("mnist.npz"))
    assert mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"),), archive=archive)) == tiny


def test_files_already_fetched_are_not_fetched_again_from_the_next_mirror(dataset, server):
    mirrors.fetch_all(replace(dataset, mirrors=(server.url("lacks-test-labels"), server.url("whole"))))
    assert [path for path in server.asked if path.startswith("/whole/")] == ["/whole/t10k-labels-idx1-ubyte.gz"]


def test_later_sources_are_left_alone_once_all_is_there(dataset, server):
    mirrors.fetch_all(replace(dataset, mirrors=(server.url("whole"), server.url("404"))))
    assert not [path for path in server.asked if path.startswith("/404/")]


def test_a_source_given_up_is_named_at_once_with_its_reason(dataset, server, capsys):
    mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"), server.url("whole"))))
    assert capsys.readouterr().err == f"{server.url('404')}: HTTP status 404\n"


def test_where_all_sources_fail_each_is_listed_with_its_reason(dataset, server):
    with pytest.raises(DataUnreachableError) as unreachable:
        mirrors.fetch_all(replace(dataset, mirrors=(server.url("404"), server.url("html"))))
    lines = str(unreachable.value).splitlines()
    assert lines[1] == f"  {server.url('404')}: HTTP status 404"
    assert lines[2] == f"  {server.url('html')}: an HTML page instead of train-images-idx3-ubyte"
    assert lines[3].startswith(f"  {dataset.archive.url}: ")


@pytest.mark.parametrize(("name", "variable"), [("mnist", "MNIST_MIRROR"), ("fashion", "FASHION_MIRROR")])
def test_where_all_sources_fail_the_message_says_how_to_go_on(dataset, name, variable):
    with pytest.raises(DataUnreachableError, match=rf"set {variable} to a folder or base URL .* make demo"):
        mirrors.fetch_all(replace(dataset, name=name))


def test_where_all_sources_fail_the_message_has_the_data_sets_title(dataset):
    with pytest.raises(DataUnreachableError, match=r"^Fashion-MNIST could not be downloaded from any source:"):
        mirrors.fetch_all(replace(dataset, title="Fashion-MNIST"))


# The time limit


def test_the_time_limit_ends_a_block_that_takes_too_long():
    with pytest.raises(SourceError, match=r"not finished after 0\.05 s"), mirrors.time_limit(0.05):
        time.sleep(SLACK_S)


def test_the_time_limit_ends_with_its_block():
    late = []
    found = signal.signal(signal.SIGALRM, lambda *_: late.append("signal"))
    try:
        with mirrors.time_limit(0.05):
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
        with pytest.raises(SourceError), mirrors.time_limit(0.01):
            time.sleep(SLACK_S)
        assert signal.getsignal(signal.SIGALRM) is own
    finally:
        signal.signal(signal.SIGALRM, found)


def test_the_time_limit_refuses_a_thread_in_which_it_cannot_work():
    raised = []

    def use():
        try:
            with mirrors.time_limit(1):
                pass
        except RuntimeError as error:
            raised.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert raised == ["time_limit works in the main thread only"]
