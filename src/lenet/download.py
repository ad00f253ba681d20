"""Stage 1. Reads nothing; writes data/raw/, the four canonical IDX files, from the first source that serves them.

With `data.dataset: digits` it writes scikit-learn's bundled digits in the same format and needs no network.
Takes seconds on a usual connection; at worst three minutes a source.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lenet import errors
from lenet.errors import MnistUnreachableError
from lenet.mnist import idx
from lenet.mnist.idx import KnownFile
from lenet.mnist.mirrors import fetch_all, sources
from lenet.settings import load_settings
from lenet.workspace import RAW, machine_notes, written_whole


def write_raw(content: Mapping[KnownFile, bytes], folder: Path) -> None:
    """Write the four files, all or none."""
    with written_whole(folder) as partial:
        partial.mkdir()
        for file, data in content.items():
            (partial / file.name).write_bytes(data)


def main() -> None:
    dataset = load_settings().data.dataset
    note = machine_notes() / "mnist-unreachable.txt"
    note.unlink(missing_ok=True)
    if dataset == "digits":
        content = {file: idx.to_idx(array) for file, array in idx.bundled_digits().items()}
    else:
        try:
            content = fetch_all(sources())
        except MnistUnreachableError as error:
            with suppress(OSError):  # the note is for `make repro`; the message is what counts
                note.parent.mkdir(exist_ok=True)
                note.write_text(f"{error}\n", encoding="utf-8")
            raise
    write_raw(content, RAW)


if __name__ == "__main__":
    errors.run(main, "interrupted: nothing of this stage was kept")
