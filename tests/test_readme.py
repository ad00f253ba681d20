import re

from support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_names_every_room_and_what_stands_beside_the_rooms():
    package = ROOT / "src" / "lenet"
    rooms = {f"{folder.parent.name}/" for folder in package.glob("*/__init__.py")}
    beside = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    assert rooms | beside <= set(re.findall(r"\b[a-z]\w*(?:\.py|/)", README))


def test_the_make_targets_it_names_exist():
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", README))
    assert {"repro", "test"} <= named <= targets


def test_the_files_it_links_are_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith(("http", "#"))]
    assert links
    assert all((ROOT / link).exists() for link in links)
