import sqlite3

import pytest


@pytest.fixture
def growth():
    from benchmarks import growth  # imports MLflow, for seconds

    return growth


@pytest.fixture
def database(tmp_path, growth):
    """Two runs, in tables with the columns that matter."""
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as connection:
        for table, own in growth.OWN_NAMES.items():
            connection.execute(f"CREATE TABLE {table} ({', '.join(own)}, key, value)")
        for run in ("a", "b"):
            connection.execute("INSERT INTO runs VALUES (?, NULL, NULL)", [run])
            for key, value in (("digest", f"digest of {run}"), ("kind", "seed")):
                connection.execute("INSERT INTO tags VALUES (?, ?, ?)", [run, key, value])
    return path


def read(database, query):
    with sqlite3.connect(database) as connection:
        return [value for (value,) in connection.execute(query)]


def test_runs_are_copied_under_names_and_digests_of_their_own(database, growth):
    growth.copy_runs(database, 10)
    assert len(set(read(database, "SELECT run_uuid FROM runs"))) == 10
    assert len(set(read(database, "SELECT value FROM tags WHERE key = 'digest'"))) == 10
    assert set(read(database, "SELECT value FROM tags WHERE key = 'kind'")) == {"seed"}
    assert set(read(database, "SELECT run_uuid FROM tags")) == set(read(database, "SELECT run_uuid FROM runs"))


def test_a_store_that_is_large_enough_is_left_alone(database, growth):
    growth.copy_runs(database, 2)
    growth.copy_runs(database, 3)
    assert read(database, "SELECT run_uuid FROM runs") == ["a", "b"]
