from lenet.runs import code
from lenet.runs.identity import library_versions
from lenet.settings import ENGINES


def test_the_fingerprint_has_the_processor_the_libraries_and_the_code_of_all_optimizers():
    from lenet.execution import on_cluster

    code_files = {file for optimizer in ENGINES for file in code.code_files(optimizer)}
    assert on_cluster.bits_fingerprint().keys() == {"processor"} | library_versions().keys() | code_files
