"""A small W&B server for the real client: it records what it is told and answers the least that
the client needs."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ENTITY = "acme"
_OPERATION = re.compile(r"(?:query|mutation)\s+(\w+)")
_OWNER = {"id": "e", "name": ENTITY}
_PROJECT = {
    "id": "p",
    "name": "mechval",
    "entityName": ENTITY,
    "createdAt": "2025-01-01T00:00:00Z",
    "isBenchmark": False,
    "user": None,
}


@dataclass
class Recorded:
    """Calls of each GraphQL operation, oldest first, and the files that runs stream, by line."""

    url: str = ""
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    streams: dict[tuple[str, str], dict[int, Any]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    ends: dict[str, int] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What sends the client here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "a" * 40}

    def ids(self) -> dict[str, str]:
        """The id of the last run of each kind, such as a stage."""
        told = [call for call in self.calls["UpsertBucket"] if call["jobType"]]
        return {call["jobType"]: call["name"] for call in told}

    def history(self, run: str) -> list[dict[str, Any]]:
        """What a run has logged, without the client's own values."""
        lines = self.streams[run, "wandb-history.jsonl"]
        return [
            {key: value for key, value in lines[place].items() if key[0] != "_"}
            for place in sorted(lines)
        ]

    def summary(self, run: str) -> dict[str, Any]:
        """A run's summary, as it was told last."""
        lines = self.streams[run, "wandb-summary.json"]
        return lines[max(lines)] if lines else {}

    def events(self, run: str) -> dict[str, Any]:
        """What the client has told of the machine of a run, the last value of each key."""
        lines = self.streams[run, "wandb-events.jsonl"]
        return {key: value for place in sorted(lines) for key, value in lines[place].items()}

    def made(self, run: str) -> set[str]:
        """Names of the artifacts that a run made."""
        made = [call["input"] for call in self.calls["CreateArtifact"]]
        return {each["artifactCollectionName"] for each in made if each["runName"] == run}

    def used(self, run: str) -> set[str]:
        """Names of the artifacts that a run used."""
        told = [call.get("input", call) for call in self.calls["UseArtifact"]]
        made = [call["input"]["artifactCollectionName"] for call in self.calls["CreateArtifact"]]
        places = [each["artifactID"].rpartition("-")[2] for each in told if each["runName"] == run]
        return {made[int(place)] for place in places}

    def answer(self, operation: str, variables: dict[str, Any]) -> Mapping[str, Any]:
        """The data that one operation is answered with; unknown ones get none."""
        self.calls[operation].append(variables)
        return {
            "Viewer": lambda: {"viewer": {"id": "u", "entity": ENTITY, "username": "me"}},
            "RunResumeStatus": lambda: self._resumed(variables["name"]),
            "UpsertBucket": lambda: {"upsertBucket": {"bucket": _bucket(variables)}},
            "ArtifactType": lambda: {"project": {"artifact": None}},
            "CreateArtifact": self._created,
            "UseArtifact": lambda: {"useArtifact": {"artifact": {"id": "a"}}},
            "ArtifactByID": lambda: {"artifact": self._artifact(variables["id"])},
            "CreateRunFiles": lambda: self._run_files(variables),
            "GetDefaultEntity": lambda: {"viewer": {"id": "u", "entity": ENTITY}},
            "GetProjects": lambda: {"models": _connection([_PROJECT])},
            "ProjectInternalId": lambda: {"project": {"id": "p", "internalId": "p"}},
            "Runs": lambda: self._runs(json.loads(variables["filters"])["group"]),
            "Run": lambda: {"project": {"run": self._run(variables["name"])}},
            "ArtifactMembershipByName": lambda: self._membership(variables["name"]),
            "UpsertView2": lambda: {"upsertView": {"view": {"id": "v", "name": "w"}}},
            "upsertView": lambda: {"upsertView": {"view": _report(variables)}},
            "CreateCustomChart": lambda: {"createCustomChart": {"chart": {"id": "c"}}},
        }.get(operation, dict)()

    def stream(self, path: str, body: Mapping[str, Any]) -> None:
        """Keep the lines that ``/files/<entity>/<project>/<run>/file_stream`` is sent."""
        run = path.split("/")[-2]
        for name, chunk in body.get("files", {}).items():
            for place, line in enumerate(chunk["content"], chunk["offset"]):
                is_json = name.endswith((".jsonl", ".json"))
                self.streams[run, name][place] = json.loads(line) if is_json else line
        if body.get("complete"):
            self.ends[run] = body["exitcode"]

    def _resumed(self, run: str) -> Mapping[str, Any]:
        history = self.streams[run, "wandb-history.jsonl"]
        bucket = {
            **_bucket({"name": run, "project": "mechval"}),
            "historyLineCount": len(history),
            "historyTail": json.dumps(
                [json.dumps(line) for _, line in sorted(history.items())[-1:]]
            ),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "eventsTail": "[]",
            "summaryMetrics": json.dumps(self.summary(run)),
            "tags": [],
            "wandbConfig": json.dumps({"t": {"value": 1}}),
        }
        found = bucket if history else None
        return {"model": {"id": "p", "name": "mechval", "entity": _OWNER, "bucket": found}}

    def _runs(self, group: str) -> Mapping[str, Any]:
        names = [call["name"] for call in self.calls["UpsertBucket"] if call["groupName"] == group]
        nodes = [self._run(name) for name in dict.fromkeys(names)]
        return {"project": {"runCount": len(nodes), "runs": _connection(nodes)}}

    def _run(self, name: str) -> Mapping[str, Any]:
        told = [call for call in self.calls["UpsertBucket"] if call["name"] == name]
        (*_, config) = [call["config"] for call in told if call["config"]]
        bucket = _bucket({"name": name, "project": "mechval"})
        return {**bucket, "projectId": 1, "config": config, "state": "finished", "tags": []}

    def _membership(self, name: str) -> Mapping[str, Any]:
        """The artifact that a name with an alias means: the last of that name."""
        made = [call["input"]["artifactCollectionName"] for call in self.calls["CreateArtifact"]]
        place = max(i for i, each in enumerate(made) if each == name.partition(":")[0])
        artifact = self._artifact(f"artifact-{place}")
        member = {
            "id": "m",
            "versionIndex": 0,
            "createdAt": artifact["createdAt"],
            "aliases": [],
            "artifactCollection": {**artifact["artifactSequence"], "id": "s"},
            "artifact": artifact,
        }
        return {"project": {"artifactCollectionMembership": member}}

    def _created(self) -> Mapping[str, Any]:
        name = f"artifact-{len(self.calls['CreateArtifact']) - 1}"
        made = {
            "id": name,
            "state": "COMMITTED",
            "artifactSequence": {"latestArtifact": {"id": name}},
        }
        return {"createArtifact": {"artifact": made}}

    def _artifact(self, name: str) -> Mapping[str, Any]:
        made = self.calls["CreateArtifact"][int(name.rpartition("-")[2])]["input"]
        project = {"id": "p", "internalId": "p", "name": "mechval", "entity": {"name": ENTITY}}
        return {
            "__typename": "Artifact",
            "id": name,
            "artifactSequence": {
                "__typename": "ArtifactSequence",
                "name": made["artifactCollectionName"],
                "project": project,
            },
            "versionIndex": 0,
            "artifactType": {"name": made["artifactTypeName"]},
            **dict.fromkeys(("description", "metadata", "historyStep", "commitHash", "updatedAt")),
            "ttlDurationSeconds": 0,
            "ttlIsInherited": False,
            "tags": [],
            "state": "COMMITTED",
            "size": 1,
            "digest": made["digest"],
            "fileCount": 1,
            "createdAt": "2025-01-01T00:00:00Z",
            "aliases": [],
        }

    def _run_files(self, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        files = [
            {"name": name, "uploadUrl": f"{self.url}/put/{name}"} for name in variables["files"]
        ]
        made = {"runID": variables["run"], "uploadHeaders": [], "files": files}
        return {"createRunFiles": made}


def _connection(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    edges = [{"node": node, "cursor": str(place)} for place, node in enumerate(nodes)]
    return {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}


def _report(variables: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: variables[key] for key in ("name", "displayName", "description", "spec")}
    project = {"id": "p", "name": variables["projectName"], "entityName": variables["entityName"]}
    return {**kept, "id": "r", "project": project}


def _bucket(variables: Mapping[str, Any]) -> dict[str, Any]:
    project = {"id": "p", "name": variables["project"], "entity": _OWNER}
    run = variables["name"]
    return {"id": run, "name": run, "displayName": run, "config": "{}", "project": project}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorded: Recorded

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a test's output is its own."""

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/graphql":
            query = json.loads(body)
            found = _OPERATION.search(query["query"])
            name, variables = found[1] if found else "", query.get("variables") or {}
            self._send({"data": self.recorded.answer(name, variables)})
        else:
            if self.path.endswith("/file_stream"):
                self.recorded.stream(self.path, json.loads(body))
            self._send({})

    def do_GET(self) -> None:
        self._send({})

    def do_PUT(self) -> None:
        self._body()
        self._send({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _send(self, answer: Mapping[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: the client drops connections."""


@contextmanager
def serving() -> Iterator[Recorded]:
    """A server of its own for the block."""
    recorded = Recorded()
    handler = type("Handler", (_Handler,), {"recorded": recorded})
    with _Server(("127.0.0.1", 0), handler) as server:
        recorded.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield recorded
        server.shutdown()
