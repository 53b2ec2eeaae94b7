"""Write the synchronous face from the asynchronous one: `anabranch.sync`.

Signatures and docstrings are those of the classes it stands for. `python docs/generate_sync.py`
writes the file, and a test compares what this gives with what is committed.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

TARGET: Final = Path(__file__).parents[1] / "app/anabranch/sync.py"
_HEAD: Final = '''"""The synchronous face, for notebooks and scripts: `from anabranch.sync import Memory`.

It has the classes of the asynchronous face, with the same names, arguments and errors, and nothing
to await. Asynchronous iterators are plain ones here. It may be called from several threads,
and beside a running event loop. Made by `python docs/generate_sync.py`: change it there.
"""
'''
_CLASSES: Final = (
    ("anabranch.memory.memory", "Memory"),
    ("anabranch.memory.session", "Session"),
    ("anabranch.memory.session", "SessionHold"),
    ("anabranch.memory.graph", "MemoryGraph"),
    ("anabranch.memory.past", "MemoryPast"),
    ("anabranch.memory.forgetting.retention", "MemoryRetention"),
    ("anabranch.memory.transfer", "MemoryTransfer"),
    ("anabranch.memory.thinking.work", "MemoryWork"),
    ("anabranch_projections.dead_letters", "DeadLetters"),
)
LEFT_OUT: Final = frozenset({"sessions"})
"""Names that have no plain twin: the commands one by one are awaited, each by itself."""
_NAMES: Final = frozenset(name for _, name in _CLASSES)
_OPENED: Final = "Memory"
_WORDS: Final = (
    ("`async with`", "`with`"),
    ("`await Memory.open(...)` opens it too", "`Memory.open(...)` has opened it"),
    ("`await memory.close()`", "`memory.close()`"),
)
_METHOD = ast.FunctionDef | ast.AsyncFunctionDef


class _Source(NamedTuple):
    """A class as it is written, and where the names in its module come from."""

    node: ast.ClassDef
    module: str
    imports: dict[str, str]


def sync_face() -> str:
    """Return the text of `anabranch/sync.py`."""
    sources = [_source(module, name) for module, name in _CLASSES]
    body = "\n\n".join(_class(source) for source in sources)
    return _formatted("\n".join([_HEAD, *_imports(sources, body), "", "", body]))


def write() -> None:
    """Write it where it is committed."""
    TARGET.write_text(sync_face(), encoding="utf-8")


def _source(module: str, name: str) -> _Source:
    tree = ast.parse(Path(str(import_module(module).__file__)).read_text(encoding="utf-8"))
    (node,) = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    imports = {
        alias.asname or alias.name: one.module
        for one in ast.walk(tree)
        if isinstance(one, ast.ImportFrom) and one.module
        for alias in one.names
    }
    own = {one.targets[0].id: module for one in tree.body if _constant(one)}  # type: ignore[attr-defined]
    own |= {one.target.id: module for one in tree.body if isinstance(one, ast.AnnAssign)}  # type: ignore[union-attr]
    own |= {one.name: module for one in tree.body if isinstance(one, ast.ClassDef)}
    return _Source(node, module, {**imports, **own})


def _constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)


def _imports(sources: list[_Source], body: str) -> list[str]:
    """Return the imports that the body needs: those of annotations for type checkers only."""
    tree = ast.parse(body)
    methods = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    arguments = [one for one in ast.walk(tree) if isinstance(one, ast.arg)]
    evaluated = _names(
        default for one in methods for default in (*one.args.defaults, *one.args.kw_defaults)
    )
    used = evaluated | _names(one.annotation for one in arguments)
    used |= _names(one.returns for one in methods)
    homes = {name: home for source in sources for name, home in source.imports.items()}
    homes |= {"Iterator": "collections.abc"}
    lines = ["from __future__ import annotations", ""]
    lines += ["from typing import TYPE_CHECKING", ""]
    lines += [
        f"from {module} import {name}{' as Async' + name if name in _NAMES else ''}"
        for module, name in _CLASSES
    ]
    lines += ["from anabranch.loop_thread import LOOP, Face, OpenFace"]
    wanted = sorted((homes[name], name) for name in used & set(homes) - _NAMES)
    lines += [f"from {home} import {name}" for home, name in wanted if name in evaluated]
    lines += ["", "if TYPE_CHECKING:"]
    lines += [f"    from {home} import {name}" for home, name in wanted if name not in evaluated]
    return [*lines, "", f"__all__ = {sorted(_NAMES)!r}"]


def _names(expressions: Iterable[ast.expr | None]) -> set[str]:
    return {
        name.id
        for expression in expressions
        if expression is not None
        for name in ast.walk(expression)
        if isinstance(name, ast.Name)
    }


def _class(source: _Source) -> str:
    node = source.node
    base = "OpenFace" if node.name == _OPENED else "Face"
    methods = [one for one in node.body if isinstance(one, _METHOD)]
    parts = [f"class {node.name}({base}[Async{node.name}]):", _docstring(node, indent=4)]
    parts += [
        _attribute(one.target.id, one.annotation, owner=node.name)
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    ]
    parts += [text for one in methods if (text := _method(one, owner=node.name))]
    return "\n".join(parts)


def _attribute(name: str, annotation: ast.expr, *, owner: str) -> str:
    says = f"The `{name}` of this {owner.lower()}."
    return (
        f"    @property\n    def {name}(self) -> {ast.unparse(annotation)}:\n"
        f'        """{says}"""\n        return self._wrapped.{name}\n'
    )


def _method(node: _METHOD, *, owner: str) -> str | None:
    if node.name in {"__aenter__", "__aexit__"} and owner != _OPENED:
        return _context(node)
    closes = node.name == "close" and owner == _OPENED
    if node.name.startswith("_") or closes or node.name in LEFT_OUT:
        return None
    decorators = "".join(f"    @{ast.unparse(one)}\n" for one in node.decorator_list)
    returns = ast.unparse(node.returns or ast.Constant(None)).replace("AsyncIter", "Iter")
    head = f"{decorators}    def {node.name}({ast.unparse(node.args)}) -> {returns}:"
    return f"{head}\n{_docstring(node, indent=8)}        {_body(node, returns, owner=owner)}\n"


def _context(node: _METHOD) -> str:
    """Return what opens or closes a block; it has no docstring there either."""
    name = node.name.replace("__a", "__")
    if name == "__enter__":
        body = "LOOP.run(self._wrapped.__aenter__())\n        return self"
        return f"    def __enter__(self) -> Self:\n        {body}\n"
    head = f"    def {name}({ast.unparse(node.args)}) -> None:"
    return f"{head}\n        LOOP.run(self._wrapped.{node.name}({_passed(node.args)}))\n"


def _body(node: _METHOD, returns: str, *, owner: str) -> str:
    decorators = {ast.unparse(one) for one in node.decorator_list}
    call = f"self._wrapped.{node.name}"
    if "classmethod" in decorators:
        return f"return cls(Async{owner}.{node.name}({_passed(node.args)})).__enter__()"
    if "property" not in decorators:
        call = f"{call}({_passed(node.args)})"
    if "Iterator[" in returns:
        return f"return LOOP.iterate({call})"
    if isinstance(node, ast.AsyncFunctionDef):
        call = f"LOOP.run({call})"
    return f"return {returns}({call})" if returns in _NAMES else f"return {call}"


def _passed(arguments: ast.arguments) -> str:
    """Return the arguments of a call that hands on those of a method."""
    passed = [one.arg for one in (*arguments.posonlyargs, *arguments.args)][1:]
    passed += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    passed += [f"{one.arg}={one.arg}" for one in arguments.kwonlyargs]
    passed += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return ", ".join(passed)


def _docstring(node: ast.ClassDef | _METHOD, *, indent: int) -> str:
    text = ast.get_docstring(node) or ""
    for awaited, plain in _WORDS:
        text = text.replace(awaited, plain)
    if not text or re.search(r"\bawait\b|\basync\b", text):
        raise ValueError(f"{node.name} says nothing that fits here: {text!r}")
    lines = [f"{' ' * indent}{line}" if line else "" for line in f'"""{text}'.splitlines()]
    end = '"""' if len(lines) == 1 else f'\n{" " * indent}"""'
    return "\n".join(lines) + end + "\n"


def _formatted(text: str) -> str:
    name = str(TARGET)
    fix = ("check", "--quiet", "--select", "I001", "--fix", "--stdin-filename", name, "-")
    for arguments in (fix, ("format", "--quiet", "--stdin-filename", name, "-")):
        command = [sys.executable, "-m", "ruff", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        text = done.stdout
    return text


if __name__ == "__main__":
    write()
