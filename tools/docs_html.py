"""How pages become HTML: formulas as MathML when the site is built, so that no script is needed."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(tex: str, node: nodes.Node, block: bool = False) -> str:
    """A formula as MathML; one that cannot be read is a warning, which ends the build."""
    try:
        return tex2mathml(tex, as_block=block).replace("<mo>'</mo>", "<mo>′</mo>")
    except Exception as error:  # docutils raises MathError, and IndexError for unclosed groups
        logger.warning("formula %r: %s", tex, error, location=node)
        return ""


def inline(self: Any, node: nodes.math) -> None:
    """Write a formula inside a line."""
    self.body.append(mathml(node.astext(), node))
    raise nodes.SkipNode


def block(self: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has one."""
    tex = node.astext()
    if "\\\\" in tex and "\\begin{" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    # the keyboard must reach what may be wider than a phone
    self.body.append(self.starttag(node, "div", CLASS="math", tabindex="0"))
    if node["number"]:
        number = self.get_node_equation_number(node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(mathml(tex, node, block=True) + "</div>\n")
    raise nodes.SkipNode


def no_empty_headers(app: Any, pagename: str, template: str, context: Any, tree: Any) -> None:
    """Make cells of a table's head that say nothing plain cells, for those who listen to a page."""
    body = context.get("body", "")
    context["body"] = re.sub(
        r'<th class="head([^"]*)"><p></p></th>', r'<td class="head\1"></td>', body
    )


def setup(app: Any) -> dict[str, Any]:
    """Register the renderer under the name that conf.py chooses, and the change of tables."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("html-page-context", no_empty_headers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
