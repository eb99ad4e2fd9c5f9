"""The cluster's address over HTTP: who reports, who asks, and what is refused."""

from dataclasses import asdict
from unittest.mock import ANY

import pytest
from starlette.testclient import TestClient

from lab_kit.client import place
from lab_kit.cluster.api import create_api
from lab_kit.cluster.directory import Directory
from lab_kit.core.errors import ConnectionFailed, InvalidParameter
from lab_kit.protocol.cluster import Report
from lab_kit.scale.placement import Headroom

REPORT = Report("http://127.0.0.1:1", "127.0.0.1:2", "node-1", 1, 0, 1, "full", 7)


class NoNodes:
    """Stands for Ray, which `tests/integration/test_cluster.py` runs."""

    nodes = ("node-1",)

    def states(self) -> dict[str, int]:
        return {"RUNNING": 1}

    def add_node(self) -> str:
        return "node-2"

    def kill_node(self, name: str) -> None:
        if name != "node-1":
            raise InvalidParameter(f"the node {name!r}", "one of node-1", "name one of these")

    def redeploy(self, drain_s: float) -> int:
        return 2


@pytest.fixture
def api() -> TestClient:
    return TestClient(create_api(Directory(Headroom()), NoNodes()), "http://127.0.0.1")


def test_a_replica_that_reports_is_told_of_and_given_away_once(api: TestClient) -> None:
    assert api.get("/readyz").status_code == 503
    assert api.put("/v1/replicas/a", json=asdict(REPORT)).status_code == 204
    assert api.get("/readyz").status_code == 200
    listed = api.get("/v1/replicas").json()
    assert listed == {
        "replicas": [{"name": "a", "report": asdict(REPORT), "age_s": ANY}],
        "nodes": ["node-1"],
        "states": {"RUNNING": 1},
    }
    placed = api.get("/v1/place").json()
    assert placed == {
        "url": REPORT.url,
        "grpc": REPORT.grpc,
        "replica": "a",
        "node": "node-1",
    }
    refused = api.get("/v1/place")
    assert refused.status_code == 503
    assert refused.json()["error"]["reason"] == "SYSTEM_OVERLOADED"
    assert int(refused.headers["retry-after"]) >= 1
    assert api.delete("/v1/replicas/a").status_code == 204
    assert api.get("/v1/replicas").json()["replicas"] == []


@pytest.mark.parametrize("wrong", [{"streams": -1}, {"places": "many"}, {"unknown": 1}])
def test_what_is_no_report_is_refused(api: TestClient, wrong: dict[str, object]) -> None:
    assert api.put("/v1/replicas/a", json=asdict(REPORT) | wrong).status_code == 422
    assert api.get("/v1/replicas").json()["replicas"] == []


def test_nodes_come_go_and_are_named(api: TestClient) -> None:
    assert api.post("/v1/nodes").json() == {"node": "node-2"}
    assert api.delete("/v1/nodes/node-1").status_code == 204
    refused = api.delete("/v1/nodes/node-9")
    assert refused.status_code == 400
    assert refused.json()["error"]["expected"] == "one of node-1"
    assert api.post("/v1/replicas", params={"drain_s": 3}).json() == {"release": 2}
    assert api.post("/v1/replicas").status_code == 422


@pytest.mark.parametrize(
    "headers", [{"origin": "https://elsewhere.example"}, {"host": "rebound.example"}]
)
def test_no_page_of_elsewhere_redeploys_anything(api: TestClient, headers: dict[str, str]) -> None:
    refused = api.post("/v1/replicas", params={"drain_s": 0}, headers=headers)
    assert refused.status_code == 403
    assert api.delete("/v1/nodes/node-1", headers=headers).status_code == 403


async def test_a_client_that_asks_nobody_is_told_so() -> None:
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1"):
        await place("http://127.0.0.1:1")
