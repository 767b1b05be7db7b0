"""Loads moto and boto3 once, and forks for each connection: a moto server that ends with its connection, or a script
whose output goes there. Says at which socket it waits, and ends with its standard input."""

import json
import logging
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback

import boto3
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

SERVICES = {"ec2": "eu-north-1", "elbv2": "eu-north-1", "iam": "aws", "sts": "aws"}


def load(account):
    """What the first calls to each service would load."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    boto3.setup_default_session()
    models = boto3.DEFAULT_SESSION._session.get_component("data_loader")
    for service, region in SERVICES.items():
        create_backend_app(service)
        get_backend(service)[account][region]
        models.load_service_model(service, "service-2")


def serve(connection):
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection.sendall(f"127.0.0.1:{server.port}\n".encode())
    # Nothing comes but the end.
    connection.recv(1)


def run(connection, request):
    """The last line says how it ended."""
    os.environ.update(request["environment"])
    sys.stdout = sys.stderr = output = connection.makefile("w")
    try:
        exec(request["script"], {"__name__": "__main__"})
        print("\nended", file=output)
    except BaseException:
        traceback.print_exc()
        print("\nfailed", file=output)
    output.flush()


def fork(listener):
    connection, _ = listener.accept()
    if os.fork():
        connection.close()
        return
    try:
        listener.close()
        for changed in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(changed, signal.SIG_DFL)
        request = json.loads(connection.makefile().readline())
        run(connection, request) if request else serve(connection)
    finally:
        os._exit(0)


load(sys.argv[1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
# Ctrl-C ends the tests, and they end this; whoever ends this itself has its directory removed too.
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
with tempfile.TemporaryDirectory(prefix="ringfence-python-") as directory:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{directory}/socket")
    listener.listen(64)
    print(listener.getsockname(), flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            break
        fork(listener)
