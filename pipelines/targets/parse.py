"""Reads a compiled pipeline and refuses, by the step's name, whatever it cannot say exactly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.errors import PipelineError, UnsupportedError
from pipelines.targets import documents, ir, platform, references
from pipelines.targets.fields import Fields

_MEMBER = re.compile(r'parseJson\(string_value\)\["((?:[^"\\]|\\.)+)"\]')


def read(path: Path) -> ir.Pipeline:
    """Reads the IR file at ``path``.

    Raises:
        PipelineError: It is no compiled pipeline.
        UnsupportedError: It holds something that cannot be run faithfully.
    """
    return parse(documents.load_file(path), str(path))


def parse(content: Sequence[Any], source: str) -> ir.Pipeline:
    """Reads the documents of an IR file: a PipelineSpec and, where there is one, a PlatformSpec."""
    if not 1 <= len(content) <= 2:
        raise PipelineError(f"{source}: expected one or two YAML documents, found {len(content)}")
    if not isinstance(content[0], dict) or "root" not in content[0]:
        raise PipelineError(f"{source}: expected a compiled pipeline, found no root in it")
    spec = Fields(content[0], source)
    schema = spec.text("schemaVersion")
    if schema != ir.SCHEMA:
        raise UnsupportedError(f"{source}: expected schemaVersion {ir.SCHEMA}, found {schema or 'none'}")
    spec.ignore("sdkVersion")
    spec.ignore("defaultPipelineRoot")  # a bucket; here a run has its own folder
    placed = platform.parse(content[1] if len(content) == 2 else None, source)
    info = spec.part("pipelineInfo")
    info.ignore("displayName")
    executors = _executors(spec.part("deploymentSpec"), placed)
    bodies = spec.named("components", "component")
    components = {name: _component(name, fields, executors) for name, fields in bodies.items()}
    root = _component("root", spec.part("root", "pipeline"), executors)
    pipeline = ir.Pipeline(info.text("name"), info.text("description"), root, components)
    info.end()
    spec.end()
    references.check(pipeline)
    return pipeline


def _executors(deployment: Fields, placed: Mapping[str, platform.Placed]) -> dict[str, ir.Container | ir.Importer]:
    found: dict[str, ir.Container | ir.Importer] = {}
    for label, fields in deployment.named("executors").items():
        fields.where = f"step '{label.removeprefix('exec-')}'"
        if "container" in fields:
            found[label] = _container(fields.part("container"), placed.get(label, platform.Placed()))
        elif "importer" in fields:
            found[label] = _importer(fields.part("importer"))
        fields.end()
    deployment.end()
    return found


def _container(fields: Fields, placed: platform.Placed) -> ir.Container:
    # How much machine a step asks for is the scheduler's business; there is one machine here.
    fields.ignore("resources")
    container = ir.Container(
        image=fields.text("image"),
        command=fields.texts("command"),
        args=fields.texts("args"),
        env={variable.text("name"): variable.text("value") for variable in fields.objects("env")},
        timeout=placed.timeout,
        secrets=placed.secrets,
    )
    fields.end()
    return container


def _importer(fields: Fields) -> ir.Importer:
    fields.ignore("reimport")  # whether an earlier record of it may be reused; here there are no records
    uri = fields.part("artifactUri")
    if "runtimeParameter" in uri:
        # The compiler always names this input so, and also passes a constant through it.
        source: ir.Source = ir.FromInput(uri.text("runtimeParameter"))
    else:
        source = ir.Constant(uri.take("constant"))
    importer = ir.Importer(source, _schema(fields.part("typeSchema")), fields.take("metadata", {}))
    uri.end()
    fields.end()
    return importer


def _component(name: str, fields: Fields, executors: Mapping[str, ir.Container | ir.Importer]) -> ir.Component:
    fields.where = f"step '{name.removeprefix('comp-')}'"
    inputs, outputs = _interface(fields.part("inputDefinitions")), _interface(fields.part("outputDefinitions"))
    body: ir.Dag | ir.Container | ir.Importer
    if "dag" in fields:
        body = _dag(fields.part("dag"))
    else:
        label = fields.text("executorLabel")
        if label not in executors:
            raise UnsupportedError(f"{fields.where}: expected a container or an importer, found {label or 'neither'!r}")
        body = executors[label]
    fields.end()
    return ir.Component(name, inputs, outputs, body)


def _interface(fields: Fields) -> ir.Interface:
    parameters = {name: _parameter(item) for name, item in fields.named("parameters").items()}
    artifacts = {}
    for name, item in fields.named("artifacts").items():
        item.ignore("description")
        schema = _schema(item.part("artifactType"))
        artifacts[name] = ir.ArtifactKind(schema, item.flag("isArtifactList"), item.flag("isOptional"))
        item.end()
    fields.end()
    return ir.Interface(parameters, artifacts)


def _parameter(fields: Fields) -> ir.Parameter:
    kind = fields.text("parameterType")
    if kind not in ir.KINDS:
        raise UnsupportedError(f"{fields.where}: expected a parameter type among {', '.join(ir.KINDS)}, found {kind!r}")
    choices = tuple(fields.take("literals", ()))
    default = fields.take("defaultValue", ir.ABSENT)
    parameter = ir.Parameter(kind, default, fields.flag("isOptional"), fields.text("description"), choices)
    fields.end()
    return parameter


def _schema(fields: Fields) -> dict[str, str]:
    schema = {"schemaTitle": fields.text("schemaTitle"), "schemaVersion": fields.text("schemaVersion")}
    fields.ignore("instanceSchema")
    fields.end()
    return schema


def _dag(fields: Fields) -> ir.Dag:
    tasks = {name: _task(name, item) for name, item in fields.named("tasks", "step").items()}
    outputs = fields.part("outputs")
    parameters = {}
    for name, item in outputs.named("parameters").items():
        one_of = item.part("valueFromOneof").objects("parameterSelectors")
        chosen = one_of or [item.part("valueFromParameter")]
        item.ignore("valueFromOneof")
        parameters[name] = tuple(_selected(one, "outputParameterKey") for one in chosen)
        item.end()
    artifacts = {}
    for name, item in outputs.named("artifacts").items():
        chosen = item.objects("artifactSelectors")
        artifacts[name] = tuple(_selected(one, "outputArtifactKey") for one in chosen)
        item.end()
    outputs.end()
    fields.end()
    return ir.Dag(tasks, parameters, artifacts)


def _selected(fields: Fields, key: str) -> ir.FromTask:
    source = ir.FromTask(fields.text("producerSubtask"), fields.text(key))
    fields.end()
    return source


def _task(name: str, fields: Fields) -> ir.Task:
    fields.ignore("taskInfo")  # a name to show; the step's own name is what folders and logs are called
    inputs, trigger, component = fields.part("inputs"), fields.part("triggerPolicy"), fields.part("componentRef")
    parameters = {key: _source(item) for key, item in inputs.named("parameters").items()}
    artifacts = {key: _artifact_source(item) for key, item in inputs.named("artifacts").items()}
    caching = fields.part("cachingOptions")
    strategy = trigger.text("strategy", "ALL_UPSTREAM_TASKS_SUCCEEDED")
    always = strategy == "ALL_UPSTREAM_TASKS_COMPLETED"
    if not always and strategy != "ALL_UPSTREAM_TASKS_SUCCEEDED":
        raise UnsupportedError(f"{fields.where}: expected a known trigger strategy, found {strategy!r}")
    named = [source.task for source in (*parameters.values(), *artifacts.values()) if isinstance(source, ir.FromTask)]
    after = tuple(dict.fromkeys([*fields.texts("dependentTasks"), *named]))
    reports = any(isinstance(source, ir.FinalStatus) for source in parameters.values())
    task = ir.Task(
        name=name,
        component=component.text("name"),
        parameters=parameters,
        artifacts=artifacts,
        after=after,
        condition=trigger.take("condition"),
        always=always,
        exits=always and (reports or any(other.startswith("exit-handler-") for other in after)),
        cacheable=caching.flag("enableCache"),
        retry=_retry(fields.part("retryPolicy")),
        loop=_loop(fields),
    )
    caching.ignore("cacheKey")  # a name for the entry; here entries are named by content
    for part in (inputs, trigger, component, caching, fields):
        part.end()
    return task


def _source(fields: Fields) -> ir.Source:
    source: ir.Source
    if "taskOutputParameter" in fields:
        item = fields.part("taskOutputParameter")
        source = ir.FromTask(item.text("producerTask"), item.text("outputParameterKey"))
    elif "componentInputParameter" in fields:
        item = fields
        source = ir.FromInput(fields.text("componentInputParameter"), _member(fields))
    elif "taskFinalStatus" in fields:
        item = fields.part("taskFinalStatus")
        source = ir.FinalStatus(item.text("producerTask"))
    else:
        item = fields.part("runtimeValue")
        source = ir.Constant(item.take("constant"))
    item.end()
    fields.end()
    return source


def _member(fields: Fields) -> str | None:
    selector = fields.text("parameterExpressionSelector")
    found = _MEMBER.fullmatch(selector)
    if selector and not found:
        raise UnsupportedError(f"{fields.where}: expected a selector of one field, found {selector!r}")
    return json.loads(f'"{found[1]}"') if found else None


def _artifact_source(fields: Fields) -> ir.Source:
    source: ir.Source
    if "taskOutputArtifact" in fields:
        item = fields.part("taskOutputArtifact")
        source = ir.FromTask(item.text("producerTask"), item.text("outputArtifactKey"))
        item.end()
    else:
        source = ir.FromInput(fields.text("componentInputArtifact"))
    fields.end()
    return source


def _retry(fields: Fields) -> ir.Retry:
    retry = ir.Retry(
        times=fields.whole("maxRetryCount"),
        wait=fields.seconds("backoffDuration", 0.0),
        factor=fields.number("backoffFactor", 2.0) or 2.0,
        most=fields.seconds("backoffMaxDuration", 3600.0),
    )
    fields.end()
    return retry


def _loop(fields: Fields) -> ir.Loop | None:
    limit = fields.part("iteratorPolicy")
    most = limit.whole("parallelismLimit")
    limit.end()
    for key in ("parameterIterator", "artifactIterator"):
        if key not in fields:
            continue
        iterator = fields.part(key)
        items, item = iterator.part("items"), iterator.text("itemInput")
        raw = items.text("raw")
        constant = tuple(json.loads(raw)) if raw else None
        source = items.take("inputParameter") or items.take("inputArtifact")
        items.end()
        iterator.end()
        return ir.Loop(item, constant, source, key == "artifactIterator", most)
    return None
