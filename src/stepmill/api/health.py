"""Is it alive, is it ready, how does it do."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from stepmill.api.answers import answer
from stepmill.api.parts import Parts
from stepmill.api.problems import problem_response
from stepmill.api.requests import ApiRoute

router = APIRouter(route_class=ApiRoute, tags=["Health"])


@router.get("/healthz", summary="Alive", responses={200: {"description": "The process answers."}})
async def healthz() -> Response:
    """200 as long as the process answers."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    summary="Ready",
    responses={200: {"description": "Requests are served."}, 503: {"description": "Not yet; `detail` says why."}},
)
async def readyz(parts: Parts) -> Response:
    """200 when requests can be served, else 503 with the reasons."""
    reasons = list(await parts.not_ready())
    if not reasons:
        return answer({"status": "ready"})
    return problem_response(503, "not_ready", " ".join(reasons), headers={"Retry-After": "1"})


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=PlainTextResponse,
    responses={200: {"description": "Prometheus text."}},
)
async def metrics(parts: Parts) -> Response:
    """Metrics of this process for Prometheus, and of the queue, which all processes share."""
    await parts.before_scrape()
    return Response(generate_latest(parts.metrics), media_type=CONTENT_TYPE_LATEST)
