"""Sphinx's settings; `python tools/docs.py` assembles the pages and calls it."""

import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import descend

project = "descend"
author = "the authors of descend"
copyright = "the authors of descend, Apache-2.0"
version = release = descend.__version__
language = "en"

extensions = ["myst_parser", "docs_html"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False
root_doc = "index"
nitpicky = True
smartquotes = False  # docstrings hold formulas: a prime is no quotation mark
add_module_names = False
toc_object_entries_show_parents = "hide"
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "descend"
html_math_renderer = "mathml"
# a font for formulas, STIX Two Math, comes with a package: few systems have one
package = importlib.util.find_spec("ziamath")
html_static_path = ["_static", f"{package.submodule_search_locations[0]}/fonts"]
html_css_files = ["descend.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # the excerpts would be fetched, which file:// refuses
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "descend"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
