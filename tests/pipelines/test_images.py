"""`--images`: where the images of the steps come from, in what every target is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.artifacts import VERSION, image
from components.errors import InputError
from pipelines import cli
from pipelines.cli.compiling import TARGETS
from pipelines.targets import images
from pipelines.targets.local import backends

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def named(folder: Path) -> dict[str, set[str]]:
    """The images that compiled files name, by target."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*.yaml"):
        said = re.findall(r"^ *image: (\S+)$", path.read_text(), re.MULTILINE)
        found.setdefault(path.parent.name, set()).update(said)
    return found


def test_the_images_are_those_that_the_repository_builds():
    assert tuple(sorted(path.parent.name for path in ROOT.glob("images/*/Containerfile"))) == images.NAMES


CASES = [
    ([], {name: f"roadworthy/{name}:{VERSION}" for name in images.NAMES}),
    (["ghcr.example/acme"], {name: f"ghcr.example/acme/roadworthy/{name}:{VERSION}" for name in images.NAMES}),
    (["localhost:5000/"], {name: f"localhost:5000/roadworthy/{name}:{VERSION}" for name in images.NAMES}),
    ([":git-1a2b3c"], {name: f"roadworthy/{name}:git-1a2b3c" for name in images.NAMES}),
    (
        ["ghcr.example/acme", ":2", f"torch=other.example/t@{DIGEST}"],
        {
            "analysis": "ghcr.example/acme/roadworthy/analysis:2",
            "detector": "ghcr.example/acme/roadworthy/detector:2",
            "torch": f"other.example/t@{DIGEST}",
        },
    ),
    (["first.example", "second.example"], {n: f"second.example/roadworthy/{n}:{VERSION}" for n in images.NAMES}),
]


@pytest.mark.parametrize(("given_images", "wanted"), CASES)
def test_every_target_is_given_the_chosen_images(tmp_path, given_images, wanted):
    options = [word for one in given_images for word in ("--images", one)]
    assert cli.main(["compile", "--target", "all", "--output", str(tmp_path), *options]) == 0
    assert named(tmp_path) == {target: set(wanted.values()) for target in TARGETS}


def test_a_file_says_the_same_and_what_comes_later_wins(tmp_path):
    file = tmp_path / "images.yaml"
    file.write_text(f"registry: ghcr.example/acme\ntag: '2'\ntorch: other.example/t:1@{DIGEST}\n")
    found = images.chosen([str(file), ":3"])
    assert [found.of(name) for name in images.NAMES] == [
        "ghcr.example/acme/roadworthy/analysis:3",
        "ghcr.example/acme/roadworthy/detector:3",
        f"other.example/t:1@{DIGEST}",
    ]


WRONG = [
    ("tarch=a/b:1", "an image among analysis, detector, torch, found 'tarch'"),
    ("torch=a/b", "with a tag or digest, found 'a/b'"),
    ("torch=host:5000/b", "with a tag or digest, found 'host:5000/b'"),
    ("torch=", "found ''"),
    ("torch=A/B:1", "found 'A/B:1'"),
    ("torch=a/b@sha256:12", "found 'a/b@sha256:12'"),
    ("torch=a/b:1 --privileged", "an image's reference as torch"),
    (":", "expected a tag"),
    (":a b", "expected a tag"),
    ("https://ghcr.example/acme", "expected a registry"),
    ("ghcr.example/{{workflow.name}}", "expected a registry"),
    ("", "expected a registry"),
    ("absent.yaml", "absent.yaml: expected a file of images, found No such file"),
]


@pytest.mark.parametrize(("given_images", "said"), WRONG)
def test_what_names_no_image_is_refused(tmp_path, capsys, given_images, said):
    assert cli.main(["compile", "--output", str(tmp_path / "out"), "--images", given_images]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["- a", "torch: 1", "torch: [a]", "registry: {}", "tourch: a:1", "a: 1\n---\nb: 2"])
def test_a_file_of_another_form_is_refused(tmp_path, content):
    file = tmp_path / "images.yml"
    file.write_text(content)
    with pytest.raises(InputError, match=re.escape(str(file))):
        images.chosen([str(file)])


def test_only_whole_texts_that_name_an_image_of_ours_are_changed():
    placed = images.chosen(["ghcr.example"]).placed
    tree = {
        "image": image("torch"),
        "text": f"see {image('torch')}",
        "other": "python:3.11",
        "list": [1, image("analysis")],
    }
    assert placed(tree) == {
        "image": f"ghcr.example/{image('torch')}",
        "text": f"see {image('torch')}",
        "other": "python:3.11",
        "list": [1, f"ghcr.example/{image('analysis')}"],
    }


HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,5}){1,2}(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(HOSTS, st.sampled_from(images.NAMES))
def test_an_image_below_any_registry_still_names_its_environment_here(registry, name):
    assert backends._IMAGE.fullmatch(images.chosen([registry]).of(name))["name"] == name


def test_a_compiled_file_with_other_images_is_yaml_of_the_same_pipeline(tmp_path):
    for folder, options in (("one", []), ("two", ["--images", "ghcr.example/acme"])):
        assert cli.main(["compile", "monitoring", "--output", str(tmp_path / folder), *options]) == 0
    one, two = (list(yaml.safe_load_all((tmp_path / f / "monitoring.yaml").read_text())) for f in ("one", "two"))
    assert one != two
    assert images.chosen(["ghcr.example/acme"]).placed(one) == two
