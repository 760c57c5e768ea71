# The base image of containers and pods: the Python that runs the tests, pip, a shell, and the libraries they need.
# There is no registry to pull one from, and this one takes seconds.
# shellcheck shell=bash disable=SC2154

base_image_packages=(busybox-static binutils procps ca-certificates libstdc++6)
base_archive=
base_image=
base_prefix=
base_python=

# Find the interpreter (PYTHON=…); set base_python, base_prefix, and base_image, its image's NAME:TAG.
name_base_image() {
    local python version
    python=${PYTHON:-$(PATH=$caller_path command -v python3)} || fail "no python3 on PATH; name one: PYTHON=/path/to/python $0 up"
    { read -r base_prefix && read -r version; } < <("$python" -c 'import sys; print(sys.base_prefix, "%d.%d" % sys.version_info[:2], sep="\n")') ||
        fail "PYTHON=$python does not run"
    base_image=pipes.local/python:$version
    base_python=$base_prefix/bin/python$version
}

# Make the archive of the base image, unless the cache has it; set base_archive, which `docker load` and
# `ctr images import` take.
make_base_image() {
    name_base_image
    local root key version=${base_image##*:}
    key=$({ cat "$here/base_image.bash" "$here/image_archive.py" && "$base_python" -VV && echo "$base_prefix" &&
        cat /etc/ssl/certs/ca-certificates.crt; } | sha256sum | cut -c1-16)
    base_archive=$engines/builds/python-$version-$key.tar
    [ ! -e "$base_archive" ] || return 0
    install_packages "${base_image_packages[@]}"
    # Debian keeps pip's wheel apart.
    [ "$base_prefix" != /usr ] || install_packages "python$version-venv"
    say "making $base_image of $base_prefix"
    mkdir -p "$engines/builds"
    find "$engines/builds" -name 'python-*.tar' -mtime +7 -delete
    root=$(mktemp -d "$engines/base.XXXXXX")
    # In a subshell, whose trap leaves nothing of a failure half-way; not in a condition, where `set -e` has no effect.
    (
        trap 'rm -rf "$root"' EXIT
        lay_out_system
        lay_out_python "$base_prefix" "$version"
        "$base_python" -I "$here/image_archive.py" "$root" "$base_archive.$$" "$base_image"
    )
    mv "$base_archive.$$" "$base_archive"
}

lay_out_system() {
    local folder
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64,local} "$root"/{etc/ssl/certs,tmp,root,home,var,proc,sys,dev,run}
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
    chmod 755 "$root"
    chmod 1777 "$root/tmp"
    cp /bin/busybox /bin/bash "$root/usr/bin/"
    chroot "$root" /usr/bin/busybox --install -s /usr/bin
    # Not busybox's: it has no pgrep, with which the provider's sidecar is stopped.
    cp --remove-destination /usr/bin/{pgrep,pkill} "$root/usr/bin/"
    copy_libraries /bin/bash /usr/bin/pgrep
    # Compiled packages (numpy, uv) rely on these, which every Debian has.
    ldconfig -p | awk '$1 ~ /^(libstdc\+\+|libgcc_s|libgomp|librt|libdl|libpthread|libutil|libm)\.so\.[0-9]+$/ { print $NF }' |
        xargs -r cp --parents -L -n -t "$root"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
}

# Debian's own Python stays in /usr, since its packages go elsewhere when it is moved; any other goes to /usr/local.
lay_out_python() {
    local prefix=$1 name=python$2 target=usr/local library
    [ "$prefix" != /usr ] || target=usr
    mkdir -p "$root/$target"/{bin,lib}
    cp "$prefix/bin/$name" "$root/$target/bin/"
    ln -s "$name" "$root/$target/bin/python3"
    ln -s "$name" "$root/$target/bin/python"
    tar -C "$prefix/lib" -cf - --exclude=__pycache__ --exclude="$name"/{test,idlelib,tkinter,turtledemo,lib2to3} \
        --exclude="$name/config-*" --exclude="$name"/{site,dist}-packages --exclude='_tkinter*' \
        --exclude=EXTERNALLY-MANAGED "$name" | tar -C "$root/$target/lib" -xf -
    for library in "$prefix"/lib/lib"$name"*.so.1.0; do
        [ -e "$library" ] || continue
        cp "$library" "$root/$target/lib/"
        # The interpreter may look for it at the absolute path it was built for.
        mkdir -p "$root$prefix/lib"
        [ -e "$root$library" ] || ln -s "/$target/lib/${library##*/}" "$root$library"
    done
    find "$root/$target" -name '*.so*' -type f -exec strip --strip-unneeded {} +
    copy_libraries "$prefix/bin/$name" "$prefix/lib/$name"/lib-dynload/*.so
    install_pip "$prefix/lib/$name/ensurepip/_bundled" "/$target/bin/$name"
    # Once here, not at each start of a container; the times of the files are none, so none are checked.
    chroot "$root" "/$target/bin/$name" -m compileall -q --invalidation-mode unchecked-hash "/$target/lib/$name"
}

# Install pip by its own wheel, which comes with Python: Debian's ensurepip refuses to work outside of venv.
install_pip() {
    local wheels=$1 python=$2 wheel
    if [ "$base_prefix" = /usr ]; then wheels=/usr/share/python-wheels; fi
    wheel=$(compgen -G "$wheels/pip-*.whl") || fail "$base_python has no wheel of pip in $wheels, and the image needs pip"
    cp "$wheel" "$root/tmp/"
    wheel=/tmp/${wheel##*/}
    chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$wheel" \
        "$python" -m pip install --no-index --root-user-action=ignore "$wheel" >/dev/null
    rm "$root$wheel"
}

# Copy the shared libraries of programs, from where the loader finds them to the same place.
copy_libraries() {
    { ldd "$@" 2>/dev/null || true; } | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/lib/ { print $1 }' | sort -u |
        { grep -v -F "$base_prefix/lib/libpython" || true; } | xargs -r cp --parents -L -n -t "$root"
}
