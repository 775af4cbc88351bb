"""service.yaml: what the operator decides; no request changes any of it."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Self  # raw YAML values have no narrower type
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from loghi_runner.config.choices import PlatformKind
from loghi_runner.config.file import ConfigFile
from loghi_runner.config.key_types import ConfigPath, ConfigPaths, WholeNumber
from loghi_runner.engines.setting import EngineConfig, foreign_keys

CONFIG_FILE = Path("service.yaml")
DEFAULT_STATE = Path("loghi-service")

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Names of clients and platforms; never with a colon, which parts them from the users they speak for.
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,39}$"


class Role(str, Enum):
    """Whom a token stands for: one person, a platform that speaks for its users, or the operator, who sees all."""

    PERSON = "person"
    PLATFORM = "platform"
    ADMIN = "admin"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _given(value: Any) -> Any:
    # a section whose keys are all commented out reads as null
    return {} if value is None else value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) < 65536:
        raise PydanticCustomError("listen", "must be an address and a port, such as 127.0.0.1:8765")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise PydanticCustomError("url", "must be a web address, such as https://htr.example.org/loghi")
    return value.rstrip("/")


def _one_of_a_name(clients: "tuple[Client, ...]") -> "tuple[Client, ...]":
    names = [client.name for client in clients]
    for name in names:
        if names.count(name) > 1:
            raise PydanticCustomError("names", "has two clients named {name}; give each its own name", {"name": name})
    return clients


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Roots(_Section):
    """Folders whose content requests may name; nothing outside them can be read."""

    pages: ConfigPaths | None = Field(default=None, description="Folders with folders of pages (images, XML).")
    base_models: ConfigPaths | None = Field(default=None, description="Folders with Loghi models.")


class Client(_Section):
    """Whoever has the token; only its digest is kept."""

    name: str = Field(pattern=NAME_PATTERN, description="Small letters, digits, `_` and `-`.")
    token_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="Digest of the token; `loghi-runner serve --new-client` makes both."
    )
    role: Role = Field(
        default=Role.PERSON,
        description="`person`; `platform`, which names the user it asks for; `admin`, who sees every order.",
    )
    platforms: tuple[str, ...] = Field(
        default=(),
        description="For the role `platform`: platforms whose documents it may name for its users.",
        json_schema_extra={"values": "list of names", "default_words": "none"},
    )


class Limits(_Section):
    running: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Orders carried out at the same time; what needs a graphics card then waits for one in turn.",
        json_schema_extra={
            "values": "whole number from 1 to 64",
            "default_words": "as many as there are graphics cards to compute on, 1 without",
        },
    )
    queued: WholeNumber = Field(default=50, ge=1, le=10000, description="Orders that are not over, all users together.")
    per_user: WholeNumber = Field(default=5, ge=1, le=1000, description="Orders of one user that are not over.")
    per_client: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=10000,
        description="Orders of one client that are not over, of all the users together for whom it asks.",
        json_schema_extra={
            "values": "whole number from 1 to 10000",
            "default_words": "half of `queued`, at least `per_user`",
        },
    )
    user_gb: WholeNumber = Field(
        default=100, ge=1, le=1_000_000, description="Disk space in GB that the orders of one user may fill."
    )
    keep_days: WholeNumber | None = Field(
        default=None,
        ge=1,
        le=36500,
        description="Days after which an order that is over is removed, with its model and all else that came of it.",
        json_schema_extra={"values": "whole number from 1 to 36500", "default_words": "none: nothing is removed"},
    )
    pull_hours: WholeNumber = Field(default=24, ge=1, le=8760, description="Hours that pulling pages may take.")
    check_hours: WholeNumber = Field(default=24, ge=1, le=8760, description="Hours that a check may take.")
    read_hours: WholeNumber = Field(
        default=168, ge=1, le=8760, description="Hours that recognizing or evaluating pages may take."
    )
    push_hours: WholeNumber = Field(
        default=24, ge=1, le=8760, description="Hours that writing to a platform may take. A training has no limit."
    )
    request_bytes: WholeNumber = Field(
        default=1 << 20, ge=1024, le=1 << 30, description="Longest request that is read to its end."
    )
    requests_per_minute: WholeNumber = Field(
        default=240, ge=1, le=100_000, description="Requests of one client or address in a minute."
    )
    followers: WholeNumber = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Requests under way at the same time, followers included; one client has half of them.",
    )

    @property
    def of_one_client(self) -> int:
        """Orders of one client that are not over: half of all, so that there is room for the others."""
        return self.per_client or max(self.per_user, (self.queued + 1) // 2)


class PlatformConfig(_Section):
    kind: PlatformKind = Field(default=PlatformKind.ESCRIPTORIUM, description="What kind of platform it is.")
    url: WebAddress = Field(description="Its address, as people open it in their browser.")
    token_file: ConfigPath | None = Field(
        default=None, description="File with the token of the service's own account there, readable by nobody else."
    )


class ServiceConfig(_Section):
    state: ConfigPath = Field(
        description="Folder for the orders, what came of them, and the service's key.",
        json_schema_extra={"default_words": "`loghi-service`"},
    )
    listen: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1:8765", description="Address and port to listen on."
    )
    public_url: WebAddress | None = Field(
        default=None, description="Address that people open, when it is another: behind a proxy, below a path."
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Further names under which it is asked, such as a container's; others are refused.",
        json_schema_extra={"values": "list of names", "default_words": "none"},
    )
    proxies: tuple[str, ...] | None = Field(
        default=None,
        description="Proxies whose word on a visitor's address is believed.",
        json_schema_extra={
            "values": "list of addresses",
            "default_words": "`[127.0.0.1]` where `public_url` is given, else none",
        },
    )
    roots: Annotated[Roots, BeforeValidator(_given)] = Field(
        default=Roots(), description="Folders whose content requests may name."
    )
    clients: Annotated[tuple[Client, ...], AfterValidator(_one_of_a_name)] = Field(
        default=(),
        description="Who may ask, beside the users of a platform's button.",
        json_schema_extra={"values": "list of sections, see below", "default_words": "none"},
    )
    limits: Annotated[Limits, BeforeValidator(_given)] = Field(default=Limits(), description="How much is accepted.")
    engine: Annotated[EngineConfig, BeforeValidator(_given)] = Field(
        default=EngineConfig(), description="Where models are trained, read and scored."
    )
    platforms: Annotated[dict[Annotated[str, Field(pattern=NAME_PATTERN)], PlatformConfig], BeforeValidator(_given)] = (
        Field(default={}, description="Platforms by name: documents to learn from, and layers to write to.")
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for client in self.clients:
            for name in client.platforms:
                if name not in self.platforms:
                    raise PydanticCustomError(
                        "unknown_platform",
                        "gives the client {client} the platform {name}, which is not among `platforms`",
                        {"client": client.name, "name": name},
                    )
        if self.host not in _LOOPBACK and not self.clients and not self.platforms:
            raise PydanticCustomError(
                "open_to_all", "listens beyond this machine, but nobody may ask: name clients, or listen on 127.0.0.1"
            )
        return self

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def own_url(self) -> str:
        """Where people find it, without a slash at the end."""
        return self.public_url or f"http://{self.listen}"

    @property
    def believed_proxies(self) -> tuple[str, ...]:
        """Without a proxy anybody on this machine could say that they are somewhere else."""
        return self.proxies if self.proxies is not None else ("127.0.0.1",) if self.public_url else ()

    @property
    def origin(self) -> str:
        """What a browser sends as `Origin` from our own pages."""
        parts = urlsplit(self.own_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def root_path(self) -> str:
        """The path below which a proxy shows the service; empty at the top."""
        return urlsplit(self.own_url).path

    @property
    def cookie_path(self) -> str:
        return self.root_path or "/"

    @property
    def host_names(self) -> frozenset[str]:
        """Names of this service in a request's `Host`; any other is somebody's trick."""
        public = urlsplit(self.own_url).hostname or ""
        return frozenset({public, self.host, *_LOOPBACK, *self.hosts})

    @property
    def is_secure(self) -> bool:
        return self.own_url.startswith("https:")

    def client(self, name: str) -> Client | None:
        return next((client for client in self.clients if client.name == name), None)


def load_service_config(path: Path) -> ServiceConfig:
    """Read service.yaml; paths in it are relative to its folder. Raises ConfigError, of all that is wrong."""
    file = ConfigFile.read(path, "docs/service.md shows one; without any, `loghi-runner serve` is for you alone.")
    for key, message, hint in foreign_keys(file.values.get("engine")):
        file.add(("engine", key), message, hint)
    return file.checked(ServiceConfig, {"state": str(DEFAULT_STATE), **file.values})


def plain_service_config(folder: Path) -> ServiceConfig:
    """What `loghi-runner serve` does without a config: on this machine only, and nobody may ask yet."""
    return ServiceConfig.model_validate({"state": str(DEFAULT_STATE)}, context={"folder": folder})


def for_one_person(config: ServiceConfig, person: Client, folder: Path) -> ServiceConfig:
    """The same for this person alone, who may name what lies below the folder where the config says nothing else."""
    below = Roots.model_validate({"pages": ".", "base_models": "."}, context={"folder": folder})
    given = {root: places for root, places in config.roots if places is not None}
    return config.model_copy(update={"clients": (person,), "roots": below.model_copy(update=given)})
