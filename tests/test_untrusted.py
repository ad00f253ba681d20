"""Data that the project reads is never run as code. Only the project's own processes send pickles to each other."""

import ast

from support.paths import ROOT

SOURCES = sorted((ROOT / "src/lenet").rglob("*.py"))
# These functions run code if their input contains code.
CODE_RUNNERS = {
    *("eval", "exec", "os.system", "pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "marshal.load"),
    *("marshal.loads", "shelve.open", "pd.read_pickle", "pandas.read_pickle", "cloudpickle.load", "yaml.load"),
    *("keras.models.load_model", "keras.saving.load_model", "tf.saved_model.load", "__import__"),
}
# Arguments of calls that may have only one value: {argument: this value}.
ALLOWED = {"allow_pickle": False, "safe_mode": True, "shell": False, "verify": True}


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def unsafe_calls_in(source):
    """Return what is unsafe in the calls of a source.

    Unsafe are the functions that may run code from their input, and the arguments with a forbidden value.
    """
    tree = ast.parse(source)
    code_runners = [name for call in calls(tree) if (name := ast.unparse(call.func)) in CODE_RUNNERS]
    arguments = [(keyword.arg, ast.unparse(keyword.value)) for call in calls(tree) for keyword in call.keywords]
    return code_runners + [
        f"{name}={value}" for name, value in arguments if name in ALLOWED and value != str(ALLOWED[name])
    ]


def test_unsafe_arguments_are_found():
    source = "np.load(file, allow_pickle=True)\nnp.load(file, allow_pickle=False)\nsubprocess.run(x, shell=shell)"
    assert unsafe_calls_in(source) == ["allow_pickle=True", "shell=shell"]


def test_only_pickles_from_the_projects_own_processes_are_loaded():
    unsafe = {f"{path.parent.name}/{path.name}": unsafe_calls_in(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: calls for name, calls in unsafe.items() if calls} == {
        # Sent by a driver to Dask workers. Processes of a Dask cluster can run any code in each other anyway.
        "execution/on_cluster.py": ["pickle.loads"],
        "execution/pool.py": ["pickle.load"],  # sent by a worker to the process that has started it
        "execution/worker.py": ["pickle.load"],  # sent to a worker by the process that has started it
    }


def test_no_module_imports_an_unsafe_function_by_its_bare_name():
    """The tests above find an unsafe function only by its full name, such as `pickle.load`.

    They would miss the same function if a module imported it as `load`.
    """
    imported = {
        alias.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module in ("pickle", "joblib", "marshal", "os", "keras.models", "keras.saving", "subprocess")
        for alias in node.names
    }
    assert not imported & {"load", "loads", "system", "load_model", "Unpickler"}
