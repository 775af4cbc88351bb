#!/bin/sh
# Make a small Debian image with Python, without any image registry: .ci/base-image.sh NAME
#
# debootstrap takes the packages from where this machine's own apt takes them. Needs root, debootstrap and a
# Docker daemon (DOCKER_HOST). Use the result as BASE_IMAGE of container/Dockerfile.
set -eu

name=${1:?usage: base-image.sh IMAGE_NAME}
suite=bookworm
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' "Codename: $suite" |
    awk -v suite="$suite" '$2 == suite { print $1; exit }')
if [ -z "$mirror" ]; then
    echo "base-image: apt on this machine knows no source for $suite; add one, or take a Python image as BASE_IMAGE" >&2
    exit 4
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -20 "$root.log" >&2
    rm -f "$root.log"
    echo "base-image: debootstrap failed, its last lines are above" >&2
    exit 4
}
rm -f "$root.log"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* \
    "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/info/*

tar -C "$root" --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . |
    docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8' --change 'CMD ["python3"]' - "$name" >/dev/null
docker image inspect --format "base-image: $name, {{.Size}} bytes" "$name" >&2
