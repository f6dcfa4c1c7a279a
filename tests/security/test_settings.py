"""Settings for TLS and SASL: what does not go together stops the start, in one line, unshown."""

import ast
from pathlib import Path

import pytest

from dev.certificates import Authority
from infra.kafka_security import KafkaAccess, KafkaRefusedError, client_security
from infra.mongo import Mongo
from infra.settings import Settings, SettingsError, load_settings
from streams.faust_app import create_faust_app

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "worker",
    "KAFKA_SASL_PASSWORD": "hidden-word",
}


ROOT = Path(__file__).parents[2]
CLIENTS = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient"}
PACKAGES = ("infra", "streams", "projections", "notifications", "api", "cli", "dev", "benchmarks")
IN_THE_CLEAR = "dev/secure_engines.py"  # sets a broker up by its inner listener


def _code() -> list[Path]:
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    naming = [path.relative_to(ROOT) for path in paths if "AIOKafka" in path.read_text()]
    return sorted(path for path in naming if str(path) != IN_THE_CLEAR)


def _without(name: str) -> dict[str, str]:
    return {key: value for key, value in SASL.items() if key != name}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL='TLS': "),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM='GSSAPI': "),
        ({"KAFKA_SSL_CHECK_HOSTNAME": "perhaps"}, "KAFKA_SSL_CHECK_HOSTNAME='perhaps': "),
        *(
            (_without(name), f"{name}: is needed with KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT")
            for name in list(SASL)[1:]
        ),
        (
            _without("KAFKA_SECURITY_PROTOCOL"),
            "KAFKA_SASL_MECHANISM: is set, but KAFKA_SECURITY_PROTOCOL=PLAINTEXT uses no SASL",
        ),
        (
            SASL | {"KAFKA_SSL_CAFILE": "ca.pem"},
            "KAFKA_SSL_CAFILE: is set, but KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT uses no TLS",
        ),
        ({"KAFKA_SSL_CHECK_HOSTNAME": "0"}, "KAFKA_SSL_CHECK_HOSTNAME: is set, but "),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": "a.key"},
            "KAFKA_SSL_CERTFILE: is needed with KAFKA_SSL_KEYFILE",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "nowhere.pem"},
            "KAFKA_SSL_CAFILE: nowhere.pem: No such file or directory",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "README.md"},
            "KAFKA_SSL_CAFILE: README.md: holds no certificates",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CERTFILE": "README.md"},
            "KAFKA_SSL_CERTFILE: README.md: holds no certificates or keys",
        ),
        (
            {"MONGODB_URI": "mongodb://u:hidden@word@127.0.0.1/"},
            "MONGODB_URI: is no address; user and password are percent-encoded",
        ),
        ({"MONGODB_URI": "mongodb://127.0.0.1/?tls=yes"}, "MONGODB_URI: The value of tls must be"),
        (
            {"MONGODB_URI": "mongodb://127.0.0.1/?tls=true&tlsCAFile=/nowhere.pem"},
            "MONGODB_URI: /nowhere.pem: No such file or directory",
        ),
    ],
)
def test_what_does_not_go_together_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert str(refused.value).startswith(sentence)
    assert "hidden" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_holds_no_authority_is_named_for_mongodb() -> None:
    uri = "mongodb://u:hidden@127.0.0.1/?tls=true&tlsCAFile=README.md"

    with pytest.raises(SettingsError, match=r"^MONGODB_URI: ") as refused:
        Mongo(Settings(_env_file=None, mongodb_uri=uri))

    assert "hidden" not in str(refused.value)


def test_an_encrypted_key_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    key = tmp_path / "encrypted.key"
    key.write_bytes(_encrypted_key())
    chain = Authority(tmp_path).issue("client").chain
    access = KafkaAccess(
        _env_file=None,
        kafka_security_protocol="SSL",
        kafka_ssl_certfile=chain,
        kafka_ssl_keyfile=key,
    )

    with pytest.raises(
        KafkaRefusedError, match=r"KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE: .*encrypted"
    ):
        client_security(access)


def test_faust_is_given_what_every_other_client_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SASL.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()

    async def nothing(_: object) -> None:
        return

    app = create_faust_app(settings, classify=nothing, sync=nothing, wake=lambda: None)

    credentials = app.conf.broker_credentials
    assert (credentials.username, credentials.password) == ("worker", "hidden-word")
    assert credentials.mechanism.value == "PLAIN"
    assert "hidden-word" not in f"{settings!r}{credentials!r}"


@pytest.mark.parametrize("path", _code(), ids=str)
def test_every_client_of_kafka_is_made_with_these_settings(path: Path) -> None:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLIENTS:
            given = [ast.unparse(k.value) for k in node.keywords if k.arg is None]
            assert given == ["client_security(settings)"], f"line {node.lineno}"


def _encrypted_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
    )

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
