"""Convert values to JSON that can be embedded in a page."""

import json
from typing import Any

from markupsafe import Markup


def as_json(value: Any) -> Markup:
    """Return a value as JSON that is safe inside a <script> element. Equal values give equal text."""
    return Markup(json.dumps(value, sort_keys=True).replace("<", "\\u003c"))
