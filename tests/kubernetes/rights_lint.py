"""Roles name what they allow, none allows its holder more than it says, and nobody but our own accounts holds one."""

from __future__ import annotations

from collections.abc import Iterator

from pod_lint import Object

VERBS = {"get", "list", "watch", "create", "update", "patch", "delete"}
"""Others let their holder become somebody else, take more rights than it has, or delete everything at once."""

RESERVED = {
    "secrets": "reads what others keep from it",
    "serviceaccounts/token": "becomes another account",
    "pods/exec": "runs commands in others' pods",
    "pods/attach": "runs commands in others' pods",
    "pods/ephemeralcontainers": "runs commands in others' pods",
    "roles": "changes rights",
    "rolebindings": "changes rights",
}


def problems(documents: list[Object]) -> Iterator[str]:
    """Yields what is wrong with the rights that some objects give, a line each."""
    for one in documents:
        owner = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            yield f"{owner}: rights in all namespaces"
        elif one["kind"] == "Role":
            yield from (f"{owner}: {problem}" for rule in one["rules"] for problem in _rule(rule))
        elif one["kind"] == "RoleBinding":
            yield from (f"{owner}: {problem}" for problem in _binding(one))


def _rule(rule: Object) -> Iterator[str]:
    for key in ("apiGroups", "resources", "verbs"):
        yield from (f"{key} with a wildcard: {one}" for one in rule.get(key, []) if "*" in one)
    yield from (f"the verb {one}" for one in rule["verbs"] if one not in VERBS and one != "*")
    yield from (f"{one}: {RESERVED[one]}" for one in rule["resources"] if one in RESERVED)


def _binding(one: Object) -> Iterator[str]:
    if one["roleRef"]["kind"] != "Role":
        yield "a role of all namespaces"
    for subject in one["subjects"]:
        if subject["kind"] != "ServiceAccount":
            yield f"rights for a {subject['kind']}"
        elif subject["name"] == "default":
            yield "rights for every pod that names no account"
