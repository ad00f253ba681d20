from lenet.runs import code
from lenet.runs.identity import library_versions
from lenet.settings import ENGINES


def test_what_decides_bits_is_the_kind_of_processor_the_libraries_and_the_code_of_all_trainings():
    from lenet.execution import on_cluster

    of_code = {file for optimizer in ENGINES for file in code.files_of_run(optimizer)}
    assert on_cluster.what_decides_bits().keys() == {"processor"} | library_versions().keys() | of_code
