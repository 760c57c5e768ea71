# Kubernetes from Debian's source package, which Debian itself builds no server of: binaries in about three minutes.
# Sourced by kubernetes. The result is kept by a hash of this file; what it needs to be made is removed.
# shellcheck shell=bash disable=SC2154

# What the build needs beyond what running needs.
build_packages=(golang-go dpkg-dev gcc libc6-dev)
commands=(kube-apiserver kube-controller-manager kube-scheduler kubelet)
version=v1.20.2

binaries=$engines/builds/kubernetes-$({ sha256sum <"$here/kubernetes_build.bash" && dpkg --print-architecture; } | sha256sum | cut -c1-16)

# Sources and objects lie in one folder beside, renamed nowhere: only finished binaries move to $binaries, in one step.
build_kubernetes() {
    [ ! -d "$binaries" ] || return 0
    install_packages "${build_packages[@]}"
    work=$binaries.partial
    rm -rf "$engines"/builds/kubernetes-*.partial
    mkdir -p "$work"/{apt/sources,apt/lists/partial,apt/cache/archives/partial,gopath/src/k8s.io,bin,tmp}
    tree=$work/gopath/src/k8s.io/kubernetes
    say "building Kubernetes ${version#v}, once: about 3 minutes on two cores"
    (
        export GOPATH=$work/gopath GOCACHE=$work/gocache GOTMPDIR=$work/tmp GO111MODULE=off GOFLAGS='' CGO_ENABLED=0
        fetch_source
        replace_reflect2
        generate_openapi
        compile
    ) 9>&- &>"$work/log" 3>&2 || fail "the build of Kubernetes failed; its log is $work/log: $(tail -n 3 "$work/log")"
    mv "$work/bin" "$binaries"
    rm -rf "$work"
    say "built into $binaries"
}
