#!/bin/sh
# A Docker daemon of our own, all its state in one folder: .ci/docker-daemon.sh start|stop DIR [OPTION OF DOCKERD...]
#
# Its socket is DIR/docker.sock, what it says DIR/dockerd.log. The stand-in for NVIDIA's hook (tests/docker/stand_in)
# is in its PATH, so that requests for graphics cards can be tested without one; the hook records them in
# DIR/gpu-requests.jsonl. It takes the default bridge: one daemon at a time on a machine, or those after the first
# with --bridge=none --iptables=false --ip6tables=false.
set -eu

command=${1:?usage: docker-daemon.sh start|stop DIR}
dir=${2:?usage: docker-daemon.sh start|stop DIR}
shift 2
here=$(cd "$(dirname "$0")" && pwd)

running() {
    [ -f "$dir/dockerd.pid" ] && kill -0 "$(cat "$dir/dockerd.pid")" 2>/dev/null
}

start() {
    if running; then
        echo "docker-daemon: runs already at unix://$dir/docker.sock" >&2
        return
    fi
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    # what a killed daemon leaves: dockerd would take them for living ones; its containerd may live
    rm -f "$dir/dockerd.pid"
    living=$(cat "$dir/exec/containerd/containerd.pid" 2>/dev/null || true)
    if [ -n "$living" ] && ! kill -0 "$living" 2>/dev/null; then rm -f "$dir/exec/containerd/containerd.pid"; fi
    # the daemon outlives this script, in a session of its own
    PATH="$here/../tests/docker/stand_in:$PATH:/usr/sbin:/sbin" GPU_STAND_IN_LOG="$dir/gpu-requests.jsonl" \
        setsid dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
        --pidfile "$dir/dockerd.pid" "$@" >"$dir/dockerd.log" 2>&1 </dev/null &
    tries=0
    until docker --host "unix://$dir/docker.sock" version >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ]; then
            tail -20 "$dir/dockerd.log" >&2
            echo "docker-daemon: dockerd does not answer after 30 s, its last lines are above" >&2
            exit 4
        fi
        sleep 0.25
    done
    echo "docker-daemon: unix://$dir/docker.sock" >&2
}

stop() {
    running || return 0
    pid=$(cat "$dir/dockerd.pid")
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 120 ]; do
        tries=$((tries + 1))
        sleep 0.25
    done
}

case $command in
start) start "$@" ;;
stop) stop ;;
*)
    echo "docker-daemon: $command is neither start nor stop" >&2
    exit 2
    ;;
esac
