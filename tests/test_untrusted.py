"""Nothing that is read is run: no call in the code that could, but where a process talks to its own children."""

import ast

from support.paths import ROOT

SOURCES = sorted((ROOT / "src/lenet").rglob("*.py"))
# They run code that what they read holds.
RUNNING = {
    *("eval", "exec", "os.system", "pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "marshal.load"),
    *("marshal.loads", "shelve.open", "pd.read_pickle", "pandas.read_pickle", "cloudpickle.load", "yaml.load"),
    *("keras.models.load_model", "keras.saving.load_model", "tf.saved_model.load", "__import__"),
}
# What must not be given to a call, whatever it is called with: {argument: the only value allowed}.
ALLOWED = {"allow_pickle": False, "safe_mode": True, "shell": False, "verify": True}


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def found_in(source):
    """The calls in a source that run what they read, and arguments of other values than allowed."""
    tree = ast.parse(source)
    running = [name for call in calls(tree) if (name := ast.unparse(call.func)) in RUNNING]
    given = [(keyword.arg, ast.unparse(keyword.value)) for call in calls(tree) for keyword in call.keywords]
    return running + [f"{name}={value}" for name, value in given if name in ALLOWED and value != str(ALLOWED[name])]


def test_what_runs_what_it_reads_would_be_noticed():
    source = "np.load(file, allow_pickle=True)\nnp.load(file, allow_pickle=False)\nsubprocess.run(x, shell=shell)"
    assert found_in(source) == ["allow_pickle=True", "shell=shell"]


def test_pickles_come_from_the_projects_own_processes_alone():
    found = {f"{path.parent.name}/{path.name}": found_in(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: calls for name, calls in found.items() if calls} == {
        # From a driver to a cluster's workers, which may run any code of each other's by Dask's nature.
        "execution/on_cluster.py": ["pickle.loads"],
        "execution/pool.py": ["pickle.load"],  # from a worker that it has started
        "execution/worker.py": ["pickle.load"],  # from the process that has started it
    }


def test_no_module_imports_what_it_calls_by_another_name():
    """So that the calls above are found by their names."""
    imported = {
        alias.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module in ("pickle", "joblib", "marshal", "os", "keras.models", "keras.saving", "subprocess")
        for alias in node.names
    }
    assert not imported & {"load", "loads", "system", "load_model", "Unpickler"}
