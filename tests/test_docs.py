"""README and docs agree with the project: folders of src/lenet/, commands, files, headings, numbers of a sweep."""

import csv
import json
import re
import statistics
from pathlib import Path

import pytest
from support.paths import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "data/README.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
TARGETS = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_architecture_md_names_every_room_and_every_module_outside_the_rooms():
    package = ROOT / "src" / "lenet"
    rooms = {f"{folder.parent.name}/" for folder in package.glob("*/__init__.py")}
    modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    assert rooms | modules <= set(re.findall(r"\b[a-z]\w*(?:\.py|/)", text("docs/architecture.md")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_test_file_and_link_that_a_page_names_exists(page):
    content = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", content)) <= TARGETS
    for path in re.findall(r"`(tests/[\w/]+\.py)`", content):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)]+)\)", content):
        path, _, heading = link.partition("#")
        if not path.startswith("http"):
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def headings(page: Path):
    """Return the anchors that GitHub makes for the headings of a page."""
    titles = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_has_at_most_80_lines():
    assert len(text("README.md").splitlines()) <= 80


def test_every_guarantee_names_tests_that_exist():
    rows = re.findall(r"(?m)^\| (?!promise|---)(.*) \|$", text("docs/guarantees.md"))
    assert len(rows) > 15
    for row in rows:
        test_files = re.findall(r"`([\w/]+\.py)`", row.rsplit("|", 1)[-1])
        assert test_files, row
        assert all((ROOT / "tests" / name).exists() or (ROOT / name).exists() for name in test_files), test_files


def test_the_documented_tracking_server_has_the_options_of_the_tested_one():
    (command,) = re.findall(r"(?m)^(MLFLOW_\w+)=\S+ \\\n +mlflow server (.*)$", text("docs/scaling.md"))
    tested_server = text("tests/support/mlflow_servers.py")
    for name in (command[0], *re.findall(r"--[a-z-]+", command[1])):
        assert f'"{name}"' in tested_server, name


def test_the_documented_table_of_training_errors_equals_its_csv_file():
    with open(ROOT / "sweeps/lenet5_1998_steps/trials.csv") as file:
        rows = list(csv.DictReader(file))
    columns = [f"train_error_percent_epoch_{epoch}" for epoch in (1, 2, 5, 10, 19)] + ["validation_error_percent"]
    documented = re.findall(r"(?m)^\| v = .*?\|(.*)\|$", text("docs/lenet-1998.md"))
    assert [row.replace(" ", "").split("|") for row in documented] == [
        [f"{float(row[column]):.2f}" for column in columns] for row in rows
    ]


def test_the_documented_errors_of_lenet5_1998_are_the_committed_ones():
    result = json.loads(text("reports/details/lenet5_1998.json"))
    train_error = statistics.fmean(seed["history"]["train/error_percent"][18] for seed in result["seeds"])
    test_error = result["summary"]["test/error_percent"]
    paragraph = " ".join(text("docs/lenet-1998.md").split())
    sentence = f"the training error in pass 19 is {train_error:.2f} %, and the network misreads {test_error:.2f} %"
    assert sentence in paragraph


def test_the_documented_table_of_the_sweep_equals_its_csv_file():
    with open(ROOT / "sweeps/lenet5_1998/trials.csv") as file:
        rows = list(csv.DictReader(file))
    documented = re.findall(r"(?m)^\| equation .*\| (\d\.\d\d) \| (.*)\|$", text("docs/lenet-1998.md"))
    assert [error for error, _ in documented] == [f"{float(row['validation_error_percent']):.2f}" for row in rows]
    differences = [[float(row[f"validation_error_percent_difference{end}"]) for end in ("", "_se")] for row in rows]
    assert [difference.strip() for _, difference in documented[1:]] == [
        f"{difference:+.2f} ± {se:.2f}" for difference, se in differences[1:]
    ]
