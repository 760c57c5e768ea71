# What the engines' commands share: where things are kept, one at a time, packages, servers that outlive the shell.
# Sourced by docker, registry and kubernetes, which set `engine` to their name first.
# shellcheck shell=bash

# Debian's programs, whatever else the caller has first on PATH.
caller_path=$PATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The engines speak to themselves only, never by way of a proxy.
export no_proxy='*' NO_PROXY='*'

# Not below HOME for root, who alone can run engines: a fresh HOME finds what was built before.
if [ "$(id -u)" -eq 0 ]; then
    engines=${PIPES_ENGINES:-/var/cache/pipes-engines}
else
    engines=${PIPES_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/pipes-engines}
fi
# $engines/builds is what is built once, and kept; $state is what `down` removes.
state=$engines/$engine
began=$EPOCHREALTIME

say() {
    local passed=$(((${EPOCHREALTIME/./} - ${began/./}) / 1000))
    printf '%s: %d.%d s  %s\n' "$engine" $((passed / 1000)) $((passed % 1000 / 100)) "$*" >&2
}

fail() {
    printf 'error: %s: %s\n' "$engine" "$*" >&2
    exit 1
}

usage() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

require_root() {
    [ "$(id -u)" -eq 0 ] || fail "needs root; run: sudo $0 $*"
}

# Run the rest of this script alone. The descriptor is 9: `serve` closes it in servers, which would hold the lock.
lock_engine() {
    mkdir -p "$engines"
    exec 9>"$engines/$engine.lock"
    flock -n 9 || {
        say "another command has $engine in its hands; waiting for it"
        flock 9
    }
}

# Wait up to SECONDS for a command to succeed.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@" &>/dev/null; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.05
    done
}

# --- Packages

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

are_installed() {
    local package
    for package in "$@"; do is_installed "$package" || return 1; done
}

install_packages() {
    local package missing=() log=$engines/$engine.apt.log
    for package in "$@"; do is_installed "$package" || missing+=("$package"); done
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "needs Debian's packages ${missing[*]}, and there is no apt-get here"
    say "installing ${missing[*]}"
    (
        exec 8>"$engines/packages.lock"
        flock 8
        # A package's own service would take the ports and the bridge.
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
            chmod +x /usr/sbin/policy-rc.d
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive
        { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${missing[@]}"; } &>"$log" 8>&- 9>&- ||
            fail "apt-get cannot install ${missing[*]}: $(tail -n 3 "$log")"
    )
}

# --- Servers

pid_file() { echo "$state/pids/$1"; }
log_file() { echo "$state/logs/$1"; }

# A pid alone may be another's by now, so the time of its start is kept beside it.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

is_serving() {
    local pid since
    { read -r pid since <"$(pid_file "$1")"; } 2>/dev/null || return 1
    [ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ]
}

# serve NAME COMMAND…: start a server unless it runs. It keeps neither the terminal, the lock, nor a signal ignored by
# the caller, which its containers would inherit.
serve() {
    local name=$1 pid
    shift
    is_serving "$name" && return
    mkdir -p "$state/pids" "$state/logs"
    setsid env --default-signal "$@" </dev/null &>>"$(log_file "$name")" 9>&- &
    pid=$!
    echo "$pid $(start_time "$pid")" >"$(pid_file "$name")"
}

# await NAME SECONDS COMMAND…: wait for a server's first answer; show the end of its log if none comes.
await() {
    local name=$1 seconds=$2
    shift 2
    answers_or_ended() { "$@" || ! is_serving "$name"; }
    wait_for "$seconds" answers_or_ended "$@" && "$@" &>/dev/null && return
    printf '%s\n' "--- the end of $(log_file "$name")" >&2
    tail -n 15 "$(log_file "$name")" >&2 || true
    fail "$name ended, or gave no answer in $seconds s"
}

halt() {
    local pid
    is_serving "$1" || {
        rm -f "$(pid_file "$1")"
        return 0
    }
    read -r pid _ <"$(pid_file "$1")"
    kill "$pid" 2>/dev/null || true
    is_gone() { ! is_serving "$1"; }
    wait_for "${2:-15}" is_gone "$1" || kill -9 "$pid" 2>/dev/null || true
    wait_for 5 is_gone "$1" || say "process $pid ($1) does not end"
    rm -f "$(pid_file "$1")"
}

# --- What a dead engine may leave in the kernel

# Both Docker and Kubernetes need the machine to forward packets; the last of them puts back what was there.
enable_forwarding() {
    local saved=$engines/ip_forward
    [ -s "$saved" ] || sysctl -n net.ipv4.ip_forward >"$saved"
    sysctl -qw net.ipv4.ip_forward=1
}

restore_forwarding() {
    local saved=$engines/ip_forward other
    for other in docker kubernetes; do
        [ "$other" = "$engine" ] || [ ! -d "$engines/$other" ] || return 0
    done
    [ ! -s "$saved" ] || sysctl -qw "net.ipv4.ip_forward=$(cat "$saved")"
    rm -f "$saved"
}

# Unmount all below a folder, the innermost first.
unmount_below() {
    awk -v prefix="$1/" 'index($2, prefix) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n1 umount -l
}

# Remove the control groups of a name, in each hierarchy of version 1 and in version 2.
remove_cgroups() {
    local folder
    for folder in "/sys/fs/cgroup/$1" /sys/fs/cgroup/*/"$1"; do
        [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
}

# End the containerd shims of one socket, and with them their containers.
end_shims() {
    local pid
    for pid in $(pgrep -f -- "containerd-shim-runc-v2 .*-address $1( |\$)" || true); do
        pkill -9 -P "$pid" || true
        kill -9 "$pid" 2>/dev/null || true
    done
}
