"""Set up the site: values only; the code they name lives in docs/_ext."""

import gc
import os
import sys
import tomllib
from pathlib import Path

# Threads share out a sum, and its last digit depends on how many there are: one, so that every machine builds the same.
os.environ["OMP_NUM_THREADS"] = "1"

# Pages are very many small objects that live as long as the build does: to look for garbage among them so often as
# Python does takes a fifth of the time.
gc.set_threshold(50_000, 20, 50)

root = Path(__file__).parent
sys.path[:0] = [str(root / "docs"), str(root)]

from _ext.pages import measurements  # noqa: E402  # found by that path

project = "chainrule"
author = "The chainrule authors"
project_copyright = author
language = "en"
release = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "myst_nb",
    "_ext.execute",  # when MyST is configured, and before the lessons run
    "sphinx_gallery.gen_gallery",
    "_ext.pages",
    "_ext.lessons.course",
    "_ext.lessons.downloads",
    "_ext.lessons.questions",
    "_ext.lessons.error_index",
    "_ext.lessons.moved",
]
exclude_patterns = [
    "_build",
    "_ext",
    "**/jupyter_execute",
    "jupyter_execute",
    "lessons/**/*.ipynb",  # the gallery's downloads, which myst-nb would take for pages
]
suppress_warnings = [
    "mystnb.exec",  # docs/_ext/execute/failure.py says it, with file and line
    "sphinx_gallery.example_error",  # likewise
    "sphinx_gallery.space_in_filename",  # it looks at the whole path, and a checkout's folder may have spaces
]
nitpicky = True
nitpick_ignore_regex = [("py:class", r"[~\w.]+\[.*|Number")]  # a default made anew cuts types at their commas
default_role = "literal"  # in docstrings and lessons, `code` is code

# Links to other projects, checked without a network against the names that docs/_inventories lists
intersphinx_mapping = {
    name: (url, f"_inventories/{name}.txt")
    for name, url in {
        "matplotlib": "https://matplotlib.org/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "python": "https://docs.python.org/3/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }.items()
}

# The API, from docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"Figure": "matplotlib.figure.Figure"}  # only type checkers import it
autoclass_content = "class"
python_use_unqualified_type_names = True
add_module_names = False

# The lessons: each part of the course is a gallery
parts = sorted(path.name for path in (root / "examples").glob("[0-9]*") if path.is_dir())
sphinx_gallery_conf = {
    "examples_dirs": [f"../examples/{part}" for part in parts],
    "gallery_dirs": [f"lessons/{part}" for part in parts],
    "copyfile_regex": r"index\.rst",  # a part's page is written by hand; see docs/_ext/lessons/course.py
    "filename_pattern": r"\d+_\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_", "__repr__"),
    "image_scrapers": ("_ext.execute.gallery.after_block",),
    "reset_modules": (),  # each lesson has a process of its own
    "remove_config_comments": True,
    # what docs/_ext/lessons/downloads.py puts for PACKAGE is known when a site is built
    "first_notebook_cell": """\
import importlib.util
import pathlib

if not importlib.util.find_spec("chainrule"):  # from the file that came with this notebook, or as in Colab
    files = [f"{file}[lessons]" for file in pathlib.Path("..").glob("chainrule-*.whl")]
    package = (files or ["PACKAGE"])[0]
    %pip install --quiet '{package}'""",
    "download_all_examples": False,  # docs/_ext/lessons/downloads.py makes archives without dates
    "write_computation_times": False,
    "min_reported_time": 1_000_000,
    "show_signature": False,
    "css": ("sg_gallery",),
}

lessons_from_index = False  # True once the index has the package: then lessons are installed from there

# Pages that have moved: the address of before, and that of now
further = {"4_batches": "index 10_batches 20_is_it_right 30_softmax 95_digits"}
further["7_inside"] = "40_tiny_engine 50_autograds_life 60_own_backward 70_shared_weights 80_no_gradient 90_why_reverse"
clinic = "index 10_not_zeroed 20_sum_for_mean 30_not_a_leaf 40_data 50_missing_squeeze 60_detached"
moved = {
    "concepts/one_sweep": "lessons/7_inside/90_why_reverse",
    "concepts/mistakes": "how-to/mistakes",
    **{f"lessons/4_further/{name}": f"lessons/{part}/{name}" for part in further for name in further[part].split()},
    **{f"lessons/5_clinic/{name}": f"lessons/8_clinic/{name}" for name in clinic.split()},
    **{f"lessons/5_clinic/{name}": f"lessons/8_clinic/{name}" for name in ("70_symmetric_or_dead", "80_vanishing")},
}

# The chapters
nb_execution_mode = "cache"
nb_execution_cache_path = str(root / "docs/_build/executed")
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_output_stderr = "warn"
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution"]
myst_substitutions = measurements.substitutions()

# How it looks
html_theme = "furo"
html_title = "chainrule"
html_favicon = "docs/_static/logo.svg"
html_static_path = ["docs/_static"]
html_extra_path = ["docs/_headers"]
templates_path = ["docs/_templates"]
html_additional_pages = {"404": "404.html"}
html_css_files = ["chainrule.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_math_renderer = "katex"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_selector = ":not(.sphx-glr-script-out):not(.output) > div.highlight > pre"
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
        "font-stack--monospace": "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        "color-brand-primary": "#0b5cad",
        "color-brand-content": "#0b5cad",
        "color-brand-visited": "#0b5cad",
        "color-code-background": "#f6f8fa",
        "color-api-name": "var(--color-foreground-primary)",
        "color-api-pre-name": "var(--color-foreground-secondary)",
        "chainrule-value": "#0b5cad",
        "chainrule-gradient": "#a84300",
    },
    "dark_css_variables": {
        "color-brand-primary": "#79b8ff",
        "color-brand-content": "#79b8ff",
        "color-brand-visited": "#79b8ff",
        "color-api-name": "var(--color-foreground-primary)",
        "color-api-pre-name": "var(--color-foreground-secondary)",
        "chainrule-value": "#79b8ff",
        "chainrule-gradient": "#ffa657",
    },
}
