"""``roadworthy submit`` and ``roadworthy follow``: sends a pipeline to a cluster, follows a run to its end."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from components.errors import InputError
from pipelines import parameters
from pipelines.cli import sources
from pipelines.submit import following
from pipelines.submit.runs import Run
from pipelines.targets import documents, kfp, kfp_native, parse, store
from pipelines.targets.local import view

TARGETS = ("argo", "kfp")


def add(commands: Any) -> None:
    """Adds both commands to the program's."""
    parser = commands.add_parser(
        "submit",
        help="run a pipeline on a cluster",
        description="Exit status: 0, 1 failed, 124 time is up, 130 Ctrl-C.",
    )
    parser.add_argument("name", metavar="NAME", help="pipeline, module:function, or a compiled file.yaml")
    sources.add_parameters(parser)
    sources.add_placing(parser)
    parser.add_argument("--root", default="", metavar="URI", help="under which runs keep theirs: s3://bucket/prefix")
    parser.add_argument("--experiment", default="Default", help="kfp: the run is filed under (default: Default)")
    parser.add_argument("--schedule", action="store_true", help="argo: apply the schedule, run nothing now")
    parser.add_argument("--detach", action="store_true", help="do not follow the run")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent; asks no cluster")
    _add_where(parser)
    parser.set_defaults(work=submit)

    parser = commands.add_parser("follow", help="follow a run that was sent, to its end")
    parser.add_argument(
        "run", metavar="RUN", help="as `submit` named it: an Argo workflow, or the id of a run of KFP's"
    )
    _add_where(parser)
    parser.set_defaults(work=follow)


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", choices=TARGETS, required=True, help="what runs it there")
    parser.add_argument("--namespace", default="", help="(default: argo: the context's; kfp: its only one)")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="follow for so long (default: to the end)")
    parser.add_argument("--host", default="", metavar="URL", help="kfp: address (default: KF_PIPELINES_ENDPOINT)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="kfp: holds a bearer token")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="kfp: certificates that its own is signed by")


def submit(args: argparse.Namespace) -> int:
    """Sends a pipeline; returns the exit status."""
    content = sources.content(args)
    pipeline = parse.parse(content[:1], args.name)
    if args.schedule:
        return _schedule(args, content)
    given = parameters.resolve(args.param, pipeline)
    run = (_to_argo if args.to == "argo" else _to_kfp)(args, content, given)
    if run is None:
        return 0
    if not args.detach:
        return _followed(args, run)
    print("\n".join([f"run {run.name}", *run.onward()]))
    run.close()
    return 0


def follow(args: argparse.Namespace) -> int:
    """Follows a run; returns the exit status."""
    if args.to == "argo":
        from pipelines.submit import argo, cluster

        return _followed(args, argo.ArgoRun(cluster.connect(args.namespace or None), args.run))
    from pipelines.submit import kfp as service

    client = service.connect(args.host, args.namespace, args.token_file, args.ca_file)
    return _followed(args, service.KfpRun(client, args.run, args.namespace))


def _followed(args: argparse.Namespace, run: Run) -> int:
    try:
        return following.follow(run, view.choose(sys.stderr), args.timeout)
    finally:
        run.close()


def _to_argo(args: argparse.Namespace, content: kfp.Documents, given: dict[str, Any]) -> Run | None:
    from pipelines.submit import argo, cluster

    sent = argo.objects(content, given, sources.chosen_images(args), args.root)
    if args.dry_run:
        _printed(sent, args.namespace)
        return None
    client = cluster.connect(args.namespace or None)
    try:
        made = argo.send(client, sent)
    except BaseException:
        client.close()
        raise
    return argo.ArgoRun(client, made[-1]["metadata"]["name"])


def _schedule(args: argparse.Namespace, content: kfp.Documents) -> int:
    from pipelines.submit import argo, cluster

    if args.to != "argo" or args.param:
        raise InputError(
            "expected --schedule with --to argo and without --param (a schedule's parameters are in the ConfigMap "
            "<pipeline>-parameters), found another command line"
        )
    sent = argo.scheduled(content, sources.chosen_images(args))
    if args.dry_run:
        _printed(sent, args.namespace)
        return 0
    with cluster.connect(args.namespace or None) as client:
        for one in argo.send(client, sent):
            print(f"applied {one['kind']} {one['metadata']['name']} in namespace {client.namespace}")
    return 0


def _to_kfp(args: argparse.Namespace, content: kfp.Documents, given: dict[str, Any]) -> Run | None:
    from pipelines.submit import kfp as service

    placed = sources.chosen_images(args).placed(store.reached(content))
    version = kfp_native.version(placed)
    if args.dry_run:
        asked = {
            "pipeline": placed[0]["pipelineInfo"]["name"],
            "version": version,
            "experiment": args.experiment,
            "parameters": given,
            **({"pipeline_root": args.root} if args.root else {}),
            **({"namespace": args.namespace} if args.namespace else {}),
        }
        heading = "\n".join(
            ["the run", *json.dumps(asked, indent=2, ensure_ascii=False).splitlines(), "of the version"]
        )
        sys.stdout.write(documents.dump(placed, heading))
        return None
    client = service.connect(args.host, args.namespace, args.token_file, args.ca_file)
    uploaded = service.upload(client, placed, args.namespace)
    print(f"version {version}{' (it was there)' if uploaded.before else ''}", file=sys.stderr, flush=True)
    return service.start(client, uploaded, version, given, args.experiment, args.namespace, args.root)


def _printed(sent: list[dict[str, Any]], namespace: str) -> None:
    for one in sent:
        if namespace:
            one["metadata"]["namespace"] = namespace
    plain = json.loads(json.dumps(sent))  # parts that several objects share would become YAML aliases
    sys.stdout.write(documents.dump(plain, "what `roadworthy submit` would send"))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds from 0, found {text!r}")
    return value
