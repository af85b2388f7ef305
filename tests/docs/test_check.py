"""The check of a built site sees what would need the network, and links that lead nowhere."""

import docs_check
import pytest

PAGE = '<html><head>{head}</head><body id="top"><h1 id="a">A</h1>{body}</body></html>'


@pytest.fixture
def site(tmp_path):
    def make(head="", body="", **files):
        (tmp_path / "index.html").write_text(PAGE.format(head=head, body=body))
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    "head",
    [
        '<script src="https://cdn.org/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.org/x.css">',
        "<style>@import 'https://cdn.org/x.css';</style>",
        '<script>import("https://cdn.org/x.js")</script>',
        '<img src="http://example.org/x.png" alt="">',
        '<p style="background: url(https://example.org/x.png)"></p>',
    ],
)
def test_what_a_page_loads_from_outside_is_seen(site, head):
    assert len(docs_check.outside(site(head=head))) == 1


def test_what_style_sheets_and_scripts_load_is_seen(site):
    folder = site(
        x_css="@font-face { src: url('https://fonts.org/x.woff2') } /* url(https://no.org/) */",
        y_js='fetch("https://api.org/x"); const ns = "http://www.w3.org/2000/svg"; // "a//b"',
    )
    assert docs_check.outside(folder) == [
        "x.css: https://fonts.org/x.woff2",
        "y.js: https://api.org/x",
    ]


def test_a_link_may_lead_outside(site):
    folder = site(body='<a href="https://example.org/">there</a>')
    assert docs_check.outside(folder) == docs_check.broken(folder) == []
    assert docs_check.main(folder) == 0


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("#a", None),
        ("other.html#b", None),
        ("#c", "no such place"),
        ("other.html#a", "no such place"),
        ("missing.html", "no such file"),
        ("missing.png", "no such file"),
    ],
)
def test_links_are_followed(site, link, fault):
    folder = site(body=f'<a href="{link}">x</a>', other_html='<p id="b"></p>')
    found = docs_check.broken(folder)
    assert [line.rsplit(": ")[-1] for line in found] == ([fault] if fault else [])
    assert docs_check.main(folder) == bool(fault)


def test_no_pages_are_a_fault(tmp_path):
    assert docs_check.main(tmp_path) == 1
