"""What the templates of an edition do with each value of a person: read off their syntax, before anybody is mailed.

Law: a value that is only printed, or asked whether it is there, may be left out of a page and put in later; any other
use makes the value itself decide about the page. What cannot be told for certain counts as deciding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from .sandbox import Sandbox

CHANCE_FILTERS, CHANCE_FUNCTIONS = frozenset(("random",)), frozenset(("lipsum",))
"""Their results are others each time."""
PAGE = frozenset(("content", "content_slots", "tips"))
LINKS = frozenset(("unsubscribe_url", "view_url", "click_url"))
LINES = frozenset(("subject", "preheader"))


def names_in(environment: Sandbox, texts: Iterable[str]) -> set[str]:
    """The names that templates read and do not set themselves."""
    return {name for text in texts for name in find_undeclared_variables(environment.parse(text))}


class Uses:
    """Names by what is done with them; `known` is False where that cannot be told."""

    def __init__(self) -> None:
        self.printed: set[str] = set()
        self.deciding: set[str] = set()
        self.known = True

    def read(self, tree: nodes.Node, ours: Collection[str] = (), *, all_decide: bool = False) -> None:
        """Note the uses in a template. `ours` are names that hold no value of a person there.

        With `all_decide` a value that is only printed decides, too.
        """
        reader = _Reader(ours)
        reader.visit(tree, printed=False)
        (self.deciding if all_decide else self.printed).update(reader.printed)
        self.deciding |= reader.deciding
        self.known = self.known and reader.known


def read_uses(
    environment: Sandbox, pages: Iterable[str], lines: Iterable[str], titles: Iterable[str], facts: Collection[str]
) -> Uses | None:
    """The uses of people's values in an edition's templates, or None where they cannot be told.

    `pages` are the layout, the text and the tips' bodies, `lines` subject and preheader, `titles` those of tips;
    `facts` are the names that hold the same for everybody.
    """
    trees = [environment.parse(page) for page in pages]
    title_trees = [environment.parse(title) for title in titles]
    line_trees = [environment.parse(line) for line in lines]
    ours = {*LINKS, *facts} - {"language"}
    uses, all_names = Uses(), Uses()
    for tree in trees:
        all_names.read(tree)
        uses.read(tree, ours | LINES | PAGE)
    for tree in title_trees:
        all_names.read(tree, all_decide=True)
        uses.read(tree, ours | LINES | PAGE, all_decide=True)
    lines_decide = bool(all_names.deciding & LINES)
    for tree in line_trees:
        all_names.read(tree)
        uses.read(tree, ours, all_decide=lines_decide)
    return uses if uses.known and not all_names.deciding & LINKS else None


class _Reader:
    """Walks a syntax tree, telling whether a value is printed as it is, or what else is done with it."""

    def __init__(self, ours: Collection[str]) -> None:
        self._ours = ours
        self.printed: set[str] = set()
        self.deciding: set[str] = set()
        self.known = True

    def visit(self, node: nodes.Node, *, printed: bool) -> None:
        """`printed`: the value of `node` is printed as it is, or asked whether it is there, and nothing else."""
        name = _of_customer(node)
        if name is not None:
            self._note(name, printed=printed)
        elif isinstance(node, nodes.Name):
            if node.name == "customer" or node.name in CHANCE_FUNCTIONS:
                self.known = False
            elif node.name not in self._ours:
                self._note(node.name, printed=printed)
        elif isinstance(node, nodes.Filter) and node.name in CHANCE_FILTERS:
            self.known = False
        else:
            for child, as_is in _children(node, printed=printed):
                self.visit(child, printed=as_is)

    def _note(self, name: str, *, printed: bool) -> None:
        (self.printed if printed else self.deciding).add(name)


def _children(node: nodes.Node, *, printed: bool) -> Iterable[tuple[nodes.Node, bool]]:
    """What `node` is made of, each with whether it is printed as it is or only asked whether it is there."""
    if isinstance(node, nodes.Output):
        return [(child, True) for child in node.nodes]
    if isinstance(node, nodes.If | nodes.CondExpr):
        rest = [child for child in node.iter_child_nodes() if child is not node.test]
        return [(node.test, True), *((child, printed) for child in rest)]
    if isinstance(node, nodes.And | nodes.Or):
        return [(node.left, printed), (node.right, printed)]
    if isinstance(node, nodes.Not):
        return [(node.node, True)]
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return [(node.node, True)]
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.node is not None:
        return [(child, printed and child in (node.node, *node.args)) for child in node.iter_child_nodes()]
    return [(child, False) for child in node.iter_child_nodes()]


def _of_customer(node: nodes.Node) -> str | None:
    """The name in `customer.name` or `customer["name"]`."""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "customer":
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and node.node.name == "customer":
        return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None
    return None
