"""Settings of Sphinx for both languages; the build gives the language and the pages."""

from __future__ import annotations

project = "nextchar"
extensions = ["myst_parser", "tests.docs.site.hangul"]
source_suffix = {".md": "markdown"}
highlight_language = "none"
smartquotes = False  # -- begins an option

html_theme = "furo"
html_title = "nextchar"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

# Pages are plain Markdown, as a forge shows it; directives are those that the build adds.
myst_disable_syntax = ["myst_block_break", "myst_line_comment", "myst_role", "myst_target"]
myst_heading_anchors = 6
# A link to the page's pair in the other language, which is a site of its own to Sphinx.
myst_url_schemes = {
    "http": None,
    "https": None,
    "pair": {"url": "{{path}}", "classes": ["pair"]},
}
