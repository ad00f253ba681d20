"""What Python code means, whatever its comments, docstrings and layout: a digest of its syntax tree."""

import ast
import hashlib
from functools import cache


@cache  # a study asks for the same sources once per variant
def digest_of_meaning(source: str) -> str:
    """Return a SHA-256 that only an edit which can change what the code does changes; alike on Python 3.11 to 3.13.

    Raises SyntaxError where the source is not Python.
    """
    return hashlib.sha256(_text(ast.parse(source)).encode()).hexdigest()


def _text(node: object) -> str:
    """Return a syntax tree as text, without what is empty: later Pythons add fields that are empty in older code."""
    if isinstance(node, ast.AST):
        fields = {name: _text(value) for name, value in _fields(node).items() if value is not None and value != []}
        return f"{type(node).__name__}({','.join(f'{name}={text}' for name, text in fields.items())})"
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    return repr(node)


def _fields(node: ast.AST) -> dict[str, object]:
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Constant):
        return {"value": node.value}  # without `kind`, which tells u"" from ""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return fields
