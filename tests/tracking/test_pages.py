import json
import math
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from support.builders import settings, variant_result

from lenet.tracking import pages


def describe(about="", baseline_settings=None, errors=(1.0, 2.0)):
    result = variant_result("tanh_sgd", errors)
    baseline = settings() if baseline_settings is None else baseline_settings
    return pages.describe_variant(result, about, "tanh_sgd", baseline)


def test_a_variants_description_starts_with_its_test_error():
    assert describe(errors=[1.0, 2.0]).startswith("Test error **1.50 %** (95 % interval ")
    assert describe(errors=[1.0]).startswith("Test error **1.00 %**.\n")
    result = variant_result("tanh_sgd", [90.0])
    diverged = replace(result, summary=dict(result.summary) | {"test/loss": math.nan})
    assert pages.describe_variant(diverged, "", "tanh_sgd", settings()).startswith("The training diverged.\n")


def test_a_variants_description_lists_its_changes_from_the_baseline_or_says_that_it_is_the_baseline():
    other_baseline = settings(activation="relu")
    del other_baseline["dropout"]
    text = describe(baseline_settings=other_baseline)
    assert "means over 2 seeds" in text
    assert "Changes from `tanh_sgd`: `activation` relu → tanh · `dropout` – → 0.0.\n" in text
    text = describe(errors=[1.0])
    assert "one seed" in text
    assert "It has the settings of `tanh_sgd`, the baseline" in text


def test_descriptions_escape_html_and_markdown_and_link_cited_papers():
    about = "<script>1</script>\n# Adam (Kingma and Ba 2015)"
    expected_line = (
        "&lt;script&gt;1&lt;/script&gt; # Adam ([Kingma and Ba 2015](https://doi.org/10.48550/arXiv.1412.6980))"
    )
    sweep = pages.sweep_experiment("a", about, "digits", [])
    for text in (describe(about), sweep.description):
        assert expected_line in text.splitlines()


def test_study_and_model_descriptions_link_the_paper_and_name_the_data_set():
    for description_of in (lambda dataset: pages.study_experiment(dataset).description, pages.describe_model):
        assert "https://doi.org/10.1109/5.726791" in description_of("mnist")
        assert "MNIST" in description_of("mnist")
        assert "1,797 digits" in description_of("digits")


def test_the_list_is_sorted_by_test_error_and_its_first_columns_fit_beside_mlflows_assistant():
    tags = pages.experiment_tags(pages.study_experiment("digits"))
    key = pages.variant_list_path("1").rpartition("viewStateShareKey=")[2]
    view = json.loads(tags[f"mlflow.sharedViewState.{key}"])
    assert view["searchFilter"] == "tags.kind = 'variant'"
    names = [column.partition("`")[2].rstrip("`") for column in view["selectedColumns"]]
    assert names[:6] == ["test/error_percent", "interval", "seeds", "activation", "optimizer", "learning_rate"]
    visible = [*pages._FIRST_COLUMNS, *view["selectedColumns"][:6]]
    assert sum(view["columnWidths"][column] for column in visible) <= 865  # the width that remains of 1,600 pixels


def test_the_comparison_page_selects_its_runs_and_the_main_variants_have_different_colours():
    path, _, query = pages.comparison_path("7", ["a", "b"]).partition("?")
    assert path == "/#/experiments/7/runs"
    assert parse_qs(query)["searchFilter"] == ["attributes.run_id IN ('a', 'b')"]
    assert len({str(pages.colour_tag(variant)) for variant in ("tanh_sgd", "relu_adam", "modern")}) == 3


@pytest.mark.parametrize(
    ("current", "written", "should_replace"),
    [
        (None, None, True),
        ("", None, True),
        ("ours", "ours", True),
        ("new", "new", False),
        ("a person's", "ours", False),
        ("a person's", None, False),
        ("", "ours", False),
    ],
)
def test_a_description_is_replaced_unless_a_person_wrote_or_removed_the_current_one(current, written, should_replace):
    tags = {"written_description": pages.description_digest(written)} if written else {}
    assert pages.should_replace("new", current, tags) == should_replace
