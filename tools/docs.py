"""Build the documentation: one command, no network.

    python tools/docs.py             docs/_build/html
    python tools/docs.py --check     build, then read every page for outside references and
                                     links that lead nowhere, and compare the output shown on
                                     pages with what the commands print
    python tools/docs.py --fresh     run every lab and write every page again, changed or not

Needs the extra: `python -m pip install ".[docs]"`. Pages are assembled in `docs/_build/source`
(the Markdown files of `docs/`, and what is made of the code, the labs and the benchmarks), and
Sphinx makes HTML of them; a warning ends the build.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import docs_api
import docs_benchmarks
import docs_facts
import docs_gallery
import docs_labs
import docs_slides

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BUILD = DOCS / "_build"
LABS = sorted((ROOT / "labs").glob("*.py"))
# pages whose home is the repository's first folder, where its visitors look for them, and how
# their links lead on from the site's
FROM_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
MOVED = {
    "](docs/": "](",
    "](benchmarks/results/": "](benchmarks/",
    "](CONTRIBUTING.md": "](contributing.md",
    "](CITATION.cff": "](cite.md",
}
CONTENTS = """
```{toctree}
:hidden:

guide/index
how-to
labs/index
slides
reference/index
benchmarks/index
about
```
"""
COPIED = {".md", ".png"}


class Source:
    """The folder that Sphinx reads: files are written where they differ, others removed."""

    def __init__(self, folder: Path):
        self.folder, self.written = folder, set[Path]()

    def put(self, name: str, content: str | bytes) -> None:
        """Write a file, unless it already says this: Sphinx reads anew what has changed."""
        path = self.folder / name
        data = content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.written.add(path)

    def clean(self) -> None:
        """Remove what an earlier build put here and this one did not."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.written:
                path.unlink()


def assemble(folder: Path, *, labs: list[Path], cache: Path, fresh: bool = False) -> None:
    """Write all pages that Sphinx is to read.

    Args:
        folder: where.
        labs: those that are run; the pages of others show no pictures and no figures.
        cache: what runs have left.
        fresh: whether labs are run although they have not changed.
    """
    source = Source(folder)
    for path in sorted(DOCS.rglob("*")):
        inside = path.relative_to(DOCS)
        if path.suffix in COPIED and inside.parts[0] != BUILD.name:
            source.put(str(inside), path.read_bytes())
    for name, target in FROM_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for here, there in MOVED.items():
            text = text.replace(here, there)
        source.put(target, text + (CONTENTS if target == "index.md" else ""))
    for name, text in docs_api.pages(LABS).items():
        source.put(f"reference/{name}", text)
    for name, content in docs_benchmarks.pages(ROOT / "benchmarks").items():
        source.put(f"benchmarks/{name}", content)
    source.put("facts.md", docs_facts.page(ROOT / "benchmarks" / "results"))
    source.put("slides.md", docs_slides.page(DOCS / "slides.toml"))
    gallery(source, docs_labs.run_all(labs, cache, fresh=fresh), cache)
    source.clean()


def gallery(source: Source, ran: dict[str, docs_labs.Ran], cache: Path) -> None:
    """Write the pages of the labs with their pictures and files, and the gallery's index."""
    uses: dict[str, dict[str, str]] = {lab.stem: {} for lab in LABS}
    for path, users in docs_api.labs_that_use(LABS).items():
        for lab in users:
            uses[lab.stem][path.rpartition(".")[2]] = path
    titles, thumbnails = {}, {}
    for lab in LABS:
        name = lab.stem
        left = ran.get(name, docs_labs.Ran(absent=True))
        titles[name] = docs_labs.parts(lab)[0]
        text = docs_gallery.lab_page(lab, left, uses[name], f"pictures/{name}")
        source.put(f"labs/{name}.md", text)
        source.put(f"labs/files/{lab.name}", lab.read_bytes())
        for picture in left.pictures:
            source.put(f"labs/pictures/{name}/{picture.name}", picture.read_bytes())
        if left.pictures:
            small = cache / "thumbnails" / f"{name}.png"
            docs_labs.thumbnail(left.pictures[0], small)
            source.put(f"labs/pictures/small/{name}.png", small.read_bytes())
            thumbnails[name] = f"pictures/small/{name}.png"
    topics = docs_labs.topics(DOCS / "gallery.toml")
    lectures = docs_slides.labs(DOCS / "slides.toml")
    index = docs_gallery.index_page(topics, lectures, titles, thumbnails)
    source.put("labs/index.md", index)


def html(source: Path, target: Path, *, fresh: bool = False) -> int:
    """Call Sphinx; its exit status, which is not 0 where it warned.

    Args:
        source: the folder of `assemble`.
        target: where the site goes.
        fresh: whether all pages are read and written again, also those that have not changed.
    """
    pages = target.parent / "doctrees"
    if fresh:
        shutil.rmtree(pages, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-c", str(DOCS), "-d", str(pages), str(source), str(target)]
    status = subprocess.run(command, check=False).returncode
    if status:  # Sphinx warns only of pages that it reads: the next build reads all of them
        shutil.rmtree(pages, ignore_errors=True)
    return status


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="read the pages for faults, too")
    parser.add_argument("--fresh", action="store_true", help="run every lab, write all pages again")
    parser.add_argument("--labs", help="names of those to run, with commas; by default all")
    given = parser.parse_args()
    own = str(ROOT / "src")  # this checkout is described, whichever descend is installed
    sys.path.insert(0, own)
    os.environ["PYTHONPATH"] = os.pathsep.join([own, os.environ.get("PYTHONPATH", "")])
    labs = [p for p in LABS if not given.labs or p.stem in given.labs.split(",")]
    start = time.perf_counter()
    assemble(BUILD / "source", labs=labs, cache=BUILD / "labs", fresh=given.fresh)
    assembled = time.perf_counter()
    shutil.rmtree(BUILD / "html" / "_downloads", ignore_errors=True)
    status = html(BUILD / "source", BUILD / "html", fresh=given.fresh)
    print(
        f"{BUILD / 'html' / 'index.html'}: labs and pages {assembled - start:.0f} s, "
        f"Sphinx {time.perf_counter() - assembled:.0f} s"
    )
    if given.check and not status:
        import docs_check

        status = docs_check.main(BUILD / "html")
    return status


if __name__ == "__main__":
    sys.exit(main())
