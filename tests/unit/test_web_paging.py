"""From one page to the next: pure decisions."""

from __future__ import annotations

import pytest

from etl_daemon.core.web.endpoint import By, Endpoint, Paging, Request, origin, shown_url
from etl_daemon.core.web.paging import Page, UnusableError, Walk, at_path, begun, following, parsed
from etl_daemon.errors import SetupError

URL = "https://api.example.org/v1/rows"


def endpoint(paging: Paging | None, records_path: str = "rows") -> Endpoint:
    return Endpoint(Request(URL, (("size", "2"), ("page", "old"))), "data/x/", paging=paging, records_path=records_path)


def walked(made: Endpoint, pages: list[Page]) -> list[Request]:
    """The requests that lead through these pages; the last page must be the end."""
    walk: Walk | None = begun(made)
    requests = []
    for page in pages:
        assert walk is not None, "the walk ended early"
        requests.append(walk.request)
        walk = following(walk, page, made)
    assert walk is None, f"and then {walk}"
    return requests


def rows(*values: int, digest: str = "", **more: object) -> Page:
    return Page(URL, {"rows": list(values), **more}, digest=digest or str(values))


def asked(requests: list[Request], name: str) -> list[str | None]:
    return [dict(request.params).get(name) for request in requests]


def test_without_paging_there_is_one_request():
    made = endpoint(None)
    assert walked(made, [rows(1)]) == [made.first]


def test_pages_are_counted_until_one_is_empty():
    requests = walked(endpoint(Paging(By.PAGE, "page", 1)), [rows(1, 2), rows(3), rows()])
    assert asked(requests, "page") == ["1", "2", "3"]
    assert asked(requests, "size") == ["2", "2", "2"]


def test_a_known_number_of_pages_saves_the_empty_one():
    paging = Paging(By.PAGE, "p", 0, total_path="meta.pages")
    meta = {"meta": {"pages": 2}}
    assert asked(walked(endpoint(paging), [rows(1, **meta), rows(2, **meta)]), "p") == ["0", "1"]


def test_offsets_go_by_what_came_not_by_what_was_asked_for():
    requests = walked(endpoint(Paging(By.OFFSET, "skip")), [rows(1, 2, 3), rows(4), rows()])
    assert asked(requests, "skip") == ["0", "3", "4"]
    paging = Paging(By.OFFSET, "skip", total_path="total")
    assert asked(walked(endpoint(paging), [rows(1, 2, total="3"), rows(3, total="3")]), "skip") == ["0", "2"]


def test_a_list_needs_no_path_and_a_null_is_an_empty_page():
    made = endpoint(Paging(By.PAGE, "page", 1), "")
    assert len(walked(made, [Page(URL, [1], digest="a"), Page(URL, [], digest="b")])) == 2
    assert len(walked(endpoint(Paging(By.PAGE, "page", 1)), [rows(1), Page(URL, {"rows": None})])) == 2


@pytest.mark.parametrize("last", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"next_cursor": False}])
def test_cursors_end_where_there_is_none(last):
    made = endpoint(Paging(By.CURSOR, "cursor", path="next_cursor"))
    pages = [Page(URL, {"next_cursor": "a=="}), Page(URL, {"next_cursor": 7}), Page(URL, last)]
    assert asked(walked(made, pages), "cursor") == [None, "a==", "7"]


def test_next_urls_are_resolved_and_taken_as_they_are():
    made = endpoint(Paging(By.NEXT, path="paging.next"))
    pages = [
        Page(URL, {"paging": {"next": "/v1/rows?c=2"}}),
        Page(URL, {"paging": {"next": f"{URL}?c=3"}}),
        Page(URL, {}),
    ]
    assert walked(made, pages)[1:] == [Request(f"{URL}?c=2"), Request(f"{URL}?c=3")]
    linked = endpoint(Paging(By.LINK))
    assert walked(linked, [Page(URL, [1], link="?c=2"), Page(URL, [2])])[1] == Request(f"{URL}?c=2")


@pytest.mark.parametrize(
    ("made", "pages", "said"),
    [
        (endpoint(Paging(By.CURSOR, "c", path="n")), [Page(URL, {"n": 1})] * 3, "round in a circle"),
        (endpoint(Paging(By.NEXT, path="n")), [Page(URL, {"n": f"{URL}?{c}"}) for c in "aba"], "round in a circle"),
        (endpoint(Paging(By.PAGE, "page", 1)), [rows(1), rows(1)], "the same page twice"),
        (endpoint(Paging(By.PAGE, "page", 1, max_pages=2)), [rows(1), rows(2)], "more than 2 pages"),
        (
            endpoint(Paging(By.NEXT, path="n")),
            [Page(URL, {"n": "https://evil.example/?k=s"})],
            "https://evil.example/.",
        ),
        (endpoint(Paging(By.NEXT, path="n")), [Page(URL, {"n": "http://api.example.org/"})], "is elsewhere"),
        (endpoint(Paging(By.LINK)), [Page(URL, [], link="https://api.example.org:444/x")], "is elsewhere"),
        (endpoint(Paging(By.NEXT, path="n")), [Page(URL, {"n": {"href": "x"}})], "no single value at 'n'"),
        (endpoint(Paging(By.PAGE, "page"), ""), [Page(URL, {"rows": []})], "no list of records"),
        (endpoint(Paging(By.PAGE, "page")), [Page(URL, {"rows": 7})], "no list of records"),
        (endpoint(Paging(By.OFFSET, "o", total_path="t")), [rows(1, t="many")], "no number at 't'"),
    ],
)
def test_what_does_not_lead_on_is_said(made, pages, said):
    with pytest.raises(SetupError) as caught:
        walked(made, pages)
    assert said in caught.value.detail
    assert caught.value.hint
    assert "k=s" not in str(caught.value)


def test_a_count_that_changes_has_the_run_begin_anew():
    made = endpoint(Paging(By.PAGE, "page", 1, total_path="pages"))
    walk = following(begun(made), rows(1, pages=3), made)
    with pytest.raises(UnusableError, match="says 2 in all, and said 3 before"):
        following(walk, rows(2, pages=2), made)


def test_paths_may_have_dots_in_keys():
    assert at_path({"a": {"b.c": [1]}}, r"a.b\.c") == [1]
    assert at_path([1], "a") is None


def test_json_is_strict_and_keeps_digits():
    assert parsed(b'\xef\xbb\xbf{"n": 1234567890123456789012, "f": 0.10}', URL) == {
        "n": 1234567890123456789012,
        "f": "0.10",
    }
    for body in (b"", b"<html>", b"[1", b'{"a": NaN}', b'"\xff"', b"[" * 100_000):
        with pytest.raises(UnusableError, match="no JSON"):
            parsed(body, URL)


def test_what_is_shown_of_a_url_holds_no_secret():
    assert shown_url("https://me:pw@h:8/p/q?api_key=s#f") == "https://h:8/p/q"
    assert origin("https://H/x") == origin("https://h:443/y") != origin("http://h/x")
