import json
import math
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from support.builders import settings, variant_result

from lenet.tracking import pages


def describe(about="", baseline_settings=None, errors=(1.0, 2.0)):
    result = variant_result("tanh_sgd", errors)
    known = settings() if baseline_settings is None else baseline_settings
    return pages.describe_variant(result, about, "tanh_sgd", known)


def test_a_variants_first_line_is_its_result():
    assert describe(errors=[1.0, 2.0]).startswith("Test error **1.50 %** (95 % interval ")
    assert describe(errors=[1.0]).startswith("Test error **1.00 %**.\n")
    result = variant_result("tanh_sgd", [90.0])
    diverged = replace(result, summary=dict(result.summary) | {"test/loss": math.nan})
    assert pages.describe_variant(diverged, "", "tanh_sgd", settings()).startswith("The training diverged.\n")


def test_a_variant_says_what_differs_from_the_baseline_and_the_baseline_that_it_is():
    earlier = settings(activation="relu")
    del earlier["dropout"]
    text = describe(baseline_settings=earlier)
    assert "means over 2 seeds" in text
    assert "Changes from `tanh_sgd`: `activation` relu → tanh · `dropout` – → 0.0.\n" in text
    text = describe(errors=[1.0])
    assert "one seed" in text
    assert "It has the settings of `tanh_sgd`, the baseline" in text


def test_a_description_is_text_whatever_is_in_it_and_a_paper_that_it_cites_a_link():
    about = "<script>1</script>\n# Adam (Kingma and Ba 2015)"
    shown = "&lt;script&gt;1&lt;/script&gt; # Adam ([Kingma and Ba 2015](https://doi.org/10.48550/arXiv.1412.6980))"
    sweep = pages.sweep_experiment("a", about, "digits", [])
    for text in (describe(about), sweep.description):
        assert shown in text.splitlines()


def test_every_page_leads_to_the_paper_and_names_its_data():
    for describe_it in (lambda dataset: pages.study_experiment(dataset).description, pages.describe_model):
        assert "https://doi.org/10.1109/5.726791" in describe_it("mnist")
        assert "MNIST" in describe_it("mnist")
        assert "1,797 digits" in describe_it("digits")


def test_a_list_shows_variants_by_test_error_in_columns_that_fit_beside_mlflows_assistant():
    tags = pages.experiment_tags(pages.study_experiment("digits"))
    key = pages.list_page("1").rpartition("viewStateShareKey=")[2]
    view = json.loads(tags[f"mlflow.sharedViewState.{key}"])
    assert view["searchFilter"] == "tags.kind = 'variant'"
    named = [column.partition("`")[2].rstrip("`") for column in view["selectedColumns"]]
    assert named[:6] == ["test/error_percent", "interval", "seeds", "activation", "optimizer", "learning_rate"]
    first = [*pages._LEFT, *view["selectedColumns"][:6]]
    assert sum(view["columnWidths"][column] for column in first) <= 865  # of 1,600 pixels, what is left for them


def test_a_comparison_draws_the_runs_over_each_other_and_their_colours_differ():
    path, _, query = pages.comparison_page("7", ["a", "b"]).partition("?")
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
def test_a_description_is_renewed_unless_a_person_wrote_or_removed_it(current, written, should_replace):
    tags = {"written_description": pages.description_digest(written)} if written else {}
    assert pages.should_replace("new", current, tags) == should_replace
