"""Images that tests build on ours, and a client of the daemon that builds them."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import docker


@contextmanager
def docker_client() -> Iterator[docker.DockerClient]:
    made = docker.from_env()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def built_image(client: docker.DockerClient, name: str, files: Mapping[str, bytes]) -> Iterator[str]:
    """The image's name; it is removed at the end of the block. `files` are its context, the Dockerfile included."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for file, content in files.items():
            member = tarfile.TarInfo(file)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
    try:
        yield name
    finally:
        client.images.remove(name, force=True)
