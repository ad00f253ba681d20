from support.builders import identity

from lenet.tracking.run_finder import UNKNOWN_PROVENANCE, RunFinder


def test_a_run_published_from_the_files_learns_its_provenance_when_it_is_trained_here(client):
    finder = RunFinder("digits")
    parent = finder.find_or_create_parent(identity(), "", 1000, UNKNOWN_PROVENANCE)
    run_id = finder.find_or_create_seed(identity(), parent, 1000, UNKNOWN_PROVENANCE).run_id
    again = finder.find_or_create_seed(identity(), parent, 1000, {"git_commit": "abc", "host": "here"})
    assert again.run_id == run_id
    tags = client().get_run(run_id).data.tags
    assert "republished" not in tags
    assert (tags["mlflow.source.git.commit"], tags["host"]) == ("abc", "here")
