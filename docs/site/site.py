# SPDX-License-Identifier: MIT
"""The pages of the documentation, as GitHub shows them and as the site does.

site.py page FILE.md             FILE.md as Doxygen takes it, on standard output (a filter of Doxygen's)
site.py finish SOURCES HTML      what Doxygen cannot say: that a block is the output of the program above it, and the
                                 language of the Chinese pages
site.py check SOURCES HTML       every link of the pages and of the site leads somewhere, every program is shown as it is,
                                 every page has its place in the navigation

A page is written for GitHub: links go to files (design.md#tests), headings have the anchors that GitHub gives them.
"""

import html
import html.parser
import os
import re
import sys
import urllib.parse
from pathlib import Path

LINK = re.compile(r"(!?)\[((?:[^][`]|`[^`]*`|\[[^]]*\])*)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#{1,4}) +(.*?) *$", re.MULTILINE)


def pieces(text):
    """(text, whether it is code) of every piece of a page: prose, fenced and indented blocks."""
    fenced, in_list, piece, kind = False, False, [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced, code = not fenced, True
        elif fenced:
            code = True
        else:
            code = line.startswith("    ") and not in_list
            if re.match(r"([-*]|\d+\.) ", line):
                in_list = True
            elif line and not line.startswith(" "):
                in_list = False
        if piece and code != kind:
            yield "\n".join(piece), kind
            piece = []
        piece.append(line)
        kind = code
    yield "\n".join(piece), kind


def prose(text):
    return [piece for piece, code in pieces(text) if not code]


def slug(heading):
    """The anchor that GitHub gives a heading."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def slugs(text):
    """The anchors of a page, in order, as GitHub numbers those that come twice."""
    seen, result = {}, []
    for piece in prose(text):
        for match in HEADING.finditer(piece):
            name = slug(match[2])
            count = seen.get(name, 0)
            seen[name] = count + 1
            result.append(name if count == 0 else f"{name}-{count}")
    return result


def page_id(path):
    """docs/design.md: design; docs/zh/tutorial.md: zh-tutorial; docs/index.md: the main page."""
    if path.name == "index.md":
        return "mainpage"
    return ("zh-" if path.parent.name == "zh" else "") + path.stem.lower().replace("_", "-")


def anchor_id(path, name):
    """Doxygen's name of an anchor, which is one for all pages, and in ASCII."""
    names = slugs(path.read_text(encoding="utf-8"))
    if name not in names:
        raise SystemExit(f"{path}: expected a heading with the anchor #{name}, given {', '.join(names)}")
    if names.index(name) == 0:
        return page_id(path)
    suffix = name if re.fullmatch(r"[\w-]+", name, re.ASCII) else f"section-{names.index(name)}"
    return f"{page_id(path)}-{suffix}"


def site_target(path, target):
    """Where a link of the page leads on the site; None if the site has no such file."""
    if re.match(r"[a-z]+:", target):
        return target
    file, _, anchor = target.partition("#")
    found = Path(os.path.normpath(path.parent / file)) if file else path
    if found.suffix == ".md" and found.name not in ("README.md", "SECURITY.md"):  # which the site does not show
        return "@ref " + (anchor_id(found, anchor) if anchor else page_id(found))
    if found.parent.name == "examples":
        return found.name.replace(".", "_8") + "-example.html"
    if found.suffix == ".hpp" and "include" in found.parts:
        return "@ref " + found.name
    return "@ref mainpage" if found.name == "README.md" and (found.parent / "docs").is_dir() else None


def page(path):
    def link(match):
        image, words, target = match.groups()
        if image:
            return f"![{words}]({Path(target).name})"
        to = site_target(path, target)
        # Doxygen wants a link in one line; what follows keeps its number.
        lines = words.count("\n") * "\n"
        words = re.sub(r"\s+", " ", words)
        return lines + (words if to is None else f"[{words}]({to})")

    text = path.read_text(encoding="utf-8")
    names = iter(slugs(text))

    def heading(match):
        if page_id(path) == "mainpage" and len(match[1]) > 1:
            next(names)
            return f"<h{len(match[1])}>{match[2]}</h{len(match[1])}>"  # no section: it would crowd the navigation
        return f"{match[1]} {match[2]} {{#{anchor_id(path, next(names))}}}"

    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    def site_piece(piece):
        piece = LINK.sub(link, HEADING.sub(heading, piece))
        return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", piece)  # Doxygen misses ** beside Chinese punctuation

    print("\n".join(piece if code else site_piece(piece) for piece, code in pieces(text)), end="")


def without_spaces(text):
    return re.sub(r"\s", "", text)


def site_text(page):
    """What a page of the site shows, without its spaces."""
    return without_spaces(html.unescape(re.sub(r"<[^>]*>", "", page)))


def blocks(text, language=r"\w+"):
    """The fenced blocks of a page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def site_file(site, path):
    """The file of the site that shows a page."""
    return site / f"{'index' if page_id(path) == 'mainpage' else page_id(path)}.html"


def finish(sources, site):
    for path in site_pages_of(sources):
        file = site_file(site, path)
        if not file.exists():
            continue  # which `check` says
        outputs = {without_spaces(block) for block in blocks(path.read_text(encoding="utf-8"), "text")}
        text = file.read_text(encoding="utf-8")
        changed = re.sub(r'(?<=-->)<div class="fragment">(?=(.*?)</div><!-- fragment -->)',
                         lambda match: '<div class="fragment output">' if site_text(match[1]) in outputs else match[0],
                         text, flags=re.DOTALL)
        if path.parent.name == "zh":
            changed = changed.replace("<html ", '<html lang="zh-CN" ', 1)
        if changed != text:
            file.write_text(changed, encoding="utf-8")


class Names(html.parser.HTMLParser):
    """The links and the anchors of a page of the site."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = set(), set()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in ("href", "src") and value:
                self.links.add(value)


def pages_of(sources):
    """The pages that this library has, without those that only a working copy has."""
    return [sources / "README.md", sources / "SECURITY.md", sources / "packaging" / "README.md", *site_pages_of(sources)]


def site_pages_of(sources):
    """Those that the site shows; it has a main page of its own."""
    return [sources / "CONTRIBUTING.md", sources / "CHANGELOG.md", sources / "benchmarks" / "RESULTS.md",
            *sorted(sources.glob("docs/**/*.md"))]


def check_sources(sources):
    """As GitHub follows links: to a file, and to a heading of it."""
    for path in pages_of(sources):
        text = path.read_text(encoding="utf-8")
        for piece in prose(text):
            for _, _, target in LINK.findall(piece):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                found = Path(os.path.normpath(path.parent / file)) if file else path
                if not found.exists():
                    yield f"{path}: {target}: no such file"
                elif anchor and anchor not in slugs(found.read_text(encoding="utf-8")):
                    yield f"{path}: {target}: no such heading"


def check_site(site):
    """As a browser follows them: to a file of the site, and to an anchor of it."""
    pages = {}
    for file in sorted(site.glob("**/*.html")):
        pages[file] = Names()
        pages[file].feed(file.read_text(encoding="utf-8"))
    navigation = site / "navtreedata.js"
    pages[navigation] = Names()
    # What Doxygen could not resolve it leaves as "@ref ...", without a word.
    pages[navigation].links.update(re.findall(r'"(@ref [^"]*|[^" ]+\.html[^"]*)"', navigation.read_text("utf-8")))
    for file, names in pages.items():
        for target in names.links:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            found = Path(os.path.normpath(file.parent / urllib.parse.unquote(parts.path))) if parts.path else file
            anchor = urllib.parse.unquote(parts.fragment)
            if not found.exists():
                yield f"{file.name}: {target}: no such file"
            elif anchor == "nested-classes":
                continue  # Doxygen's own, where all nested classes are private
            elif anchor and found in pages and anchor not in pages[found].anchors:
                yield f"{file.name}: {target}: no such anchor"


def check_blocks(sources, site):
    """Doxygen shows every program and output of a page as it is, letter by letter but for spaces."""
    for path in site_pages_of(sources):
        file = site_file(site, path)
        if not file.exists():
            yield f"{path}: expected its page {file.name} on the site"
            continue
        shown = site_text(file.read_text(encoding="utf-8"))
        for block in blocks(path.read_text(encoding="utf-8")):
            if without_spaces(block) not in shown:
                yield f"{path}: expected this block on {file.name}:\n{block}"


def check_navigation(sources):
    """A page that the navigation does not name would be found by nobody."""
    navigation = (sources / "docs" / "site" / "navigation.xml").read_text(encoding="utf-8")
    for path in site_pages_of(sources):
        if path.name != "index.md" and f'"@ref {page_id(path)}"' not in navigation:
            yield f"{path}: expected a tab with @ref {page_id(path)} in docs/site/navigation.xml"


def main(arguments):
    match arguments:
        case ["page", file]:
            page(Path(file))
        case ["finish", sources, site]:
            finish(Path(sources), Path(site))
        case ["check", sources, site]:
            sources, site = Path(sources), Path(site)
            faults = [*check_sources(sources), *check_site(site), *check_blocks(sources, site),
                      *check_navigation(sources)]
            if faults:
                raise SystemExit("\n".join(faults))
            count = len(list(site.glob("**/*.html")))
            print(f"{count} pages of the site: every link leads somewhere, every program is shown as it is")
        case _:
            raise SystemExit(__doc__)


main(sys.argv[1:])
