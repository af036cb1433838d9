"""A real server of gRPC with its health checking, as a process: `python -m tests.grpc_server PORT [PEM]`.

With a PEM file it speaks TLS. With `bare` in its place it has no health checking.
"""

import sys
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

STATUSES = health_pb2.HealthCheckResponse.ServingStatus


class Servicer(health.HealthServicer):  # type: ignore[misc]  # it ships no types
    """Says of some services what no healthy server would."""

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - its name in health.proto
        match request.service:
            case "slow":
                time.sleep(5)
            case "denied":
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "no größer rights")
            case "token":
                sent = dict(context.invocation_metadata())
                if sent.get("x-token") != "s3cret":
                    context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
                return health_pb2.HealthCheckResponse(status=STATUSES.SERVING)
            case "strange":
                return health_pb2.HealthCheckResponse(status=7)
        return super().Check(request, context)


def main(port: str, how: str = "") -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    if how != "bare":
        servicer = Servicer()
        for service in ("", "api", "a.service.of.which.the.name.is.longer.than.a.byte.of.seven.bits" * 3):
            servicer.set(service, STATUSES.SERVING)
        servicer.set("down", STATUSES.NOT_SERVING)
        servicer.set("dark", STATUSES.UNKNOWN)
        servicer.set("gone", STATUSES.SERVICE_UNKNOWN)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if how in {"", "bare"}:
        server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        pem = Path(how).read_bytes()
        server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(pem, pem)]))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
