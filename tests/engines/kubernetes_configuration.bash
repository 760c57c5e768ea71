# The certificates, kubeconfigs and configuration files of the servers of Kubernetes.
# shellcheck shell=bash disable=SC2154

pki=$state/pki
kubeconfigs=$state/kubeconfig
# The bridge's own address is the node's, and where pods reach servers on the host.
bridge=pipes0
bridge_hardware=0a:58:0a:63:00:01
host_address=10.99.0.1
pods=10.99.0.0/24
services=10.98.0.0/24
pause_image=pipes.local/pause:3.2

configure() {
    mkdir -p "$pki" "$kubeconfigs" "$state"/{cni,containerd,etcd,kubelet,run,volume-plugins}
    chmod 700 "$state" "$pki" "$kubeconfigs" "$state/etcd"
    make_certificates 2>"$state/openssl.log"
    configure_containerd
    configure_kubelet
}

make_certificates() {
    make_key ca
    openssl req -x509 -new -key "$pki/ca.key" -out "$pki/ca.crt" -days 3650 -subj /CN=pipes-ca
    make_key accounts
    openssl pkey -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub"
    certify apiserver /CN=kube-apiserver \
        "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$host_address,IP:${services%.*}.1"
    certify apiserver-kubelet /O=system:masters/CN=apiserver-kubelet-client
    certify kubelet /O=system:nodes/CN=system:node:pipes "DNS:pipes,IP:$host_address,IP:127.0.0.1"
    certify admin /O=system:masters/CN=admin
    certify controller-manager /CN=system:kube-controller-manager
    certify scheduler /CN=system:kube-scheduler
    local user
    for user in admin controller-manager scheduler kubelet; do write_kubeconfig "$user"; done
}

make_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/$1.key"; }

# certify NAME SUBJECT [ALTERNATIVE NAMES]
certify() {
    make_key "$1"
    openssl req -new -key "$pki/$1.key" -subj "$2" -out "$pki/$1.csr"
    openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 3650 -out "$pki/$1.crt" \
        -extfile <(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "${3:-DNS:$1}")
}

write_kubeconfig() {
    cat >"$kubeconfigs/$1.yaml" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: pipes, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pki/$1.crt"), client-key-data: $(base64 -w0 "$pki/$1.key")}}]
contexts: [{name: pipes, context: {cluster: pipes, user: $1, namespace: default}}]
current-context: pipes
YAML
}

configure_containerd() {
    # An address of 127.0.0.1 is taken for plain HTTP, so the registry of the tests needs no entry.
    cat >"$state/containerd.toml" <<TOML
version = 2
root = "$state/containerd/root"
state = "$state/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
address = "$state/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$pause_image"
netns_mounts_under_state_dir = true
disable_apparmor = true
# In a container or a small VM, root may not lower it.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$state/cni"
TOML
    cat >"$state/cni/10-pipes.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pipes", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$state/run/ipam",
            "ranges": [[{"subnet": "$pods", "rangeStart": "${pods%.*}.10", "gateway": "$host_address"}]]}}]}
JSON
}

configure_kubelet() {
    : >"$state/resolv.conf"
    cat >"$state/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $host_address
port: 10250
healthzBindAddress: 127.0.0.1
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failSwapOn: false
makeIPTablesUtilChains: false
# The images of the tests are in no registry: none may be collected, and no disk that is nearly full evicts a pod.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
resolvConf: $state/resolv.conf
clusterDomain: cluster.local
clusterDNS: ["${services%.*}.10"]
maxPods: 110
syncFrequency: 10s
nodeStatusUpdateFrequency: 2s
YAML
}
