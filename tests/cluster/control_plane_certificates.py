"""The keys of a test control plane, made with the openssl program (3.0 or newer)."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import subprocess
from pathlib import Path

DAYS = "30"
SERVICE = "10.96.0.1"  # the API server's own service: the first address of control_plane_commands.SERVICES
NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")


class Certificates:
    """One certificate authority and what it signs, each made once and kept in a folder.

    Attributes:
        authority: the authority's certificate; its key lies beside it.
        tokens: the private key that signs service account tokens.
    """

    def __init__(self, folder: Path, address: str) -> None:
        """Makes the authority where there is none.

        Args:
            folder: where keys lie, readable by the owner only.
            address: the IP address of the API server.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._address = ipaddress.ip_address(address)
        self._configuration = folder / "openssl.cnf"  # the system's own adds extensions of its choice
        self._configuration.write_text("[req]\ndistinguished_name = name\n[name]\n")
        self.authority = folder / "authority.crt"
        self.tokens = folder / "tokens.key"
        if not self.authority.exists():
            self._make("authority", "/CN=test-cluster", *AUTHORITY, signed=False)
        if not self.tokens.exists():
            _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(self.tokens))

    def server(self) -> tuple[Path, Path]:
        """The API server's certificate and key."""
        addresses = [f"IP:{address}" for address in dict.fromkeys((str(self._address), "127.0.0.1", SERVICE))]
        names = ",".join([*(f"DNS:{name}" for name in NAMES), *addresses])
        return self._make(f"server-{self._address}", "/CN=kube-apiserver", f"subjectAltName={names}")

    def client(self, user: str, group: str = "") -> tuple[Path, Path]:
        """A client's certificate and key.

        Args:
            user: the name that the API server shall see.
            group: its group; `system:masters` has all rights.
        """
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        return self._make(re.sub("[^a-z0-9-]", "-", user), subject, "extendedKeyUsage=clientAuth")

    def kubeconfig(self, path: Path, server: str, user: str, group: str = "") -> Path:
        """Writes a kubeconfig that holds a client's keys itself, so that the file can be copied.

        Args:
            path: the file to write, readable by the owner only.
            server: the API server's URL.
            user: see `client`.
            group: see `client`.

        Returns:
            The path.
        """
        certificate, key = (_encoded(file) for file in self.client(user, group))
        cluster = {"server": server, "certificate-authority-data": _encoded(self.authority)}
        credentials = {"client-certificate-data": certificate, "client-key-data": key}
        path.touch(mode=0o600)
        path.write_text(  # JSON is YAML
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": user, "user": credentials}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
                    "current-context": "test",
                },
                indent=2,
            )
            + "\n"
        )
        return path

    def _make(self, name: str, subject: str, *extensions: str, signed: bool = True) -> tuple[Path, Path]:
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        if not certificate.exists():
            signer = ["-CA", str(self.authority), "-CAkey", str(self.authority.with_suffix(".key"))] if signed else []
            _openssl(
                *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
                *("-config", str(self._configuration), "-days", DAYS, "-subj", subject),
                *(word for extension in extensions for word in ("-addext", extension)),
                *("-keyout", str(key), "-out", str(certificate), *signer),
            )
        return certificate, key


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _openssl(*arguments: str) -> None:
    """Runs openssl.

    Raises:
        SystemExit: openssl failed, with what it said.
    """
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"openssl {arguments[0]} failed:\n{done.stderr}")
