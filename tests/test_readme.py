import re

from support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_names_every_module():
    modules = {path.name for path in (ROOT / "src" / "lenet").glob("*.py")} - {"__init__.py"}
    assert modules == set(re.findall(r"\b[a-z]\w*\.py\b", README)) - {"test_pipeline.py"}


def test_the_make_targets_it_names_exist():
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", README))
    assert {"repro", "test"} <= named <= targets


def test_the_files_it_links_are_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    assert all((ROOT / link).exists() for link in links)
