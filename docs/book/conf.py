"""Sphinx's settings for the book; `make_book.py` gathers its pages and runs them."""

project = "lab_kit"
html_title = "Serving speech models in production"
extensions = ["myst_nb"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
# the pages' light and dark, in the colors of the course's pictures
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1265c1", "color-brand-content": "#1265c1"},
    "dark_css_variables": {"color-brand-primary": "#6ba6fb", "color-brand-content": "#6ba6fb"},
}
nb_execution_mode = "off"  # `make_book.py` has run them
nb_merge_streams = True
myst_heading_anchors = 3
# a guess is a widget, which a page that only reads cannot have
suppress_warnings = ["mystnb.unknown_mime_type"]
nb_code_prompt_show = "Show the exercise's cell"
nb_code_prompt_hide = "Hide the exercise's cell"
