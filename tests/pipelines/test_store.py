"""Every pod of a run finds the object store, on KFP by the IR's second document, on Argo by the Secret as a whole; and
the keys of signed models, each step those that are its own.
"""

import copy

import kfp_lint
import pytest
from kfp import dsl, kubernetes
from pipeline_probes import secret as probe

from pipelines import detection, monitoring, placement, traffic_signs
from pipelines.targets import argo, ir, kfp, kfp_native, parse, store

STORIES = (traffic_signs.traffic_signs, detection.detection, monitoring.monitoring)


def environment(documents):
    """Returns the variables out of Secrets, by executor."""
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {label: dict(_variables(placed["secretAsEnv"])) for label, placed in executors.items()}


def _variables(secrets):
    for one in secrets:
        for key in one["keyToEnv"]:
            yield key["envVar"], (one["secretName"], key["secretKey"], one.get("optional", False))


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.name)
@pytest.mark.parametrize("profile", ["cpu", "g4dn"])
def test_each_container_of_a_story_finds_the_store_and_what_was_placed_stays(story, profile):
    before = kfp.compiled(story, placement.PROFILES[profile])
    kept = copy.deepcopy(before)
    after = store.reached(before)
    assert before == kept  # its argument is not changed
    containers = {label for label, one in after[0]["deploymentSpec"]["executors"].items() if "container" in one}
    found = environment(after)
    assert set(found) == containers
    for label, one in found.items():
        own = store.signing(after[0]["deploymentSpec"]["executors"][label]["container"]["command"])
        assert one == {key: (store.SECRET, key, True) for key in store.KEYS} | {
            key: (store.SIGNING, key, True) for key in own
        }
    placed = (before[1] if len(before) > 1 else {"platforms": {"kubernetes": {}}})["platforms"]["kubernetes"]
    for label, one in placed.get("deploymentSpec", {}).get("executors", {}).items():
        assert one.items() <= after[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label].items()
    assert not list(kfp_lint.objects(kfp_native.compiled(after)))


def test_it_is_said_once_and_a_variable_that_a_step_has_stays():
    content = kfp.compiled(probe)
    once = store.reached(content)
    assert store.reached(once) == once
    (found,) = environment(once).values()
    assert found["ROADWORTHY_TEST_SECRET"] == ("s3", "key", False)

    own = copy.deepcopy(content)
    (placed,) = own[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    placed["secretAsEnv"][0]["keyToEnv"][0]["envVar"] = "AWS_REGION"
    (found,) = environment(store.reached(own)).values()
    assert found["AWS_REGION"] == ("s3", "key", False)


def test_it_is_written_as_the_sdk_writes_it():
    @dsl.container_component
    def step():
        return dsl.ContainerSpec(image="roadworthy/analysis:0.1.0", command=["true"])

    @dsl.pipeline(name="one")
    def plain():
        step()

    @dsl.pipeline(name="one")
    def told():
        kubernetes.use_secret_as_env(step(), store.SECRET, {key: key for key in store.KEYS}, optional=True)

    assert store.reached(kfp.compiled(plain)) == kfp.compiled(told)


def test_on_one_machine_the_callers_own_environment_is_taken():
    content = store.reached(kfp.compiled(monitoring.monitoring))
    bodies = [one.body for one in parse.parse(content, "monitoring").components.values()]
    containers = [one for one in bodies if isinstance(one, ir.Container)]
    assert containers
    assert all(one.secrets == dict.fromkeys((*store.KEYS, *store.signing(one.command)), True) for one in containers)


@pytest.mark.parametrize("story", [traffic_signs.traffic_signs, detection.detection], ids=lambda one: one.name)
def test_the_private_key_is_for_the_step_alone_that_packs_the_model(story):
    executors = store.reached(kfp.compiled(story))[0]["deploymentSpec"]["executors"]
    steps = {label: one["container"]["command"] for label, one in executors.items() if "container" in one}
    told = {label: store.signing(command) for label, command in steps.items()}
    private = [label for label, names in told.items() if "ROADWORTHY_SIGNING_KEY" in names]
    assert [steps[label][2:] for label in private] == [["components.package", "pack"]]
    assert told[private[0]] == ("ROADWORTHY_SIGNING_KEY", "ROADWORTHY_SIGNING_KEY_PASSWORD")
    assert {names for label, names in told.items() if label not in private} == {("ROADWORTHY_PUBLIC_KEY",)}


@pytest.mark.parametrize("story", [probe, *STORIES], ids=lambda one: one.name)
def test_argo_has_it_from_the_secret_as_a_whole_and_names_no_key_twice(story):
    content = kfp.compiled(story)
    assert argo.compiled(store.reached(content)) == argo.compiled(content)
