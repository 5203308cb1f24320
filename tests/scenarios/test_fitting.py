from scenarios.fitting import left_out, title_of
from scenarios.routes import RouteSpec, ScenarioSpec, TriggerPoint


def route(*types: str) -> RouteSpec:
    scenarios = tuple(ScenarioSpec(f"{kind}_{n}", kind, TriggerPoint(0, 0, 0, 0)) for n, kind in enumerate(types))
    return RouteSpec("1", "Elm02", ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), scenarios)


def test_what_is_not_staged_is_told():
    routes = [route("ParkedObstacle", "Accident"), route("Accident")]
    (line,) = left_out(routes)
    assert line.startswith(
        "left out: 2 of type Accident, which nightloop does not stage (it stages DynamicObjectCrossing"
    )
    assert title_of(routes[0]) == "ParkedObstacle_0, Accident_1 (left out)"
