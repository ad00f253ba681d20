"""The digest of a Python file's syntax tree.

Two files have the same digest if they differ only in comments, docstrings and layout, because these cannot change what
the code does. Other edits, even the renaming of a variable, change the digest. `code.py` combines the digests of
several files into the digest of the code.
"""

import ast
import hashlib
from functools import cache


@cache  # a study asks for the digest of the same file once per variant
def syntax_digest(source: str) -> str:
    """Return the SHA-256 of a source's syntax tree without docstrings.

    Python 3.11 to 3.13 give the same SHA-256. Raises SyntaxError if the source is not Python.
    """
    return hashlib.sha256(_text(ast.parse(source)).encode()).hexdigest()


def _text(node: object) -> str:
    """Return a syntax tree as text.

    The text has no empty fields. So it stays the same if a later Python adds a field that is empty for existing code.
    """
    if isinstance(node, ast.AST):
        fields = {name: _text(value) for name, value in _fields(node).items() if value is not None and value != []}
        return f"{type(node).__name__}({','.join(f'{name}={text}' for name, text in fields.items())})"
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    return repr(node)


def _fields(node: ast.AST) -> dict[str, object]:
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Constant):
        return {"value": node.value}  # without `kind`, the only difference between u"" and ""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return fields
