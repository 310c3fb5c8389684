"""The command lines of a test control plane's four programs: what is set differs from the defaults for a reason."""

from __future__ import annotations

from pathlib import Path

from control_plane_certificates import Certificates

SERVICES = "10.96.0.0/16"  # the first address of the range becomes the API server's own service
PODS = "10.244.0.0/16"
ALONE = ("--leader-elect=false", "--secure-port=0")  # one of each, and no port of their own


def etcd(data: Path, port: int) -> list[str]:
    """The command of a one-member etcd, which keeps its state in `data`/etcd."""
    clients, peers = f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port + 2}"
    return [
        "etcd",
        f"--data-dir={data / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]


def api_server(keys: Certificates, address: str, port: int) -> list[str]:
    """The command of an API server with RBAC, bound service account tokens and Pod Security admission."""
    certificate, key = keys.server()
    client_certificate, client_key = keys.client("kube-apiserver-kubelet-client", "system:masters")
    return [
        "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{port + 1}",
        f"--bind-address={address}",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--client-ca-file={keys.authority}",
        f"--kubelet-client-certificate={client_certificate}",
        f"--kubelet-client-key={client_key}",
        "--kubelet-preferred-address-types=InternalIP,Hostname",  # a test node's name is in no DNS
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.tokens}",
        f"--service-account-signing-key-file={keys.tokens}",
    ]


def controller_manager(keys: Certificates, kubeconfig: Path) -> list[str]:
    """The command of a controller manager that signs tokens and gives every node a range of pod addresses."""
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={keys.tokens}",
        f"--root-ca-file={keys.authority}",
        f"--cluster-signing-cert-file={keys.authority}",
        f"--cluster-signing-key-file={keys.authority.with_suffix('.key')}",
        "--allocate-node-cidrs",
        f"--cluster-cidr={PODS}",
        *ALONE,
    ]


def scheduler(kubeconfig: Path) -> list[str]:
    """The command of a scheduler."""
    return ["kube-scheduler", f"--kubeconfig={kubeconfig}", *ALONE]
