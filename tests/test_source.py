import hashlib

from conftest import ROOT

from lenet import source


def test_imports_are_followed_from_module_to_module_and_into_functions():
    # train imports training inside a function, which imports model.
    assert {"train", "training", "model", "determinism"} <= set(source.local_modules("train"))


def test_exempt_modules_are_left_out_and_not_followed():
    # evaluate imports publish, which is exempt and imports figures.
    assert not {"publish", "figures", *source.EXEMPT} & set(source.local_modules("evaluate"))


def test_every_exempt_module_exists_and_says_why():
    for module, reason in source.EXEMPT.items():
        assert (ROOT / "src" / "lenet" / f"{module}.py").is_file()
        assert reason


def test_digests_are_those_of_the_files():
    digests = source.digests("preprocess")
    for name, digest in digests.items():
        assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest
    assert "src/lenet/preprocess.py" in digests
