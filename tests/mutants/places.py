"""Where code can be changed, and how: cosmic-ray's operators, one change for each place and kind of operator."""

from __future__ import annotations

import ast
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

_WITH_ARGUMENTS = {"VariableReplacer", "VariableInserter"}
"""Operators that have to be told a variable."""
OPERATORS = {name: OperatorProvider()[name]() for name in OperatorProvider() if name not in _WITH_ARGUMENTS}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: what an operator does where it applies for the ``occurrence``-th time."""

    path: Path
    operator: str
    occurrence: int
    lines: range

    def code(self) -> str | None:
        """The module so changed; None where that is no Python, or means the same."""
        source = self.path.read_text("utf-8")
        changed = mutate_code(source, OPERATORS[self.operator], self.occurrence)
        try:
            return changed if _meaning(changed) != _meaning(source) else None
        except SyntaxError:
            return None

    @property
    def module(self) -> str:
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    def difference(self) -> str:
        """The lines before and after."""
        before, after = self.path.read_text("utf-8").splitlines(), (self.code() or "").splitlines()
        lines = [line for line in unified_diff(before, after, n=0, lineterm="") if line[:2] not in {"--", "++", "@@"}]
        return "\n".join(["", *lines])


def mutants(path: Path, chance: random.Random) -> list[Mutant]:
    """One for each place and kind of operator: eleven ways to replace the same plus would all find the same."""
    choices: defaultdict[tuple[int, int, str], list[Mutant]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for node in ast_nodes(get_ast(path.read_text("utf-8"))):
        for name, operator in OPERATORS.items():
            for (line, column), (last, _) in operator.mutation_positions(node):
                kind = name.partition("_")[0]
                choices[line, column, kind].append(Mutant(path, name, seen[name], range(line, last + 1)))
                seen[name] += 1
    return [chance.choice(alike) for alike in choices.values()]


def _meaning(source: str) -> str:
    return ast.dump(_WithoutAnnotations().visit(ast.parse(source)))


class _WithoutAnnotations(ast.NodeTransformer):
    """Nobody evaluates them here: each module has ``from __future__ import annotations``."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)
