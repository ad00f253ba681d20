import hashlib

import pytest
from support.paths import ROOT

from lenet import imports
from lenet.runs import code


def test_imports_are_followed_from_room_to_room_and_into_functions():
    # train imports one_run inside a function, which imports the model.
    assert {"train", "training.one_run", "network.model", "network.determinism"} <= set(code.modules_of("train"))


def test_exempt_modules_are_left_out_and_not_followed():
    # evaluate imports tracking, which is exempt and imports the report.
    rooms = {module.partition(".")[0] for module in code.modules_of("evaluate")}
    assert not {"tracking", "report", *code.EXEMPT} & rooms


@pytest.mark.parametrize("name", code.EXEMPT)
def test_what_is_exempt_exists_and_says_why(name):
    assert imports.PACKAGE.joinpath(name).is_dir() or imports.file_of(name).is_file()
    assert code.EXEMPT[name]


def test_digests_are_those_of_the_files():
    digests = code.digests("preprocess")
    assert {"src/lenet/preprocess.py", "src/lenet/mnist/splits.py"} <= digests.keys()
    for path, digest in digests.items():
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == digest
