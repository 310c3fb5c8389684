"""The KFP SDK is imported lightly, and is whole for whoever asks for the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def said(program: str) -> list[str]:
    command = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-c",
        f"import sys\nfrom pipelines.targets import sdk\n{program}",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_compiling_imports_no_client_of_the_kubernetes_api(tmp_path):
    command = ["compile", "--target", "all", "--profile", "g4dn", "--output", str(tmp_path)]
    assert said(f"from pipelines import cli\ncli.main({command})\nprint('kubernetes' in sys.modules)")[-1] == "False"


def test_the_client_is_there_for_who_asks():
    assert said(
        "sdk.ready()\nimport kfp\nfrom kfp import Client\nprint(kfp.Client is Client, kfp.client.Client is Client)"
    ) == ["True", "True"]


def test_affinities_are_still_compiled_from_the_kubernetes_clients_models():
    program = """
sdk.ready()
from kfp import dsl, kubernetes
@dsl.container_component
def f():
    return dsl.ContainerSpec(image="a:1", command=["b"])
@dsl.pipeline
def p():
    terms = [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    kubernetes.add_node_affinity_json(f(), affinity)
print('nodeAffinity' in str(p.platform_spec))
"""
    assert said(program) == ["True"]


def test_a_module_that_has_no_such_name_still_says_so():
    assert said("sdk.ready()\nimport kfp\ntry:\n  kfp.absent\nexcept AttributeError as e: print(e)")[-1] == "'absent'"
