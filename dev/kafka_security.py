"""A local Kafka that lets in only whom it knows: its properties, beside those of every broker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

# Whoever comes in by the inner listener, which is in the clear and on the loopback address, may
# do everything: it is there for the broker itself, and for those who set it up.
_PROPERTIES: Final = """\
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{protocol}:{protocol}
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
ssl.client.auth={client_auth}
"""
_SASL: Final = """\
sasl.enabled.mechanisms={mechanisms}
listener.name.{listener}.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required {users};
listener.name.{listener}.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{listener}.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
_AUTHORIZER: Final = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@dataclass(frozen=True)
class KafkaSecurity:
    """How clients come in: `certificate` holds the broker's key and chain, `users` passwords."""

    certificate: Path
    ca: Path
    users: Mapping[str, str]
    protocol: Literal["SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "SASL_SSL"
    wants_certificates: bool = False
    has_access_lists: bool = False

    def broker_properties(self) -> str:
        """What server.properties has in addition."""
        text = _PROPERTIES.format(
            protocol=self.protocol,
            certificate=self.certificate,
            ca=self.ca,
            client_auth="required" if self.wants_certificates else "none",
        )
        if self.protocol != "SSL":
            text += _SASL.format(
                mechanisms=",".join(_MECHANISMS),
                listener=self.protocol.lower(),
                users=" ".join(f'user_{name}="{word}"' for name, word in self.users.items()),
            )
        return text + _AUTHORIZER * self.has_access_lists

    def format_arguments(self) -> list[str]:
        """What the storage is formatted with: the users, as SCRAM knows them."""
        return [
            argument
            for mechanism in _MECHANISMS[1:]
            for name, word in self.users.items()
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={word}]")
        ]
