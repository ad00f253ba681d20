"""The code in the docs, which tests run."""

import re

from support.paths import ROOT


def documented_code(page, language, word):
    """Return the code block in docs/<page> that is written in this language and contains this word.

    The tested pipeline uses the bundled digits. So the code block's names of MLflow experiments and models for MNIST
    are replaced by the names for the digits.
    """
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if word in block]
    return block.replace("lenet5-mnist", "lenet5-digits").replace("models:/lenet5@", "models:/lenet5-digits@")
