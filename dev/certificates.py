"""Certificates for local engines: an authority made anew, and what it signs, as PEM files."""

from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from dev.ports import LOOPBACK


class Certificate(NamedTuple):
    """PEM files: a certificate with its chain, its key, and both in one."""

    chain: Path
    key: Path
    both: Path


class Authority:
    """An authority that signs certificates for this machine; `ca` is what clients trust."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._authority = trustme.CA(key_type=trustme.KeyType.RSA)
        self.ca = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, name: str, *hosts: str) -> Certificate:
        """A certificate for these hosts, by default for every name of this machine's own."""
        signed = self._authority.issue_cert(
            *(hosts or (LOOPBACK, "localhost")), common_name=name, key_type=trustme.KeyType.RSA
        )
        key = load_pem_private_key(signed.private_key_pem.bytes(), None)
        # Java reads keys in PKCS 8 only.
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain_pem = b"".join(part.bytes() for part in signed.cert_chain_pems)
        return Certificate(
            self._written(f"{name}.pem", chain_pem),
            self._written(f"{name}.key", key_pem),
            self._written(f"{name}-both.pem", key_pem + chain_pem),
        )

    def _written(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path
