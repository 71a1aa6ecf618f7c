"""Write the generated pages: `python -m docs.generator`."""

from docs.generator.pages import PAGES

for path, make in PAGES.items():
    path.write_text(make())
