"""What ``deploy``, ``undeploy`` and ``manifests`` do with their arguments where the target is a cluster."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from components.artifacts import image as project_image
from components.errors import InputError
from components.serve.deploy.kubernetes import objects
from components.serve.deploy.kubernetes.placement import Placement
from components.serve.deploy.kubernetes.wanted import Endpoint
from components.storage import Place, place


@contextmanager
def started(args: argparse.Namespace, options: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Uploads the archive, applies the endpoint, waits until it is ready, and yields what ``endpoint.json`` says.

    What goes wrong within the block takes the endpoint back.

    Raises:
        InputError: Something that is asked for does not go together with pods.
        ArchiveError: The archive is not what its manifest says, or not signed by the key that is required.
        EndpointError: The rollout failed and was taken back.
    """
    from components.package.archive import Package
    from components.serve.deploy.kubernetes import upload
    from components.serve.deploy.kubernetes.cluster import Cluster
    from components.serve.deploy.kubernetes.endpoints import Deploying

    models = _models(args)
    key = _public_key(args)
    package = Package(args.archive, public_key=key)
    package.verify()
    address = upload.folder(models, args.name, package.digest, package.signature)
    with Cluster(args.namespace) as cluster:
        wanted = endpoint(
            args,
            options,
            archive=address.child(upload.ARCHIVE).uri,
            digest=package.digest,
            image=args.image or cluster.own_image() or project_image(_environment(package)),
            owner=args.state,
        )
        upload.publish(args.archive, address)
        deploying = Deploying(cluster, wanted, tell)
        deploying.run(args.timeout)
        try:
            yield {
                "name": args.name,
                "url": deploying.url,
                "digest": package.digest,
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "namespace": cluster.namespace,
                "archive": wanted.archive,
            }
        except BaseException:
            tell(deploying.roll_back())
            raise


def stop(args: argparse.Namespace) -> bool:
    """Removes what ``deploy`` applied; returns whether there was anything.

    Raises:
        EndpointError: There is no cluster, the objects are not ours, or the pods do not go.
    """
    from components.serve.deploy.kubernetes.cluster import Cluster
    from components.serve.deploy.kubernetes.endpoints import remove

    with Cluster(args.namespace) as cluster:
        return remove(cluster, args.name, args.state, args.timeout, tell)


def manifests(args: argparse.Namespace, options: Sequence[str]) -> str:
    """Returns the endpoint's objects as YAML.

    Raises:
        InputError: Something is not as Kubernetes or its pods need it.
    """
    wanted = endpoint(
        args,
        options,
        archive=remote("--archive", args.archive).uri,
        digest=args.digest,
        image=args.image or project_image("torch"),
        namespace=args.namespace,
    )
    return objects.as_yaml(objects.rendered(wanted))


def endpoint(args: argparse.Namespace, options: Sequence[str], **given: Any) -> Endpoint:
    """Returns what is wanted.

    Raises:
        InputError: Something is not as Kubernetes or its pods need it.
    """
    for flag in ("capture_to", "tensors"):
        if getattr(args, flag):
            remote(f"--{flag.replace('_', '-')}", getattr(args, flag))
    if args.tensor_config:
        raise InputError("--tensor-config: expected none for pods, which share no file with this step, found one")
    return Endpoint(
        name=args.name,
        replicas=args.replicas,
        max_replicas=args.max_replicas or args.replicas,
        cpu=args.cpu,
        memory=args.memory,
        placement=Placement.from_json(args.placement),
        options=options,
        public_key=_public_key(args),
        **given,
    )


def remote(flag: str, uri: str) -> Place:
    """Returns a place that pods can reach.

    Raises:
        InputError: It is a folder of this machine.
    """
    found = place(uri)
    if found.local is not None:
        raise InputError(f"{flag}: expected a place that pods share, s3://…, found {found}")
    return found


def tell(line: str) -> None:
    """Writes a line of progress."""
    print(line, file=sys.stderr, flush=True)


def _public_key(args: argparse.Namespace) -> str:
    """Returns the PEM text of the key that must have signed the model, empty for none: what holds here, holds there."""
    from components.package import keys

    key = keys.required(args.public_key)
    return key.pem if key else ""


def _models(args: argparse.Namespace) -> Place:
    if not args.models and not args.state:
        raise InputError("--models: expected a place for the archive, s3://…, found neither it nor --state")
    return remote("--models", args.models) if args.models else remote("--state", args.state).child("models")


def _environment(package: Any) -> str:
    """Returns the name of the image that holds the library of a model; code of its own is taken to need torch."""
    from components.errors import RoadworthyError

    try:
        return "detector" if package.description.framework == "mxnet" else "torch"
    except RoadworthyError:
        return "torch"
