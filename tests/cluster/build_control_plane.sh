#!/bin/sh
# Builds a Kubernetes from Go modules, for machines that reach a module proxy but no image registry.
#
# Usage: build_control_plane.sh FOLDER [COMMAND…]
# The commands default to the control plane's. kubelet, kube-proxy, workflow-controller and argoexec are known as well.
# The first build takes about 20 minutes on two cores and 3 GB of Go's caches.
set -eu

KUBERNETES=1.34.1
ETCD=3.5.21
ARGO=4.0.7

folder=$(mkdir -p "$1" && cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- etcd kube-apiserver kube-controller-manager kube-scheduler kubectl

export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=mod -buildvcs=false -trimpath"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A module of its own per program, so that none moves the versions of another's dependencies.
module() {
    rm -rf "$work/build" && mkdir "$work/build" && cd "$work/build"
    go mod init build 2>/dev/null
}

# Kubernetes' go.mod asks for v0.0.0 of its sibling modules and replaces them by folders that its zip has but no
# dependant can use; the same modules are published as v0.MINOR.PATCH.
kubernetes() {
    module
    go mod edit -require="k8s.io/kubernetes@v$KUBERNETES"
    requirements=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    for sibling in $(sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\1|p' "$requirements"); do
        go mod edit -require="$sibling@v0.${KUBERNETES#1.}"
    done
    minor=${KUBERNETES#1.}
    flags="-s -w"
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags="$flags -X $package.gitVersion=v$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=${minor%.*}"
    done
    go build -ldflags "$flags" -o "$folder/$1" "k8s.io/kubernetes/cmd/$1"
}

etcd() {
    module
    printf 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n' >main.go
    go mod edit -require="go.etcd.io/etcd/server/v3@v$ETCD"
    go build -ldflags "-s -w" -o "$folder/etcd" .
}

# Built in a copy: upstream's signal_linux.go is a link to signal_darwin.go, and a module's zip has no links.
argo() {
    name=github.com/argoproj/argo-workflows/v${ARGO%%.*}
    rm -rf "$work/build"
    cp -r "$(cd "$work" && go mod download -json "$name@v$ARGO" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" "$work/build"
    chmod -R u+w "$work/build" && cd "$work/build"
    cp workflow/executor/osspecific/signal_darwin.go workflow/executor/osspecific/signal_linux.go
    go build -ldflags "-s -w -X $name.version=v$ARGO" -o "$folder/$1" "./cmd/$1"
}

for command in "$@"; do
    echo "building $command"
    case $command in
    etcd) etcd ;;
    kube*) kubernetes "$command" ;;
    workflow-controller | argoexec) argo "$command" ;;
    *) echo "expected a command of Kubernetes, etcd or Argo, found $command" >&2 && exit 1 ;;
    esac
done
