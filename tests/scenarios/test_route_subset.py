import pytest

from scenarios.errors import ScenarioError
from scenarios.route_subset import routes_subset, select_routes
from scenarios.specs import RouteSpec


def numbered(ids):
    return tuple(RouteSpec(str(one), "Town05", ()) for one in ids)


def test_a_route_is_known_by_its_id():
    routes = numbered(["24"])
    assert select_routes(routes, ["24"]) == routes
    with pytest.raises(ScenarioError, match="no route '7': the file has 24"):
        select_routes(routes, ["7"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("4", ["4"]),
        ("1,6", ["1", "6"]),
        ("6, 1", ["6", "1"]),
        ("4-20", ["4", "6", "20"]),  # the file's order, not that of numbers
        ("1-4,20,4", ["1", "4", "20"]),
        ("a-b", ["a-b"]),
        ("20-a-b", ["20", "a-b"]),
    ],
)
def test_a_subset_of_routes_is_named_as_for_the_leaderboard(text, named):
    routes = numbered(["1", "4", "6", "20", "a-b"])
    assert [route.id for route in routes_subset(routes, text)] == named


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("7", "no route '7': the file has 1, 4, 6"),
        ("1-7", "no route '7'"),
        ("6-1", "6-1: route '1' stands before '6' in the file"),
        ("", "no route ''"),
    ],
)
def test_a_subset_that_the_file_does_not_have_is_one_line(text, says):
    with pytest.raises(ScenarioError, match=says):
        routes_subset(numbered(["1", "4", "6"]), text)


def test_a_large_file_does_not_list_all_its_routes_in_an_error():
    with pytest.raises(ScenarioError, match=r"no route '500': the file has 220, from 1 to 220$"):
        select_routes(numbered(range(1, 221)), ["500"])
