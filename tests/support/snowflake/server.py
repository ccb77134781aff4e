"""The HTTP side: fakesnow's endpoints with what the connector and the tests need besides."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections import OrderedDict
from typing import Any, cast

from fakesnow.dialect import parse_one
from fakesnow.server import login_request, query_request, routes, session, sessions, to_token
from snowflake.connector.errors import ProgrammingError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.snowflake.faults import Faults
from tests.support.snowflake.session import Session
from tests.support.snowflake.statement_log import StatementLog

_KEPT_ROUTES = ("/fs_bucket", "/monitoring")  # uploads; the state of a query
_REMEMBERED_REQUESTS = 512
_TRANSPORT = "emulator.transport"
_LOGIN = "LOGIN"
"""What faults know a login by."""

_WRONG_PASSWORD = (390100, "08001", "Incorrect username or password was specified.")


class Server:
    """Answers the connector, and under ``/emulator`` the tests."""

    def __init__(self) -> None:
        self.log = StatementLog()
        self.faults = Faults()
        self._password: str | None = None
        self._answers: OrderedDict[str, asyncio.Task[Response]] = OrderedDict()

    def application(self) -> ASGIApp:
        """The ASGI application."""
        return _WithTransport(
            Starlette(
                routes=[
                    Route("/session/v1/login-request", self._login, methods=["POST"]),
                    Route("/session/token-request", _renew, methods=["POST"]),
                    Route("/session/heartbeat", _session, methods=["POST"]),
                    Route("/session", _session, methods=["POST"]),
                    Route("/queries/v1/query-request", self._query, methods=["POST"]),
                    Route("/queries/v1/abort-request", _abort, methods=["POST"]),
                    Route("/telemetry/send", _nothing, methods=["POST"]),
                    Route("/telemetry/send/sessionless", _nothing, methods=["POST"]),
                    Route("/fs_bucket/{path:path}", _not_uploaded_yet, methods=["HEAD", "GET"]),
                    Route("/emulator/fault", self._fault, methods=["POST", "DELETE"]),
                    Route("/emulator/password", self._set_password, methods=["POST"]),
                    Route("/emulator/queries", self._queries, methods=["GET"]),
                    *(route for route in routes if route.path.startswith(_KEPT_ROUTES)),
                ]
            )
        )

    async def _login(self, request: Request) -> Response:
        """Log in, unless a fault keeps it off, or another password is wanted."""
        if self._password is not None and (await _content(request))["data"].get("PASSWORD") != self._password:
            return _failure(*_WRONG_PASSWORD)
        return await self._befall("before", _LOGIN) or await _login(request)

    # ------------------------------------------------------------ statements

    async def _query(self, request: Request) -> Response:
        """Run the statement of a request once, however often the request comes."""
        opened = _session_of(request)
        if opened is None:
            return await query_request(request)
        number = request.query_params.get("requestId", "")
        content = await _content(request)
        sql = content["sqlText"]
        with opened.request():
            if number not in self._answers:
                early = await self._befall("before", sql, opened)
                if early is not None:
                    return early
            if number not in self._answers:  # its repetition may have overtaken a request that hung
                self._remember(number, asyncio.create_task(self._run(request, opened, content)))
            answer = await asyncio.shield(self._answers[number])
            return await self._befall("after", sql, opened) or _again(answer)

    async def _run(self, request: Request, opened: Session, content: dict[str, Any]) -> Response:
        if content.get("describeOnly"):  # executemany asks so first; nothing is run
            return await _outcome(request, opened, content["sqlText"])
        parameters = opened.parameters | (content.get("parameters") or {})  # those of the statement win
        binds = [bind.get("value") for bind in (content.get("bindings") or {}).values()]
        entry = self.log.record(opened.number, parameters.get("QUERY_TAG", ""), content["sqlText"], binds)
        response = await _outcome(request, opened, content["sqlText"])
        entry["errno"] = opened.last_errno
        return response

    async def _befall(self, when: str, sql: str, opened: Session | None = None) -> Response | None:
        """Let a waiting fault happen; None leaves the statement its own answer."""
        fault = self.faults.take(when, sql)
        if fault is None:
            return None
        match fault.action:
            case "kill":
                os._exit(137)
            case "hang":
                await asyncio.sleep(fault.seconds)
                return None
            case "drop":
                return _Cut()
            case "error":
                if opened:
                    await asyncio.to_thread(_fail, opened)
                return _failure(fault.errno, fault.sqlstate, fault.message)
            case _:
                return Response(status_code=503)

    def _remember(self, number: str, running: asyncio.Task[Response]) -> None:
        self._answers[number] = running
        while len(self._answers) > _REMEMBERED_REQUESTS:
            self._answers.popitem(last=False)

    # ------------------------------------------------------------ for the tests

    async def _fault(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return _success(None)
        try:
            self.faults.add(await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"success": False, "message": str(error)}, status_code=400)
        return _success(None)

    async def _set_password(self, request: Request) -> Response:
        self._password = (await request.json())["password"]
        return _success(None)

    async def _queries(self, request: Request) -> Response:
        return JSONResponse(self.log.since(int(request.query_params.get("since", 0))))


# ---------------------------------------------------------------- sessions


async def _login(request: Request) -> Response:
    content = json.loads(bytes((await login_request(request)).body))
    asked = await _content(request)
    data = content["data"]
    opened = cast(Session, sessions[data["token"]])
    opened.set_parameters(asked["data"].get("SESSION_PARAMETERS") or {})
    opened.role = (request.query_params.get("roleName") or opened.role).upper()
    opened.warehouse = (request.query_params.get("warehouse") or opened.warehouse).upper()
    data["sessionInfo"] |= {"roleName": opened.role, "warehouseName": opened.warehouse}
    data |= {
        "masterToken": data["token"],
        "masterValidityInSeconds": 14400,
        "validityInSeconds": 3600,
        "sessionId": opened.number,
        "displayUserName": "TESTER",
        "healthCheckInterval": 45,
    }
    return JSONResponse(content)


async def _renew(request: Request) -> Response:
    token = to_token(request)
    return _success(
        {"sessionToken": token, "masterToken": token, "validityInSecondsST": 3600, "validityInSecondsMT": 14400}
    )


async def _session(request: Request) -> Response:
    if opened := _session_of(request):
        with opened.request():
            pass
        if request.query_params.get("delete"):
            await asyncio.to_thread(opened.end)
    return await session(request)


async def _abort(request: Request) -> Response:
    if opened := _session_of(request):
        opened.cancel()
    return _success(None)


def _session_of(request: Request) -> Session | None:
    return cast("Session | None", sessions.get(request.headers.get("Authorization", "")[17:-1]))


async def _outcome(request: Request, opened: Session, sql: str) -> Response:
    """The answer to a statement, never an HTTP 500, on which the connector would try again."""
    try:
        parse_one(sql)  # fakesnow would answer a syntax error past the session's transaction
        response = await query_request(request)
        if response.status_code < 500:
            return response
        failure = _internal_error(json.loads(bytes(response.body))["message"])
    except ProgrammingError as error:
        failure = error
    except Exception as error:  # noqa: BLE001  # whatever it is, the client has to learn it
        failure = _internal_error(f"{type(error).__name__}: {error}")
    opened.last_errno = failure.errno
    await asyncio.to_thread(_fail, opened)
    return _failure(failure.errno, str(failure.sqlstate), failure.raw_msg)


def _internal_error(message: str) -> ProgrammingError:
    return ProgrammingError(msg=message[:500], errno=370001, sqlstate="XX000")


def _fail(opened: Session) -> None:
    with opened.busy:
        opened.statement_failed()


# ---------------------------------------------------------------- requests and answers


class _WithTransport:
    """Lets an endpoint reach the connection beneath it, which a fault may have to cut."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._application(scope, receive, send)


class _Cut(Response):
    """No answer at all: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del send
        scope[_TRANSPORT].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _content(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return cast("dict[str, Any]", json.loads(body))


def _again(answer: Response) -> Response:
    return Response(answer.body, answer.status_code, media_type="application/json")


def _success(data: Any) -> Response:
    return JSONResponse({"success": True, "code": None, "message": None, "data": data})


def _failure(errno: int, sqlstate: str, message: str) -> Response:
    code = f"{errno:06d}"
    data = {"errorCode": code, "sqlState": sqlstate}
    return JSONResponse({"success": False, "code": code, "message": message, "data": data})


async def _nothing(request: Request) -> Response:
    del request
    return _success(None)


async def _not_uploaded_yet(request: Request) -> Response:
    del request
    return Response(status_code=404)
